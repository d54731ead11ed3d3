package dataset

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
)

// Parquet files of Hugging Face have videos as structures and labels as numbers.
func TestHuggingFaceParquet(t *testing.T) {
	type video struct {
		Bytes []byte `parquet:"bytes,optional"`
		Path  string `parquet:"path"`
	}
	type row struct {
		Video    video    `parquet:"video"`
		Label    int64    `parquet:"label"`
		Captions []string `parquet:"captions,list"`
		Split    *string  `parquet:"split,optional"`
	}
	train, test := "train", "test"
	path := filepath.Join(t.TempDir(), "metadata.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows := []row{{video{nil, "a.mp4"}, 1, []string{"a star"}, &train}, {video{[]byte("x"), "b.mp4"}, 0, []string{"a car", "a bus"}, &test}}
	names := `{"info":{"features":{"label":{"names":["run","wave"],"_type":"ClassLabel"}}}}`
	if err := parquet.Write(f, rows, parquet.KeyValueMetadata("huggingface", names)); err != nil {
		t.Fatal(err)
	}
	labels, err := Load(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Sample{{Path: "a.mp4", Label: "wave", Split: Train}, {Path: "b.mp4", Label: "run", Split: Test}}
	if d := cmp.Diff(want, labels.Samples); d != "" {
		t.Error(d)
	}
	captions, err := LoadCaptions(path, CaptionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want = []Sample{{Path: "a.mp4", Caption: "a star", Split: Train}, {Path: "b.mp4", Caption: "a car", Split: Test}, {Path: "b.mp4", Caption: "a bus", Split: Test}}
	if d := cmp.Diff(want, captions.Samples); d != "" {
		t.Error(d)
	}
}

// A value of another type than its column needs is an error, not a default.
func TestHuggingFaceTypes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metadata.jsonl")
	for _, c := range []struct{ row, label, err string }{
		{`"label":"wave"`, "wave", ""},
		{`"label":3`, "3", ""},
		{`"label":1000000`, "1000000", ""},
		{`"label":"wave","split":null,"start":null,"end":null`, "wave", ""},
		{`"label":null`, "", "no label"},
		{`"label":["wave"]`, "", "neither text nor a number"},
		{`"label":true`, "", "neither text nor a number"},
		{`"label":"wave","start":"1.5","end":2`, "", "start \"1.5\" is not a number of seconds"},
		{`"label":"wave","start":1,"end":"00:02"`, "", "end \"00:02\" is not a number of seconds"},
		{`"label":"wave","start":[1,2]`, "", "start \"[1 2]\" is not a number of seconds"},
		{`"label":"wave","split":1`, "", "split \"1\" is not text"},
	} {
		if err := os.WriteFile(path, []byte(`{"file_name":"a.mp4",`+c.row+"}\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		p, err := loadHuggingFace(path, Options{})
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: error %v instead of %q", c.row, err, c.err)
			}
			continue
		}
		if d := cmp.Diff([]Sample{{Path: "a.mp4", Label: c.label}}, p.samples); err != nil || d != "" {
			t.Errorf("%s: %v\n%s", c.row, err, d)
		}
	}
}

// Times in other units, such as pandas' durations, become seconds.
func TestHuggingFaceUnits(t *testing.T) {
	type row struct {
		Path  string `parquet:"file_name"`
		Label string `parquet:"label"`
		Start int32  `parquet:"start,time(millisecond)"`
		End   int32  `parquet:"end,time(millisecond)"`
	}
	path := filepath.Join(t.TempDir(), "metadata.parquet")
	if err := parquet.WriteFile(path, []row{{"a.mp4", "wave", 1500, 2000}}); err != nil {
		t.Fatal(err)
	}
	p, err := loadHuggingFace(path, Options{})
	if d := cmp.Diff([]Sample{{Path: "a.mp4", Label: "wave", Start: 1.5, End: 2}}, p.samples); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
}

// Classes without a name, as in splits without labels, and decimals are no labels.
func TestHuggingFaceClasses(t *testing.T) {
	type row struct {
		Path  string `parquet:"file_name"`
		Label int64  `parquet:"label"`
	}
	type decimal struct {
		Path  string `parquet:"file_name"`
		Label int32  `parquet:"label,decimal(2:5)"`
	}
	names := parquet.KeyValueMetadata("huggingface", `{"info":{"features":{"label":{"names":["wave","nod"],"_type":"ClassLabel"}}}}`)
	path := filepath.Join(t.TempDir(), "metadata.parquet")
	for _, c := range []struct {
		write func() error
		err   string
	}{
		{func() error { return parquet.WriteFile(path, []row{{"a.mp4", 1}}, names) }, ""},
		{func() error { return parquet.WriteFile(path, []row{{"a.mp4", -1}}, names) }, "none of the 2 classes"},
		{func() error { return parquet.WriteFile(path, []decimal{{"a.mp4", 150}}) }, "values of type DECIMAL"},
	} {
		if err := c.write(); err != nil {
			t.Fatal(err)
		}
		p, err := loadHuggingFace(path, Options{})
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v instead of %q", err, c.err)
			}
		} else if d := cmp.Diff([]Sample{{Path: "a.mp4", Label: "nod"}}, p.samples); err != nil || d != "" {
			t.Errorf("%v\n%s", err, d)
		}
	}
}

func FuzzHuggingFace(f *testing.F) {
	f.Add([]byte(`{"file_name":"a.mp4","label":"wave","split":"train","start":1,"end":2}`))
	f.Add([]byte(`{"video":"a.mp4","label":3}`))
	path := filepath.Join(f.TempDir(), "metadata.jsonl")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		p, err := loadHuggingFace(path, Options{})
		for _, s := range p.samples {
			if err == nil && s.check() != nil {
				t.Errorf("%+v", s)
			}
		}
	})
}
