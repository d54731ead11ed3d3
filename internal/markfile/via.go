package markfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/clipcue/clipcue/internal/exactjson"
)

// via is a project of the VGG Image Annotator 3, as far as clipcue uses it.
type via struct {
	Project    any                     `json:"project"` // a viaProject
	Config     json.RawMessage         `json:"config,omitempty"`
	Attributes map[string]viaAttribute `json:"attribute"`
	Files      map[string]viaFile      `json:"file"`
	Metadata   map[string]viaMetadata  `json:"metadata"`
	Views      map[string]viaView      `json:"view"`
}

type viaProject struct {
	ID       string   `json:"pid"`
	Revision string   `json:"rev"`
	Stamp    string   `json:"rev_timestamp"`
	Name     string   `json:"pname"`
	Creator  string   `json:"creator"`
	Created  int      `json:"created"`
	Version  string   `json:"data_format_version"`
	Views    []string `json:"vid_list"`
}

type viaAttribute struct {
	Name        string            `json:"aname"`
	Anchor      string            `json:"anchor_id"`
	Type        int               `json:"type"`
	Description string            `json:"desc"`
	Options     map[string]string `json:"options"`
	Default     string            `json:"default_option_id"`
}

type viaFile struct {
	ID       any    `json:"fid"` // a number or a text
	Name     string `json:"fname"`
	Type     int    `json:"type"`
	Location int    `json:"loc"`
	Source   string `json:"src"`
}

type viaMetadata struct {
	View    string         `json:"vid"`
	Flag    int            `json:"flg"`
	Times   []*float64     `json:"z"` // of a segment, or of a frame
	Region  []float64      `json:"xy"`
	Answers map[string]any `json:"av"` // by attribute
}

type viaView struct {
	Files []any `json:"fid_list"` // numbers or texts
}

// Values of VIA.
const (
	viaCheckbox = 2 // its answers are options separated by commas
	viaSelect   = 4
	viaVideo    = 4
	viaURL      = 3 // the source of a file is a path
	viaSpan     = "FILE1_Z2_XY0"
	viaConfig   = `{"file":{"loc_prefix":{"1":"","2":"","3":"","4":""}},"ui":{"file_content_align":"center","file_metadata_editor_visible":true,"spatial_metadata_editor_visible":true,"temporal_segment_metadata_editor_visible":true,"spatial_region_label_attribute_id":"","gtimeline_visible_row_count":"4"}}`
)

// writeVIA writes a view for each video, and the labels as options of one attribute.
func writeVIA(w io.Writer, rows []Row, _ Options) error {
	labels := viaAttribute{Name: "label", Anchor: viaSpan, Type: viaSelect, Options: map[string]string{}}
	v := via{Config: json.RawMessage(viaConfig), Files: map[string]viaFile{}, Metadata: map[string]viaMetadata{}, Views: map[string]viaView{}}
	project := viaProject{ID: "__VIA_PROJECT_ID__", Revision: "__VIA_PROJECT_REV_ID__", Stamp: "__VIA_PROJECT_REV_TIMESTAMP__", Name: "clipcue", Creator: "clipcue", Created: 0, Version: "3.1.1", Views: []string{}}
	options := map[string]string{} // by label
	id := ""
	for i, r := range rows {
		if i == 0 || r.Video != rows[i-1].Video {
			id = strconv.Itoa(len(v.Files) + 1)
			v.Files[id] = viaFile{ID: id, Name: path.Base(filepath.ToSlash(r.Video)), Type: viaVideo, Location: viaURL, Source: r.Video}
			v.Views[id] = viaView{Files: []any{id}}
			project.Views = append(project.Views, id)
		}
		if options[r.Label] == "" {
			options[r.Label] = strconv.Itoa(len(options) + 1)
			labels.Options[options[r.Label]] = r.Label
		}
		v.Metadata[fmt.Sprintf("%s_%08d", id, i)] = viaMetadata{View: id, Times: newPair(r.Start, r.End), Region: []float64{}, Answers: map[string]any{"1": options[r.Label]}}
	}
	v.Project, v.Attributes = project, map[string]viaAttribute{"1": labels}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return out.Encode(v)
}

func isVIA(data []byte) bool { return hasKeys(data, "view", "metadata") }

// readVIA reads the temporal segments. The labels are the answers to all their attributes.
func readVIA(data []byte, o Options) (rows []Row, err error) {
	var v via
	if err := exactjson.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	if v.Metadata == nil {
		return nil, errors.New(`it has no "metadata"`)
	}
	others := 0
	for _, id := range slices.Sorted(maps.Keys(v.Metadata)) {
		m := v.Metadata[id]
		if len(m.Times) != 2 || len(m.Region) > 0 {
			others++
			continue
		}
		start, end := pair(m.Times).times()
		video, err := v.video(m.View)
		if err != nil {
			return nil, fmt.Errorf("segment %q: %w", id, err)
		}
		for _, attribute := range slices.Sorted(maps.Keys(m.Answers)) {
			labels, err := v.Attributes[attribute].labels(fmt.Sprint(m.Answers[attribute]))
			if err != nil {
				return nil, fmt.Errorf("segment %q: %w", id, err)
			}
			for _, label := range labels {
				rows = append(rows, Row{Video: video, Start: start, End: end, Label: label})
			}
		}
	}
	o.lost("regions, and annotations of times and files", others)
	return rows, nil
}

// labels returns the labels that an answer stands for. Texts are labels themselves.
func (a viaAttribute) labels(answer string) (out []string, err error) {
	answers := []string{answer}
	if a.Type == viaCheckbox {
		answers = strings.Split(answer, ",")
	}
	for _, s := range answers {
		if option, ok := a.Options[s]; ok {
			s = option
		} else if s != "" && a.Type >= viaCheckbox && len(a.Options) > 0 {
			return nil, fmt.Errorf("the attribute %q has no option %q", a.Name, s)
		}
		if s = oneLine(s); s != "" {
			out = append(out, s)
		}
	}
	return out, nil
}

// video returns the path of the first file of a view.
func (v *via) video(view string) (string, error) {
	files := v.Views[view].Files
	if len(files) == 0 {
		return "", fmt.Errorf("view %q has no file", view)
	}
	f, ok := v.Files[fmt.Sprint(files[0])]
	switch {
	case !ok:
		return "", fmt.Errorf("view %q has the file %v, which is missing", view, files[0])
	case f.Location == viaURL:
		return f.Source, nil
	}
	return f.Name, nil
}
