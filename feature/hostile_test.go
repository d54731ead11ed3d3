//go:build unix

package feature

import (
	"archive/zip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/internal/npy"
	"github.com/clipcue/clipcue/internal/safetensors"
)

// link makes a link at a path in a store.
func link(t *testing.T, s *Store, name, target string) {
	t.Helper()
	if err := os.Symlink(target, filepath.Join(s.Dir(), name)); err != nil {
		t.Skip(err)
	}
}

// Nothing outside of a store is written, read or deleted through a link in it.
func TestLinksInAStore(t *testing.T) {
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim.safetensors")
	write(t, victim, "precious")
	unchanged := func(what string) {
		t.Helper()
		if data, err := os.ReadFile(victim); err != nil || string(data) != "precious" {
			t.Errorf("%s: the file outside has %q, error %v", what, data, err)
		}
		if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
			t.Errorf("%s: outside there are %v, error %v", what, entries, err)
		}
	}
	p := sequence("a", 1).Provenance

	s := create(t)
	link(t, s, runFile, victim)
	if _, err := s.enter(p); !errors.Is(err, input.ErrNotRegular) {
		t.Errorf(".run is a link: error %v", err)
	}
	unchanged(".run is a link")

	s = create(t)
	link(t, s, runFile, filepath.Join(outside, "new"))
	if _, err := s.enter(p); err == nil {
		t.Error(".run is a link to nothing: no error")
	}
	unchanged(".run is a link to nothing")

	s = create(t)
	if err := os.Link(victim, filepath.Join(s.Dir(), runFile)); err == nil {
		if _, err := s.enter(p); !errors.Is(err, ErrForeignFile) {
			t.Errorf(".run is a hard link: error %v", err)
		}
		unchanged(".run is a hard link")
	}

	s = create(t)
	link(t, s, "sub", outside)
	if err := s.Put(sequence("sub/victim", 1)); err == nil {
		t.Error("a sequence was stored through a link to a folder")
	}
	if err := s.remove("sub/victim"); err == nil {
		t.Error("a sequence was deleted through a link to a folder")
	}
	if ids, err := s.IDs(); err != nil || len(ids) > 0 {
		t.Errorf("IDs %v, error %v", ids, err)
	}
	unchanged("a folder is a link")

	s = create(t)
	link(t, s, "a.safetensors", victim)
	link(t, s, failuresFile, victim)
	if _, err := s.Get("a"); err == nil {
		t.Error("a sequence was read through a link")
	}
	if _, err := s.Failures(); err == nil {
		t.Error("failures were read through a link")
	}
	if err := s.Put(sequence("a", 1)); err == nil {
		t.Error("a link was replaced")
	}
	unchanged("files are links")
}

// A run file of an interrupted run is replaced.
func TestLeftoverRunFile(t *testing.T) {
	for _, left := range []string{"", `["clip-1","bicu`, `["a","b","c"]`, "\x00\x00\x00\x00"} {
		s := create(t)
		write(t, filepath.Join(s.Dir(), runFile), left)
		leave, err := s.enter(sequence("a", 1).Provenance)
		if err != nil {
			t.Errorf("%q: %v", left, err)
			continue
		}
		leave()
	}
}

// Pipes and devices, also behind links, are errors at once.
func TestSpecialFilesInAStore(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	for _, make := range []func(path string) error{
		func(path string) error { return syscall.Mkfifo(path, 0o600) },
		func(path string) error { return os.Symlink("inner", path) },
		func(path string) error { return os.Symlink("/dev/zero", path) },
		func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		s := create(t)
		if err := syscall.Mkfifo(filepath.Join(s.Dir(), "inner"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{failuresFile, "a.safetensors", runFile} {
			if err := make(filepath.Join(s.Dir(), name)); err != nil {
				t.Skip(err)
			}
		}
		_, failures := s.Failures()
		_, get := s.Get("a")
		_, enter := s.enter(sequence("a", 1).Provenance)
		for what, err := range map[string]error{"failures": failures, "get": get, "enter": enter, "write": s.writeFailures([]Failure{{ID: "b"}}, nil)} {
			if err == nil {
				t.Errorf("%s: no error", what)
			}
		}
	}
}

// Sizes that files declare are checked against the memory, and the file fails alone.
func TestSparseFiles(t *testing.T) {
	memory.SetLimit(64 << 20)
	t.Cleanup(func() { memory.SetLimit(0) })
	s, dir := create(t), t.TempDir()
	put(t, s, sequence("good", 1, 2))
	array(t, filepath.Join(dir, "good"), safetensors.FromFloat32s([]float32{1, 2}, 1, 2), `{"timestamps": [7]}`)

	// A header for a gigabyte, and a hole.
	header := `{"features":{"dtype":"F32","shape":[67108864,4],"data_offsets":[0,1073741824]},"timestamps":{"dtype":"F64","shape":[67108864],"data_offsets":[1073741824,1610612736]},"__metadata__":{"provenance":"{}"}}`
	sparse(t, filepath.Join(s.Dir(), "sparse.safetensors"), string([]byte{byte(len(header)), byte(len(header) >> 8), 0, 0, 0, 0, 0, 0})+header, 8+int64(len(header))+1610612736)
	if _, err := s.Get("sparse"); !errors.Is(err, memory.ErrBudget) || !strings.Contains(err.Error(), "sparse.safetensors") {
		t.Errorf("error %v", err)
	}
	if _, err := s.Get("good"); err != nil {
		t.Error(err)
	}
	if _, err := ReadFile(filepath.Join(s.Dir(), "sparse.safetensors")); !errors.Is(err, memory.ErrBudget) {
		t.Errorf("error %v", err)
	}
	// A sidecar of spaces, far larger than its array.
	array(t, filepath.Join(dir, "side"), safetensors.FromFloat32s([]float32{1, 2}, 1, 2), `{"timestamps": [7]}`+strings.Repeat(" ", 2<<20))
	r, err := Import(t.Context(), dir, create(t), ImportOptions{Backbone: "clip-1"})
	if err != nil || r.Done != 1 || len(r.Failed) != 1 || !errors.Is(r.Failed[0], input.ErrTooLarge) {
		t.Errorf("%+v, error %v", r, err)
	}
	// A list of failures beyond its limit.
	sparse(t, filepath.Join(s.Dir(), failuresFile), "{}\n", maxFailures+1)
	if _, err := s.Failures(); !errors.Is(err, input.ErrTooLarge) {
		t.Errorf("error %v", err)
	}
}

func sparse(t *testing.T, path, start string, size int64) {
	t.Helper()
	write(t, path, start)
	if err := os.Truncate(path, size); err != nil {
		t.Skip(err)
	}
}

// Names that are not UTF-8 are the same after a round trip through the files.
func TestBytesInNames(t *testing.T) {
	name := "caf\xe9\xff " + `\xe9`
	if err := os.WriteFile(filepath.Join(t.TempDir(), name), nil, 0o600); err != nil {
		t.Skip(err)
	}
	s := create(t)
	q := sequence(name+"/a.mp4", 1, 2)
	q.Provenance.Source = "videos/" + name
	put(t, s, q)
	got, err := s.Get(q.ID)
	if err != nil || got.Provenance != q.Provenance {
		t.Errorf("%+v, error %v", got, err)
	}
	if ids, err := s.IDs(); err != nil || len(ids) != 1 || ids[0] != q.ID {
		t.Errorf("%q, error %v", ids, err)
	}
	want := Failure{Path: "videos/" + name, ID: name, Reason: "no"}
	if err := s.writeFailures([]Failure{want}, nil); err != nil {
		t.Fatal(err)
	}
	failed, err := s.failures()
	if err != nil || len(failed) != 1 || failed[0] != want {
		t.Errorf("%+q, error %v", failed, err)
	}
	if text, err := os.ReadFile(filepath.Join(s.Dir(), failuresFile)); err != nil || !strings.Contains(string(text), `caf\\xe9\\xff \\x5cxe9`) {
		t.Errorf("%s, error %v", text, err)
	}
	dir, other := t.TempDir(), create(t)
	if _, err := Export(t.Context(), s, dir, NPY, nil); err != nil {
		t.Fatal(err)
	}
	if r, err := Import(t.Context(), dir, other, ImportOptions{}); err != nil || r.Done != 1 {
		t.Errorf("%+v, error %v", r, err)
	}
	if got, err := other.Get(q.ID); err != nil || got.Provenance != q.Provenance {
		t.Errorf("%+v, error %v", got, err)
	}
}

// An array of another width, or with its sides exchanged, is refused with both widths.
func TestImportTransposed(t *testing.T) {
	for _, c := range []struct {
		shape []int
		o     ImportOptions
		side  string
	}{
		{[]int{128, 40}, ImportOptions{Backbone: "c", Width: 128, FPS: 8}, ""},
		{[]int{4, 3}, ImportOptions{Backbone: "c"}, `{"timestamps": [0, 1, 2]}`},
		{[]int{8, 2}, ImportOptions{Backbone: "c", Width: 8, FPS: 1}, ""},
	} {
		dir := t.TempDir()
		array(t, filepath.Join(dir, "a"), safetensors.FromFloat32s(make([]float32, c.shape[0]*c.shape[1]), c.shape...), c.side)
		if _, err := Import(t.Context(), dir, create(t), c.o); err == nil || !strings.Contains(err.Error(), "transposed") {
			t.Errorf("%v: error %v", c.shape, err)
		}
	}
}

// A run file never makes a run panic, and foreign content is never overwritten.
func FuzzRunFile(f *testing.F) {
	for _, s := range []string{"", `["a","b","c"]`, `["a"`, "[", "{}", "null", "\x00", "precious"} {
		f.Add([]byte(s))
	}
	p := sequence("a", 1).Provenance
	f.Fuzz(func(t *testing.T, data []byte) {
		s := create(t)
		path := filepath.Join(s.Dir(), runFile)
		write(t, path, string(data))
		leave, err := s.enter(p)
		if err == nil {
			leave()
			return
		}
		if now, e := os.ReadFile(path); e != nil || string(now) != string(data) {
			t.Errorf("%q became %q (%v): %v", data, now, e, err)
		}
	})
}

// Any list of failures is read, and what is read is written again.
func FuzzFailures(f *testing.F) {
	for _, s := range []string{`{"path":"a","id":"b","reason":"c","time":"2026-01-02T03:04:05Z"}` + "\n", `{"id":"\\xe9"}`, "{}", "null\n\n", `{"id":1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		failed := parseFailures(data)
		var b strings.Builder
		for _, x := range failed {
			if y := x.Time.Year(); y < 0 || y > 9999 {
				return // cannot be written
			}
		}
		if err := encodeFailures(&b, failed); err != nil {
			t.Fatal(err)
		}
		again := parseFailures([]byte(b.String()))
		if len(again) != len(failed) {
			t.Fatalf("%d failures became %d", len(failed), len(again))
		}
		for i := range again {
			if again[i].ID != failed[i].ID || again[i].Path != failed[i].Path {
				t.Errorf("%+q became %+q", failed[i], again[i])
			}
		}
	})
}

// NumPy's archives are imported like single arrays.
func TestImportArchive(t *testing.T) {
	x, times := safetensors.FromFloat32s([]float32{1, 2, 3, 4}, 2, 2), safetensors.FromFloat64s([]float64{0, 0.5}, 2)
	for name, c := range map[string]struct {
		arrays map[string]safetensors.Tensor
		side   string
		want   string
	}{
		"one array":    {map[string]safetensors.Tensor{"arr_0": x}, `{"timestamps": [0, 0.5]}`, ""},
		"named":        {map[string]safetensors.Tensor{"features": x, "labels": times, "timestamps": times}, "", ""},
		"with times":   {map[string]safetensors.Tensor{"arr_0": x, "timestamps": times}, "", ""},
		"two arrays":   {map[string]safetensors.Tensor{"a": x, "b": x}, "", "2 arrays"},
		"no times":     {map[string]safetensors.Tensor{"features": x}, "", "no timestamps"},
		"time":         {map[string]safetensors.Tensor{"features": x, "time": times}, `{"timestamps": [0, 0.5]}`, `the array "time" is not read as timestamps; name it "timestamps"`},
		"only times":   {map[string]safetensors.Tensor{"times": x}, "", `the array "times"`},
		"case":         {map[string]safetensors.Tensor{"arr_0": x, "Timestamps": times}, "", `the array "Timestamps"`},
		"two-dim time": {map[string]safetensors.Tensor{"features": x, "timestamps": x}, "", "[T]"},
	} {
		dir, s := t.TempDir(), create(t)
		archive(t, filepath.Join(dir, "v.NPZ"), c.arrays)
		if c.side != "" {
			write(t, filepath.Join(dir, "v.json"), c.side)
		}
		r, err := Import(t.Context(), dir, s, ImportOptions{Backbone: "clip-1"})
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %+v, error %v", name, r, err)
			}
			continue
		}
		q, e := s.Get("v")
		if err != nil || e != nil || q.Len() != 2 || q.Features[3] != 4 || q.Timestamps[1] != 0.5 {
			t.Errorf("%s: %+v, %+v, error %v, %v", name, r, q, err, e)
		}
	}
	for _, name := range []string{"features", "timestamps", "other"} {
		dir := t.TempDir()
		f, err := os.Create(filepath.Join(dir, "v.npz"))
		if err != nil {
			t.Fatal(err)
		}
		z := zip.NewWriter(f)
		for _, member := range []string{"features", name, name} {
			w, err := z.Create(member + ".npy")
			if err == nil {
				err = npy.Encode(w, x)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(z.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := Import(t.Context(), dir, create(t), ImportOptions{Backbone: "clip-1", FPS: 2}); err == nil || !strings.Contains(err.Error(), name+`.npy" twice`) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	// The same ID twice, and data that are no archive.
	dir := t.TempDir()
	archive(t, filepath.Join(dir, "v.npz"), map[string]safetensors.Tensor{"features": x, "timestamps": times})
	if err := npy.Write(filepath.Join(dir, "v.npy"), x); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "bad.npz"), "PK\x03\x04")
	r, err := Import(t.Context(), dir, create(t), ImportOptions{Backbone: "clip-1", FPS: 2})
	if err != nil || r.Done != 1 || len(r.Failed) != 2 {
		t.Errorf("%+v, error %v", r, err)
	}
}
