package feature

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/jsonl"
	"github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/internal/parquetfile"
	"github.com/clipcue/clipcue/internal/safetensors"
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

// readTable reads a Parquet file with the frames of one video.
func readTable(path string) (out arrays, err error) {
	r, err := input.Open(path)
	if err != nil {
		return out, err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return out, err
	}
	f, err := parquetfile.Open(r, info.Size())
	if err != nil {
		return out, err
	}
	var about tableAbout
	if json.Unmarshal([]byte(f.About()), &about) == nil {
		out.provenance = about.Provenance
	}
	names := f.Columns()
	at := slices.IndexFunc(names, func(n string) bool { return slices.Contains(vectorColumns, n) })
	if at < 0 {
		return out, fmt.Errorf("it has no column %s; it has %s", vectorColumns[0], strings.Join(names, ", "))
	}
	if err := oneVideo(f); err != nil {
		return out, err
	}
	if out.features, err = readVectors(f, names[at]); err != nil {
		return out, err
	}
	if at = slices.IndexFunc(names, func(n string) bool { return slices.Contains(timeColumns, n) }); at >= 0 {
		out.times, err = readTimes(f, names[at])
	}
	return out, err
}

// oneVideo checks that all rows are of one video.
func oneVideo(f *parquetfile.File) error {
	if !f.Has("video") {
		return nil
	}
	first := ""
	return f.Each("video", func(row int, v parquet.Value) error {
		s, err := parquetfile.Text(v)
		if row == 0 {
			first = s
		}
		if err == nil {
			err = sameVideo(first, s)
		}
		return err
	})
}

func sameVideo(a, b string) error {
	if a != b {
		return fmt.Errorf("it has frames of several videos: %s and %s", text.Quote(a), text.Quote(b))
	}
	return nil
}

// readVectors reads a column of lists of the same length.
func readVectors(f *parquetfile.File, column string) (out safetensors.Tensor, err error) {
	if err := f.CheckNumbers(column); err != nil {
		return out, err
	}
	var all []float32
	width, last := 0, -1 // of the first row, row of the last value
	release := func() {}
	defer func() { release() }()
	err = f.Values(column, func(row int, v parquet.Value) error {
		x, err := parquetfile.Number(v)
		switch {
		case err != nil:
			return fmt.Errorf("frame %d: %w", row, err)
		case row > last && len(all) != row*width:
			return uneven(row-1, len(all)-(row-1)*width, width)
		case row == 1 && last == 0:
			release, err = memory.Request(f.Rows()*int64(width)*4, fmt.Sprintf("%d frames of width %d", f.Rows(), width))
		case row > 0 && len(all) == (row+1)*width:
			return uneven(row, width+1, width)
		case int64(row) >= f.Rows():
			return parquetfile.ErrDamaged
		}
		all, last = append(all, float32(x)), row
		if row == 0 {
			width = len(all)
		}
		return err
	})
	switch {
	case err != nil:
		return out, err
	case width == 0:
		return out, errNoFrames
	case len(all) != (last+1)*width:
		return out, uneven(last, len(all)-last*width, width)
	}
	return safetensors.ViewFloat32s(all, last+1, width), nil
}

var errNoFrames = errors.New("it has no frames")

func notFinite(frame int) error { return fmt.Errorf("the timestamp of frame %d is not finite", frame) }

func uneven(frame, n, width int) error {
	return fmt.Errorf("frame %d has %d numbers, and frame 0 has %d", frame, n, width)
}

// readTimes reads a column of seconds.
func readTimes(f *parquetfile.File, column string) (out []float64, err error) {
	unit, err := f.PerSecond(column)
	if err != nil {
		return nil, err
	}
	err = f.Each(column, func(row int, v parquet.Value) error {
		t, err := parquetfile.Number(v)
		if err == nil && t-t != 0 {
			err = notFinite(row)
		}
		if out = append(out, t/unit); int64(len(out)) > f.Rows() {
			return parquetfile.ErrDamaged
		}
		return err
	})
	return out, err
}
