package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/clipcue/clipcue/internal/fixture"
)

// scoresJSON and resultsJSON are the JSON that programs rely on.
type scoresJSON struct {
	TIoU       []float64 `json:"tiou"`
	MAP        []float64 `json:"map"`
	Average    *float64  `json:"average_map"`
	Segments   int       `json:"segments"`
	Videos     int       `json:"videos"`
	Missing    *int      `json:"missing"`
	Detections int       `json:"detections"`
	Foreign    *int      `json:"unknown_videos"`
	PerClass   []struct {
		Label string    `json:"label"`
		AP    []float64 `json:"ap"`
	} `json:"per_class"`
	Errors map[string]float64 `json:"errors"`
	Recall *struct {
		AR  []float64 `json:"ar"`
		AUC float64   `json:"auc"`
	} `json:"recall"`
}

type resultsJSON struct {
	Version string                     `json:"version"`
	Results map[string][]detectionJSON `json:"results"`
}

type detectionJSON struct {
	Label   string    `json:"label"`
	Score   *float64  `json:"score"`
	Segment []float64 `json:"segment"`
}

// untrimmed is a small world of long videos.
type untrimmed struct{ dir, model, videos, segments, features, run string }

var sharedLong struct {
	sync.Mutex
	made map[string]untrimmed // by the world's folder
}

// newUntrimmed returns a world of long videos with a run, made by the first test that
// asks. Tests only read it.
func newUntrimmed(t *testing.T) untrimmed {
	t.Helper()
	w := newWorld(t)
	sharedLong.Lock()
	defer sharedLong.Unlock()
	if u, ok := sharedLong.made[w.dir]; ok {
		return u
	}
	at := func(name string) string { return filepath.Join(w.dir, "long", name) }
	u := untrimmed{w.dir, w.model, at("videos"), at("videos/segments.csv"), at("features"), at("run")}
	must(t, exitDone, "synth", "untrimmed", "-q", "--out", u.videos, "--labels", "objects", "--total", "10", "--seconds", "16", "--fps", "4",
		"--width", "48", "--height", "48", "--only", "red circle,blue star,green ring")
	must(t, exitDone, "extract", "-q", "--model", u.model, "--fps", "4", "--out", u.features, u.videos)
	must(t, exitDone, u.train(u.run)...)
	sharedLong.made = map[string]untrimmed{w.dir: u}
	return u
}

// train is the command line of a short run. It learns from labels.csv, which has
// splits.
func (u untrimmed) train(out string, more ...string) []string {
	line := []string{"train", "localization", "-q", "--model", u.model, "--features", u.features, "--data", filepath.Join(u.videos, "labels.csv"), "--out", out,
		"--prefix", "2", "--postfix", "2", "--window-frames", "8", "--steps", "4", "--batch", "8"}
	if !slices.Contains(more, "--detector") && !slices.Contains(more, "--proposals") {
		line = append(line, "--detector-steps", "3", "--detector-width", "16", "--detector-window-frames", "64", "--detector-batch", "2")
	}
	return append(line, more...)
}

func (u untrimmed) eval(more ...string) []string {
	return append([]string{"eval", "localization", "-q", "--run", u.run, "--features", u.features, "--data", filepath.Join(u.videos, "labels.csv")}, more...)
}

// The main path, as a user goes it.
func TestFromLongVideosToLocalizer(t *testing.T) {
	u := newUntrimmed(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"config.json", "metrics.jsonl", "last.safetensors", "best.safetensors", "report.html", "proposals/best.safetensors"} {
		if _, err := os.Stat(filepath.Join(u.run, name)); err != nil {
			t.Error(err)
		}
	}
	e := decode[scoresJSON](t, must(t, exitDone, u.eval("--json", "--html", at("eval.html"), "--output", at("found.json"))...))
	if e.Average == nil || len(e.MAP) != 5 || e.Videos != 2 || e.Segments == 0 || len(e.PerClass) == 0 || len(e.PerClass[0].AP) != 5 || len(e.Recall.AR) != 100 || e.Missing == nil ||
		e.Errors["correct"]+e.Errors["missed"] != float64(e.Segments) {
		t.Errorf("%+v", e)
	}
	page, err := os.ReadFile(at("eval.html"))
	if err != nil || !strings.Contains(string(page), "data:image/jpeg") || !strings.Contains(string(page), "truth: ") {
		t.Errorf("the report: %v", err)
	}
	// What was written is measured the same.
	again := decode[scoresJSON](t, must(t, exitDone, "eval", "localization", "--results", at("found.json"), "--data", filepath.Join(u.videos, "labels.csv"), "--split", "test", "--json"))
	if *again.Average != *e.Average || again.Detections != e.Detections {
		t.Errorf("measured as a file: %+v instead of %+v", again, e)
	}
	// Of results for all videos those of a split are measured.
	must(t, exitDone, "localize", "-q", "--run", u.run, filepath.Join(u.videos, "videos"), "--json", "--min-score", "0", "--output", at("everything.csv"))
	part := decode[scoresJSON](t, must(t, exitDone, "eval", "localization", "--results", at("everything.csv"), "--data", filepath.Join(u.videos, "labels.csv"), "--split", "test", "--json"))
	if part.Foreign == nil || *part.Foreign != 0 || part.Segments != e.Segments || part.Detections == 0 {
		t.Errorf("of all videos: %+v", part)
	}
	// True segments are as good as it gets; windows and files are proposals, too.
	truth := decode[scoresJSON](t, must(t, exitDone, u.eval("--json", "--proposal-source", "truth", "--tiou", "0.5,0.95")...))
	if len(truth.MAP) != 2 || truth.MAP[0] != truth.MAP[1] || truth.Recall.AR[99] < 1-1e-9 {
		t.Errorf("true segments: %+v", truth)
	}
	must(t, exitDone, u.eval("--proposal-source", "windows", "--template", "a photo of a {}.")...)
	same := decode[scoresJSON](t, must(t, exitDone, u.eval("--json", "--proposals", at("found.json"))...))
	if same.Recall.AUC <= 0 {
		t.Errorf("proposals from a file: %+v", same)
	}

	// A run on another's detector, and one on proposals of a file.
	must(t, exitDone, u.train(at("second"), "--detector", u.run, "--preset", "paper")...)
	if _, err := os.Stat(at("second/proposals")); err == nil {
		t.Error("a detector was trained though one was given")
	}
	must(t, exitDone, u.train(at("third"), "--detector", filepath.Join(u.run, "proposals", "best.safetensors"), "--temporal-layers", "0")...)
	video := filepath.Join(u.videos, "videos", "000003.mp4")
	must(t, exitDone, "localize", "-q", "--run", u.run, filepath.Join(u.videos, "videos"), "--output-proposals", at("p.csv"), "--output", at("found.csv"), "--html", at("all.html"), "--min-score", "0")
	must(t, exitDone, u.train(at("fourth"), "--proposals", at("p.csv"))...)
	must(t, exitDone, "localize", "-q", "--run", at("fourth"), "--proposals", at("p.csv"), video)
	// What is told lies in the video, 16 s long, whatever the proposals say.
	wide := write(t, dir, "wide.csv", "video,start,end,score\n000003,-3,4,1\n000003,10,400,1\n000003,100,400,1\n000003,-9,-1,1\n")
	cut := decode[resultsJSON](t, must(t, exitDone, "localize", "-q", "--run", at("fourth"), "--proposals", wide, video, "--json", "--min-score", "0", "--classes-per-proposal", "1", "--overlap", "1")).Results[video]
	slices.SortFunc(cut, func(a, b detectionJSON) int { return slices.Compare(a.Segment, b.Segment) })
	if len(cut) != 2 || !slices.Equal(cut[0].Segment, []float64{0, 4}) || !slices.Equal(cut[1].Segment, []float64{10, 16}) {
		t.Errorf("%+v", cut)
	}

	r := decode[resultsJSON](t, must(t, exitDone, "localize", "-q", "--run", u.run, video, "--json", "--min-score", "0", "--overlap", "1", "--subtitles", at("v.srt"), "--edl", at("v.edl"), "--html", at("v.html")))
	found := r.Results[video]
	if r.Version == "" || len(r.Results) != 1 || len(found) == 0 {
		t.Fatalf("%+v", r)
	}
	for i, d := range found {
		if d.Score == nil || len(d.Segment) != 2 || !(d.Segment[0] >= 0 && d.Segment[0] < d.Segment[1] && d.Segment[1] < 17) || i > 0 && *d.Score > *found[i-1].Score {
			t.Errorf("detection %d: %+v", i, d)
		}
	}
	for name, want := range map[string]string{"v.srt": "-->", "v.edl": "FROM CLIP NAME: 000003.mp4", "v.html": "data:image/jpeg", "found.csv": "video,start,end,label,score", "all.html": "10 videos", "p.csv": "000009.mp4"} {
		if text, err := os.ReadFile(at(name)); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Of more than may be told the best is, which is said.
	one := must(t, exitDone, "localize", "-q", "--run", u.run, video, "--json", "--min-score", "0", "--overlap", "1", "--max-detections", "1")
	if best := decode[resultsJSON](t, one).Results[video]; len(best) != 1 || *best[0].Score != *found[0].Score || !strings.Contains(one.stderr, "raise --max-detections") {
		t.Errorf("%+v\n%s", best, one.stderr)
	}
	// New classes, by their names.
	names := write(t, dir, "names.txt", "yellow cross\nred circle\n")
	other := must(t, exitDone, "localize", "-q", "--run", u.run, "--classes", names, video, "--min-score", "0", "--classes-per-proposal", "2")
	if !strings.Contains(other.stdout, "yellow cross") || strings.Contains(other.stdout, "blue star") {
		t.Errorf("%s", other.stdout)
	}
	// The run is done; resuming it changes nothing.
	before, err := os.ReadFile(filepath.Join(u.run, "last.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	must(t, exitDone, u.train(u.run, "--resume")...)
	if after, err := os.ReadFile(filepath.Join(u.run, "last.safetensors")); err != nil || string(after) != string(before) {
		t.Errorf("a finished run has changed (%v)", err)
	}
}

// The metrics alone, on files of others.
func TestEvaluatingResults(t *testing.T) {
	truth, results := fixture.Path(t, "metrics/detection_gt.json"), fixture.Path(t, "metrics/detection_result.json")
	e := decode[scoresJSON](t, must(t, exitDone, "eval", "localization", "--results", results, "--data", truth, "--tiou", "activitynet", "--json"))
	if e.Average == nil || *e.Average < 0.617757 || *e.Average > 0.617759 {
		t.Errorf("%+v", e)
	}
	table := must(t, exitDone, "eval", "localization", "--results", results, "--data", truth, "--tiou", "activitynet").stdout
	if !strings.Contains(table, "61.8 %") || !strings.Contains(table, "Wakeboarding") {
		t.Errorf("%s", table)
	}
}

// Bad input gets its exit code and one line: what, where, what to do.
func TestBadInputOfLocalization(t *testing.T) {
	u := newUntrimmed(t)
	w := newWorld(t)
	dir := t.TempDir()
	file := func(name, text string) string { return write(t, dir, name, text) }
	video := filepath.Join(u.videos, "videos", "000000.mp4")
	out := filepath.Join(dir, "out")
	recognizer := filepath.Join(dir, "recognizer")
	must(t, exitDone, w.train(recognizer)...)
	localize := func(more ...string) []string { return append([]string{"localize", "-q", "--run", u.run}, more...) }
	train := func(data string, more ...string) []string {
		return u.train(out, append([]string{"--data", data}, more...)...)
	}
	const header = "video,start,end,label,split\n"
	for _, x := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"eval of nothing", []string{"eval", "localization", "--data", u.segments}, 2, []string{"--run or --results"}},
		{"eval without features", []string{"eval", "localization", "--run", u.run, "--data", u.segments}, 2, []string{"--features"}},
		{"a report of results", []string{"eval", "localization", "--results", "r.json", "--data", u.segments, "--html", "r.html"}, 2, []string{"--html", "--run"}},
		{"overlaps that are none", u.eval("--tiou", "0.5,2"), 2, []string{"--tiou", "thumos"}},
		{"no overlaps", u.eval("--tiou", ","), 2, []string{"--tiou"}},
		{"localize without an adapter", []string{"localize", video}, 2, []string{"--run"}},
		{"localize without videos", localize(), 2, []string{"at least one video"}},
		{"subtitles of another kind", localize(video, "--subtitles", "v.ass"), 2, []string{"v.ass", ".srt or .vtt"}},
		{"subtitles of several videos", localize(u.videos, "--subtitles", "v.srt"), 2, []string{"--subtitles", "one video", "10"}},
		{"two sources of proposals", train(u.segments, "--proposals", "p.json", "--detector", u.run), 2, []string{"--proposals", "--detector"}},
		{"a detector's settings where there is none to train", u.train(out, "--detector", u.run, "--min-proposal-score", "0.1"), 2, []string{"--min-proposal-score"}},
		{"train classes alone", train(u.segments, "--train-classes", file("a.txt", "red circle\n")), 2, []string{"--test-classes"}},
		{"a label where there is none", []string{"synth", "motions", "--out", out, "--labels", "objects"}, 2, []string{"--labels", "synth motions"}},

		{"a recognizer", []string{"localize", "-q", "--run", recognizer, video}, 1, []string{"recognition", "localization"}},
		{"a localizer to classify by", []string{"classify", "-q", "--run", u.run, video}, 1, []string{"localization", "recognition"}},
		{"a recognizer's detector", u.train(out, "--detector", recognizer), 1, []string{"recognition"}},
		{"no such detector", u.train(out, "--detector", filepath.Join(dir, "none")), 1, []string{"none"}},
		{"annotations of clips", train(w.labels), 1, []string{"labels.csv:1", `"start" is missing`}},
		{"times that are none", train(file("x.csv", header+"a,1,soon,run,train\n")), 1, []string{"x.csv:2", "soon"}},
		{"results for annotations", train(file("r.json", `{"results": {}}`)), 1, []string{"r.json", "results"}},
		{"no features", train(file("y.csv", header+"a,1,2,run,train\nb,1,2,sit,test\n")), 1, []string{"none of the 1 videos has features", u.features}},
		{"no ground truth", train(file("z.csv", header+"000000.mp4,,,,train\n000003.mp4,,,,test\n")), 1, []string{"z.csv", "no training segments"}},
		{"nothing to find", append(u.eval(), "--data", file("n.csv", header+"000000.mp4,,,,train\n000003.mp4,,,,test\n")), 1, []string{"n.csv", "no segments to evaluate on"}},
		{"segments that make no sense", train(file("s.csv", header+"000000.mp4,5,4,run,train\n000001.mp4,3,3,sit,train\n")), 1, []string{"s.csv", "no training segments"}},
		{"a split that there is not", u.train(out, "--eval-split", "val"), 1, []string{"labels.csv", `"val"`}},
		{"what is learned from measured", u.train(out, "--eval-split", "train"), 1, []string{`"train"`}},
		{"segments beyond the videos", train(file("b.csv", header+"000000.mp4,500,501,red circle,train\n000001.mp4,500,501,blue star,train\n")), 1, []string{"b.csv", "no training segments"}},
		{"a label that was not learned", append(u.eval(), "--data", file("l.csv", header+"000003.mp4,1,2,flying,test\n")), 1, []string{"flying", "--classes"}},
		{"a class in both lists", train(filepath.Join(u.videos, "labels.csv"), "--train-classes", file("b1.txt", "red circle\nblue star\n"), "--test-classes", file("b2.txt", "Red_Circle\n")), 1, []string{"disjoint"}},
		{"proposals that are none", u.eval("--proposals", file("p.json", `{"results": {"x": [{"segment": [2, 1], "score": 1}]}}`)), 1, []string{"p.json", "must end after its start"}},
		{"proposals of other videos", u.eval("--proposals", file("q.json", `{"results": {"x": []}}`)), 1, []string{"q.json", "none of the 2 videos"}},
		{"proposals that are not there", u.eval("--proposals", "sliding"), 1, []string{"sliding"}},
		{"no such source of proposals", u.eval("--proposal-source", "sliding"), 2, []string{"detector, truth or windows"}},
		{"a run that is there", u.train(u.run), 1, []string{"--resume"}},
		{"a run of other settings", u.train(u.run, "--resume", "--learning-rate", "0.5"), 1, []string{"learning_rate", "0.5"}},
		{"a run that is not there", []string{"eval", "localization", "--run", out, "--features", u.features, "--data", u.segments}, 1, []string{"out", "no such file"}},
		{"logits for scores", localize("--proposals", file("logits.csv", "video,start,end,score\n000000,1,2,-0.5\n"), video), 1, []string{"logits.csv", "-0.5", "0 to 1"}},
		{"another backbone", localize("--model", backbone(t, filepath.Join(dir, "other"), 99), video), 1, []string{"backbone", "--model"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			checkError(t, clipcue(t, x.args...), x.code, x.want...)
			if _, err := os.Stat(filepath.Join(out, "best.safetensors")); err == nil {
				t.Error("a model was left")
			}
			os.RemoveAll(out)
		})
	}

	// Without anything to find in the test videos a run learns, and measures nothing.
	bare := file("bare.csv", header+"000000.mp4,1,2,red circle,train\n000001.mp4,1,2,blue star,train\n000003.mp4,,,,test\n")
	trained := must(t, exitDone, append(train(bare), "-q=false")...)
	if !strings.Contains(trained.stderr, "nothing will be measured") || strings.Contains(trained.stdout, "mAP") {
		t.Errorf("%s%s", trained.stderr, trained.stdout)
	}
	os.RemoveAll(out)
	// New classes that no validation video shows are measured on the test videos.
	aside := file("aside.csv", header+"000000.mp4,1,2,red circle,train\n000001.mp4,1,2,blue star,train\n000002.mp4,1,2,red circle,val\n000003.mp4,1,2,green ring,test\n")
	trained = must(t, exitDone, train(aside, "--train-classes", file("seen.txt", "red circle\nblue star\n"), "--test-classes", file("new.txt", "green ring\n"))...)
	if !strings.Contains(trained.stdout, "on 1 held-out videos") {
		t.Errorf("%s", trained.stdout)
	}
	os.RemoveAll(out)

	// Done, but for some: what is missing is named and counted.
	partly := file("partly.csv", header+"000000.mp4,1,2,red circle,train\n000001.mp4,1,2,blue star,train\nx.mp4,1,2,red circle,train\n")
	checkError(t, clipcue(t, append(train(partly), "-q=false")...), exitPartial, "1 annotated video was left out")
	r := clipcue(t, localize(video, file("letter.mp4", "Dear Sir\n"))...)
	checkError(t, r, exitPartial, "1 video failed")

	// Features of another rate are brought to the model's; far too coarse ones refused.
	for fps, code := range map[string]int{"8": exitDone, "3": exitDone, "0.5": exitFailed} {
		store := filepath.Join(dir, "at-"+fps)
		must(t, exitDone, "extract", "-q", "--model", u.model, "--fps", fps, "--out", store, u.videos)
		r := clipcue(t, append(u.eval(), "--features", store)...)
		if r.code != code || code != exitDone && (!strings.Contains(r.stderr, "extract the video again with --fps 4") || !strings.Contains(r.stderr, "0.5 frames per second")) {
			t.Errorf("at %s frames a second: exit code %d\n%s", fps, r.code, r.stderr)
		}
	}
}

// Features as others have them, arrays and no more, are as good.
func TestLocalizingFromArrays(t *testing.T) {
	u := newUntrimmed(t)
	dir := t.TempDir()
	must(t, exitDone, "features", "export", "-q", "--out", filepath.Join(dir, "npy"), u.features)
	sides, err := filepath.Glob(filepath.Join(dir, "npy", "videos", "*.json"))
	if err != nil || len(sides) == 0 {
		t.Fatalf("%v, %v", sides, err)
	}
	for _, s := range sides {
		os.Remove(s)
	}
	store, run := filepath.Join(dir, "store"), filepath.Join(dir, "run")
	must(t, exitDone, "features", "import", "-q", "--model", u.model, "--fps", "4", "--out", store, filepath.Join(dir, "npy"))
	must(t, exitDone, u.train(run, "--features", store)...)
	video := filepath.Join(u.videos, "videos", "000000.mp4")
	plain := must(t, exitDone, "localize", "-q", "--run", run, "--min-score", "0", video)
	if same := must(t, exitDone, "localize", "-q", "--run", run, "--min-score", "0", "--fps", "4", video); same.stdout != plain.stdout {
		t.Errorf("%s\ninstead of\n%s", plain.stdout, same.stdout)
	}
}
