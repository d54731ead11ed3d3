package library_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/clipcue/clipcue/internal/markfile"
	"github.com/clipcue/clipcue/internal/npy"
	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/clipcue/clipcue/library"
)

// exported is a moment in a table.
type exported struct {
	ID     int64     `parquet:"id" json:"id"`
	Video  string    `parquet:"video" json:"video"`
	Start  float64   `parquet:"start" json:"start"`
	End    float64   `parquet:"end" json:"end"`
	Blank  float64   `parquet:"blank" json:"blank"`
	Vector []float32 `parquet:"vector,list" json:"vector"`
}

// All formats have the same moments, with the embeddings of the library.
func TestExport(t *testing.T) {
	w := newWorld(t, "film.mp4", "red_circle/000.mp4")
	w.index(w.videos)
	l := w.open()
	path := func(f library.TableFormat) string { return filepath.Join(t.TempDir(), "moments."+string(f)) }
	files := map[library.TableFormat]string{}
	for _, f := range library.TableFormats {
		files[f] = path(f)
		if n, err := l.Export(t.Context(), files[f], f, nil); err != nil || n < 10 {
			t.Fatalf("%s: %d moments, error %v", f, n, err)
		}
	}
	rows, err := parquet.ReadFile[exported](files[library.Parquet])
	if err != nil {
		t.Fatal(err)
	}
	if r := rows[0]; r.Video != w.path("film.mp4") || r.End != 1 || len(r.Vector) != l.Settings().Width || rows[len(rows)-1].Video != w.path("red_circle/000.mp4") {
		t.Errorf("%+v", r)
	}
	data, err := os.ReadFile(files[library.JSONL])
	if err != nil {
		t.Fatal(err)
	}
	var lines []exported
	for in := json.NewDecoder(bytes.NewReader(data)); in.More(); {
		var r exported
		if err := in.Decode(&r); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, r)
	}
	if d := cmp.Diff(rows, lines); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(rows, readExported(t, files[library.NPZ])); d != "" {
		t.Error(d)
	}
	found, err := l.SearchEmbedding(t.Context(), rows[3].Vector, 1)
	if err != nil || found.Results[0].Start > rows[3].Start || found.Results[0].End < rows[3].End {
		t.Errorf("%+v, error %v", found, err)
	}
}

// Every cue of a track of thumbnails names an image, and the cues cover the video.
func TestExportThumbnails(t *testing.T) {
	w := newWorld(t, "film.mp4", "red_circle/000.mp4")
	w.index(w.videos)
	dir := t.TempDir()
	if n, err := w.open().ExportThumbnails(t.Context(), dir, nil); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	for _, name := range []string{"film.mp4", "red_circle/000.mp4"} {
		track := filepath.Join(dir, filepath.FromSlash(name)+".thumbnails", "thumbnails.vtt")
		cues, err := markfile.Read(track, markfile.VTT, markfile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		end := 0.0
		for _, c := range cues {
			data, err := os.ReadFile(filepath.Join(filepath.Dir(track), c.Label))
			if err != nil || !bytes.HasPrefix(data, []byte("\xff\xd8")) || c.Start != end {
				t.Errorf("%s: %+v after %g s, %d bytes, %v", name, c, end, len(data), err)
			}
			end = c.End
		}
	}
}

// readExported reads the arrays of an archive as rows.
func readExported(t *testing.T, path string) (rows []exported) {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	read := func(name string) []byte {
		f, err := z.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		data, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	array := func(name string) safetensors.Tensor {
		data := read(name + ".npy")
		a, err := npy.Decode(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	numbers := func(name string) []float64 {
		x, err := array(name).Float64s()
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	var about struct {
		Videos   []string
		Sampling string
	}
	if err := json.Unmarshal(read("metadata.json"), &about); err != nil || about.Sampling == "" {
		t.Fatalf("%+v, error %v", about, err)
	}
	vectors := array("vector")
	all, err := vectors.Float32s()
	if err != nil {
		t.Fatal(err)
	}
	id, video, start, end, blank, e := numbers("id"), numbers("video"), numbers("start"), numbers("end"), numbers("blank"), vectors.Shape[1]
	for i := range id {
		rows = append(rows, exported{int64(id[i]), about.Videos[int(video[i])], start[i], end[i], blank[i], all[i*e:][:e]})
	}
	return rows
}
