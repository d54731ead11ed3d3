package feature

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Features that pass through a file equal those that stay in memory, and no file is left in
// the store or in the folder for temporary files.
func TestFeaturesThroughAFile(t *testing.T) {
	_, sources := folder(t, map[string]string{"a.mp4": "long", "b.mp4": "still", "c.mp4": "two", "d.mp4": "broken"})
	handed := func() map[string]*Sequence {
		all := map[string]*Sequence{}
		if _, err := ExtractFunc(t.Context(), newFake(), sources, Options{Batch: 4}, func(q *Sequence) error {
			kept := *q
			kept.Features = slices.Clone(q.Features)
			all[q.ID] = &kept
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	stored := func() map[string]*Sequence {
		s := create(t)
		extract(t, newFake(), sources, s, Options{Batch: 4})
		whole(t, s, "a.mp4", "b.mp4", "c.mp4")
		all := map[string]*Sequence{}
		for _, id := range []string{"a.mp4", "b.mp4", "c.mp4"} {
			q, err := s.Get(id)
			if err != nil {
				t.Fatal(err)
			}
			all[id] = q
		}
		files, err := os.ReadDir(s.Dir())
		if err != nil || len(files) > 5 { // the three, .run and the failures
			t.Errorf("%v %v", files, err)
		}
		return all
	}
	want := stored()
	old := spillAt
	defer func() { spillAt = old }()
	for _, spillAt = range []int{1, 4 * 3 * 7} {
		if diff := cmp.Diff(want, stored()); diff != "" {
			t.Errorf("with %d bytes in memory:\n%s", spillAt, diff)
		}
		temp := t.TempDir()
		for _, dir := range []string{temp, filepath.Join(temp, "none")} { // where it cannot be, memory has to do
			t.Setenv("TMPDIR", dir)
			if diff := cmp.Diff(want, handed()); diff != "" {
				t.Errorf("without a store, with %d bytes in memory and temporary files in %s:\n%s", spillAt, dir, diff)
			}
		}
		if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	}
}

// A temporary file that cannot be written ends the run; the video does not fail.
func TestFeaturesWithoutAFolder(t *testing.T) {
	r := rows{dir: filepath.Join(t.TempDir(), "none")}
	old := spillAt
	defer func() { spillAt = old }()
	spillAt = 1
	if err := r.add([]float32{1, 2}, 1); err == nil {
		f, free, err := r.all() // where files without a name cannot be had
		if err != nil || len(f) != 2 {
			t.Error(f, err)
		}
		free()
	}
}

// Hours of one repeated frame take no more memory than hours of different frames.
func TestFeaturesOfAStillPicture(t *testing.T) {
	r := rows{dir: t.TempDir()}
	const n = 1 << 15
	if err := r.add(make([]float32, 512), n); err != nil {
		t.Fatal(err)
	}
	if r.file == nil {
		t.Skip("memory is all there is for features here")
	}
	if held := 4 * cap(r.mem); held > 2*spillAt {
		t.Errorf("%d bytes are in memory", held)
	}
	f, free, err := r.all()
	if err != nil {
		t.Fatal(err)
	}
	if len(f) != n*512 {
		t.Errorf("%d values", len(f))
	}
	free()
}
