package dataset

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/clipcue/clipcue/internal/markfile"
	"github.com/clipcue/clipcue/video"
)

// The files of annotation programs are recognized, and their spans are samples, captions and segments.
func TestAnnotationPrograms(t *testing.T) {
	rows := []markfile.Row{
		{Video: "a.mp4", Start: 1.5, End: 4, Label: "a dog jumps"},
		{Video: "a.mp4", Start: 6, End: 7.25, Label: "a cat"},
		{Video: "b.mp4", Start: 0, End: 2, Label: "a dog jumps"},
	}
	rate := func(string) (float64, markfile.Clock, error) { return 25, video.Timecode{Rate: 25}, nil }
	for _, f := range markfile.List() {
		if !f.Import || !f.Export || slices.Contains([]markfile.Format{markfile.CSV, markfile.JSONL, markfile.HuggingFace}, f.Name) {
			continue // these are formats of this package
		}
		t.Run(string(f.Name), func(t *testing.T) {
			path, format, want := filepath.Join(t.TempDir(), "marks"+f.Extensions[0]), "", rows
			if f.PerVideo {
				format = string(f.Name) // of the folder
			}
			if _, err := markfile.Write(path, f.Name, rows, markfile.Options{Clock: rate}); err != nil {
				t.Fatal(err)
			}
			samples, err := Load(path, Options{Format: format})
			if errors.Is(err, markfile.ErrRate) && strings.Contains(err.Error(), "relative to the file's folder") {
				return // it counts the frames of videos that do not exist
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []markfile.Row
			for _, s := range samples.Samples {
				got = append(got, markfile.Row{Video: video.TrimExtension(s.Path) + ".mp4", Start: s.Start, End: s.End, Label: s.Label})
			}
			if d := cmp.Diff(want, got); d != "" || samples.Format != string(f.Name) {
				t.Errorf("samples of format %s:\n%s", samples.Format, d)
			}
			segments, err := LoadSegments(path, format)
			if err != nil {
				t.Fatal(err)
			}
			if segments.Count() != len(rows) || len(segments.Videos) != 2 || len(segments.Classes) != 2 || segments.Videos[0].Segments[1].End != 7.25 {
				t.Errorf("segments %+v", segments)
			}
			captions, err := LoadCaptions(path, CaptionOptions{Format: format})
			if f.Name == markfile.ActivityNet {
				return // .json without any of the programs' keys is MSR-VTT's
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(captions.Samples) != 3 || captions.Samples[1].Caption != "a cat" || captions.Samples[1].Start != 6 {
				t.Errorf("captions %+v", captions.Samples)
			}
		})
	}
}

// The split of a file is that of its samples, and one that does not exist is an error.
func TestSplitsOfAnnotationPrograms(t *testing.T) {
	for name, content := range map[string]string{
		"a.json":         `{"database":{"a":{"subset":"SPLIT","annotations":[{"segment":[1,2],"label":"run"}]}}}`,
		"metadata.jsonl": `{"file_name":"a.mp4","split":"SPLIT","segments":[{"start":1,"end":2,"label":"run"}]}`,
	} {
		for split, want := range map[string]string{"testing": Test, "exam": ""} {
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, []byte(strings.ReplaceAll(content, "SPLIT", split)), 0o666); err != nil {
				t.Fatal(err)
			}
			s, err := LoadSegments(path, map[string]string{"metadata.jsonl": huggingFace}[name])
			if (err == nil) != (want != "") || err == nil && s.Videos[0].Split != want {
				t.Errorf("%s, split %s: %+v, %v", name, split, s, err)
			}
			if name == "a.json" {
				d, err := Load(path, Options{})
				if (err == nil) != (want != "") || err == nil && d.Samples[0].Split != want {
					t.Errorf("%s, split %s: %+v, %v", name, split, d, err)
				}
			}
		}
	}
	path := filepath.Join(t.TempDir(), "a.parquet")
	if err := parquet.WriteFile(path, []parquetSplit{{"a.mp4", "run", "test", 1, 2}}); err != nil {
		t.Fatal(err)
	}
	if s, err := LoadSegments(path, ""); err != nil || s.Videos[0].Split != Test {
		t.Errorf("%+v, %v", s, err)
	}
}

type parquetSplit struct {
	Video string  `parquet:"video"`
	Label string  `parquet:"label"`
	Split string  `parquet:"split"`
	Start float64 `parquet:"start"`
	End   float64 `parquet:"end"`
}

// What is no mark of a span is counted.
func TestLeftOutOfAnnotations(t *testing.T) {
	rows := []markfile.Row{{Video: "a.mp4", End: 2, Label: "run", Author: "x"}, {Video: "a.mp4", Start: 2, End: 3, Label: "run", Negative: true}}
	for _, f := range []markfile.Format{markfile.Parquet, markfile.CSV, markfile.JSONL} {
		path := filepath.Join(t.TempDir(), "marks"+f.Info().Extensions[0])
		if _, err := markfile.Write(path, f, rows, markfile.Options{}); err != nil {
			t.Fatal(err)
		}
		d, err := Load(path, Options{})
		if err != nil || len(d.Samples) != 1 || len(d.Skipped) != 1 || d.Skipped[0].Reason != "1 negative marks" {
			t.Errorf("%s: %+v, %v", f, d, err)
		}
		s, err := LoadSegments(path, "")
		if err != nil || s.Count() != 1 || f == markfile.Parquet && len(s.Warnings()) != 1 {
			t.Errorf("%s: %+v, %v", f, s, err)
		}
	}
}

// The classes of exported marks are the labels, also those that spreadsheets would run.
func TestFormulasOfMarks(t *testing.T) {
	rows := []markfile.Row{{Video: "-a.mp4", End: 2, Label: "=SUM(A1)"}, {Video: "-a.mp4", Start: 2, End: 3, Label: "-5"}, {Video: "-a.mp4", Start: 3, End: 4, Label: "'quoted'"}}
	for _, f := range []markfile.Format{markfile.Parquet, markfile.CSV, markfile.JSONL} {
		path := filepath.Join(t.TempDir(), "marks"+f.Info().Extensions[0])
		if _, err := markfile.Write(path, f, rows, markfile.Options{}); err != nil {
			t.Fatal(err)
		}
		d, err := Load(path, Options{})
		if err != nil || len(d.Samples) != 3 {
			t.Fatalf("%s: %+v, %v", f, d, err)
		}
		s, err := LoadSegments(path, "")
		if err != nil || s.Count() != 3 {
			t.Fatalf("%s: %+v, %v", f, s, err)
		}
		for i, r := range rows {
			if x := d.Samples[i]; x.Label != r.Label || x.Path != r.Video || s.Videos[0].Path != r.Video || s.Videos[0].Segments[i].Label != r.Label {
				t.Errorf("%s: %+v, %+v", f, x, s.Videos[0])
			}
		}
	}
}

// Tables may have semicolons or tabs, as spreadsheets write them.
func TestSeparators(t *testing.T) {
	for _, c := range []string{",", ";", "\t"} {
		path := filepath.Join(t.TempDir(), "a.csv")
		if err := os.WriteFile(path, []byte(strings.ReplaceAll("video|start|end|label\na, b.mp4|1|2|run\n", "|", c)), 0o666); err != nil {
			t.Fatal(err)
		}
		d, err := Load(path, Options{})
		if c == "," {
			if err == nil {
				t.Error("a field with a comma is accepted")
			}
			continue
		}
		if err != nil || d.Samples[0].Path != "a, b.mp4" || d.Samples[0].End != 2 {
			t.Errorf("%q: %+v, %v", c, d, err)
		}
	}
}
