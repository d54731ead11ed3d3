package markfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/clipcue/clipcue/internal/exactjson"
	"github.com/clipcue/clipcue/internal/text"
)

// metadataRow is a line of the metadata.jsonl of a data set folder of Hugging Face.
type metadataRow struct {
	File     string            `json:"file_name"` // below the folder
	Segments []metadataSegment `json:"segments"`
	Split    string            `json:"split,omitempty"`
}

type metadataSegment struct {
	Start *float64 `json:"start"` // seconds
	End   *float64 `json:"end"`
	Label string   `json:"label"`
	Score *float64 `json:"score"`
}

// writeHuggingFace writes a line for each video: a folder has one row for each of its files.
func writeHuggingFace(w io.Writer, rows []Row, o Options) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	common := text.Escape(commonFolder(rows, o.Folders))
	for len(rows) > 0 {
		m := metadataRow{File: strings.TrimPrefix(rows[0].Video, common)}
		n := 0
		for ; n < len(rows) && rows[n].Video == rows[0].Video; n++ {
			m.Segments = append(m.Segments, metadataSegment{&rows[n].Start, &rows[n].End, rows[n].Label, rows[n].Score})
		}
		if err := out.Encode(m); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func isHuggingFace(data []byte) bool {
	var first map[string]json.RawMessage
	return json.NewDecoder(bytes.NewReader(data)).Decode(&first) == nil && first["file_name"] != nil
}

func readHuggingFace(data []byte, _ Options) (rows []Row, err error) {
	in := json.NewDecoder(bytes.NewReader(data))
	for n := 1; ; n++ {
		var line json.RawMessage
		err := in.Decode(&line)
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		var m metadataRow
		if err == nil {
			err = exactjson.Unmarshal(line, &m)
		}
		if err == nil && m.Segments == nil {
			err = errors.New(`it has no "segments"`)
		}
		if err != nil {
			return nil, fmt.Errorf("object %d: %w", n, readable(err))
		}
		for _, s := range m.Segments {
			rows = append(rows, Row{Video: m.File, Start: needed(s.Start), End: needed(s.End), Label: s.Label, Score: s.Score, Split: m.Split})
		}
	}
}
