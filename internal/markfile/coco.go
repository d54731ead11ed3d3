package markfile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/clipcue/clipcue/internal/exactjson"
)

// coco has COCO's tables for videos, as CocoVID, TAO and others have them. An annotation
// has a segment in seconds, or it is of one frame: an image.
type coco struct {
	Videos      []cocoVideo      `json:"videos"`
	Categories  []cocoCategory   `json:"categories"`
	Images      []cocoImage      `json:"images,omitempty"`
	Annotations []cocoAnnotation `json:"annotations"`
}

type cocoVideo struct {
	ID       int64   `json:"id"`
	FileName string  `json:"file_name,omitempty"`
	Name     string  `json:"name,omitempty"`
	FPS      float64 `json:"fps,omitempty"` // of its frames
}

type cocoCategory struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

type cocoImage struct {
	ID    int64  `json:"id"`
	Video int64  `json:"video_id"`
	Frame *int64 `json:"frame_id,omitempty"`
	Index *int64 `json:"frame_index,omitempty"`
}

type cocoAnnotation struct {
	ID       int64    `json:"id"`
	Video    int64    `json:"video_id"`
	Image    *int64   `json:"image_id,omitempty"`
	Category int64    `json:"category_id"`
	Segment  pair     `json:"segment,omitempty"`
	Score    *float64 `json:"score,omitempty"`
}

func writeCOCO(w io.Writer, rows []Row, _ Options) error {
	d := coco{Videos: []cocoVideo{}, Categories: []cocoCategory{}, Annotations: []cocoAnnotation{}}
	categories := map[string]int64{}
	for i, r := range rows {
		if i == 0 || r.Video != rows[i-1].Video {
			d.Videos = append(d.Videos, cocoVideo{ID: int64(len(d.Videos) + 1), FileName: r.Video})
		}
		if categories[r.Label] == 0 {
			categories[r.Label] = int64(len(categories) + 1)
			d.Categories = append(d.Categories, cocoCategory{categories[r.Label], r.Label})
		}
		d.Annotations = append(d.Annotations, cocoAnnotation{ID: int64(i + 1), Video: int64(len(d.Videos)), Category: categories[r.Label], Segment: newPair(r.Start, r.End), Score: r.Score})
	}
	return writeJSON(w, d)
}

func isCOCO(data []byte) bool { return hasKeys(data, "videos", "annotations", "categories") }

func readCOCO(data []byte, o Options) (rows []Row, err error) {
	var d coco
	if err := exactjson.Unmarshal(data, &d); err != nil {
		return nil, err
	}
	if d.Videos == nil || d.Annotations == nil {
		return nil, errors.New(`it has no "videos" or no "annotations"`)
	}
	videos, labels, images := map[int64]cocoVideo{}, map[int64]string{}, map[int64]cocoImage{}
	for _, v := range d.Videos {
		if _, ok := videos[v.ID]; ok {
			return nil, fmt.Errorf("two videos have the id %d", v.ID)
		}
		v.Name = cmp.Or(v.FileName, v.Name)
		videos[v.ID] = v
	}
	for _, c := range d.Categories {
		if _, ok := labels[c.ID]; ok {
			return nil, fmt.Errorf("two categories have the id %d", c.ID)
		}
		labels[c.ID] = oneLine(c.Name)
	}
	for _, i := range d.Images {
		if i.Frame == nil {
			i.Frame = i.Index
		}
		images[i.ID] = i
	}
	frames, others := map[float64]sightings{}, 0 // by the frame rate in the file, 0 if it is missing
	for _, a := range d.Annotations {
		label, ok := labels[a.Category]
		if !ok {
			return nil, fmt.Errorf("annotation %d has category %d, which is missing", a.ID, a.Category)
		}
		switch {
		case a.Segment != nil:
			start, end := a.Segment.times()
			rows = append(rows, Row{Video: videos[a.Video].Name, Start: start, End: end, Label: label, Score: a.Score})
		case a.Image != nil && images[*a.Image].Frame != nil:
			i := images[*a.Image]
			v := videos[i.Video]
			fps := max(0, v.FPS)
			if frames[fps] == nil {
				frames[fps] = sightings{}
			}
			frames[fps].add(v.Name, label, *i.Frame)
		default:
			others++
		}
	}
	o.lost("annotations without a time", others)
	for _, fps := range slices.Sorted(maps.Keys(frames)) {
		counting := o
		if fps > 0 {
			counting = Options{Rate: fps}
		}
		more, err := frames[fps].rows(1, counting)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	return rows, nil
}
