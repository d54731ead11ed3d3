package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// encode returns text in each encoding that programs call "Unicode".
func encode(text string) map[string]string {
	utf16le, utf16be := []byte{0xff, 0xfe}, []byte{0xfe, 0xff}
	for _, u := range utf16.Encode([]rune(text)) {
		utf16le = binary.LittleEndian.AppendUint16(utf16le, u)
		utf16be = binary.BigEndian.AppendUint16(utf16be, u)
	}
	return map[string]string{"UTF-8": text, "UTF-8 with BOM": "\ufeff" + text, "UTF-16 LE": string(utf16le), "UTF-16 BE": string(utf16be)}
}

// All encodings of each format give the same result.
func TestEncodings(t *testing.T) {
	load := func(path string) (any, error) { return Load(path, Options{}) }
	captions := func(path string) (any, error) { return LoadCaptions(path, CaptionOptions{}) }
	segments := func(path string) (any, error) { return LoadSegments(path, "") }
	for _, c := range []struct {
		name, text string
		read       func(string) (any, error)
	}{
		{"x.csv", "path,label\na.mp4,façade\n", load},
		{"x.jsonl", `{"path": "a.mp4", "label": "façade"}`, load},
		{"x.list", "façade/a.mp4\n", load},
		{"x.txt", "façade/a.mp4\n", load},
		{"kinetics.csv", "label,youtube_id,time_start,time_end\nfaçade,x,0,10\n", load},
		{"x.json", `{"database": {"v": {"annotations": [{"segment": [1, 2], "label": "façade"}]}}}`, segments},
		{"s.csv", "video,start,end,label\na,1,2,façade\n", segments},
		{"s.jsonl", `{"video": "a", "start": 1, "end": 2, "label": "façade"}`, segments},
		{"c.csv", "video,caption\na,une façade\n", captions},
		{"c.jsonl", `{"video": "a", "caption": "une façade"}`, captions},
		{"MSRVTT_data.json", `{"videos": [{"video_id": "a"}], "sentences": [{"video_id": "a", "caption": "une façade"}]}`, captions},
		{"classes.txt", "façade\n", func(path string) (any, error) { return ReadClasses(path) }},
		{"names.json", `{"f": "façade"}`, func(path string) (any, error) { return readClassNames(path) }},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		var want any
		for _, encoding := range []string{"UTF-8", "UTF-8 with BOM", "UTF-16 LE", "UTF-16 BE"} {
			if err := os.WriteFile(path, []byte(encode(c.text)[encoding]), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := c.read(path)
			if err != nil {
				t.Errorf("%s in %s: %v", c.name, encoding, err)
				continue
			}
			if want == nil {
				want = got
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Dataset{}, Segments{})); diff != "" {
				t.Errorf("%s in %s: -want +got\n%s", c.name, encoding, diff)
			}
		}
	}
}

// Numbers that JSON does not have are errors with the video's name, or are ignored where
// their value is not used.
func TestNotNumbers(t *testing.T) {
	for _, number := range []string{"NaN", "Infinity", "-Infinity"} {
		for name, text := range map[string]string{
			"a.json":  `{"database": {"clip7": {"duration": 9, "annotations": [{"segment": [1, %s], "label": "run"}]}}}`,
			"b.json":  `{"clip7": {"duration": %s, "annotations": [{"segment": [1, 2], "label": "NaN is Infinity"}]}}`,
			"a.jsonl": `{"video": "clip7", "start": %s, "end": 2, "label": "run"}`,
			"b.jsonl": `{"label": "run", "start": 1, "end": 2, "duration": %s, "video": "clip7"}`,
			"a.csv":   "video,start,end,label\nclip7,1,%s,run\n",
		} {
			_, err := segmentsOf(t, name, fmt.Sprintf(text, number))
			if err == nil || !strings.Contains(err.Error(), "clip7") || !strings.Contains(err.Error(), strings.TrimPrefix(number, "-")[:3]) {
				t.Errorf("%s with %s: %v", name, number, err)
			}
		}
		for name, text := range map[string]string{"x.jsonl": `{"end": %s, "path": "clip7", "label": "run"}`, "x.csv": "path,label,end\nclip7,run,%s\n"} {
			root := tree(t, map[string]string{name: fmt.Sprintf(text, number)})
			if _, err := Load(filepath.Join(root, name), Options{}); err == nil || !strings.Contains(err.Error(), `"clip7"`) {
				t.Errorf("%s with %s: %v", name, number, err)
			}
		}
		root := tree(t, map[string]string{"x.jsonl": `{"score": ` + number + `, "video": "a", "caption": "NaN \" NaN"}`})
		if c, err := LoadCaptions(filepath.Join(root, "x.jsonl"), CaptionOptions{}); err != nil || c.Samples[0].Caption != `NaN " NaN` {
			t.Errorf("%s: %+v, error %v", number, c, err)
		}
	}
}

// Files that would need many times their size in memory are rejected early.
func TestImplausibleFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("writes large files")
	}
	many := func(s string, bytes int) string { return strings.Repeat(s, bytes/len(s)) }
	load := func(path string) error { _, err := Load(path, Options{}); return err }
	segments := func(path string) error { _, err := LoadSegments(path, ""); return err }
	captions := func(path string) error { _, err := LoadCaptions(path, CaptionOptions{}); return err }
	refused := func(read func(string) error) func(string) error {
		return func(path string) error {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := read(path)
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; err != nil && used < 128<<20 { // the race detector adds 20 MB
				return fmt.Errorf("%w, after %d bytes", ErrNotAnnotations, used)
			}
			return err
		}
	}
	var classes strings.Builder
	classes.WriteString("path,label\n")
	for i := range maxClasses + 1 {
		fmt.Fprintf(&classes, "v%d,class %d\n", i, i)
	}
	for _, c := range []struct {
		name, text string
		read       func(string) error
	}{
		{"commas.csv", many(",", 8<<20), load},
		{"quote.csv", "path,label\n\"" + many("a\n", 4<<20), load},
		{"rows.csv", "path,label\n" + many("a,b\n", 5<<20), load},
		{"rows.list", many("a/b\n", 5<<20), load},
		{"objects.json", `{"v": {"annotations": [` + many("{},", 4<<20) + `{}]}}`, segments},
		{"videos.json", "{" + many(`"v":{},`, 9<<20) + `"v":{}}`, segments},
		{"x_data.json", "[" + many("{},", 4<<20) + "{}]", captions},
		{"line.jsonl", many(" ", 2<<20), load},
		{"items.json", `{"database": {"v": {"annotations": [` + many("0,", 4<<20) + `0]}}}`, refused(segments)},
		{"nulls.json", `{"database": {"v": {"annotations": [` + many("null,", 4<<20) + `null]}}}`, refused(segments)},
		{"times.json", `{"database": {"v": {"annotations": [{"segment": [` + many("0,", 4<<20) + `0]}]}}}`, refused(segments)},
		{"nulls_data.json", `[` + many("null,", 4<<20) + `{"num_segments": 1}]`, refused(captions)},
		{"classes.csv", classes.String(), load},
	} {
		root := tree(t, map[string]string{c.name: c.text})
		if err := c.read(filepath.Join(root, c.name)); !errors.Is(err, ErrNotAnnotations) || len(err.Error()) > 500 {
			t.Errorf("%s: %.500v", c.name, err)
		}
	}
}
