package dataset

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/video"
)

func segmentsOf(t *testing.T, name, text string) (*Segments, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return LoadSegments(path, "")
}

func mustSegments(t *testing.T, name, text string) *Segments {
	t.Helper()
	s, err := segmentsOf(t, name, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The same videos and segments in every format.
func TestSegmentFormats(t *testing.T) {
	want := []Untrimmed{
		{"a", Train, 60, []Segment{{video.Span{Start: 1, End: 2.5}, "HighJump"}, {video.Span{Start: 3, End: 10}, "run"}}},
		{"b", Test, 0, nil},
	}
	for name, text := range map[string]string{
		"activitynet.json": `{"version": "1.3", "taxonomy": [], "database": {"b": {"subset": "testing", "annotations": []},
			"a": {"subset": "training", "duration": 60, "annotations": [{"segment": ["3", "10.0"], "label": "run"}, {"segment": [1, 2.5], "label": "HighJump"}]}}}`,
		"inner.json":   `{"a": {"subset": "train", "duration": "60", "annotations": [{"segment": [3, 10], "label": "run"}, {"segment": [1, 2.5], "label": "HighJump"}]}, "b": {"subset": "Test"}}`,
		"plain.csv":    "video,start,end,label,split,duration\na,3,10,run,train,60\nb,,,,test,\na,1,2.5,HighJump,train,\n",
		"manifest.csv": "path,label,split,start,end,duration\na,run,train,3,10,60\na,HighJump,train,1,2.5,60\nb,,test,,,\n",
		"plain.jsonl":  `{"video": "a", "start": 3, "end": "10", "label": "run", "split": "train", "duration": 60}` + "\n" + `{"video": "a", "start": 1, "end": 2.5, "label": "HighJump", "split": "train"}` + "\n" + `{"path": "b", "split": "test"}` + "\n",
	} {
		s := mustSegments(t, name, text)
		if !reflect.DeepEqual(s.Videos, want) || !slices.Equal(s.Classes, []string{"HighJump", "run"}) || len(s.Faults) != 0 || s.Count() != 2 {
			t.Errorf("%s: %+v, classes %q, faults %+v", name, s.Videos, s.Classes, s.Faults)
		}
	}
}

// Invalid segments are dropped and reported; the others stay.
func TestFaultySegments(t *testing.T) {
	s := mustSegments(t, "x.csv", `video,start,end,label,duration
a,5,5,run,60
a,9,7,run,60
a,61,70,run,60
a,-3,-1,run,60
a,-1,4,run,60
a,50,65,run,60
a,10,20,high_jump,60
a,10.0004,20,HighJump,60
a,10,20,run,60
a,10,21,run,60
`)
	var out, kept []string
	for _, f := range s.Faults {
		if !f.Dropped {
			kept = append(kept, f.Reason)
		} else {
			out = append(out, f.Reason)
		}
	}
	slices.Sort(out)
	slices.Sort(kept)
	if want := []string{"does not end after its start", "does not end after its start", "is repeated", "lies before the video", "starts after the video's end"}; !slices.Equal(out, want) {
		t.Errorf("left out: %q", out)
	}
	if want := []string{"ends after the video", "starts before the video"}; !slices.Equal(kept, want) {
		t.Errorf("kept: %q", kept)
	}
	if s.Count() != 5 || !slices.Equal(s.Classes, []string{"high_jump", "run"}) {
		t.Errorf("%+v, %q", s.Videos, s.Classes)
	}
	w := strings.Join(s.Warnings(), "\n")
	if !strings.Contains(w, `segments dropped, each of which does not end after its start: 2 ("a" at 5 to 5 s, "a" at 9 to 7 s)`) || strings.Count(w, "\n") != 5 {
		t.Errorf("%s", w)
	}
}

func TestSegmentErrors(t *testing.T) {
	for _, x := range []struct{ name, text, want string }{
		{"a.json", `[1]`, "not ActivityNet's JSON"},
		{"a.json", `{"database": {"v": {"annotations": [{"segment": [1], "label": "run"}]}}}`, `video "v": segment 1 has 1 times`},
		{"a.json", `{"database": {"v": {"annotations": [{"segment": [1, 2, 3], "label": "run"}]}}}`, `video "v": segment 1 has 3 times`},
		{"a.json", `{"database": {"v": {"annotations": [{"segment": [1, "x"], "label": "run"}]}}}`, "time x is not a number"},
		{"a.json", `{"database": {"v": {"annotations": [{"segment": [1, "NaN"], "label": "run"}]}}}`, "time NaN is not a number"},
		{"a.json", `{"database": {"v": {"annotations": [{"segment": [1, 2], "label": ""}]}}}`, "label is empty"},
		{"a.json", `{"database": {"v": {"subset": "blue"}}}`, `split "blue"`},
		{"a.json", `{"database": {}}`, "no videos"},
		{"a.json", `{"results": {}}`, "results, not annotations"},
		{"a.csv", "video,path,start,end,label\n", "one column video (or path)"},
		{"a.csv", "start,end,label\n", "one column video (or path)"},
		{"a.csv", "video,start,end\n", `"label" is missing`},
		{"a.csv", "video,start,end,label\na,1,,run\n", "a.csv:2: a segment needs both"},
		{"a.csv", "video,start,end,label\na,1,2,\n", "label is empty"},
		{"a.csv", "video,start,end,label\na,1,x,run\n", `a.csv:2: end "x"`},
		{"a.csv", "video,start,end,label\na,1,Inf,run\n", `video "a": time +Inf is not a number of seconds`},
		{"a.csv", "video,start,end,label\n,1,2,run\n", "the video has no name"},
		{"a.csv", "video,start,end,label,split\na,1,2,run,train\na,3,4,run,test\n", `in split "train" and in "test"`},
		{"a.jsonl", `{"video": "a", "path": "b", "start": 1, "end": 2, "label": "run"}`, "one key video"},
		{"a.jsonl", `{"video": "a", "start": 1, "label": "run"}`, "both a start and an end"},
		{"a.jsonl", `{"video": "a", "begin": 1}`, "keys video"},
		{"a.jsonl", `{"video": "a"}{}`, "more than one object"},
		{"a.jsonl", `{"video": "a", "start": 1, "end": 2, "label": "run", "END": 3}`, `the keys "end" and "END"`},
		{"a.jsonl", `{"video": "a", "start": 1, "END": 2, "label": "run"}`, "unknown field"},
		{"a.json", `{"database": {}, "Database": {"v": {}}}`, `the keys "database" and "Database"`},
		{"a.json", `{"database": {"v": {"annotations": [{"segment": [1, 2], "label": "run", "Segment": [1, 3]}]}}}`, `the keys "segment" and "Segment"`},
		{"a.jsonl", `{"video": "a", "start": 1, "end": 2, "label": "run", "negative": null}`, "null instead of true or false"},
		{"a.txt", "a 1 2 run\n", ".json, .csv or .jsonl"},
	} {
		if _, err := segmentsOf(t, x.name, x.text); err == nil || !strings.Contains(err.Error(), x.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", x.text, err)
		}
	}
}

const eventful = `video,start,end,label,split
a,1,2,run,train
a,3,4,jump,train
b,1,2,run,train
c,1,2,sit,test
d,1,2,sit,train
d,5,6,run,train
e,,,,train
f,1,2,jump,test
`

func TestSegmentSplits(t *testing.T) {
	s := mustSegments(t, "x.csv", eventful)
	if n := s.Splits(); n[Train] != 4 || n[Test] != 2 {
		t.Errorf("%v", n)
	}
	if _, err := s.Split(Val); err == nil || !strings.Contains(err.Error(), "test (2), train (4)") {
		t.Errorf("%v", err)
	}
	if same, err := s.Divide(0.5, 1); err != nil || same != s {
		t.Errorf("what has splits is divided: %v", err)
	}
	for i := range s.Videos {
		s.Videos[i].Split = ""
	}
	divided, err := s.Divide(0.34, 7)
	if err != nil {
		t.Fatal(err)
	}
	if n := divided.Splits(); n[Train] != 4 || n[Test] != 2 || s.Videos[0].Split != "" {
		t.Errorf("%v", n)
	}
	slices.Reverse(s.Videos)
	again, err := s.Divide(0.34, 7)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(again.Videos)
	if !reflect.DeepEqual(again.Videos, divided.Videos) {
		t.Error("the order of the videos decides how they are divided")
	}
}

// Training videos have no new classes, and the ground truth has only these.
func TestSplitSegments(t *testing.T) {
	s := mustSegments(t, "x.csv", eventful)
	train, test, leftOut, err := SplitSegments(s, []string{"run", "Jump"}, []string{"sit"})
	if err != nil {
		t.Fatal(err)
	}
	paths := func(s *Segments) (p []string) {
		for _, v := range s.Videos {
			p = append(p, v.Path)
		}
		return p
	}
	if p := paths(train); !slices.Equal(p, []string{"a", "b", "e", "f"}) || !slices.Equal(train.Classes, []string{"run", "Jump"}) || train.Count() != 4 {
		t.Errorf("training: %q", p)
	}
	if p := paths(test); !slices.Equal(p, []string{"c", "d"}) || test.Count() != 2 || leftOut != 1 {
		t.Errorf("test: %q, left out %d", p, leftOut)
	}
	if train.Videos[0].Segments[1].Label != "Jump" || s.Videos[0].Segments[1].Label != "jump" {
		t.Error("labels are not spelled as the list has them, or the data has changed")
	}
	for _, x := range [][2][]string{{{"run", "sit"}, {"Sit"}}, {{"run"}, {"fly"}}, {{"fly"}, {"sit"}}, {{}, {"sit"}}} {
		if _, _, _, err := SplitSegments(s, x[0], x[1]); err == nil {
			t.Errorf("%q are taken", x)
		}
	}
	if _, err := s.WithClasses([]string{"run", "sit"}); err == nil || !strings.Contains(err.Error(), `label "jump" of "a"`) {
		t.Errorf("an unknown label: %v", err)
	}
	if some, n, err := s.Only([]string{"sit"}); err != nil || n != 5 || len(some.Videos) != 6 {
		t.Errorf("%d left out, %v", n, err)
	}
}

func TestMatchSegments(t *testing.T) {
	s := mustSegments(t, "x.json", `{"abc": {}, "v_def": {}, "ghi": {}, "jkl": {}, "v_mno": {}, "val/pqr": {}}`)
	matched, missing := s.Match(NewResolver([]string{"val/v_abc.mp4", "def.mkv", "jkl", "v_ghi", "v_v_mno.mp4", "val/v_pqr.mp4"}))
	got := map[string]string{}
	for _, m := range matched {
		got[m.Path] = m.ID
	}
	if want := map[string]string{"abc": "val/v_abc.mp4", "v_def": "def.mkv", "ghi": "v_ghi", "jkl": "jkl", "v_mno": "v_v_mno.mp4", "val/pqr": "val/v_pqr.mp4"}; !reflect.DeepEqual(got, want) || len(missing) != 0 {
		t.Errorf("%v, missing %+v", got, missing)
	}
	twice := mustSegments(t, "x.csv", "video,start,end,label\na.mp4,1,2,run\nf/a.mp4,1,2,run\nb.mp4,1,2,run\n")
	if matched, missing := twice.Match(NewResolver([]string{"a.mp4"})); len(matched) != 0 || len(missing) != 3 {
		t.Errorf("%+v, missing %+v", matched, missing)
	}
	// Names in different parts of the data refer to one video, too.
	parts := mustSegments(t, "x.csv", "video,start,end,label,split\na.mp4,1,2,run,train\nf/a.mp4,1,2,run,test\nb.mp4,1,2,run,train\n")
	part, err := parts.Split(Train)
	if err != nil {
		t.Fatal(err)
	}
	if matched, missing := part.Match(NewResolver([]string{"a.mp4", "b.mp4"})); len(matched) != 1 || len(missing) != 1 || matched[0].ID != "b.mp4" {
		t.Errorf("%+v, missing %+v", matched, missing)
	}
}

func TestRealSegments(t *testing.T) {
	dir := annotations(t)
	thumos, err := LoadSegments(filepath.Join(dir, "thumos14", "thumos_gt.json"), "")
	if err != nil {
		t.Fatal(err)
	}
	if n := thumos.Splits(); n[Train] != 200 || n[Test] != 210 || len(thumos.Classes) != 20 {
		t.Errorf("THUMOS14: %v, %d classes", n, len(thumos.Classes))
	}
	if v := thumos.Videos[slices.IndexFunc(thumos.Videos, func(v Untrimmed) bool { return v.Path == "video_test_0000896" })]; v.Segments[0] != (Segment{video.Span{Start: 18.6, End: 24.8}, "HighJump"}) {
		t.Errorf("%+v", v)
	}
	splits := filepath.Join(dir, "efficient_prompt", "splits", "localization_75_25")
	seen, err := ReadClasses(filepath.Join(splits, "train", "split_0.list"))
	if err != nil {
		t.Fatal(err)
	}
	unseen, err := ReadClasses(filepath.Join(splits, "test", "split_0.list"))
	if err != nil {
		t.Fatal(err)
	}
	train, test, leftOut, err := SplitSegments(thumos, seen, unseen)
	if err != nil || len(train.Classes) != 15 || len(test.Classes) != 5 || train.Count() == 0 || test.Count() == 0 {
		t.Errorf("75/25: %d left out, %v", leftOut, err)
	}

	activityNet, err := LoadSegments(filepath.Join(dir, "activitynet", "activitynet13_rebuilt.min.json"), "")
	if err != nil {
		t.Fatal(err)
	}
	if n := activityNet.Splits(); n[Train] != 10024 || n[Val] != 4926 || n[Test] != 5044 || len(activityNet.Classes) != 200 {
		t.Errorf("ActivityNet: %v, %d classes", n, len(activityNet.Classes))
	}
	left, kept := 0, 0
	for _, f := range activityNet.Faults {
		if !f.Dropped {
			kept++
		} else {
			left++
		}
	}
	if activityNet.Count()+left != 23064 || left < 12 {
		t.Errorf("ActivityNet: %d segments, %d left out, %d kept with a fault", activityNet.Count(), left, kept)
	}
}

// fuzzSegments runs a parser on arbitrary text. It must return a one-line error that starts
// with the name of the file, or videos that are valid after clean.
func fuzzSegments(f *testing.F, parse func(io.Reader, string) ([]Untrimmed, error), seeds ...string) {
	for _, s := range append(seeds, "", "\n", "\xef\xbb\xbf", "\x00", "\xff", "0", "\"", "{}") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		videos, err := parse(strings.NewReader(text), "file")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "file:") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		s := &Segments{Videos: videos}
		s.clean()
		s.name()
		for _, v := range s.Videos {
			for _, x := range v.Segments {
				if v.Path == "" || Canonical(x.Label) == "" || !(x.Start < x.End) || math.IsInf(x.End-x.Start, 0) && math.IsInf(x.End, 0) {
					t.Errorf("%+v of %q", x, v.Path)
				}
			}
		}
	})
}

func FuzzActivityNet(f *testing.F) {
	fuzzSegments(f, parseActivityNet, `{"database": {"a": {"subset": "training", "duration": 3.5, "annotations": [{"segment": [1, "2"], "label": "run"}]}}}`, `{"a": {"annotations": [{"segment": ["1e999", 2], "label": "x"}]}}`, `{"database": null}`, `{"a": 1}`)
}

func FuzzSegmentsCSV(f *testing.F) {
	fuzzSegments(f, parseSegmentsCSV, "video,start,end,label\na,1,2,run\nb,,,\n", "path,label,split,start,end,duration\na,x,test,1,2,9\n", "video,start,end,label\n\"a\nb\",1,2,x\n")
}

func FuzzSegmentsJSONL(f *testing.F) {
	fuzzSegments(f, parseSegmentsJSONL, `{"video": "a", "start": 1, "end": "2", "label": "run"}`, `{"path": "a"}`, `{"video": "a", "start": null, "end": 2}`)
}
