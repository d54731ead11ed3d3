package localization

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/clipcue/clipcue/video"
)

var found = Results{
	"a/long video.mp4": {{"opening a door", 0.75, video.Span{Start: 3661.5, End: 3662.25}}, {"run & <jump>", 0.5, video.Span{Start: 0.04, End: 4}}},
	"b.mp4":            {},
}

// Results are read as they were written, in both formats.
func TestResultsRoundTrip(t *testing.T) {
	for _, name := range []string{"r.json", "r.csv"} {
		path := filepath.Join(t.TempDir(), name)
		if err := found.WriteFile(path); err != nil {
			t.Fatal(err)
		}
		got, err := ReadResults(path)
		if err != nil {
			t.Fatal(err)
		}
		want := found
		if name == "r.csv" { // which has no line for nothing
			want = Results{"a/long video.mp4": found["a/long video.mp4"]}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	var b bytes.Buffer
	if err := found.Write(&b); err != nil || !strings.Contains(b.String(), `{"label":"run & <jump>","score":0.5,"segment":[0.04,4]}`) || !strings.HasPrefix(b.String(), `{"version":"1.3","results":{`) {
		t.Errorf("%s %v", b.String(), err)
	}
}

// wide returns text in UTF-16.
func wide(text string) string {
	b := []byte("\xff\xfe")
	for _, u := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

// Files of other programs: times as strings, columns in any order, no labels.
func TestResultsOfOthers(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"p.json": `{"version": "VERSION 1.3", "external_data": {"used": true}, "results": {"x": [{"score": 0.25, "segment": ["1.5", "3"]}, {"score": 2, "segment": [0, 1]}]}}`,
		"b.json": "\ufeff" + `{"results": {"x": [{"score": 0.25, "segment": [1.5, 3]}, {"score": 2, "segment": [0, 1]}]}}`,
		"u.csv":  wide("video,start,end,score\r\nx,1.5,3,0.25\r\nx,0,1,2\r\n"),
		"t.csv":  "video\tnote\tstart\tend\tscore\nx\t\t1.5\t3\t0.25\nx\t\t0\t1\t2\n",
		"p.csv":  "\xef\xbb\xbfscore,video,end,start\r\n0.25,x,3,1.5\r\n2, x ,1,0\r\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		r, err := ReadResults(path)
		if err != nil {
			t.Fatal(err)
		}
		want := Results{"x": {{"", 2, video.Span{Start: 0, End: 1}}, {"", 0.25, video.Span{Start: 1.5, End: 3}}}}
		if !reflect.DeepEqual(r, want) {
			t.Errorf("%s: %+v", name, r)
		}
		find := r.Finder()
		for name, ok := range map[string]bool{"x": true, "x.mp4": true, "folder/x.mp4": true, "v_x": true, "y": false} {
			if id, _, err := find(name); err != nil || (id == "x") != ok {
				t.Errorf("%s: of %q it knows %q (%v)", path, name, id, err)
			}
		}
	}
	two := Results{"a/x": nil, "b/x": nil}
	if _, _, err := two.Finder()("x"); err == nil {
		t.Error("a name that may mean two is taken for one")
	}
}

func TestBadResults(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:            "ActivityNet's shape",
		`{"other": {}}`: "no results",
		`{"results": {"x": [{"score": 1, "segment": [3, 2]}]}}`:                             `video "x": detection 1: the segment from 3 to 2 s`,
		`{"results": {"x": [{"score": 1, "segment": [1]}]}}`:                                "no segment",
		`{"results": {"x": [{"segment": [1, 2]}]}}`:                                         "no score",
		`{"results": {"x": [{"score": 1, "segment": ["a", 2]}]}}`:                           "time a",
		`{"results": {"x": [{"score": 1, "segment": [1, 2], "label": "a` + "\\n" + `b"}]}}`: "plain text",
	} {
		if _, err := parseResults([]byte(text), "file"); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "file: ") {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"":                                      "the first line",
		"video,start,end\na,1,2\n":              `"score" is missing`,
		"video,start,end,score\na,1,2\n":        "wrong number of fields",
		"video,start,end,score\na,1,x,1\n":      `file:2: end "x"`,
		"video,start,end,score\na,1,2,NaN\n":    "file:2: NaN",
		"video,start,end,score\na,2,1,0.5\n":    "file:2: the segment",
		"video,start,end,score\n,1,2,0.5\n":     "file:2: the video has no name",
		"video,start,end,score\n\"a,1,2,0.5\n":  "file:",
		"video,start,end,score\na,1,2,1e9999\n": "not a number",
	} {
		if _, err := parseResultsCSV([]byte(text), "file"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "none.json"), "/dev/zero", t.TempDir()} {
		if _, err := ReadResults(path); err == nil {
			t.Error(path, "has no results")
		}
	}
}

// Scores that are not probabilities can be evaluated, but not classified.
func TestScoresOfProposals(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.csv")
	for score, ok := range map[string]bool{"0": true, "0.25": true, "1": true, "-0.1": false, "13": false} {
		if err := os.WriteFile(path, []byte("video,start,end,score\nx,1,3,0.5\nx,4,5,"+score+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadResults(path); err != nil {
			t.Errorf("as a detection's, %s: %v", score, err)
		}
		if _, err := ReadProposals(path); (err == nil) != ok || !ok && !strings.Contains(err.Error(), `p.csv: video "x": the proposal from 4 to 5 s`) {
			t.Errorf("as a proposal's, %s: %v", score, err)
		}
	}
}

func FuzzResults(f *testing.F) {
	for _, s := range []string{`{"results": {"x": [{"score": 1, "segment": ["1", 2], "label": "a"}]}}`, "video,start,end,score,label\na,1,2,0.5,b\n", "", "\xef\xbb\xbf", "\xff", "{", "\"", "video,start,end,score\n\"a\nb\",1,2,1\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func(string) (Results, error){
			func(s string) (Results, error) { return parseResults([]byte(s), "file") },
			func(s string) (Results, error) { return parseResultsCSV([]byte(s), "file") },
		} {
			r, err := parse(text)
			if err != nil {
				if !strings.HasPrefix(err.Error(), "file:") {
					t.Errorf("error %q", err)
				}
				continue
			}
			for _, all := range r {
				for _, d := range all {
					if err := d.check(); err != nil {
						t.Errorf("%+v: %v", d, err)
					}
				}
			}
		}
	})
}

func TestSubtitles(t *testing.T) {
	for path, want := range map[string]string{
		"x.srt": "1\n00:00:00,040 --> 00:00:04,000\nrun & <jump> (50 %)\n\n2\n01:01:01,500 --> 01:01:02,250\nopening a door (75 %)\n\n",
		"x.VTT": "WEBVTT\n\n00:00:00.040 --> 00:00:04.000\nrun &amp; &lt;jump&gt; (50 %)\n\n01:01:01.500 --> 01:01:02.250\nopening a door (75 %)\n\n",
	} {
		write, err := Subtitles(path)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := write(&b, found["a/long video.mp4"]); err != nil || b.String() != want {
			t.Errorf("%s: %v\n%s", path, err, b.String())
		}
	}
	if _, err := Subtitles("x.ass"); err == nil || !strings.Contains(err.Error(), ".srt or .vtt") {
		t.Errorf("x.ass: %v", err)
	}
}

// A detection of less than a millisecond is written with one millisecond, and can be read from
// CSV.
func TestVeryShortDetections(t *testing.T) {
	short := Results{"x": {{"jump", 0.5, video.Span{Start: 5, End: 5.0002}}}}
	for path, want := range map[string]string{"x.srt": "00:00:05,000 --> 00:00:05,001", "x.vtt": "00:00:05.000 --> 00:00:05.001"} {
		write, err := Subtitles(path)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := write(&b, short["x"]); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%s: %v\n%s", path, err, b.String())
		}
	}
	path := filepath.Join(t.TempDir(), "r.csv")
	if err := short.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadResults(path); err != nil || !reflect.DeepEqual(got, short) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestEDL(t *testing.T) {
	var b bytes.Buffer
	if err := WriteEDL(&b, "a/long video.mp4", video.Timecode{Rate: 25}, found["a/long video.mp4"]); err != nil {
		t.Fatal(err)
	}
	const want = `TITLE: long video.mp4
FCM: NON-DROP FRAME

001  AX       V     C        00:00:00:01 00:00:04:00 00:00:00:00 00:00:03:24
* FROM CLIP NAME: long video.mp4
* COMMENT: run & <jump>, 50 %
002  AX       V     C        01:01:01:13 01:01:02:06 00:00:03:24 00:00:04:17
* FROM CLIP NAME: long video.mp4
* COMMENT: opening a door, 75 %
`
	if b.String() != want {
		t.Errorf("%s", b.String())
	}
	if err := WriteEDL(&b, "x.mp4", video.Timecode{}, nil); err == nil {
		t.Error("a rate of 0 is taken")
	}
	if err := WriteEDL(&b, "x.mp4", video.Timecode{Rate: 25}, make([]Detection, 1000)); !errors.Is(err, ErrTooManyDetections) {
		t.Errorf("a thousand detections: %v", err)
	}
}

// A name cannot start a new line or cue, markup or a formula in a file.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{"a\n\n2\n00:00:00,000 --> 99:00:00,000\nb", "a\r\nNOTE", "<font color=red>", "{\\an8}x", "\u202egnp.mp4", "a\u2028b", "\x1b[2J", "--> x", "\xff"} {
		d := []Detection{{name, 0.5, video.Span{Start: 1, End: 2}}}
		for format, write := range map[string]func(io.Writer) error{
			"srt": func(w io.Writer) error { return writeSRT(w, d) },
			"vtt": func(w io.Writer) error { return writeVTT(w, d) },
			"edl": func(w io.Writer) error { return WriteEDL(w, "a/"+name, video.Timecode{Rate: 25}, d) },
		} {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			got := b.String()
			lines := map[string]int{"srt": 4, "vtt": 5, "edl": 6}[format]
			if strings.Count(got, "\n") != lines || format != "edl" && strings.Count(got, "-->") > 1 || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\x1b\u202e\u2028") {
				t.Errorf("%s of %q: %q", format, name, got)
			}
			if format == "srt" && strings.ContainsAny(got, "<{") || format == "vtt" && strings.Contains(got, "<") {
				t.Errorf("%s of %q has markup: %q", format, name, got)
			}
		}
	}
}

// Results are read as they were written in both formats, and no CSV cell is a formula.
func TestNamesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := func(what string) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"=", "+", "-", "@", "'", `\xff`, "a", "＝", `"`, ",", "é"}), 1, 5).Draw(t, what), "")
		}
		want := Results{name("video"): {{name("label"), 0.5, video.Span{Start: 1, End: 2}}}}
		var csvText, jsonText bytes.Buffer
		if err := errors.Join(want.WriteCSV(&csvText), want.Write(&jsonText)); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(csvText.Bytes())).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, cell := range []string{rows[1][0], rows[1][3]} {
			if strings.ContainsRune("=+-@＝", []rune(cell)[0]) {
				t.Errorf("a formula: %q", cell)
			}
		}
		if got, err := parseResultsCSV(csvText.Bytes(), "r.csv"); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("CSV: %+v became %+v, %v", want, got, err)
		}
		if got, err := parseResults(jsonText.Bytes(), "r.json"); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("JSON: %+v became %+v, %v", want, got, err)
		}
	})
	var b bytes.Buffer
	latin := Results{"gr\xf6\xdfe.mp4": {{"x", 0.5, video.Span{Start: 1, End: 2}}}}
	if err := latin.Write(&b); err != nil || !strings.Contains(b.String(), `"gr\\xf6\\xdfe.mp4"`) {
		t.Errorf("%v: %s", err, b.String())
	}
	if got, err := parseResults(b.Bytes(), "r.json"); err != nil || !reflect.DeepEqual(got, latin) {
		t.Errorf("%+v, %v", got, err)
	}
}

// An edit decision list has the timecode of the source in its notation.
func TestEDLOfTimecode(t *testing.T) {
	seen := []Detection{{"run", 0.5, video.Span{Start: 2, End: 61}}}
	const ntsc = 30000. / 1001
	for want, tc := range map[string]video.Timecode{
		"FCM: NON-DROP FRAME\n\n001  AX       V     C        14:09:44:00 14:10:42:28 00:00:00:00 00:00:58:28\n": {Rate: ntsc, First: ((14*60+9)*60 + 42) * 30},
		"FCM: DROP FRAME\n\n001  AX       V     C        00:00:02;00 00:01:01;00 00:00:00;00 00:00:58;28\n":     {Rate: ntsc, Drop: true},
		"FCM: NON-DROP FRAME\n\n001  AX       V     C        23:59:59:00 00:00:58:00 00:00:00:00 00:00:59:00\n": {Rate: 25, First: (24*3600 - 3) * 25},
	} {
		var b bytes.Buffer
		if err := WriteEDL(&b, "x.mov", tc, seen); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%v: %s, want %s", err, b.String(), want)
		}
	}
}

func TestRemoveDuplicates(t *testing.T) {
	all := []Detection{{"run", 0.9, video.Span{Start: 0, End: 10}}, {"sit", 0.8, video.Span{Start: 0, End: 10}}, {"run", 0.7, video.Span{Start: 1, End: 2}}, {"run", 0.6, video.Span{Start: 8, End: 20}}}
	got := RemoveDuplicates(all, 0.4)
	if want := []Detection{all[0], all[1], all[3]}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if got := RemoveDuplicates(all, 1); len(got) != 4 { // nothing is more than all
		t.Errorf("at 1 it leaves %d", len(got))
	}
}
