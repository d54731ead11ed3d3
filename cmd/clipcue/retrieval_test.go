package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type recallJSON struct {
	R1         *float64 `json:"r1"`
	R5         *float64 `json:"r5"`
	R10        *float64 `json:"r10"`
	MedianRank float64  `json:"median_rank"`
	MeanRank   float64  `json:"mean_rank"`
}

type ranksJSON struct {
	Videos, Captions, Missing, Truncated int
	LeftOut                              int `json:"left_out"`
	Rows                                 []struct {
		Name        string
		TextToVideo *recallJSON `json:"text_to_video"`
		VideoToText *recallJSON `json:"video_to_text"`
	}
}

func (w world) captions() string { return filepath.Join(w.videos, "captions.jsonl") }

// retrieval is the command line of a short training of a retriever.
func (w world) retrieval(out string, more ...string) []string {
	return append([]string{"train", "retrieval", "-q", "--model", w.model, "--features", w.features, "--data", w.captions(), "--out", out,
		"--prefix", "2", "--postfix", "2", "--window-frames", "8", "--steps", "6", "--batch", "8"}, more...)
}

// From captioned videos to ranks, as a user goes.
func TestFromCaptionsToRanks(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	trained := decode[struct {
		Run, Model string
		Steps      int
		Metrics    struct {
			R1     *float64 `json:"t2v_r1"`
			Videos int
		}
	}](t, must(t, exitDone, w.retrieval(run, "--json", "--learn-temperature")...))
	if trained.Run != run || trained.Steps != 6 || trained.Metrics.R1 == nil || trained.Metrics.Videos != 8 {
		t.Errorf("training: %+v", trained)
	}
	for _, name := range []string{"config.json", "metrics.jsonl", "last.safetensors", "best.safetensors"} {
		if _, err := os.Stat(filepath.Join(run, name)); err != nil {
			t.Error(err)
		}
	}
	page := filepath.Join(dir, "eval.html")
	bank := write(t, dir, "bank.txt", "a red circle growing\na star on a plain ground\n")
	eval := []string{"eval", "retrieval", "-q", "--features", w.features, "--data", w.captions()}
	e := decode[ranksJSON](t, must(t, exitDone, append(eval, "--run", run, "--json", "--dual-softmax", "--query-bank", bank, "--html", page)...))
	if e.Videos != 8 || e.Captions != 8 || e.Missing+e.Truncated+e.LeftOut != 0 || len(e.Rows) != 3 {
		t.Fatalf("%+v", e)
	}
	if r := e.Rows[0]; *r.TextToVideo.R1 != *trained.Metrics.R1 || *r.TextToVideo.R10 != 1 || r.TextToVideo.MedianRank < 1 || r.VideoToText.MeanRank < 1 {
		t.Errorf("%+v after %v in training", r, *trained.Metrics.R1)
	}
	if !strings.Contains(e.Rows[1].Name, "whole test set") || e.Rows[2].Name != "query bank" || e.Rows[2].VideoToText != nil {
		t.Errorf("rows %+v", e.Rows)
	}
	for path, words := range map[string][]string{
		filepath.Join(run, "report.html"): {"Retrieval: run", "video found first", "video to text", "data:image/jpeg", "Training loss"},
		page:                              {"Evaluation: run", "whole test set", "query bank", "data:image/jpeg"},
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range words {
			if !strings.Contains(string(text), word) {
				t.Errorf("%s does not say %q", path, word)
			}
		}
	}
	table := must(t, exitDone, append(eval, "--run", run)...).stdout
	for _, word := range []string{"8 captions of 8 videos", "R@10", "median rank", "text to video", "video to text"} {
		if !strings.Contains(table, word) {
			t.Errorf("the table does not say %q:\n%s", word, table)
		}
	}
	// The backbone by itself, and prompts alone.
	frozen := decode[ranksJSON](t, must(t, exitDone, append(eval, "--model", w.model, "--json", "--html", page)...))
	if frozen.Videos != 8 || len(frozen.Rows) != 1 {
		t.Errorf("the backbone by itself: %+v", frozen)
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "CLIP alone") {
		t.Errorf("its report: %v", err)
	}
	must(t, exitDone, append(eval, "--run", run, "--temporal-scale", "0", "--query-bank", "train")...)
	// A run goes on, and knows what it was started with.
	must(t, exitDone, w.retrieval(run, "--resume", "--learn-temperature")...)
	checkError(t, clipcue(t, w.retrieval(run, "--resume", "--learn-temperature", "--learning-rate", "0.5")...), exitFailed, "0.5", "--out")
	checkError(t, clipcue(t, w.retrieval(run)...), exitFailed, run, "--resume")
}

// Captions that are empty or of videos without features are named, counted, and
// the exit code says so; what makes no sense is refused in a line.
func TestBadCaptions(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	const header = "video,caption,split\n"
	const rows = header + "growing/000.mp4,a thing grows,train\ngrowing/000.mp4,it grows,train\nshrinking/000.mp4,a thing shrinks,train\n" +
		"growing/001.mp4,it grows again,test\nshrinking/001.mp4,it shrinks again,test\n"
	some := write(t, dir, "some.csv", rows+"growing/002.mp4,,train\nlost/1.mp4,a ghost,train\nlost/1.mp4,two ghosts,train\nlost/2.mp4,three ghosts,test\n")
	run := filepath.Join(dir, "run")
	r := clipcue(t, w.retrieval(run, "--data", some, "--json")...)
	checkError(t, r, exitPartial, "4 of the captions")
	for _, word := range []string{`"growing/002.mp4\" is empty"`, "captions=2", "lost/1.mp4", "lost/2.mp4"} {
		if !strings.Contains(r.stderr, strings.TrimPrefix(word, `"`)) && !strings.Contains(r.stderr, word) {
			t.Errorf("%s is not said:\n%s", word, r.stderr)
		}
	}
	if got := decode[struct{ Missing int }](t, r); got.Missing != 4 {
		t.Errorf("%s", r.stdout)
	}
	eval := []string{"eval", "retrieval", "--run", run, "--features", w.features, "--data", some}
	r = clipcue(t, append(eval, "--json")...)
	checkError(t, r, exitPartial, "2 of the captions")
	if got := decode[ranksJSON](t, r); got.Videos != 2 || got.Missing != 1 || got.LeftOut != 2 {
		t.Errorf("%s", r.stdout)
	}

	file := func(name, text string) string { return write(t, dir, name, text) }
	data := func(path string) []string { return w.retrieval(out, "--data", path) }
	recognizer := filepath.Join(dir, "recognizer")
	must(t, exitDone, w.train(recognizer)...)
	for _, c := range []struct {
		name  string
		args  []string
		code  int
		words []string
	}{
		{"no data", []string{"train", "retrieval", "--model", w.model, "--features", w.features, "--out", out}, 2, []string{"--data"}},
		{"one video a step", w.retrieval(out, "--batch", "1"), 2, []string{"--batch", "2"}},
		{"a preset that is none", w.retrieval(out, "--preset", "best"), 2, []string{"--preset", "paper"}},
		{"a list that is none", w.retrieval(out, "--train-list", "8k"), 2, []string{"--train-list", "7k"}},
		{"a format that is none", w.retrieval(out, "--data-format", "vatex"), 2, []string{"--data-format", "didemo"}},
		{"a scale without a run", []string{"eval", "retrieval", "--model", w.model, "--features", w.features, "--data", some, "--temporal-scale", "0"}, 2, []string{"--temporal-scale", "--run"}},
		{"no such captions", data(filepath.Join(dir, "none.csv")), 1, []string{"none.csv", "no such file"}},
		{"a column that is unknown", data(file("column.csv", "video,caption,color\n")), 1, []string{"column.csv:1", "color"}},
		{"no captions", data(file("none.jsonl", "")), 1, []string{"none.jsonl", "no captions"}},
		{"empty captions", data(file("empty.csv", header+"growing/000.mp4, ,train\n")), 1, []string{"empty.csv", "is empty"}},
		{"one pair", data(file("one.csv", header+"growing/000.mp4,it grows,train\n")), 1, []string{"at least two videos", "two"}},
		{"one video to test on", data(file("test.csv", header+"growing/000.mp4,a,train\nshrinking/000.mp4,b,train\ngrowing/001.mp4,c,test\n")), 1, []string{"at least two videos", "two"}},
		{"no features", data(file("lost.csv", header+"lost/1.mp4,a,train\n")), 1, []string{"none of the 1 captions", w.features}},
		{"labels for captions", data(w.labels), 1, []string{"labels.csv:1", "caption"}},
		{"captions for labels", w.train(out, "--data", some), 1, []string{"some.csv:1", "path,label"}},
		{"a split that is not there", append(eval, "--split", "val"), 1, []string{`"val"`}},
		{"a recognizer", append(eval, "--run", recognizer), 1, []string{"recognition", "retrieval"}},
		{"a retriever", []string{"classify", "--run", run, filepath.Join(w.videos, "growing/000.mp4")}, 1, []string{"recognition", "retrieval"}},
		{"a bank of what is measured", append(eval, "--query-bank", "train", "--split", "train"), 2, []string{"--query-bank", "--split"}},
		{"a bank of nothing", append(eval, "--query-bank", file("bank.txt", "\n")), 1, []string{"bank.txt", "no sentences"}},
		{"prompts that do not fit", w.retrieval(out, "--prefix", "70", "--postfix", "16"), 2, []string{"70", "--prefix"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := clipcue(t, c.args...)
			checkError(t, r, c.code, c.words...)
			if _, err := os.Stat(out); err == nil || r.stdout != "" {
				t.Errorf("left behind: %q, %s", files(t, out), r.stdout)
			}
		})
	}
}
