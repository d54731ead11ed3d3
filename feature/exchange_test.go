package feature

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/clipcue/clipcue/internal/arrowfile"
	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/npy"
	"github.com/clipcue/clipcue/internal/parquetfile"
	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/clipcue/clipcue/internal/shard"
)

// Exported and imported sequences are bitwise identical.
func TestExchangeIsExact(t *testing.T) {
	for _, f := range []ArrayFormat{NPY, NPZ, Parquet, Arrow, JSONL} {
		t.Run(string(f), func(t *testing.T) { testExchange(t, f) })
	}
}

func testExchange(t *testing.T, f ArrayFormat) {
	from := create(t)
	ids := []string{"a.mp4", "a.mp4.json", "b/a b.mp4", "b/-%s\n.mp4", "ü.mp4"}
	for _, id := range ids {
		q := sequence(id, 0, 1.0/3, 1e9+0.1)
		q.Provenance.Source = "v"
		q.Features[1], q.Features[2], q.Features[3] = 1e-45, math.MaxFloat32, float32(math.Copysign(0, -1))
		put(t, from, q)
	}
	dir := filepath.Join(t.TempDir(), "arrays")
	if r, err := Export(t.Context(), from, dir, f, nil); err != nil || r.Done != len(ids) || r.Frames != 3*len(ids) {
		t.Fatalf("%+v, error %v", r, err)
	}
	to := create(t)
	if r, err := Import(t.Context(), dir, to, ImportOptions{}); err != nil || r.Done != len(ids) || r.Frames != 3*len(ids) {
		t.Fatalf("%+v, error %v", r, err)
	}
	for _, id := range ids {
		for _, name := range []string{id + ".safetensors"} {
			want, err := os.ReadFile(filepath.Join(from.Dir(), name))
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(to.Dir(), name))
			if err != nil || string(got) != string(want) {
				t.Errorf("%q differs, error %v", name, err)
			}
		}
	}
	if r, err := Import(t.Context(), dir, to, ImportOptions{}); err != nil || r.Skipped != len(ids) {
		t.Errorf("again: %+v, error %v", r, err)
	}
}

// Tables of other programs may lack the provenance, and have other names and types.
func TestTablesFromElsewhere(t *testing.T) {
	type foreign struct {
		ID        int32     `parquet:"id"`
		Embedding []float64 `parquet:"embedding,list"`
	}
	dir, s := t.TempDir(), create(t)
	for name, rows := range map[string][]foreign{
		"good": {{1, []float64{1, 2}}, {2, []float64{3, 4.5}}}, "short": {{1, []float64{1, 2}}, {2, []float64{3}}},
		"long": {{1, []float64{1, 2}}, {2, []float64{3, 4, 5}}}, "hole": {{1, []float64{1, 2}}, {2, nil}, {3, []float64{1, 2}}}, "empty": {},
	} {
		err := atomicfile.Write(filepath.Join(dir, name+".parquet"), func(w io.Writer) error { return parquet.Write(w, rows) })
		if err != nil {
			t.Fatal(err)
		}
	}
	type two struct {
		Features  []float32 `parquet:"features,list"`
		Embedding []float32 `parquet:"embedding,list"`
	}
	half, err := os.ReadFile("testdata/half.parquet") // of pyarrow
	if err != nil {
		t.Fatal(err)
	}
	type integers struct {
		Embedding []int8 `parquet:"embedding,list"` // of another scale
	}
	type plain struct {
		Vector float32 `parquet:"vector"`
	}
	type structure struct {
		Vector struct {
			X float32 `parquet:"x"`
		} `parquet:"vector"`
	}
	type inner struct {
		Vector struct {
			X []float32 `parquet:"x"`
		} `parquet:"vector"`
	}
	type structures struct {
		Vector []struct {
			X float32 `parquet:"x"`
		} `parquet:"vector"`
	}
	type repeated struct {
		Vector []float32 `parquet:"vector"` // as protobuf
	}
	type vectors struct {
		Feature []float32 `parquet:"feature,list"`
	}
	for name, f := range map[string]func(io.Writer) error{
		"half.parquet": func(w io.Writer) error { _, err := w.Write(half); return err },
		"two.parquet": func(w io.Writer) error {
			return parquet.Write(w, []two{{[]float32{1, 2}, []float32{3, 4}}})
		},
		"plain.parquet":     func(w io.Writer) error { return parquet.Write(w, []plain{{1}, {2}}) },
		"structure.parquet": func(w io.Writer) error { return parquet.Write(w, make([]structure, 2)) },
		"inner.parquet": func(w io.Writer) error {
			return parquet.Write(w, []inner{{struct {
				X []float32 `parquet:"x"`
			}{[]float32{1}}}})
		},
		"structures.parquet": func(w io.Writer) error {
			return parquet.Write(w, []structures{{make([]struct {
				X float32 `parquet:"x"`
			}, 2)}})
		},
		"repeated.parquet": func(w io.Writer) error { return parquet.Write(w, []repeated{{[]float32{1, 2}}, {[]float32{3, 4.5}}}) },
		"integers.parquet": func(w io.Writer) error { return parquet.Write(w, []integers{{[]int8{1, 2}}}) },
		"arrow.feather": func(w io.Writer) error {
			return arrowfile.Write(w, nil, func(yield func(vectors, error) bool) {
				_ = yield(vectors{[]float32{1, 2}}, nil) && yield(vectors{[]float32{3, 4.5}}, nil)
			})
		},
	} {
		if err := atomicfile.Write(filepath.Join(dir, name), f); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Import(t.Context(), dir, s, ImportOptions{Backbone: "clip-1", FPS: 4})
	if err != nil || r.Done != 4 || len(r.Failed) != 10 {
		t.Fatalf("%+v, error %v", r, err)
	}
	for _, name := range []string{"good", "arrow", "half", "repeated"} {
		q, err := s.Get(name)
		if err != nil || !cmp.Equal(q.Timestamps, []float64{0, 0.25}) || !cmp.Equal(q.Features, []float32{1, 2, 3, 4.5}) {
			t.Errorf("%+v, error %v", q, err)
		}
	}
}

// What a table says about itself counts, or is an error.
func TestTablesThatContradict(t *testing.T) {
	type timed struct {
		Time      float64   `parquet:"time"`
		Timestamp float64   `parquet:"timestamp"`
		Vector    []float32 `parquet:"vector,list"`
	}
	type late struct {
		Timestamp  float64   `parquet:"timestamp"`
		Timestamps float64   `parquet:"timestamps"`
		Vector     []float32 `parquet:"vector,list"`
	}
	good := tableAbout{Kind: "features", Unit: "seconds", Width: 1}
	write := func(about any, rows ...timed) map[string]func(w io.Writer) error {
		all := func(yield func(timed, error) bool) {
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
		}
		return map[string]func(w io.Writer) error{
			".parquet": func(w io.Writer) error { return parquetfile.Write(w, about, all) },
			".arrow":   func(w io.Writer) error { return arrowfile.Write(w, about, all) },
		}
	}
	one := []float32{1}
	for name, c := range map[string]struct {
		files map[string]func(w io.Writer) error
		want  string
	}{
		"equal times":     {write(good, timed{0, 0, one}, timed{2, 2, one}), ""},
		"different times": {write(good, timed{0, 0, one}, timed{2, 3, one}), `"time" and "timestamp" have different times`},
		"later times": {map[string]func(w io.Writer) error{".parquet": func(w io.Writer) error {
			return parquet.Write(w, []late{{0, 1, one}, {1, 2, one}})
		}}, `"timestamp" and "timestamps" have different times`},
		"lines": {map[string]func(w io.Writer) error{".jsonl": func(w io.Writer) error {
			_, err := io.WriteString(w, `{"vector":[1],"time":0,"timestamp":1}`)
			return err
		}}, `"time" and "timestamp" have different times`},
		"moments": {write(tableAbout{Kind: "moments", Unit: "seconds"}, timed{0, 0, one}), `it has "moments" in "seconds" instead of features in seconds`},
		"unit":    {write(tableAbout{Kind: "features", Unit: "frames"}, timed{0, 0, one}), `in "frames"`},
		"no kind": {write(map[string]int{"width": 1}, timed{0, 0, one}), `it has "" in ""`},
		"a list":  {write([]int{1}, timed{0, 0, one}), "a list instead of an object"},
		"broken": {map[string]func(w io.Writer) error{".parquet": func(w io.Writer) error {
			return parquet.Write(w, []timed{{0, 0, one}}, parquet.KeyValueMetadata(parquetfile.Key, `{"kind":`))
		}}, `its metadata "clipcue" cannot be read`},
	} {
		for extension, f := range c.files {
			dir := t.TempDir()
			if err := atomicfile.Write(filepath.Join(dir, "v"+extension), f); err != nil {
				t.Fatal(err)
			}
			_, err := Import(t.Context(), dir, create(t), ImportOptions{Backbone: "clip-1", FPS: 4})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s%s: error %v, want %s", name, extension, err, c.want)
			}
		}
	}
}

// A line that lacks something is an error, not a default.
func TestLinesFromElsewhere(t *testing.T) {
	dir, s := t.TempDir(), create(t)
	for name, lines := range map[string]string{
		"good":         `{"vector":[1,2.5]}` + "\n\n" + `{"vector":[-0,1e-45],"label":"x"}`,
		"timed":        `{"vector":[1,2],"time":0}` + "\n" + `{"vector":[1,2],"time":0.25}`,
		"named":        "\ufeff" + `{"embedding":[1,2.5]}`,
		"first":        `{"features":[3,4,5],"vector":[1,2.5]}`,
		"two":          `{"features":[3,4,5],"embedding":[1,2.5]}`,
		"twice":        `{"vector":[1,2],"vector":[3,4]}`,
		"other time":   `{"vector":[1,2],"Time":3}`,
		"cases":        `{"vector":[1,2],"Vector":[3,4]}`,
		"text":         `{"vector":["1.5",2]}`,
		"no time":      `{"vector":[1,2],"time":null}`,
		"some":         `{"vector":[1,2],"video":"a"}` + "\n" + `{"vector":[1,2]}`,
		"half":         `{"vector":[1,2],"time":0}` + "\n" + `{"vector":[1,2]}`,
		"late":         `{"vector":[1,2]}` + "\n" + `{"vector":[1,2],"time":1}`,
		"short":        `{"vector":[1,2]}` + "\n" + `{"vector":[1]}`,
		"null":         `{"vector":[1,null]}`,
		"huge":         `{"vector":[1,1e99]}`,
		"word":         `{"vector":[1,"two"]}`,
		"without":      `{"Vector":[1,2]}`,
		"videos":       `{"vector":[1,2],"video":"a"}` + "\n" + `{"vector":[1,2],"video":"b"}`,
		"nothing":      "\n",
		"contradicted": `{"vector":[1,2],"time":0}` + "\n" + `{"vector":[1,2],"time":1}`,
	} {
		write(t, filepath.Join(dir, name+".jsonl"), lines)
	}
	write(t, filepath.Join(dir, "timed.json"), `{"timestamps": [0, 0.25]}`)
	write(t, filepath.Join(dir, "contradicted.json"), `{"timestamps": [0, 2]}`)
	r, err := Import(t.Context(), dir, s, ImportOptions{Backbone: "clip-1", FPS: 4})
	if err != nil || r.Done != 4 || len(r.Failed) != 17 {
		t.Fatalf("%+v, error %v", r, err)
	}
	if _, err := s.Get("contradicted"); err == nil {
		t.Error("timestamps that a sidecar contradicts")
	}
	q, err := s.Get("good")
	if err != nil || !cmp.Equal(q.Timestamps, []float64{0, 0.25}) || !cmp.Equal(q.Features, []float32{1, 2.5, float32(math.Copysign(0, -1)), 1e-45}) {
		t.Errorf("%+v, error %v", q, err)
	}
}

func TestLinesHaveEveryFrame(t *testing.T) {
	s, dir := create(t), t.TempDir()
	put(t, s, sequence("a.mp4", 0, 0.5))
	if _, err := Export(t.Context(), s, dir, JSONL, nil); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "a.mp4.jsonl"))
	lines := strings.Split(string(data), "\n")
	if err != nil || len(lines) != 3 || !strings.HasPrefix(lines[0], `{"video":"a.mp4","time":0.0,"vector":[`) || !strings.HasPrefix(lines[1], `{"video":"a.mp4","time":0.5,"vector":[`) {
		t.Errorf("%s, error %v", data, err)
	}
}

// A shard has the array and the sidecar of each sequence, with keys without dots.
func TestShards(t *testing.T) {
	s, dir := create(t), t.TempDir()
	for _, id := range []string{"a.mp4", "a_mp4", "b/c.d.mp4"} {
		put(t, s, sequence(id, 0, 0.5))
	}
	if r, err := Export(t.Context(), s, dir, WebDataset, nil); err != nil || r.Done != 3 {
		t.Fatalf("%+v, error %v", r, err)
	}
	f, err := os.Open(filepath.Join(dir, "000000.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names []string
	for in := tar.NewReader(f); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		if data, err := io.ReadAll(in); err != nil || strings.HasSuffix(h.Name, ".json") && !strings.Contains(string(data), `"timestamps":[0,0.5]`) {
			t.Errorf("%s: %s, error %v", h.Name, data, err)
		}
	}
	want := []string{"a_mp4.npy", "a_mp4.json", "a_mp4_2.npy", "a_mp4_2.json", "b/c_d_mp4.npy", "b/c_d_mp4.json"}
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d)
	}
}

// Every ID survives a shard that is unpacked and imported.
func TestShardsKeepNames(t *testing.T) {
	from, dir, unpacked := create(t), t.TempDir(), t.TempDir()
	ids := []string{"a.mp4", "a_mp4", `x\xff.mp4`, "x\xff.mp4", "x_xff.mp4", `a\b.mp4`, "line\nbreak.mp4", ".hidden/a.mp4", "b/.c/d.mp4", "ü/é.mp4"}
	for _, id := range ids {
		put(t, from, sequence(id, 0, 0.5))
	}
	if _, err := Export(t.Context(), from, dir, WebDataset, nil); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "000000.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	others, err := shard.Each(f, func(m shard.Member) error {
		data, err := io.ReadAll(m)
		to := filepath.Join(unpacked, filepath.FromSlash(m.Name))
		return errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o777), os.WriteFile(to, data, 0o666))
	})
	if err != nil || len(others) > 0 {
		t.Fatalf("left out %v, error %v", others, err)
	}
	to := create(t)
	if _, err := Import(t.Context(), unpacked, to, ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	want, err := from.IDs()
	if err != nil {
		t.Fatal(err)
	}
	got, err := to.IDs()
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("(-want +got):\n%s\nerror %v", d, err)
	}
}

// An export replaces an earlier one, and no file of the user or link that has the name of an output.
func TestExportKeepsForeignFiles(t *testing.T) {
	s := create(t)
	put(t, s, sequence("a.mp4", 0, 0.5))
	for _, f := range ArrayFormats {
		name := "a.mp4." + string(f)
		if f == WebDataset {
			name = "000000.tar"
		}
		for _, name := range []string{name, "a.mp4.json"} {
			for _, content := range []string{"notes", "\x00\x00\x00\x20ftypisom", "SQLite format 3\x00", "link"} {
				dir := t.TempDir()
				path, target := filepath.Join(dir, name), filepath.Join(t.TempDir(), "target")
				_, withSidecar := map[ArrayFormat]bool{NPY: true, NPZ: true, JSONL: true}[f]
				if name == "a.mp4.json" && !withSidecar {
					continue
				}
				write(t, path, content)
				if content == "link" {
					write(t, target, content)
					if err := errors.Join(os.Remove(path), os.Symlink(target, path)); err != nil {
						t.Skip(err)
					}
				}
				if _, err := Export(t.Context(), s, dir, f, nil); err == nil || !strings.Contains(err.Error(), path) {
					t.Errorf("%s: %s %q: error %v", f, name, content, err)
				}
				if b, err := os.ReadFile(path); string(b) != content {
					t.Errorf("%s: %s %q: now %q, error %v", f, name, content, b, err)
				}
				if content == "link" {
					continue
				}
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					if r, err := Export(t.Context(), s, dir, f, nil); err != nil || r.Done != 1 {
						t.Errorf("%s: %+v, error %v", f, r, err)
					}
				}
			}
		}
	}
}

// array writes an .npy file and, unless side is "", its sidecar.
func array(t *testing.T, path string, x safetensors.Tensor, side string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := npy.Write(path+".npy", x); err != nil {
		t.Fatal(err)
	}
	if side != "" {
		write(t, path+".json", side)
	}
}

func TestImportFromElsewhere(t *testing.T) {
	dir, s := t.TempDir(), create(t)
	array(t, filepath.Join(dir, "sub", "a"), safetensors.FromFloat64s([]float64{1, 2, 3, 4, 5, 6.5}, 3, 2), "")
	array(t, filepath.Join(dir, "b"), safetensors.FromFloat32s([]float32{1, 2}, 1, 2), `{"timestamps": [7]}`)
	r, err := Import(t.Context(), dir, s, ImportOptions{Backbone: "clip-1", Width: 2, FPS: 4})
	if err != nil || r.Done != 2 {
		t.Fatalf("%+v, error %v", r, err)
	}
	q, err := s.Get("sub/a")
	if err != nil || !cmp.Equal(q.Timestamps, []float64{0, 0.25, 0.5}) || !cmp.Equal(q.Features, []float32{1, 2, 3, 4, 5, 6.5}) {
		t.Errorf("%+v, error %v", q, err)
	}
	if p := q.Provenance; p.Backbone != "clip-1" || p.Preprocessing != "imported" || p.Sampling != "fps=4" || len(p.SHA256) != 64 {
		t.Errorf("%+v", p)
	}
	if q, err := s.Get("b"); err != nil || q.Timestamps[0] != 7 {
		t.Errorf("%+v, error %v", q, err)
	}
}

func TestImportNamesWhatItCannotUse(t *testing.T) {
	x := safetensors.FromFloat32s([]float32{1, 2, 3, 4}, 2, 2)
	provenance := func(backbone, sampling string) string {
		text, err := json.Marshal(sidecar{Timestamps: []float64{0, 1}, Provenance: &Provenance{Backbone: backbone, Preprocessing: "imported", Sampling: sampling}})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	dir := t.TempDir()
	good := provenance("clip-1", "imported")
	array(t, filepath.Join(dir, "a"), x, good)
	for name, c := range map[string]struct {
		x          safetensors.Tensor
		side, want string
	}{
		"b no times":         {x, "", "no timestamps"},
		"c one time":         {x, `{"timestamps": [1]}`, "1 times"},
		"d not JSON":         {x, `{"timestamps": `, "JSON"},
		"e times are text":   {x, `{"timestamps": "0"}`, "timestamps"},
		"f another backbone": {x, provenance("clip-2", "imported"), "clip-2"},
		"g another sampling": {x, provenance("clip-1", "all"), "sampling"},
		"h flat":             {safetensors.FromFloat32s([]float32{1, 2}, 2), good, "[T,E]"},
		"i empty":            {safetensors.FromFloat32s(nil, 0, 2), good, "[T,E]"},
		"j too wide":         {safetensors.FromFloat32s(make([]float32, 6), 2, 3), good, "width 3"},
		"k not finite":       {safetensors.FromFloat32s([]float32{1, 2, 3, float32(math.NaN())}, 2, 2), good, "finite"},
		"m times go back":    {x, `{"timestamps": [1, 0.5]}`, "not sorted"},
		"q times twice":      {x, `{"timestamps": [0, 1], "timestamps": [5, 6]}`, `"timestamps" is twice`},
		"s cases":            {x, `{"Timestamps": [5, 6], "timestamps": [0, 1]}`, `the key "Timestamps"`},
		"t inner cases":      {x, `{"timestamps": [0, 1], "provenance": {"backbone": "a", "Backbone": "b"}}`, `"backbone" and "Backbone"`},
		"u time":             {x, `{"timestamp": [5, 6]}`, `the key "timestamp" is not read as timestamps; name it "timestamps", or remove it`},
		"v times":            {x, `{"times": [5, 6], "timestamps": [0, 1]}`, `the key "times"`},
		"w Timestamps":       {x, `{"Timestamps": [5, 6]}`, `the key "Timestamps"`},
		"x frame times":      {x, `{"frame_times": [5, 6]}`, `the key "frame_times"`},
		"y no timestamps":    {x, `{"timestamps": []}`, `"timestamps" is empty or null`},
		"z null":             {x, `{"timestamps": null}`, `"timestamps" is empty or null`},
		"r no list":          {x, `{"timestamps": {}}`, "an object instead of a list"},
		"n a time is null":   {x, `{"timestamps": [0, null]}`, "null"},
		"o another width":    {safetensors.FromFloat32s(make([]float32, 6), 2, 3), good, "width 3"},
		"p integers":         {safetensors.FromInt64s([]int64{1, 2, 3, 4}, 2, 2), good, "array of integers"},
		"l beyond float32":   {safetensors.FromFloat64s([]float64{1, 2, 3, 1e300}, 2, 2), good, "finite"},
	} {
		array(t, filepath.Join(dir, name), c.x, c.side)
		o := ImportOptions{Backbone: "clip-1", Width: 2}
		if name[0] > 't' {
			o.FPS = 4 // does not replace timestamps
		}
		if name == "o another width" {
			o.Width = 0 // that of "a" counts
		}
		r, err := Import(t.Context(), dir, create(t), o)
		if err != nil || r.Done != 1 || len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Reason, c.want) || !strings.Contains(r.Failed[0].Path, name) {
			t.Errorf("%s: %+v, error %v", name, r, err)
		}
		for _, suffix := range []string{".npy", ".json"} {
			if err := os.RemoveAll(filepath.Join(dir, name+suffix)); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Run("no backbone", func(t *testing.T) {
		dir := t.TempDir()
		array(t, filepath.Join(dir, "a"), x, `{"timestamps": [0, 1]}`)
		if _, err := Import(t.Context(), dir, create(t), ImportOptions{}); !errors.Is(err, ErrNoBackbone) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("present", func(t *testing.T) {
		s := create(t)
		if _, err := Import(t.Context(), dir, s, ImportOptions{}); err != nil {
			t.Fatal(err)
		}
		array(t, filepath.Join(dir, "a"), safetensors.FromFloat32s([]float32{1, 2, 3, 5}, 2, 2), good)
		if _, err := Import(t.Context(), dir, s, ImportOptions{}); !errors.Is(err, ErrExists) {
			t.Errorf("error %v", err)
		}
		if r, err := Import(t.Context(), dir, s, ImportOptions{Force: true}); err != nil || r.Done != 1 {
			t.Errorf("forced: %+v, error %v", r, err)
		}
		wide := t.TempDir()
		array(t, filepath.Join(wide, "b"), safetensors.FromFloat32s(make([]float32, 6), 2, 3), good)
		if _, err := Import(t.Context(), wide, s, ImportOptions{}); err == nil || !strings.Contains(err.Error(), "width 3") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a name that is too long", func(t *testing.T) {
		dir := t.TempDir()
		array(t, filepath.Join(dir, "a"), x, good)
		array(t, filepath.Join(dir, "x"), x, good)
		long := filepath.Join(dir, strings.Repeat("b", 250))
		for _, suffix := range []string{".npy", ".json"} {
			if err := os.Rename(filepath.Join(dir, "x"+suffix), long+suffix); err != nil {
				t.Skip(err)
			}
		}
		if r, err := Import(t.Context(), dir, create(t), ImportOptions{}); err != nil || r.Done != 1 || len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Reason, "too long") {
			t.Errorf("%+v, error %v", r, err)
		}
	})
	t.Run("a provenance that says little", func(t *testing.T) {
		dir, s := t.TempDir(), create(t)
		array(t, filepath.Join(dir, "a"), x, `{"timestamps": [0, 1], "provenance": {"backbone": "clip-1"}}`)
		array(t, filepath.Join(dir, "b"), x, `{"timestamps": [0, 1]}`)
		if r, err := Import(t.Context(), dir, s, ImportOptions{Backbone: "clip-1"}); err != nil || r.Done != 2 {
			t.Errorf("%+v, error %v", r, err)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if r, err := Import(ctx, dir, create(t), ImportOptions{}); !errors.Is(err, context.Canceled) || r.Remaining != 1 {
			t.Errorf("%+v, error %v", r, err)
		}
	})
}

func TestSummary(t *testing.T) {
	s := create(t)
	for _, id := range []string{"a", "b", "c"} {
		q := sequence(id, 1, 2, 3)
		if id == "c" {
			q.Provenance.Sampling = "fps=8"
		}
		put(t, s, q)
	}
	put(t, s, sequence("cut", 1, 2))
	cut := filepath.Join(s.Dir(), "cut.safetensors")
	if err := os.Truncate(cut, 300); err != nil {
		t.Fatal(err)
	}
	if err := s.writeFailures([]Failure{{Path: "x.mp4", ID: "x.mp4", Reason: "no"}}, nil); err != nil {
		t.Fatal(err)
	}
	sum, err := s.Summary()
	if err != nil || sum.Sequences != 3 || sum.Frames != 9 || sum.Seconds != 6.375 || len(sum.Recipes) != 2 || sum.Recipes[0].Sequences != 2 ||
		sum.Recipes[1].Sampling != "fps=8" || len(sum.Damaged) != 1 || sum.Damaged[0].Path != cut || len(sum.Failed) != 1 {
		t.Errorf("%+v, error %v", sum, err)
	}
	if q, err := ReadFile(filepath.Join(s.Dir(), "a.safetensors")); err != nil || q.Len() != 3 {
		t.Errorf("%+v, error %v", q, err)
	}
	if _, err := ReadFile(cut); err == nil || !strings.Contains(err.Error(), cut) {
		t.Errorf("error %v", err)
	}
}

// Any sidecar gives timestamps and a provenance that a store accepts, or an error.
func FuzzSide(f *testing.F) {
	f.Add([]byte(`{"timestamps": [0, 1], "provenance": {"backbone": "clip-1", "modified": "2026-01-02T03:04:05Z"}}`))
	f.Add([]byte(`{"timestamps": [1e308, -0.5]}`))
	f.Add([]byte(`null`))
	dir, err := os.MkdirTemp("", "clipcue-side")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { os.RemoveAll(dir) })
	if err := npy.Write(filepath.Join(dir, "a.npy"), safetensors.FromFloat32s([]float32{1, 2, 3, 4}, 2, 2)); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		write(t, filepath.Join(dir, "a.json"), string(data))
		q, err := ImportOptions{Backbone: "clip-1"}.read(t.Context(), filepath.Join(dir, "a.npy"))
		if err != nil {
			return
		}
		q.ID = "a"
		if q.Provenance.Backbone != "clip-1" {
			t.Errorf("%+v", q.Provenance)
		}
		s := &Store{dir}
		if s.Put(q) == nil {
			if _, err := s.Get("a"); err != nil {
				t.Error(err)
			}
		}
	})
}

// Any provenance can be read and written again, or is an error.
func FuzzProvenance(f *testing.F) {
	text, err := json.Marshal(sequence("a", 1).Provenance)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add(`{"size": 1e99}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseProvenance(map[string]string{provenance: text})
		if err != nil {
			return
		}
		if _, err := json.Marshal(p); err != nil && !p.Modified.IsZero() && p.Modified.Year() < 10000 {
			t.Error(err)
		}
	})
}

// archive writes a .npz file.
func archive(t *testing.T, path string, arrays map[string]safetensors.Tensor) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, x := range arrays {
		one := filepath.Join(t.TempDir(), "a.npy")
		if err := npy.Write(one, x); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(one)
		if err != nil {
			t.Fatal(err)
		}
		w, err := z.Create(name + ".npy")
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, path, b.String())
}
