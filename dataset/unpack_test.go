package dataset

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/clipcue/clipcue/internal/walk"
	"github.com/clipcue/clipcue/video"
)

// writeShard writes a tar file of names and contents.
func writeShard(t *testing.T, path string, files ...string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(f)
	for i := 0; i < len(files); i += 2 {
		err = errors.Join(err, w.WriteHeader(&tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1]))}))
		_, e := io.WriteString(w, files[i+1])
		err = errors.Join(err, e)
	}
	if err := errors.Join(err, w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// Shards as video2dataset and img2dataset write them become a data set that Load and LoadCaptions read.
func TestUnpack(t *testing.T) {
	shards, dir := t.TempDir(), t.TempDir()
	for _, split := range []string{"train", "val"} {
		if err := os.Mkdir(filepath.Join(shards, split), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	writeShard(t, filepath.Join(shards, "train", "00000.tar"),
		"000000000.json", `{"caption":"of the description","status":"success","clips":[[0,2]]}`, "000000000.mp4", "video", "000000000.txt", "a dog\n runs\x00",
		"000000001.mp4", "video", "000000001.json", `{"caption":["one", "two"]}`, "000000001.m4a", "sound",
		"000000002.mp4", "video", "000000003.mp4", "video")
	type row struct {
		Key     string `parquet:"key"`
		Caption string `parquet:"caption"`
	}
	if err := parquet.WriteFile(filepath.Join(shards, "train", "00000.parquet"), []row{{"000000002", "from the table"}}); err != nil {
		t.Fatal(err)
	}
	writeShard(t, filepath.Join(shards, "val", "00000.tar"), "a.jpg", "image", "a.cls", "7", "a.txt", "a cat", "b.jpg", "image", "b.json", `{"label":"dog","caption":"a dog"}`)
	r, err := Unpack(t.Context(), []string{shards}, dir, nil)
	want := UnpackReport{Shards: 2, Done: 2, Failed: []UnpackFailure{}, Samples: 6, Captions: 5, Labels: 2, LeftOut: map[string]int{".m4a": 1}}
	if d := cmp.Diff(want, r); err != nil || d != "" {
		t.Fatalf("error %v\n%s", err, d)
	}
	captions, err := LoadCaptions(dir, CaptionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	samples := []Sample{{Path: "train/00000/000000000.mp4", Caption: "a dog runs", Split: Train}, {Path: "train/00000/000000001.mp4", Caption: "one", Split: Train}, {Path: "train/00000/000000001.mp4", Caption: "two", Split: Train},
		{Path: "train/00000/000000002.mp4", Caption: "from the table", Split: Train}, {Path: "val/00000/a.jpg", Caption: "a cat", Split: Val}, {Path: "val/00000/b.jpg", Caption: "a dog", Split: Val}}
	if d := cmp.Diff(samples, captions.Samples); d != "" {
		t.Error(d)
	}
	labels, err := Load(filepath.Join(dir, "val"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"7", "dog"}, labels.Classes); d != "" {
		t.Error(d)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "val", "00000", "b.txt")); err != nil || string(text) != "a dog\n" {
		t.Errorf("%q, error %v", text, err)
	}
	if r, err = Unpack(t.Context(), []string{shards}, dir, nil); err != nil || r.Present != 2 || r.Done != 0 {
		t.Errorf("%+v, error %v", r, err)
	}
}

// The key of a sample ends at the first dot. Texts with a longer name are counted.
func TestUnpackNamesWithDots(t *testing.T) {
	shards := t.TempDir()
	writeShard(t, filepath.Join(shards, "0.tar"), "a.1.mp4", "video", "a.1.txt", "of another sample in other programs", "a.1.json", "{}", "a.txt", "a dog")
	dir := t.TempDir()
	r, err := Unpack(t.Context(), []string{shards}, dir, nil)
	if err != nil || r.Samples != 1 || r.Captions != 1 || r.Dotted != 2 || len(r.LeftOut) != 0 {
		t.Errorf("%+v, error %v", r, err)
	}
	if c, err := LoadCaptions(dir, CaptionOptions{}); err != nil || len(c.Samples) != 1 || c.Samples[0].Caption != "a dog" {
		t.Errorf("%+v, error %v", c, err)
	}
}

// What has no place in the data set is counted.
func TestUnpackCountsWhatIsLeftOut(t *testing.T) {
	shards, dir := t.TempDir(), t.TempDir()
	writeShard(t, filepath.Join(shards, "0.tar"), "README", "read me", "a.mp4", "video", "a.json", `{"caption":5,"label":{}}`, "b.mp4", "video", "b.json", `{"caption":["one",5]}`,
		"c.txt", "of no video", "d.json", `{"caption":"of no video"}`, "e.npy", "array", "e.json", "{}", "e.txt", "of an array", "f.jpg", "image", "f.png", "image", "f.txt", "two images")
	r, err := Unpack(t.Context(), []string{shards}, dir, nil)
	want := UnpackReport{Shards: 1, Done: 1, Failed: []UnpackFailure{}, Samples: 4, Captions: 2,
		LeftOut: map[string]int{walk.NoExtension: 1, "captions that are no text": 2, "labels that are no text": 1, "texts without a video or image": 3}}
	if d := cmp.Diff(want, r); err != nil || d != "" {
		t.Errorf("error %v\n%s", err, d)
	}
	if c, err := LoadCaptions(dir, CaptionOptions{}); err != nil || len(c.Samples) != 3 || c.Samples[0].Caption != "one" {
		t.Errorf("%+v, error %v", c, err)
	}
}

// The second name of a file is a hard link in a tar file.
func TestUnpackCountsHardLinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.tar")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(f)
	err = w.WriteHeader(&tar.Header{Name: "a.mp4"})
	if err := errors.Join(err, w.WriteHeader(&tar.Header{Name: "b.mp4", Typeflag: tar.TypeLink, Linkname: "a.mp4"}), w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if r, err := Unpack(t.Context(), []string{path}, t.TempDir(), nil); err != nil || r.Samples != 1 || r.LeftOut["hard links"] != 1 {
		t.Errorf("%+v, error %v", r, err)
	}
}

// A bad shard leaves nothing behind, and the others are unpacked.
func TestUnpackBadShards(t *testing.T) {
	shards, dir := t.TempDir(), t.TempDir()
	path := func(name string) string { return filepath.Join(shards, name) }
	writeShard(t, path("good.tar"), "a.mp4", "video")
	writeShard(t, path("escape.tar"), "a.mp4", "video", "../../b.mp4", "video")
	writeShard(t, path("twice.tar"), "a.mp4", "video", "a.mp4", "video")
	writeShard(t, path("clash.tar"), "a", "", "a.mp4", "video", "a.mp4/b.mp4", "video")
	writeShard(t, path("long.tar"), "a.mp4", "video", "a.txt", strings.Repeat("a", maxCaption+1))
	writeShard(t, path("json.tar"), "a.mp4", "video", "a.json", "[1]")
	writeShard(t, path("keys.tar"), "a.mp4", "video", "a.json", `{"caption":"a dog","caption":"a cat"}`)
	writeShard(t, path("empty.tar"))
	writeShard(t, path("sound.tar"), "a.m4a", "sound")
	for ext, text := range map[string]string{"txt": "caf\xe9", "cls": "caf\xe9", "json": `{"caption":"caf` + "\xe9" + `"}`} {
		writeShard(t, path("latin-"+ext+".tar"), "a.mp4", "video", "a."+ext, text)
	}
	if err := os.WriteFile(path("text.tar"), []byte("text"), 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := Unpack(t.Context(), []string{shards}, dir, nil)
	if err != nil || r.Done != 1 || len(r.Failed) != 12 || r.Samples != 1 {
		t.Errorf("%+v, error %v", r, err)
	}
	for _, f := range r.Failed {
		if filepath.Base(f.Path) == "twice.tar" && !strings.Contains(f.Reason, "a.mp4 is twice in the shard") {
			t.Error(f.Reason)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "good" {
		t.Errorf("%v, error %v", left, err)
	}
	if _, err := Unpack(t.Context(), []string{path("json.tar")}, dir, nil); err == nil {
		t.Error("no error when all shards fail")
	}
	if _, err := Unpack(t.Context(), []string{path("good.tar"), filepath.Join(shards, "..", filepath.Base(shards), "good.tar")}, dir, nil); !errors.Is(err, video.ErrDuplicateID) {
		t.Errorf("error %v", err)
	}
}

// Only the complete result of the same shard is not unpacked again; other folders stay as they are.
func TestUnpackKeepsForeignFolders(t *testing.T) {
	shards := t.TempDir()
	path := filepath.Join(shards, "0.tar")
	writeShard(t, path, "a.mp4", "video", "a.txt", "a dog")
	for name, change := range map[string]func(t *testing.T, dir string){
		"other metadata": func(t *testing.T, dir string) {
			if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o777), os.WriteFile(filepath.Join(dir, "metadata.jsonl"), []byte("{}\n"), 0o666)); err != nil {
				t.Fatal(err)
			}
		},
		"empty": func(t *testing.T, dir string) {
			if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o777)); err != nil {
				t.Fatal(err)
			}
		},
		"no metadata": func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "metadata.jsonl")); err != nil {
				t.Fatal(err)
			}
		},
		"another shard": func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, ".unpacked"), []byte(`{"size":5}`), 0o666); err != nil {
				t.Fatal(err)
			}
		},
		"damaged mark": func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, ".unpacked"), []byte("notes"), 0o666); err != nil {
				t.Fatal(err)
			}
		},
	} {
		out := t.TempDir()
		dir := filepath.Join(out, "0")
		for want := range 2 {
			if r, err := Unpack(t.Context(), []string{shards}, out, nil); err != nil || r.Present != want {
				t.Fatalf("%s: %+v, error %v", name, r, err)
			}
		}
		change(t, dir)
		before, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := Unpack(t.Context(), []string{shards}, out, nil); !errors.Is(err, ErrNotUnpacked) || !strings.Contains(err.Error(), dir) || r.Present != 0 {
			t.Errorf("%s: %+v, error %v", name, r, err)
		}
		if after, err := os.ReadDir(dir); err != nil || len(after) != len(before) {
			t.Errorf("%s: %v, error %v", name, after, err)
		}
	}
}
