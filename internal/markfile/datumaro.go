package markfile

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/clipcue/clipcue/internal/exactjson"
)

// datumaro is a subset of a Datumaro data set, version 1.0, as far as clipcue uses it.
type datumaro struct {
	Version    string   `json:"dm_format_version"`
	Media      int      `json:"media_type"`
	Infos      struct{} `json:"infos"`
	Categories struct {
		Label datumaroLabels `json:"label"`
	} `json:"categories"`
	Items []datumaroItem `json:"items"`
}

type datumaroLabels struct {
	Labels     []datumaroLabel `json:"labels"`
	Groups     []struct{}      `json:"label_groups"`
	Attributes []string        `json:"attributes"`
}

type datumaroLabel struct {
	Name       string   `json:"name"`
	Parent     string   `json:"parent"`
	Attributes []string `json:"attributes"`
}

type datumaroItem struct {
	ID          string               `json:"id"`
	Annotations []datumaroAnnotation `json:"annotations"`
	Attributes  struct {
		Frame *int64 `json:"frame,omitempty"`
	} `json:"attr"`
	Video *datumaroVideo `json:"video,omitempty"`
	Frame *datumaroFrame `json:"video_frame,omitempty"`
}

type datumaroAnnotation struct {
	ID         int    `json:"id"`
	Type       string `json:"type"`
	Attributes struct {
		Score *float64 `json:"score,omitempty"`
	} `json:"attributes"`
	Group int  `json:"group"`
	Label *int `json:"label_id"`
}

type datumaroVideo struct {
	Path string `json:"path"`
	Step int64  `json:"step"`
	From *int64 `json:"start_frame"`
	Last *int64 `json:"end_frame,omitempty"`
}

type datumaroFrame struct {
	Path  string `json:"video_path"`
	Index *int64 `json:"frame_index"`
}

const datumaroVideos = 5 // the type of media

// writeDatumaro writes an item for each span: a range of frames of a video with a label.
func writeDatumaro(w io.Writer, rows []Row, o Options) error {
	d := datumaro{Version: "1.0", Media: datumaroVideos, Items: []datumaroItem{}}
	d.Categories.Label = datumaroLabels{Labels: []datumaroLabel{}, Groups: []struct{}{}, Attributes: []string{}}
	ids := map[string]int{}
	for i, r := range rows {
		rate, _, err := o.clock(r.Video)
		if err != nil {
			return err
		}
		id, ok := ids[r.Label]
		if !ok {
			id = len(ids)
			ids[r.Label] = id
			d.Categories.Label.Labels = append(d.Categories.Label.Labels, datumaroLabel{Name: r.Label, Attributes: []string{}})
		}
		from, to := frameRange(r, rate)
		last := to - 1
		a := datumaroAnnotation{Type: "label", Label: &id}
		a.Attributes.Score = r.Score
		d.Items = append(d.Items, datumaroItem{ID: strconv.Itoa(i), Annotations: []datumaroAnnotation{a}, Video: &datumaroVideo{r.Video, 1, &from, &last}})
	}
	return writeJSON(w, d)
}

func isDatumaro(data []byte) bool { return hasKeys(data, "categories", "items") }

// readDatumaro reads the labels of ranges of frames, and joins those of single frames.
// Shapes count as their label.
func readDatumaro(data []byte, o Options) (rows []Row, err error) {
	var d datumaro
	if err := exactjson.Unmarshal(data, &d); err != nil {
		return nil, err
	}
	if d.Items == nil {
		return nil, errors.New(`it has no "items"`)
	}
	frames, bare, others := sightings{}, 0, 0
	for _, item := range d.Items {
		for _, a := range item.Annotations {
			if a.Label == nil {
				bare++
				continue
			}
			if *a.Label < 0 || *a.Label >= len(d.Categories.Label.Labels) {
				return nil, fmt.Errorf("item %q has label %d of %d", item.ID, *a.Label, len(d.Categories.Label.Labels))
			}
			label := d.Categories.Label.Labels[*a.Label].Name
			switch {
			case item.Video != nil && item.Video.Last != nil:
				if item.Video.From == nil {
					return nil, fmt.Errorf("item %q has an end_frame and no start_frame", item.ID)
				}
				r, err := o.frameRow(item.Video.Path, label, float64(*item.Video.From), float64(*item.Video.Last+1))
				if err != nil {
					return nil, err
				}
				r.Score = a.Attributes.Score
				rows = append(rows, r)
			case item.Frame != nil && item.Frame.Index == nil:
				return nil, fmt.Errorf("item %q has a video_frame without a frame_index", item.ID)
			case item.Frame != nil:
				frames.add(item.Frame.Path, label, *item.Frame.Index)
			case item.Attributes.Frame != nil:
				frames.add("", label, *item.Attributes.Frame)
			default:
				others++
			}
		}
	}
	o.lost("annotations without a label", bare)
	o.lost("labels of whole videos and images", others)
	more, err := frames.rows(1, o)
	return append(rows, more...), err
}
