package feature

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clipcue/clipcue/clip"

	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/google/go-cmp/cmp"
)

// sequence makes a small sequence of width 2 with these times.
func sequence(id string, times ...float64) *Sequence {
	q := &Sequence{ID: id, Width: 2, Timestamps: times, Provenance: Provenance{
		Source: "videos/" + id, Size: 7, Modified: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), SHA256: "ab",
		StartTime: 0.5, Duration: 9, FrameRate: 25, Decoder: "ffmpeg 7", Backbone: "clip-1",
		Preprocessing: Preprocessing(clip.Config{ImageSize: 8}), Sampling: "all"}}
	for i := range 2 * len(times) {
		q.Features = append(q.Features, float32(i)-0.1)
	}
	return q
}

func create(t testing.TB) *Store {
	t.Helper()
	s, err := Create(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t testing.TB, s *Store, q *Sequence) {
	t.Helper()
	if err := s.Put(q); err != nil {
		t.Fatal(err)
	}
}

func TestStoreKeepsSequences(t *testing.T) {
	s := create(t)
	ids := []string{"a.mp4", "a.mp4.mp4", "folder/a b.mp4", "folder/-%s\n\"'.mp4", "ü/日本.mp4", "bad\xffname.mp4"}
	for _, id := range ids {
		q := sequence(id, 0, 1.5, math.Pi)
		q.Provenance.Source = "v"
		put(t, s, q)
		got, err := s.Get(id)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(q, got); diff != "" {
			t.Errorf("%q (-put +got):\n%s", id, diff)
		}
		if p, err := s.Provenance(id); err != nil || !cmp.Equal(p, q.Provenance) {
			t.Errorf("%q: provenance %+v, error %v", id, p, err)
		}
	}
	got, err := s.IDs()
	slices.Sort(ids)
	if err != nil || !slices.Equal(got, ids) {
		t.Errorf("ids %q, error %v, want %q", got, err, ids)
	}
}

func TestStoreKeepsWithinItsFolder(t *testing.T) {
	s := create(t)
	for _, id := range []string{"", ".", "..", "../a", "/a", "a/../b", "a//b", "a/", "./a", ".a", "b/.a"} {
		q := sequence("x", 1)
		q.ID = id
		if err := s.Put(q); err == nil {
			t.Errorf("%q was stored", id)
		}
		if _, err := s.Get(id); err == nil {
			t.Errorf("%q was read", id)
		}
	}
}

func TestPutRefusesWhatGetWould(t *testing.T) {
	s := create(t)
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for name, q := range map[string]*Sequence{
		"no frames":      {Width: 2},
		"no width":       {Timestamps: []float64{1}},
		"features short": {Width: 2, Features: []float32{1}, Timestamps: []float64{1}},
		"a NaN":          {Width: 2, Features: []float32{1, nan}, Timestamps: []float64{1}},
		"an infinity":    {Width: 2, Features: []float32{inf, 1}, Timestamps: []float64{1}},
		"a time of NaN":  {Width: 1, Features: []float32{1}, Timestamps: []float64{math.NaN()}},
	} {
		q.ID = "a"
		if err := s.Put(q); err == nil {
			t.Errorf("%s: stored", name)
		}
	}
	if _, err := s.Get("a"); !errors.Is(err, ErrNotStored) {
		t.Errorf("got error %v, want %v", err, ErrNotStored)
	}
}

func TestOpenNamesWhatIsMissing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "x")
	for _, dir := range []string{filepath.Join(t.TempDir(), "none"), file} {
		if _, err := Open(dir); !errors.Is(err, ErrNoStore) || !strings.Contains(err.Error(), dir) {
			t.Errorf("got error %v", err)
		}
	}
	if s, err := Open(t.TempDir()); err != nil {
		t.Error(err)
	} else if ids, err := s.IDs(); err != nil || len(ids) > 0 {
		t.Errorf("ids %q, error %v", ids, err)
	}
}

func TestCheckBackbone(t *testing.T) {
	s := create(t)
	put(t, s, sequence("a", 1))
	if err := s.CheckBackbone("a", Backbone{"clip-1", 2}); err != nil {
		t.Error(err)
	}
	err := s.CheckBackbone("a", Backbone{"clip-2", 2})
	if m, ok := errors.AsType[*MismatchError](err); !ok || m.Have != "clip-1" || m.Want != "clip-2" {
		t.Errorf("got error %v", err)
	}
	err = s.CheckBackbone("a", Backbone{"clip-1", 3})
	if m, ok := errors.AsType[*MismatchError](err); !ok || m.What != "width" || m.Have != "2" || m.Want != "3" {
		t.Errorf("got error %v", err)
	}
	if err := s.CheckBackbone("b", Backbone{"clip-1", 2}); !errors.Is(err, ErrNotStored) {
		t.Errorf("got error %v, want %v", err, ErrNotStored)
	}
}

func TestGetNamesADamagedFile(t *testing.T) {
	s := create(t)
	put(t, s, sequence("a", 1, 2, 3))
	path := filepath.Join(s.Dir(), "a.safetensors")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 7, 100, len(whole) - 1} {
		write(t, path, string(whole[:n]))
		if _, err := s.Get("a"); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%d bytes: got error %v", n, err)
		}
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// Any file is a valid sequence or an error.
func FuzzDecode(f *testing.F) {
	s := create(f)
	put(f, s, sequence("a", 0, 1, 2))
	data, err := os.ReadFile(filepath.Join(s.Dir(), "a.safetensors"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(bytes.Replace(data, []byte(`[3,2]`), []byte(`[2,3]`), 1))
	f.Add(bytes.Replace(data, []byte(`"F32"`), []byte(`"I32"`), 1))
	f.Add(bytes.Replace(data, []byte(`features`), []byte(`featurez`), 1))
	f.Add(bytes.Replace(data, []byte(`provenance`), []byte(`provenancx`), 1))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := safetensors.Decode(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		q, err := decode(file)
		if err != nil {
			return
		}
		if err := q.check(); err != nil {
			t.Error(err)
		}
		for i := range q.Len() {
			q.Row(i)
		}
		from, to := q.Span(1, 2)
		if from < 0 || to < from || to > q.Len() {
			t.Errorf("rows %d to %d of %d", from, to, q.Len())
		}
	})
}
