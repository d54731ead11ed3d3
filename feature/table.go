package feature

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/arrowfile"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/jsonl"
	"github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/internal/text"
)

// frameRow is a frame in a Parquet, Arrow or JSONL file.
type frameRow struct {
	Video  string      `parquet:"video,dict" json:"video"` // ID of the sequence
	Time   jsonl.Float `parquet:"time" json:"time"`        // seconds
	Vector []float32   `parquet:"vector,list" json:"vector"`
}

// tableAbout describes a sequence in the metadata of a Parquet or Arrow file.
type tableAbout struct {
	Kind       string      `json:"kind"`
	Unit       string      `json:"unit"`
	Width      int         `json:"width"`
	Provenance *Provenance `json:"provenance,omitempty"`
}

func (q *Sequence) rows(yield func(frameRow, error) bool) {
	video := text.Escape(q.ID)
	for i, t := range q.Timestamps {
		if !yield(frameRow{video, jsonl.Float(t), q.Row(i)}, nil) {
			return
		}
	}
}

func (q *Sequence) about() tableAbout {
	return tableAbout{"features", "seconds", q.Width, &q.Provenance}
}

// Names of the columns of tables from other programs.
var (
	vectorColumns = []string{"vector", "features", "feature", "embedding", "embeddings"}
	timeColumns   = []string{"time", "timestamp", "timestamps"}
)

// table is a file of columns. Its methods call do for each row, and stop at an error. A vector is
// valid until do returns.
type table interface {
	io.Closer
	About() string
	Columns() []string
	Rows() int64 // that the file declares
	EachText(column string, do func(row int, s string) error) error
	EachTime(column string, do func(row int, seconds float64) error) error
	EachVector(column string, do func(row int, v []float32) error) error
}

// tableReader returns a function that reads a file of columns with the frames of one video.
func tableReader(open func(r io.ReaderAt, size int64) (table, error)) func(path string) (arrays, error) {
	return func(path string) (out arrays, err error) {
		r, err := input.Open(path)
		if err != nil {
			return out, err
		}
		defer r.Close()
		info, err := r.Stat()
		if err != nil {
			return out, err
		}
		f, err := open(r, info.Size())
		if err != nil {
			return out, err
		}
		defer f.Close()
		return readTable(f)
	}
}

func readTable(f table) (out arrays, err error) {
	names := f.Columns()
	first := func(among []string) string { // "" if it has none of them
		for _, n := range names {
			if slices.Contains(among, n) {
				return n
			}
		}
		return ""
	}
	vectors, times := first(vectorColumns), first(timeColumns)
	if vectors == "" {
		return out, fmt.Errorf("it has no column %s; it has %s", vectorColumns[0], strings.Join(names, ", "))
	}
	var t frames
	release := func() {}
	defer func() { release() }()
	err = f.EachVector(vectors, func(row int, v []float32) error {
		if row == 0 {
			bytes := min(float64(f.Rows())*float64(len(v))*4, 1<<62)
			if release, err = memory.Request(int64(bytes), fmt.Sprintf("%d frames of width %d", f.Rows(), len(v))); err != nil {
				return err
			}
		}
		return t.add(v)
	})
	if err == nil && slices.Contains(names, "video") {
		err = f.EachText("video", func(_ int, s string) error { return t.of(s) })
	}
	if err == nil && times != "" {
		err = f.EachTime(times, func(_ int, seconds float64) error {
			t.times = append(t.times, seconds)
			return nil
		})
	}
	if err != nil {
		return out, err
	}
	out, err = t.arrays()
	var about tableAbout
	if json.Unmarshal([]byte(f.About()), &about) == nil {
		out.provenance = about.Provenance
	}
	return out, err
}

func openArrow(r io.ReaderAt, size int64) (table, error) { return arrowfile.Open(r, size) }
