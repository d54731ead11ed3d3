package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/fixture"
)

// prediction and the types below are the JSON that programs rely on, written
// down a second time.
type prediction struct {
	Label string   `json:"label"`
	Score *float64 `json:"score"`
}

type classifiedJSON []struct {
	Path        string       `json:"path"`
	Predictions []prediction `json:"predictions"`
	Error       string       `json:"error"`
}

type evaluationJSON struct {
	Top1    *float64 `json:"top1"`
	Top5    *float64 `json:"top5"`
	Videos  int      `json:"videos"`
	Classes int      `json:"classes"`
	Missing int      `json:"missing"`
}

func (c classifiedJSON) check(t *testing.T, videos int, labels []string) {
	t.Helper()
	if len(c) != videos {
		t.Fatalf("%d videos were classified instead of %d", len(c), videos)
	}
	for _, v := range c {
		sum, last := 0.0, math.Inf(1)
		for _, p := range v.Predictions {
			if !slices.Contains(labels, p.Label) || p.Score == nil || *p.Score > last {
				t.Errorf("%s: predictions %+v", v.Path, v.Predictions)
				break
			}
			last = *p.Score
			sum += last
		}
		if len(v.Predictions) != len(labels) || math.Abs(sum-1) > 1e-4 {
			t.Errorf("%s: %d predictions that sum to %v", v.Path, len(v.Predictions), sum)
		}
	}
}

// The main path, as a user goes it.
func TestFromVideosToRecognizer(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	model := backbone(t, at("backbone"), 3)
	classes := []string{"growing", "moving left", "shrinking"}

	r := must(t, exitDone, "synth", "motions", "--out", at("videos"), "--only", strings.Join(classes, ","), "--per-class", "5", "--width", "48", "--height", "48", "--json")
	made := decode[struct{ Manifest, Videos any }](t, r)
	if made.Manifest != at("videos/labels.csv") || made.Videos != 15. {
		t.Errorf("synth: %s", r.stdout)
	}

	extract := []string{"extract", "--model", model, "--out", at("features"), at("videos"), "--json"}
	type report struct{ Videos, Done, Skipped, Frames int }
	if got := decode[report](t, must(t, exitDone, extract...)); got != (report{15, 15, 0, 15 * 16}) {
		t.Errorf("the first extraction: %+v", got)
	}
	if got := decode[report](t, must(t, exitDone, extract...)); got != (report{15, 0, 15, 0}) {
		t.Errorf("the second extraction: %+v", got)
	}
	os.Remove(at("features/growing/000.mp4.safetensors"))
	if got := decode[report](t, must(t, exitDone, extract...)); got != (report{15, 1, 14, 16}) {
		t.Errorf("extraction after a file of the store was lost: %+v", got)
	}

	// The videos' own folders are annotations, too.
	for _, data := range []string{at("videos"), at("videos/labels.csv")} {
		run := at("run-" + filepath.Base(data))
		trained := decode[struct {
			Run, Model string
			Steps      int
			BestStep   int `json:"best_step"`
			Metrics    evaluationJSON
		}](t, must(t, exitDone, "train", "recognition", "--model", model, "--features", at("features"), "--data", data,
			"--out", run, "--steps", "4", "--batch", "4", "--prefix", "2", "--postfix", "3", "--json"))
		if trained.Run != run || trained.Steps != 4 || trained.BestStep != 4 || trained.Metrics.Top1 == nil || trained.Metrics.Videos != 3 {
			t.Errorf("training: %+v", trained)
		}
		for _, name := range []string{"config.json", "metrics.jsonl", "last.safetensors", "best.safetensors", "report.html"} {
			if _, err := os.Stat(filepath.Join(run, name)); err != nil {
				t.Error(err)
			}
		}
		// The share that was kept for testing is the same to eval.
		e := decode[evaluationJSON](t, must(t, exitDone, "eval", "recognition", "--run", run, "--features", at("features"), "--data", data, "--json", "--html", run+".html"))
		if page, err := os.ReadFile(run + ".html"); err != nil || !strings.Contains(string(page), "3 test videos") || !strings.Contains(string(page), "data:image/jpeg") {
			t.Errorf("the evaluation's report: %v\n%.300s", err, page)
		}
		if e.Top1 == nil || *e.Top1 != *trained.Metrics.Top1 || e.Top5 == nil || *e.Top5 != 1 || e.Videos != 3 || e.Classes != 3 {
			t.Errorf("evaluation: %+v after %+v", e, trained.Metrics)
		}
	}

	run := at("run-videos")
	folder := decode[classifiedJSON](t, must(t, exitDone, "classify", "--run", run, at("videos/growing"), "--json"))
	folder.check(t, 5, classes)
	// A model file that is taken elsewhere does the same, with the backbone said.
	shipped := at("shipped.safetensors")
	b, err := os.ReadFile(filepath.Join(run, "best.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "shipped.safetensors", string(b))
	again := decode[classifiedJSON](t, must(t, exitDone, "classify", "--run", shipped, "--model", model, at("videos/growing"), "--json"))
	if fmt.Sprint(flat(again)) != fmt.Sprint(flat(folder)) {
		t.Errorf("classified again: %v instead of %v", flat(again), flat(folder))
	}
	if top := decode[classifiedJSON](t, must(t, exitDone, "classify", "--run", run, "--top", "1", at("videos/growing/000.mp4"), "--json")); len(top[0].Predictions) != 1 {
		t.Errorf("--top 1: %+v", top)
	}
	// Videos of the same name in two folders, in the order given.
	two := decode[classifiedJSON](t, must(t, exitDone, "classify", "--run", run, at("videos/shrinking/000.mp4"), at("videos/growing/000.mp4"), "--json"))
	two.check(t, 2, classes)
	if two[0].Path != at("videos/shrinking/000.mp4") {
		t.Errorf("%+v is not in the order given", two)
	}
	// Names that it never saw, beside one that it did.
	other := []string{"growing", "jumping", "running away"}
	names := write(t, dir, "other.txt", strings.Join(other, "\n"))
	decode[classifiedJSON](t, must(t, exitDone, "classify", "--run", run, "--classes", names, at("videos/growing"), "--json")).check(t, 5, other)

	// The table for people says the same.
	table := must(t, exitDone, "classify", "--run", run, at("videos/growing/000.mp4"))
	if want := folder[0].Predictions[0].Label; !strings.Contains(strings.Split(table.stdout, "\n")[0], want) || !strings.Contains(table.stdout, " %") {
		t.Errorf("the table does not begin with %q:\n%s", want, table.stdout)
	}
}

func flat(c classifiedJSON) (out []string) {
	for _, v := range c {
		for _, p := range v.Predictions {
			out = append(out, fmt.Sprintf("%s %s %.9f", v.Path, p.Label, *p.Score))
		}
	}
	return out
}

func TestClassifyByNamesAlone(t *testing.T) {
	w := newWorld(t)
	names := write(t, t.TempDir(), "names.txt", "# what to choose from\ngrowing\n\nmoving left\nriding a horse\n")
	labels := []string{"growing", "moving left", "riding a horse"}
	video := filepath.Join(w.videos, "growing", "000.mp4")
	seen := map[string]string{}
	for _, more := range [][]string{nil, {"--template", "a photo of {}."}, {"--template", "a photo of {}.", "--template", "a clip of {}."}, {"--ensemble"}} {
		r := must(t, exitDone, append([]string{"classify", "--model", w.model, "--classes", names, video, "--json"}, more...)...)
		decode[classifiedJSON](t, r).check(t, 1, labels)
		if other, ok := seen[r.stdout]; ok {
			t.Errorf("templates %q and %q give the same scores", more, other)
		}
		seen[r.stdout] = fmt.Sprint(more)
	}
}

func TestFewShot(t *testing.T) {
	w := newWorld(t)
	out := filepath.Join(t.TempDir(), "few")
	type few struct {
		Episodes int       `json:"episodes"`
		Top1     *float64  `json:"top1"`
		CI       *float64  `json:"top1_ci"`
		Each     []float64 `json:"each"`
	}
	args := w.train(out, "--shots", "2", "--way", "2", "--episodes", "3", "--steps", "2", "--json")
	r := must(t, exitDone, args...)
	if got := decode[few](t, r); got.Episodes != 3 || len(got.Each) != 3 || got.Top1 == nil || got.CI == nil {
		t.Errorf("%s", r.stdout)
	}
	if page, err := os.ReadFile(filepath.Join(out, "report.html")); err != nil || strings.Count(string(page), "episode-00") != 3 {
		t.Errorf("the episodes' report: %v\n%.300s", err, page)
	}
	if again := must(t, exitDone, append(args, "--resume")...); again.stdout != r.stdout {
		t.Errorf("resumed, it says %s instead of %s", again.stdout, r.stdout)
	}
	// All classes in one problem.
	one := decode[few](t, must(t, exitDone, w.train(out+"-all", "--shots", "3", "--steps", "2", "--json")...))
	if one.Episodes != 1 || *one.CI != 0 {
		t.Errorf("%+v", one)
	}
	// An episode is a run of its own, measured on its own classes.
	first := decode[few](t, r).Each[0]
	episode := must(t, exitDone, "eval", "recognition", "--run", filepath.Join(out, "episode-000"), "--features", w.features, "--data", w.labels, "--json")
	if e := decode[evaluationJSON](t, episode); e.Classes != 2 || *e.Top1 != first {
		t.Errorf("evaluated again, an episode has %s after top-1 %v", episode.stdout, first)
	}
	checkError(t, clipcue(t, "eval", "recognition", "--run", out, "--features", w.features, "--data", w.labels), exitFailed, "few-shot", "3 episodes", "episode-000")
	checkError(t, clipcue(t, "classify", "--run", out, w.videos), exitFailed, "few-shot", "episode-000")

	// The authors' way: lists of the training videos of each episode.
	lists, tests := t.TempDir(), t.TempDir()
	write(t, lists, "split_1.list", "growing/000.mp4\nmoving_left/000.mp4\n")
	write(t, tests, "split_1.list", "growing/001.mp4\nmoving_left/001.mp4\n")
	listed := decode[few](t, must(t, exitDone, w.train(out+"-lists", "--episode-lists", lists, "--episode-tests", tests, "--steps", "2", "--json")...))
	if listed.Episodes != 1 {
		t.Errorf("%+v", listed)
	}
}

func TestZeroShotTraining(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	train := write(t, dir, "train.txt", "moving left\nmoving right\n")
	test := write(t, dir, "test.txt", "growing\nshrinking\n")
	run := filepath.Join(dir, "run")
	must(t, exitDone, w.train(run, "--train-classes", train, "--test-classes", test)...)
	e := decode[evaluationJSON](t, must(t, exitDone, "eval", "recognition", "--run", run, "--features", w.features, "--data", w.labels, "--json"))
	if e.Classes != 2 || e.Videos != 4 {
		t.Errorf("%+v; the two test classes have two test videos each", e)
	}
	decode[classifiedJSON](t, must(t, exitDone, "classify", "--run", run, "--classes", test, filepath.Join(w.videos, "growing"), "--json")).
		check(t, 8, []string{"growing", "shrinking"})
}

func TestModelInfo(t *testing.T) {
	dir := t.TempDir()
	model := backbone(t, filepath.Join(dir, "my-model"), 1)
	r := must(t, exitDone, "model", "info", model, "--json")
	info := decode[struct {
		Path, Format, Fingerprint, Activation string
		Parameters                            int
	}](t, r)
	if info.Path != model || info.Format == "" || !strings.HasPrefix(info.Fingerprint, "clip-") || info.Activation != "quick_gelu" || info.Parameters < 1000 {
		t.Errorf("%s", r.stdout)
	}
	if !strings.Contains(must(t, exitDone, "model", "info", model).stdout, info.Fingerprint) {
		t.Error("the fingerprint is not among what people are told")
	}
	// A folder among the pulled models is found by its name.
	t.Setenv("CLIPCUE_MODELS", dir)
	if named := must(t, exitDone, "model", "info", "my-model", "--json"); named.stdout != r.stdout {
		t.Errorf("by name: %s", named.stdout)
	}
}

func TestEmbedNormalized(t *testing.T) {
	w := newWorld(t)
	e := decode[embedJSON](t, must(t, exitDone, "embed", "--model", w.model, "--text", "a", "--text", "b c", "--normalize", "--json"))
	if e.Backbone == "" || len(e.Items) != 2 || e.Items[1].Input != "b c" || e.Items[0].Kind != "text" {
		t.Fatalf("%+v", e)
	}
	for _, it := range e.Items {
		var sum float64
		for _, v := range it.Embedding {
			sum += v * v
		}
		if math.Abs(sum-1) > 1e-5 {
			t.Errorf("%s: square %v", it.Input, sum)
		}
	}
}

// Every kind of weight file gives the reference's text features, as printed.
func TestEmbedTextsOfEveryFile(t *testing.T) {
	want := fixture.Load(t, "clip/expected.safetensors")
	var texts []string
	if err := json.Unmarshal([]byte(want.Metadata["texts"]), &texts); err != nil {
		t.Fatal(err)
	}
	for file, tensor := range map[string]string{
		"openai_archive.pt": "text_features_from_half", "openai_state_dict.pt": "text_features_from_half",
		"openclip.safetensors": "text_features", "openclip_training.pt": "text_features", "hf": "text_features",
	} {
		args := []string{"embed", "--model", fixture.Path(t, "clip/"+file), "--json"}
		for _, text := range texts {
			args = append(args, "--text", text)
		}
		e := decode[embedJSON](t, must(t, exitDone, args...))
		expected, err := want.Tensors[tensor].Float32s()
		if err != nil {
			t.Fatal(err)
		}
		var most, worst float64
		for i, it := range e.Items {
			if it.Input != texts[i] || len(it.Embedding)*len(texts) != len(expected) {
				t.Fatalf("%s: item %d is of %q and has %d values", file, i, it.Input, len(it.Embedding))
			}
			for j, v := range it.Embedding {
				w := float64(expected[i*len(it.Embedding)+j])
				most, worst = max(most, math.Abs(w)), max(worst, math.Abs(v-w))
			}
		}
		if len(e.Items) != len(texts) || !(worst <= 2e-5*most) {
			t.Errorf("%s: %d texts, which differ by %g of the largest value", file, len(e.Items), worst/most)
		}
	}
}

type embedJSON struct {
	Backbone string `json:"backbone"`
	Items    []struct {
		Input     string    `json:"input"`
		Kind      string    `json:"kind"`
		Embedding []float64 `json:"embedding"`
	} `json:"items"`
}

// Log lines are for programs, too: one JSON object each.
func TestJSONLog(t *testing.T) {
	w := newWorld(t)
	r := must(t, exitDone, "train", "recognition", "--log-format", "json", "--model", w.model, "--features", w.features,
		"--data", w.labels, "--out", filepath.Join(t.TempDir(), "run"), "--steps", "2", "--batch", "4")
	lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
	for _, line := range lines {
		var record struct{ Time, Level, Msg string }
		if err := json.Unmarshal([]byte(line), &record); err != nil || record.Msg == "" || record.Level == "" || record.Time == "" {
			t.Errorf("%q: %v", line, err)
		}
	}
	if len(lines) < 3 {
		t.Errorf("log: %s", r.stderr)
	}
}
