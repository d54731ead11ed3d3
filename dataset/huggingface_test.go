package dataset

import (
	"os"
	"path/filepath"
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
