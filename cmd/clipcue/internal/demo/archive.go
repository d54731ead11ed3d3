package demo

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

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

// place gives a file a second name, or copies it where the file system has no links.
func place(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	if err := os.Link(from, to); err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o666)
}

// Marks returns up to n accepted and n rejected parts for a label that the archive shows,
// each from another video where there are enough.
func (a *Archive) Marks(label string, n int) ([]library.Mark, error) {
	var marks []library.Mark
	for _, positive := range []bool{true, false} {
		videos := map[string]int{}
		for round, count := 0, 0; round < 3 && count < n; round++ {
			for _, p := range a.shown {
				if (p.what == label) != positive || videos[p.video] != round || count == n || p.end-p.start < 1 || !positive && a.overlaps(p, label) {
					continue
				}
				path, err := filepath.Abs(p.video)
				if err != nil {
					return nil, err
				}
				videos[p.video]++
				count++
				marks = append(marks, library.Mark{Label: label, Video: path, Start: p.start, End: min(p.end, p.start+6), Positive: positive, Author: "demo"})
			}
		}
	}
	return marks, nil
}

// overlaps reports whether a label is shown during a part.
func (a *Archive) overlaps(p part, label string) bool {
	for _, other := range a.shown {
		if other.what == label && other.video == p.video && other.start < p.end && p.start < other.end {
			return true
		}
	}
	return false
}
