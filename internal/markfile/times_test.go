package markfile

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
)

// Every format gives an error for a span whose start or end is null or missing.
func TestMissingTimes(t *testing.T) {
	one := []Row{{Video: "v.mp4", Start: 1.28, End: 3.52, Label: "walk"}}
	// The numbers of the start and the end in a file, and what replaces them.
	null, gone, empty := "null", "", ""
	for f, c := range map[Format]struct {
		start, end string   // expressions
		by         []string // $1 is what precedes a number
	}{
		CSV:         {`()1\.28`, `()3\.52`, []string{empty, "NaN"}},
		JSONL:       {`("start":)1\.28`, `("end":)3\.52`, []string{"${1}" + null, `"negative":false`}},
		ActivityNet: {`()1\.28`, `(),\s*3\.52`, []string{null, gone}},
		LabelStudio: {`("start": )1\.28`, `("end": )3\.52`, []string{"${1}" + null, `"x":0`}},
		SRT:         {`()00:00:01,280`, `()00:00:03,520`, []string{empty}},
		VTT:         {`()00:00:01\.280`, `()00:00:03\.520`, []string{empty}},
		EDL:         {`()00:00:01:07 `, `()00:00:03:13 `, []string{empty}},
		ELAN:        {`( TIME_VALUE=)"1280"`, `( TIME_VALUE=)"3520"`, []string{empty}},
		TextGrid:    {`()1\.28`, `()3\.52`, []string{`"x"`}},
		BORIS:       {`()1\.28`, `()3\.52`, []string{empty, "NA"}},
		VIA:         {`()1\.28`, `()3\.52`, []string{null}},
		CVAT:        {`(name=)"frame_\d+"`, `(name=)"frame_\d+"`, []string{`name=""`}},
		Datumaro:    {`"start_frame": ()32,`, `"end_frame": ()87`, []string{`"x":0`}},
		FiftyOne:    {`()1\.28`, `(),\s*3\.52`, []string{null, gone}},
		COCO:        {`()1\.28`, `(),\s*3\.52`, []string{null, gone}},
		HuggingFace: {`("start":)1\.28`, `("end":)3\.52`, []string{"${1}" + null, `"x":0`}},
	} {
		var b bytes.Buffer
		if err := f.codec().write(&b, one, Options{Rate: 25}); err != nil {
			t.Fatal(err)
		}
		for _, expression := range []string{c.start, c.end} {
			for _, by := range c.by {
				if strings.HasPrefix(expression, `(),`) && by == null {
					by = ", null"
				}
				name := "m" + f.Info().Extensions[0]
				text := regexp.MustCompile(expression).ReplaceAllString(b.String(), by)
				if f == Datumaro && strings.HasPrefix(by, `"x"`) && expression == c.start {
					text = strings.Replace(text, by, by+",", 1)
				}
				if text == b.String() {
					t.Errorf("%s: %s is not in\n%s", f, expression, text)
				}
				file := filepath.Join(t.TempDir(), name)
				if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
				if rows, err := Read(file, f, Options{Rate: 25}); err == nil || !strings.Contains(err.Error(), name) {
					t.Errorf("%s: %d spans, error %v\n%s", f, len(rows), err, text)
				}
			}
		}
	}
}

func TestMissingTimesInParquet(t *testing.T) {
	type row struct {
		Video    string   `parquet:"video"`
		Start    *float64 `parquet:"start,optional"`
		End      *float64 `parquet:"end,optional"`
		Label    *string  `parquet:"label,optional"`
		Negative *bool    `parquet:"negative,optional"`
	}
	one, x, no := 1.0, "x", false
	for want, r := range map[string]row{"has no start": {"v", nil, &one, &x, &no}, "has no end": {"v", &one, nil, &x, &no},
		"has no label": {"v", &one, &one, nil, &no}, "has no negative: it is null": {"v", &one, &one, &x, nil}} {
		var b bytes.Buffer
		if err := parquet.Write(&b, []row{r}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := readText(t, "m.parquet", b.String()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// Values of types that pandas, polars and DuckDB write are read as meant, or refused.
func TestTypesInParquet(t *testing.T) {
	type mark[L, S, T any] struct {
		Video string  `parquet:"video"`
		Start float64 `parquet:"start"`
		End   float64 `parquet:"end"`
		Label L       `parquet:"label"`
		Score S       `parquet:"score"`
		Time  T       `parquet:"time"`
	}
	type decimal struct {
		Video string  `parquet:"video"`
		Start float64 `parquet:"start"`
		End   float64 `parquet:"end"`
		Label string  `parquet:"label"`
		Score int32   `parquet:"score,decimal(2:5)"`
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	half := 0.5
	want := Row{Video: "v", Start: 1, End: 2, Label: "x", Score: &half, Time: at}
	undated := want
	undated.Time = time.Time{}
	for name, c := range map[string]struct {
		write func(w io.Writer) error
		want  Row
		lost  int
		err   string
	}{
		"text": {func(w io.Writer) error {
			return parquet.Write(w, []mark[string, float64, string]{{"v", 1, 2, "x", 0.5, "2026-01-02T03:04:05Z"}})
		}, want, 0, ""},
		"pandas": {func(w io.Writer) error {
			return parquet.Write(w, []mark[string, float32, string]{{"v", 1, 2, "x", 0.5, "2026-01-02 03:04:05+00:00"}})
		}, want, 0, ""},
		"DuckDB": {func(w io.Writer) error {
			return parquet.Write(w, []mark[string, float32, string]{{"v", 1, 2, "x", 0.5, "2026-01-02 05:04:05+02"}})
		}, want, 0, ""},
		"no date": {func(w io.Writer) error {
			return parquet.Write(w, []mark[string, float64, string]{{"v", 1, 2, "x", 0.5, "noon"}})
		}, want, 0, `"noon" is not a date`},
		"number": {func(w io.Writer) error {
			return parquet.Write(w, []mark[string, float64, int64]{{"v", 1, 2, "x", 0.5, 1767323045}})
		}, undated, 1, ""},
		"list of one": {func(w io.Writer) error {
			return parquet.Write(w, []mark[[]string, float64, string]{{"v", 1, 2, []string{"x"}, 0.5, "2026-01-02T03:04:05Z"}})
		}, want, 0, ""},
		"list of two": {func(w io.Writer) error {
			return parquet.Write(w, []mark[[]string, float64, string]{{"v", 1, 2, []string{"x", "y"}, 0.5, ""}})
		}, want, 0, "row 0 has several values"},
		"two scores": {func(w io.Writer) error {
			return parquet.Write(w, []mark[string, []float64, string]{{"v", 1, 2, "x", []float64{0.5, 0.7}, ""}})
		}, want, 0, "several values"},
		"decimal": {func(w io.Writer) error { return parquet.Write(w, []decimal{{"v", 1, 2, "x", 50}}) }, want, 0, "column score has values of type DECIMAL"},
		"moments": {func(w io.Writer) error {
			return parquet.Write(w, []mark[string, float64, string]{{"v", 1, 2, "x", 0.5, ""}}, parquet.KeyValueMetadata("clipcue", `{"kind":"moments","unit":"seconds"}`))
		}, want, 0, `it has "moments" in "seconds" instead of marks in seconds`},
		"unsigned": {func(w io.Writer) error {
			return parquet.Write(w, []mark[string, uint8, string]{{"v", 1, 2, "x", 0, "2026-01-02T03:04:05Z"}})
		}, func() Row { r := want; r.Score = new(float64); return r }(), 0, ""},
	} {
		var b bytes.Buffer
		if err := c.write(&b); err != nil {
			t.Fatal(err)
		}
		got, lost, err := readText(t, "m.parquet", b.String())
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: error %v, want %s", name, err, c.err)
			}
			continue
		}
		if d := cmp.Diff([]Row{c.want}, got); err != nil || d != "" || lost["dates that are neither timestamps nor text"] != c.lost {
			t.Errorf("%s: error %v, lost %v\n%s", name, err, lost, d)
		}
	}
}

const borisHead = "Observation id\tSource\tTime offset (s)\tMedia duration (s)\tBehavior\tBehavior type\tStart (s)\tStop (s)\tMedia file name\n"

func TestTimesOfTheMedium(t *testing.T) {
	const queued = "o\tplayer #1:a.mp4;b.mp4|player #2:c.mp4\t1.0\t4.0;8.0|12.0\tbird\tSTATE\t"
	for _, c := range []struct {
		name, content string
		want          []Row
	}{
		{"offset.tsv", borisHead + "o\tplayer #1:a.mp4\t2.0\t8.0\tbird\tSTATE\t4.500\t6.100\ta.mp4\n", []Row{{Video: "a.mp4", Start: 2.5, End: 4.1, Label: "bird"}}},
		{"queue.tsv", borisHead + queued + "6.5\t8.1\tb.mp4\n" + queued + "2\t3\ta.mp4\n" + queued + "4\t6\ta.mp4\n", []Row{
			{Video: "b.mp4", Start: 1.5, End: 3.1, Label: "bird"}, {Video: "a.mp4", Start: 1, End: 2, Label: "bird"},
			{Video: "a.mp4", Start: 3, End: 4, Label: "bird"}, {Video: "b.mp4", Start: 0, End: 1, Label: "bird"}}},
		{"tabular.tsv", "Observation id\tSource\tMedia duration (s)\tBehavior\tBehavior type\tTime\tMedia file name\n" +
			"o\tplayer #1:a.mp4;b.mp4\t4.0;8.0\tbird\tSTART\t3\ta.mp4\no\tplayer #1:a.mp4;b.mp4\t4.0;8.0\tbird\tSTOP\t6\tb.mp4\n", []Row{
			{Video: "a.mp4", Start: 3, End: 4, Label: "bird"}, {Video: "b.mp4", Start: 0, End: 2, Label: "bird"}}},
		{"origin.eaf", strings.Replace(elanFile, "MIME_TYPE", `TIME_ORIGIN="2000" MIME_TYPE`, 1), []Row{
			{Video: "talks/a b.mp4", Start: 2.5, End: 3.5, Label: "point & hold"}, {Video: "talks/a b.mp4", Start: 2.5, End: 3.5, Label: "hands"}}},
		{"semicolons.csv", "video;start;end;label\nv.mp4;1;2;x, y\n", []Row{{Video: "v.mp4", Start: 1, End: 2, Label: "x, y"}}},
		{"tabs.csv", "video\tstart\tend\tlabel\nv.mp4\t1\t2\tx\n", []Row{{Video: "v.mp4", Start: 1, End: 2, Label: "x"}}},
	} {
		got, _, err := readText(t, c.name, c.content)
		if d := cmp.Diff(c.want, got); d != "" || err != nil {
			t.Errorf("%s: error %v\n%s", c.name, err, d)
		}
	}
}

// Errors say what is accepted, without types of Go.
func TestReadableErrors(t *testing.T) {
	const head = "video,start,end,label,negative,time\n"
	for _, c := range []struct{ name, content, want string }{
		{"comma.csv", head + "v,\"1,5\",2,x,,\n", `line 2: column start: "1,5" has a decimal comma`},
		{"clock.csv", head + "v,0,00:01:02,x,,\n", `column end: "00:01:02" is not a number of seconds`},
		{"no.csv", head + "v,0,1,x,no,\n", `"no" is neither true nor false`},
		{"date.csv", head + "v,0,1,x,,yesterday\n", `"yesterday" is not a date`},
		{"date.jsonl", `{"video":"v","start":0,"end":1,"label":"x","time":1767323045000}`, "is not a date such as"},
		{"zone.jsonl", `{"video":"v","start":0,"end":1,"label":"x","time":"2026-01-02T03:04:05"}`, "is not a date such as"},
		{"extra.jsonl", `{"index":0,"video":"v","start":0,"end":1,"label":"x"}`, `unknown field "index"`},
		{"header.csv", "video,start,end,label\n", ErrNothing.Error()},
		{"min.json", `[{"id":1,"video":"v.mp4","videoLabels":[{"ranges":[{"start":13,"end":24}],"timelinelabels":["dog"]}]}]`, "JSON-MIN"},
		{"empty.json", `[]`, ErrNothing.Error()},
		{"text.json", `{"database":{"v":{"annotations":[{"segment":["1.5","2.5"],"label":"dog"}]}}}`, "is a string instead of a number"},
		{"label.jsonl", `{"video":"v","start":1,"end":2,"label":5}`, `"label" at byte`},
		{"media.tsv", strings.Replace(borisHead, "Source", "X", 1) + "o\t\t\t\tb\tSTATE\t1\t2\ta.mp4\no\t\t\t\tb\tSTATE\t6\t7\tb.mp4\n", `no column "Source"`},
		{"durations.tsv", borisHead + "o\tplayer #1:a.mp4;b.mp4\t0\tNA\tb\tSTATE\t1\t2\ta.mp4\n", "durations of the media a.mp4, b.mp4 are unknown"},
		{"part.TextGrid", strings.Replace(longGrid, "xmin = 0", "xmin = 10", 1), "start at 10 s instead of 0"},
		{"hls.vtt", "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n00:01.000 --> 00:02.000\nx\n", "X-TIMESTAMP-MAP"},
		{"bad.edl", "TITLE: x\n001  AX V C 00:00:01:00 00:00:02:12 00:00:01:00 00:00:02:12\n* COMMENT: x\n002  AX V C 00:00:05:00 00:00:05:00 00:00:06:00\n", "line 4"},
		{"twice.json", `{"database":{"v":{"annotations":[]},"v":{"annotations":[{"segment":[1,2],"label":"x"}]}}}`, `the key "v" is twice`},
		{"twice.jsonl", `{"video":"v","start":1,"end":2,"label":"x","label":"y"}`, `the key "label" is twice`},
		{"three.json", `{"database":{"v":{"annotations":[{"segment":[1,2,3],"label":"x"}]}}}`, "a segment has 3 times"},
		{"support.json", `{"labels":{"v":[{"label":"x","timestamps":[1,2,3]}]}}`, "a segment has 3 times"},
		{"coco.json", `{"videos":[{"id":1,"file_name":"v.mp4"}],"categories":[{"id":1,"name":"x"}],"annotations":[{"id":1,"video_id":1,"category_id":1,"segment":[1,2,3]}]}`, "a segment has 3 times"},
		{"null.jsonl", `{"video":"v","start":1,"end":2,"label":"x","negative":null}`, "null instead of true or false"},
		{"case.jsonl", `{"video":"v","start":1,"end":2,"label":"x","Start":0}`, `the keys "start" and "Start"`},
		{"upper.jsonl", `{"video":"v","Start":1,"end":2,"label":"x"}`, `unknown field "Start"`},
		{"case.json", `{"database":{"v":{"annotations":[]},"V":{"annotations":[{"segment":[1,2],"label":"x","Label":"y"}]}}}`, `the keys "label" and "Label"`},
		{"option.json", `{"file":{"1":{"fname":"v.mp4"}},"view":{"1":{"fid_list":["1"]}},"attribute":{"1":{"aname":"label","type":4,"options":{"1":"x"}}},"metadata":{"m":{"vid":"1","z":[1,2],"xy":[],"av":{"1":"7"}}}}`, `the attribute "label" has no option "7"`},
		{"text.eaf", "x", "it is empty or in another format"},
		{"empty.csv", "", "it is empty or in another format"},
		{"other.tsv", "a\tb\n", "the first line has no column video; it has a, b"},
		{"bad.srt", "1\n00:00:01,000 --> 00:00:02,000\nx\n\n2\n\n00:00:03 --> 4\ny\n", "line 7"},
	} {
		_, _, err := readText(t, c.name, c.content)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "strconv") || strings.Contains(err.Error(), "Go ") {
			t.Errorf("%s: error %v, want %s", c.name, err, c.want)
		}
	}
}

// Spans shorter than the resolution of a format are exported with its smallest duration.
func TestShortSpansReadBack(t *testing.T) {
	short := []Row{{Video: "/v.mp4", Start: 1.0001, End: 1.0004, Label: "x"}}
	for _, f := range imported() {
		out := filepath.Join(t.TempDir(), "m"+f.Info().Extensions[0])
		files, err := Write(out, f, short, Options{Rate: 25})
		if err != nil {
			t.Fatal(err)
		}
		if rows, err := Read(files[0], f, Options{Rate: 25}); err != nil || len(rows) != 1 {
			t.Errorf("%s: %d spans, error %v", f, len(rows), err)
		}
	}
}

func TestTextGridEndsWithTheVideo(t *testing.T) {
	want := []Row{{Video: "/v.mp4", Start: 1, End: 2, Label: "x"}}
	files, err := Write(t.TempDir(), TextGrid, want, Options{Duration: func(string) float64 { return 12.5 }})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "xmax = 12.5\n"); n != 3 { // of the file, the tier and its last interval
		t.Errorf("%d times the end of the video in\n%s", n, text)
	}
	if rows, err := Read(files[0], TextGrid, Options{}); err != nil || len(rows) != 1 || rows[0].End != 2 {
		t.Errorf("%v, error %v", rows, err)
	}
}

// night is the clock of a video that starts at 23:50:00:00, at 25.
type night struct{ plainClock }

const (
	beforeMidnight = (23*60 + 50) * 60 * 25
	dayFrames      = 24 * 3600 * 25
)

func (c night) Label(n int64) string { return c.plainClock.Label((n + beforeMidnight) % dayFrames) }
func (c night) Frame(label string) (int64, bool) {
	n, ok := c.plainClock.Frame(label)
	return n - beforeMidnight, ok
}

func TestListsCrossMidnight(t *testing.T) {
	o := Options{Clock: func(string) (float64, Clock, error) { return 25, night{25}, nil }}
	want := []Row{{Video: "/v.mp4", Start: 590, End: 610, Label: "dog"}, {Video: "/v.mp4", Start: 620, End: 621, Label: "cat"}}
	files, err := Write(t.TempDir(), EDL, want, o)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(files[0], EDL, o)
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
	early := strings.NewReplacer("23:59:50:00", "23:40:00:00").Replace
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if rows, err := readEDL([]byte(early(string(text))), o); err == nil {
		t.Errorf("a timecode before the video: %v, no error", rows)
	}
}
