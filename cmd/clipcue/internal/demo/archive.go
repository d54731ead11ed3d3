package demo

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/library"
)

// Archive is a folder of rendered videos whose content is known.
type Archive struct {
	Folder string
	shown  []part
}

// part is a part of a video and what it shows.
type part struct {
	video      string
	start, end float64
	what       string
}

// shots are the datasets of an archive: shapes that come and go, and motions.
var shots = []struct {
	name    string
	options synth.Options
}{
	{"shapes", synth.Options{Kind: synth.KindUntrimmed, Label: synth.LabelObjects, Total: 9, Seconds: 40, Width: 320, Height: 240, TestShare: -1,
		Classes: []string{"red circle", "blue star", "green triangle", "yellow ring"}}},
	{"motions", synth.Options{Kind: synth.KindUntrimmed, Total: 6, Seconds: 20, Width: 320, Height: 240, TestShare: -1,
		Classes: []string{"growing", "shrinking", "bouncing up and down"}}},
}

// places are folders of the archive.
var places = []string{"Gate", "Hall", "Yard"}

// NewArchive renders videos below o.Dir. Files that exist are not rendered again.
func NewArchive(ctx context.Context, o Options) (*Archive, error) {
	a := &Archive{Folder: filepath.Join(o.Dir, "archive")}
	n := 0
	for _, s := range shots {
		s.options.Seed = o.Seed
		dir := filepath.Join(o.Dir, "rendered", s.name)
		if _, err := o.render(ctx, dir, s.options); err != nil {
			return nil, err
		}
		parts, err := readParts(filepath.Join(dir, "segments.csv"))
		if err != nil {
			return nil, err
		}
		names := map[string]string{} // by their names as rendered
		for _, p := range parts {
			if names[p.video] == "" {
				names[p.video] = filepath.Join(a.Folder, places[n%len(places)], fmt.Sprintf("tape %02d.mp4", 1+n/len(places)))
				if err := place(filepath.Join(dir, p.video), names[p.video]); err != nil {
					return nil, err
				}
				n++
			}
			p.video = names[p.video]
			a.shown = append(a.shown, p)
		}
	}
	return a, nil
}

// readParts reads a table with the columns video, start, end and label.
func readParts(path string) ([]part, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var parts []part
	for _, r := range rows[1:] {
		start, err1 := strconv.ParseFloat(r[1], 64)
		end, err2 := strconv.ParseFloat(r[2], 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		parts = append(parts, part{filepath.FromSlash(r[0]), start, end, r[3]})
	}
	return parts, nil
}

// place gives a file a second name, or copies it where the file system has no links. A file of the
// user that has this name is an error.
func place(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	if err := atomicfile.CheckRegular(to); err != nil {
		return err
	}
	want, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	have, err := os.ReadFile(to)
	switch {
	case err == nil && bytes.Equal(have, want):
		return nil
	case err == nil:
		return &fs.PathError{Op: "write", Path: to, Err: atomicfile.ErrOtherKind}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.Link(from, to); err == nil {
		return nil
	}
	return atomicfile.WriteBytes(to, want)
}

// Answer marks the first n suggestions whose answer is clear, as a user who looks at them
// would: they show the label for at least half of the time, or not at all.
func (a *Archive) Answer(label string, suggestions []library.Suggestion, n int) (marks []library.Mark) {
	for _, s := range suggestions {
		share := a.shows(s, label) / (s.End - s.Start)
		if len(marks) < n && (share == 0 || share >= 0.5) {
			marks = append(marks, library.Mark{Label: label, Video: s.Video, Start: s.Start, End: s.End, Positive: share > 0, Author: "demo"})
		}
	}
	return marks
}

// shows returns for how many seconds of a suggestion the archive shows a label.
func (a *Archive) shows(s library.Suggestion, label string) (seconds float64) {
	for _, p := range a.shown {
		if p.what == label && filepath.Base(p.video) == filepath.Base(s.Video) && filepath.Base(filepath.Dir(p.video)) == filepath.Base(filepath.Dir(s.Video)) {
			seconds += max(0, min(p.end, s.End)-max(p.start, s.Start))
		}
	}
	return seconds
}
