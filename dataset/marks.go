package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/markfile"
	"github.com/clipcue/clipcue/video"
)

// withPrograms adds to own formats those of the annotation programs, such as ELAN's.
func withPrograms(own ...string) []string {
	for _, i := range markfile.List() {
		if i.Import && !slices.Contains(own, string(i.Name)) {
			own = append(own, string(i.Name))
		}
	}
	return own
}

// evidence is what JSON of a format contains that is not recognized by its keys.
var evidence = map[markfile.Format]string{markfile.ActivityNet: `"database"`, markfile.LabelStudio: `"annotations"`}

// programFormat returns the format of an annotation program's file, "" if it has none or an own one.
func programFormat(path string, own ...markfile.Format) string {
	format, err := markfile.FormatOf(path, nil)
	var data []byte
	if err == nil && !format.Info().Binary {
		if data, err = beginning(path); err == nil {
			format, err = markfile.FormatOf(path, data)
		}
	}
	if err != nil || slices.Contains(own, format) || !bytes.Contains(data, []byte(evidence[format])) {
		return "" // the reader of an own format reports what is wrong
	}
	return string(format)
}

// maxHead is how much of a table shows its columns, in bytes: more may be a line of commas, which takes many times its
// size as memory.
const maxHead = 1 << 16

// beginning returns what of a file shows its format: the first lines of a table, all of other files.
func beginning(path string) ([]byte, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv", ".tsv":
		f, err := openText(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, maxHead))
	}
	return input.ReadText(path, markfile.Limit)
}

// readMarks reads the positive marks in a file, or a folder of files, of an annotation program. leftOut is what
// the marks cannot represent.
func readMarks(path, format string) (rows []markfile.Row, leftOut []Skipped, err error) {
	rows, err = markfile.Read(path, markfile.Format(format), markfile.Options{
		Lost: func(what string, n int) {
			leftOut = append(leftOut, Skipped{path, fmt.Sprintf("%d %s", n, what)})
		},
		Clock: func(name string) (float64, markfile.Clock, error) {
			return markfile.ClockOf(video.FrameClock(context.Background(), located(path, name)))
		},
	})
	if errors.Is(err, markfile.ErrRate) {
		err = fmt.Errorf("%w, because the video is not where the file says; paths are relative to the file's folder", err)
	}
	all := len(rows)
	rows = slices.DeleteFunc(rows, func(r markfile.Row) bool { return r.Negative })
	if n := all - len(rows); n > 0 {
		leftOut = append(leftOut, Skipped{path, fmt.Sprintf("%d negative marks", n)})
	}
	return rows, leftOut, err
}

// located returns the file of a video that an annotation file names, with or without the extension: as named, or
// relative to the annotation file's folder. It is the name if there is none.
func located(annotations, name string) string {
	beside := filepath.Join(filepath.Dir(annotations), filepath.FromSlash(name))
	for _, path := range []string{name, beside} {
		if exists(path) {
			return path
		}
		entries, _ := os.ReadDir(filepath.Dir(path)) // a folder that cannot be read has no videos
		for _, e := range entries {
			if stem := video.TrimExtension(e.Name()); stem == filepath.Base(path) && stem != e.Name() {
				return filepath.Join(filepath.Dir(path), e.Name())
			}
		}
	}
	return name
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// loadMarks reads spans with labels.
func loadMarks(path string, o Options) (p parsed, err error) {
	rows, leftOut, err := readMarks(path, o.Format)
	p.skipped = leftOut
	for _, r := range rows {
		s := Sample{Path: r.Video, Label: r.Label, Split: r.Split, Start: r.Start, End: r.End}
		if err := s.check(); err != nil {
			return p, fmt.Errorf("%s: %w", path, err)
		}
		p.samples = append(p.samples, s)
	}
	return p, err
}

// loadMarkCaptions reads spans whose labels are sentences.
func loadMarkCaptions(path string, o CaptionOptions, c *Captions) error {
	rows, leftOut, err := readMarks(path, o.Format)
	c.Skipped = leftOut
	for i, r := range rows {
		s := Sample{Path: r.Video, Caption: r.Label, Split: r.Split, Start: r.Start, End: r.End}
		if err := c.add(fmt.Sprintf("span %d", i+1), s); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return err
}

// loadMarkSegments reads the spans of each video.
func loadMarkSegments(path, format string) (videos []Untrimmed, leftOut []Skipped, err error) {
	rows, leftOut, err := readMarks(path, format)
	if err != nil {
		return nil, nil, err
	}
	l := segmentList{place: map[string]int{}}
	for _, r := range rows {
		x := Segment{video.Span{Start: r.Start, End: r.End}, r.Label}
		if err := l.add(Untrimmed{Path: r.Video, Split: r.Split, Segments: []Segment{x}}); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return l.videos, leftOut, nil
}
