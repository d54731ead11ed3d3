package markfile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/text/encoding/unicode"
)

var rows = []Row{
	{Video: "/films/a/one.mp4", Start: 0, End: 2.5, Label: "opening a door"},
	{Video: "/films/a/one.mp4", Start: 3.25, End: 4, Label: "waving, \"twice\""},
	{Video: "/films/b/two.mkv", Start: 3661.125, End: 3662.5, Label: "öffnen"},
}

// imported returns the formats that are read.
func imported() (out []Format) {
	for _, i := range List() {
		if i.Import {
			out = append(out, i.Name)
		}
	}
	return out
}

// namesVideos reports whether files of a format hold the paths of their videos.
func namesVideos(f Format) bool {
	return !f.Info().PerVideo && f != HuggingFace || f == EDL || f == ELAN || f == CVAT
}

func TestEveryFormatReadsBack(t *testing.T) {
	for _, f := range imported() {
		t.Run(string(f), func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "marks"+f.Info().Extensions[0])
			files, err := Write(out, f, rows, Options{Rate: 40})
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]int{true: 2, false: 1}[f.Info().PerVideo]; len(files) != want {
				t.Fatalf("files %q", files)
			}
			got, err := Read(out, "", Options{Rate: 40})
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if !namesVideos(f) {
					got[i].Video = "/films/" + got[i].Video
				}
			}
			if d := cmp.Diff(rows, got, cmpopts.EquateApprox(0, 1e-9), cmpopts.IgnoreFields(Row{}, "Split")); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestNegativeMarksReadBack(t *testing.T) {
	all := append([]Row{{Video: "/films/a/one.mp4", Start: 5, End: 6, Label: "waving", Negative: true, Author: "a", Time: time.Unix(9, 5).UTC()}}, rows...)
	for _, f := range []Format{CSV, JSONL, Parquet} {
		out := filepath.Join(t.TempDir(), "marks"+f.Info().Extensions[0])
		if _, err := Write(out, f, all, Options{}); err != nil {
			t.Fatal(err)
		}
		got, err := Read(out, "", Options{})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(all, got, cmpopts.SortSlices(func(a, b Row) bool { return a.Video+number(a.Start) < b.Video+number(b.Start) })); d != "" {
			t.Errorf("%s: %s", f, d)
		}
	}
}

func TestFilesOfOtherPrograms(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []Row
	}{
		"crlf.srt":  {"1\r\n00:00:01,000 --> 00:00:02,500\r\ntwo\r\nlines\r\n\r\n", []Row{{Video: "crlf", Start: 1, End: 2.5, Label: "two lines"}}},
		"short.vtt": {"WEBVTT - title\n\nNOTE a note\n\nid\n01:02.000 --> 01:03.000 align:start\nhello\n", []Row{{Video: "short", Start: 62, End: 63, Label: "hello"}}},
		"path.csv":  {"\ufeffpath,label,start,end,extra\nv.mp4,x,1,2,3\n", []Row{{Video: "v.mp4", Start: 1, End: 2, Label: "x"}}},
		"timeline.json": {`[{"data":{"video":"v.mp4"},"annotations":[{"result":[{"type":"timelinelabels","value":{"ranges":[{"start":1,"end":25}],"timelinelabels":["x"]}}]}]}]`,
			[]Row{{Video: "v.mp4", Start: 0, End: 1, Label: "x"}}},
		"drop.edl":    {"TITLE: x\n001  AX V C 00:00:01:00 00:00:02:12 01:00:00:00 01:00:01:12\n* FROM CLIP NAME: v.mp4\n* COMMENT: x\n", []Row{{Video: "v.mp4", Start: 1, End: 2.48, Label: "x"}}},
		"windows.csv": {utf16("video,start,end,label\nv.mp4,1,2,é\n"), []Row{{Video: "v.mp4", Start: 1, End: 2, Label: "é"}}},
		"windows.srt": {utf16("1\r\n00:00:01,000 --> 00:00:02,500\r\né\r\n\r\n"), []Row{{Video: "windows", Start: 1, End: 2.5, Label: "é"}}},
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		got, err := Read(path, "", Options{Rate: 25})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// utf16 returns text as Windows programs save it.
func utf16(s string) string {
	out, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(s)
	if err != nil {
		panic(err)
	}
	return out
}

func TestBrokenFiles(t *testing.T) {
	for name, text := range map[string]string{
		"empty.csv": "", "columns.csv": "a,b\n1,2\n", "number.csv": "video,start,end,label\nv,x,2,l\n", "backward.csv": "video,start,end,label\nv,3,2,l\n",
		"nan.csv": "video,start,end,label\nv,NaN,2,l\n", "infinite.csv": "video,start,end,label\nv,0,Inf,l\n", "nolabel.csv": "video,start,end,label\nv,0,1,\n",
		"key.jsonl": `{"video":"v","begin":1}`, "noend.jsonl": `{"video":"v","start":1,"label":"x"}`, "cut.jsonl": `{"video":`,
		"twice.csv": "video,start,end,label,start\nv,0,1,l,5\n", "latin.csv": "video,start,end,label\nv,0,1,caf\xe9\n",
		"surrogate.jsonl": `{"video":"v","start":0,"end":1,"label":"a\ud800"}`,
		"other.json":      `{"x":1}`, "cut.json": `[{"data":`, "nothing.srt": "hello", "label.vtt": "WEBVTT\n\n00:01.000 --> 00:02.000\n\n",
		"nothing.edl": "TITLE: x\n", "unknown.txt": "x",
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if rows, err := Read(path, "", Options{Rate: 25}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, %v", name, rows, err)
		}
	}
}

func TestVideosStayBelowTheFolder(t *testing.T) {
	out := t.TempDir()
	files, err := Write(filepath.Join(out, "subtitles"), SRT, []Row{{Video: "../../x.mp4", End: 1, Label: "x"}, {Video: "/y/../../z.mp4", End: 1, Label: "x"}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if r, err := filepath.Rel(filepath.Join(out, "subtitles"), f); err != nil || strings.HasPrefix(r, "..") {
			t.Errorf("%s is outside", f)
		}
	}
}

// A file of one video names it so that its library has no other of that name.
func TestNamesTellVideosApart(t *testing.T) {
	one := []Row{{Video: "/films/a/000.mp4", End: 1, Label: "x"}}
	for folder, want := range map[string]string{"": "000.mp4.srt", "/films": "a/000.mp4.srt", "/films/b": "a/000.mp4.srt", "/films/a": "000.mp4.srt", "/other/": "films/a/000.mp4.srt"} {
		out := t.TempDir()
		o := Options{}
		if folder != "" {
			o.Folders = []string{folder}
		}
		files, err := Write(out, SRT, one, o)
		if got, _ := filepath.Rel(out, files[0]); err != nil || filepath.ToSlash(got) != want {
			t.Errorf("%q: %q, want %q, error %v", folder, got, want, err)
		}
	}
}

// Whatever a label or a path holds, every format gives it back, except for formatting tags in SRT.
func TestHardNamesReadBack(t *testing.T) {
	var hard []Row
	for i, label := range []string{"=cmd|calc", "'=1", "a < b & c", "<b>bold</b>", "x --> y", "&amp;", "@home", "NOTE", "日本 مرحبا", "-1", "12"} {
		hard = append(hard, Row{Video: "/films/gr\xf6\xdfe.mp4", Start: float64(i), End: float64(i) + 0.5, Label: label})
	}
	hard = append(hard, Row{Video: `/films/literal\xf6.mp4`, Start: 1, End: 2, Label: "x"}, Row{Video: "=films/one.mp4", Start: 1, End: 2, Label: "x"})
	slices.SortStableFunc(hard, func(a, b Row) int { return strings.Compare(a.Video, b.Video) })
	for _, f := range imported() {
		if !namesVideos(f) {
			continue
		}
		out := filepath.Join(t.TempDir(), "marks"+f.Info().Extensions[0])
		if _, err := Write(out, f, hard, Options{Rate: 50}); err != nil {
			t.Fatal(err)
		}
		got, err := Read(out, "", Options{Rate: 50})
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		slices.SortStableFunc(got, func(a, b Row) int { return strings.Compare(a.Video, b.Video) })
		if d := cmp.Diff(hard, got, cmpopts.EquateApprox(0, 1e-9), cmpopts.IgnoreFields(Row{}, "Split")); d != "" {
			t.Errorf("%s: %s", f, d)
		}
	}
	for _, f := range []Format{SRT, VTT, TextGrid} { // the labels of one video
		out := t.TempDir()
		files, err := Write(out, f, hard[:11], Options{})
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		got, err := Read(files[0], f, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range got {
			want := hard[i].Label
			if f == SRT {
				want = strings.NewReplacer("<b>", "", "</b>", "").Replace(want) // SRT cannot escape tags
			}
			if r.Label != want {
				t.Errorf("%s: %q became %q", f, hard[i].Label, r.Label)
			}
		}
	}
}

// late is the clock of a video whose first frame has the timecode 01:00:00:00 at 25.
type late struct{ plainClock }

func (c late) Label(n int64) string { return c.plainClock.Label(n + 90000) }
func (c late) Frame(label string) (int64, bool) {
	n, ok := c.plainClock.Frame(label)
	return n - 90000, ok
}

func TestListsCountFromTheTimecode(t *testing.T) {
	o := Options{Clock: func(video string) (float64, Clock, error) {
		if video == "/v.mp4" {
			return 25, late{25}, nil
		}
		return 0, nil, nil
	}}
	want := []Row{{Video: "/v.mp4", Start: 2, End: 4, Label: "x"}}
	files, err := Write(t.TempDir(), EDL, want, o)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(files[0]); !strings.Contains(string(text), "01:00:02:00 01:00:04:00") {
		t.Errorf("%s", text)
	}
	got, err := Read(files[0], EDL, o)
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
	if _, err := Write(t.TempDir(), EDL, []Row{{Video: "/other.mp4", End: 1, Label: "x"}}, o); err == nil {
		t.Error("an unknown frame rate: no error")
	}
	o.Rate = 25
	if got, err := Read(files[0], EDL, Options{Rate: 25}); err != nil || got[0].Start != 3602 {
		t.Errorf("of a video that is not there: %v, error %v", got, err)
	}
}
