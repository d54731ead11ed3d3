package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/ffmpeg"
)

// files lists what stands below a folder.
func files(t testing.TB, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		names = append(names, strings.TrimPrefix(path, dir))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// checkError fails unless what a command wrote to stderr is log lines and, last,
// one line that says what is wrong: each of the words has to be in it.
func checkError(t *testing.T, r result, code int, words ...string) {
	t.Helper()
	good := true
	errorf := func(format string, args ...any) {
		t.Helper()
		good = false
		t.Errorf(format, args...)
	}
	if r.code != code {
		errorf("exit code %d instead of %d", r.code, code)
	}
	lines := strings.Split(strings.TrimSuffix(r.stderr, "\n"), "\n")
	last := lines[len(lines)-1]
	advice := ""
	if strings.HasPrefix(last, "try: ") && len(lines) > 1 {
		advice, lines = last, lines[:len(lines)-1]
		last = lines[len(lines)-1]
	}
	if !strings.HasPrefix(last, "clipcue: ") || strings.HasPrefix(last, "clipcue: clipcue:") {
		errorf("the last line is %q", last)
	}
	for _, line := range lines[:len(lines)-1] {
		if !strings.HasPrefix(line, "time=") {
			errorf("a line that is neither the error nor of the log: %q", line)
		}
	}
	for _, w := range words {
		if !strings.Contains(last, w) && !strings.Contains(advice, w) {
			errorf("the error does not say %q", w)
		}
	}
	if !good {
		t.Logf("exit code %d; stderr:\n%s", r.code, r.stderr)
	}
}

// Bad input gets its exit code and one line: what, where, what to do. Nothing
// half-made stays.
func TestBadInput(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	file := func(name, text string) string { return write(t, dir, name, text) }
	out := filepath.Join(dir, "out")
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o777); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	weights, err := os.ReadFile(filepath.Join(w.model, "open_clip_model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	truncated := file("truncated.safetensors", string(weights[:len(weights)*2/3]))
	text := file("weights.pt", "these are not the weights that you are looking for\n")
	page := file("page.safetensors", "<!DOCTYPE html><html><body>404 Not Found</body></html>")
	other := backbone(t, filepath.Join(dir, "other"), 99)
	names := file("names.txt", "growing\nmoving left\n")
	video := filepath.Join(w.videos, "growing", "000.mp4")
	run := filepath.Join(dir, "run")
	must(t, exitDone, w.train(run)...)
	model := filepath.Join(run, "best.safetensors")
	trained, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	train := func(more ...string) []string { return w.train(out, more...) }
	data := func(path string) []string { return train("--data", path) }
	eval := func(more ...string) []string {
		return append([]string{"eval", "recognition", "--run", run, "--features", w.features, "--data", w.labels}, more...)
	}
	classify := func(more ...string) []string {
		return append([]string{"classify", "--model", w.model, "--classes", names}, more...)
	}
	extract := func(more ...string) []string {
		return append([]string{"extract", "--model", w.model, "--out", out}, more...)
	}
	const header = "path,label,split\n"
	// Enough good rows to learn from and test on.
	rows := header + "growing/000.mp4,growing,train\ngrowing/001.mp4,growing,test\nshrinking/000.mp4,shrinking,train\nshrinking/001.mp4,shrinking,test\n"

	for _, c := range []struct {
		name  string
		args  []string
		code  int
		words []string
	}{
		// Wrong usage.
		{"unknown command", []string{"clasify"}, 2, []string{`"clasify"`, `"classify"`, "--help"}},
		{"unknown subcommand", []string{"train", "recogniton"}, 2, []string{`"recogniton"`, `"recognition"`, "train --help"}},
		{"unknown model command", []string{"model", "fetch"}, 2, []string{`"fetch"`, "model --help"}},
		{"unknown flag", []string{"extract", "--modle", "x"}, 2, []string{"--modle", "extract --help"}},
		{"unknown flag before the command", []string{"--nope", "extract"}, 2, []string{"--nope", "--help"}},
		{"flag without its value", []string{"extract", "--model"}, 2, []string{"--model", "--help"}},
		{"flag of another type", train("--steps", "many"), 2, []string{"--steps", `"many"`}},
		{"flag out of range", []string{"version", "--threads", "-1"}, 2, []string{"--threads"}},
		{"unknown log format", []string{"version", "--log-format", "xml"}, 2, []string{"xml", "text or json"}},
		{"extract without --out", []string{"extract", "--model", w.model, video}, 2, []string{"--out"}},
		{"extract without videos", extract(), 2, []string{"at least one video"}},
		{"train without --data", []string{"train", "recognition", "--model", w.model, "--features", w.features, "--out", out}, 2, []string{"--data"}},
		{"train with an argument", train("videos"), 2, []string{"no arguments"}},
		{"eval without --run", []string{"eval", "recognition", "--features", w.features, "--data", w.labels}, 2, []string{"--run"}},
		{"classify without anything", []string{"classify", video}, 2, []string{"--run", "--classes"}},
		{"classify without videos", []string{"classify", "--run", run}, 2, []string{"at least one video"}},
		{"classify without names", []string{"classify", "--model", w.model, video}, 2, []string{"--classes"}},
		{"embed of nothing", []string{"embed", "--model", w.model}, 2, []string{"--text"}},
		{"synth without --out", []string{"synth", "motions"}, 2, []string{"--out"}},
		{"model info of nothing", []string{"model", "info"}, 2, []string{"one weight file"}},
		{"two ways to sample", extract("--fps", "2", "--frames", "8", video), 2, []string{"fps", "frames"}},
		{"no frames a second", extract("--fps", "0", video), 2, []string{"--fps"}},
		{"no frames", extract("--frames", "0", video), 2, []string{"--frames"}},
		{"templates with an adapter", []string{"classify", "--run", run, "--template", "a {}", video}, 2, []string{"--template", "--run"}},
		{"ensemble with an adapter", []string{"classify", "--run", run, "--ensemble", video}, 2, []string{"--ensemble", "--run"}},
		{"template without a place", classify("--template", "a video", video), 2, []string{"{}", "a video"}},
		{"way without shots", train("--way", "2"), 2, []string{"--way", "--shots"}},
		{"train classes alone", train("--train-classes", names), 2, []string{"--test-classes"}},
		{"shots and lists", train("--shots", "1", "--episode-lists", empty), 2, []string{"--shots", "--episode-lists"}},
		{"few-shot and zero-shot", train("--shots", "1", "--train-classes", names, "--test-classes", names), 2, []string{"few-shot", "zero-shot"}},
		{"no steps", train("--steps", "0"), 2, []string{"--steps"}},
		{"no batch", train("--batch", "0"), 2, []string{"--batch"}},
		{"no rate", train("--learning-rate", "0"), 2, []string{"--learning-rate"}},
		{"a rate below 0", train("--learning-rate=-1"), 2, []string{"--learning-rate"}},
		{"a schedule that is none", train("--schedule", "warm"), 2, []string{"--schedule", "warm", "cosine"}},
		{"a layout that is none", train("--layout", "book"), 2, []string{"--layout", "book", "paper"}},
		{"a test share above 1", train("--test-share", "1.5"), 2, []string{"--test-share"}},
		{"no window", train("--window-frames", "0"), 2, []string{"--window-frames"}},
		{"no windows", eval("--windows", "0"), 2, []string{"--windows"}},
		{"a split that is none", eval("--split", "tset"), 2, []string{"--split", "tset"}},
		{"a checkpoint that is none", eval("--checkpoint", "first"), 2, []string{"--checkpoint", "first"}},
		{"an annotation format that is none", train("--data-format", "xml"), 2, []string{"--data-format", "xml"}},
		{"an activation that is none", extract("--activation", "relu", video), 2, []string{"--activation", "relu", "quick_gelu"}},
		{"a flag of another kind", []string{"synth", "pictures", "--out", out, "--per-class", "3"}, 2, []string{"--per-class", "pictures"}},
		{"no such kind", []string{"synth", "songs"}, 2, []string{"songs", "clipcue synth"}},
		{"a combination that is not shown", []string{"synth", "objects", "--out", out, "--combinations", "unseen", "--only", "red circle"}, 2, []string{"red circle"}},
		{"a class that cannot be rendered", []string{"synth", "motions", "--out", out, "--only", "juggling"}, 2, []string{"juggling", "moving left"}},

		// Backbones.
		{"no such weights", []string{"model", "info", "./nothing.pt"}, 1, []string{"nothing.pt", "no such file"}},
		{"no such model", []string{"embed", "--model", "ViT-Z/99", "--text", "x"}, 1, []string{"ViT-Z/99", "clipcue model"}},
		{"no such model to pull", []string{"model", "pull", "ViT-Z/99"}, 1, []string{"ViT-Z/99", "ViT-B/16"}},
		{"truncated weights", []string{"model", "info", truncated}, 1, []string{"truncated.safetensors"}},
		{"a text named .pt", []string{"model", "info", text}, 1, []string{"weights.pt", "text"}},
		{"a page named .safetensors", []string{"model", "info", page}, 1, []string{"page.safetensors", "web page"}},
		{"an empty folder for weights", []string{"model", "info", empty}, 1, []string{empty}},
		{"a recognizer for a backbone", []string{"model", "info", model}, 1, []string{"best.safetensors"}},
		{"an empty file for weights", []string{"model", "info", file("empty.pt", "")}, 1, []string{"empty.pt", "empty"}},

		// Videos.
		{"no such video", extract(filepath.Join(dir, "none.mp4")), 1, []string{"none.mp4", "no such file"}},
		{"an empty folder of videos", extract(empty), 1, []string{"empty", "no videos", ".mp4"}},
		{"two videos of one name", extract(video, filepath.Join(w.videos, "shrinking", "000.mp4")), 1, []string{"000.mp4", "a folder above both"}},
		{"a text for a video", classify(file("letter.mp4", "Dear Sir or Madam\n")), 1, []string{"all videos failed", "letter.mp4"}},
		{"an empty video", classify(file("void.mp4", "")), 1, []string{"void.mp4", "empty"}},
		{"a text for a picture", []string{"embed", "--model", w.model, file("letter.png", "Dear Sir\n")}, 1, []string{"letter.png"}},

		// Class names.
		{"no such names", []string{"classify", "--model", w.model, "--classes", filepath.Join(dir, "none.txt"), video}, 1, []string{"none.txt", "no such file"}},
		{"no names", []string{"classify", "--model", w.model, "--classes", file("blank.txt", "\n# nothing\n"), video}, 1, []string{"blank.txt", "one a line"}},
		{"a name twice", []string{"classify", "--model", w.model, "--classes", file("twice.txt", "growing\nmoving left\nGrowing\n"), video}, 1, []string{"twice.txt:3", "line 1"}},
		{"a name too long", []string{"classify", "--run", run, "--classes", file("long.txt", "x\n"+strings.Repeat("very long ", 90)+"\n"), video}, 1, []string{"very long"}},
		{"a text too long", []string{"embed", "--model", w.model, "--text", strings.Repeat("word ", 90)}, 1, []string{"--truncate", "77"}},

		// Annotations.
		{"no such data", data(filepath.Join(dir, "none.csv")), 1, []string{"none.csv", "no such file"}},
		{"an unknown column", data(file("column.csv", "path,label,color\na.mp4,b,red\n")), 1, []string{"column.csv:1", `"color"`, "path,label"}},
		{"a column missing", data(file("short.csv", "path,split\na.mp4,train\n")), 1, []string{"short.csv:1", `"label"`}},
		{"an unknown key", data(file("key.jsonl", `{"path":"a.mp4","label":"b","color":"red"}`+"\n")), 1, []string{"key.jsonl:1", "color"}},
		{"an unknown split", data(file("split.csv", header+"a.mp4,b,tset\n")), 1, []string{"split.csv:2", "tset"}},
		{"rows of other lengths", data(file("ragged.csv", header+"a.mp4,b\n")), 1, []string{"ragged.csv:2", "3"}},
		{"no rows", data(file("header.csv", header)), 1, []string{"header.csv"}},
		{"one class", data(file("one.csv", header+"growing/000.mp4,growing,train\ngrowing/001.mp4,growing,test\n")), 1, []string{"one.csv", "one class"}},
		{"videos that have no features", data(file("strange.csv", header+"a.mp4,x,train\nb.mp4,y,train\n")), 1, []string{"none of the 2 samples", w.features}},
		{"a folder without classes", data(empty), 1, []string{"empty"}},
		{"a label that was not learned", append(eval(), "--data", file("new.csv", rows+"moving_left/001.mp4,flying,test\n")), 1, []string{"flying", "--known-only", "--classes"}},
		{"too few shots", train("--shots", "50"), 1, []string{"50"}},
		{"too many ways", train("--shots", "1", "--way", "9"), 1, []string{"9", "4 classes"}},

		// Features.
		{"no such store", train("--features", filepath.Join(dir, "none")), 1, []string{"none", "clipcue extract"}},
		{"an empty store", train("--features", empty), 1, []string{"empty", "clipcue extract"}},
		{"features of another backbone", append(train(), "--model", other), 1, []string{"backbone", "clipcue extract"}},
		{"extraction by another backbone", []string{"extract", "--model", other, "--out", w.features, video}, 1, []string{"backbone", "--force"}},
		{"extraction at another rate", []string{"extract", "--model", w.model, "--fps", "2", "--out", w.features, video}, 1, []string{"fps=2", "--force"}},

		// Runs.
		{"a run that is there", w.train(run), 1, []string{run, "--resume"}},
		{"a run with other settings", w.train(run, "--resume", "--learning-rate", "0.5"), 1, []string{"0.5", "--out"}},
		{"prompts that do not fit", train("--prefix", "70", "--postfix", "16"), 2, []string{"70", "--prefix"}},
		{"no such run", append(eval(), "--run", filepath.Join(dir, "none")), 1, []string{"none", "no such file"}},
		{"no such adapter", []string{"classify", "--run", filepath.Join(dir, "none"), video}, 1, []string{"none", "no such file"}},
		{"weights for an adapter", []string{"classify", "--run", filepath.Join(w.model, "open_clip_model.safetensors"), video}, 1, []string{"open_clip_model.safetensors"}},
		{"half an adapter", []string{"classify", "--run", file("half.safetensors", string(trained[:len(trained)/2])), video}, 1, []string{"half.safetensors"}},
		{"another backbone for an adapter", []string{"classify", "--run", run, "--model", other, video}, 1, []string{"best.safetensors", "clip-"}},
		{"a file where the store goes", []string{"extract", "--model", w.model, "--out", file("taken", "x"), video}, 1, []string{"taken"}},
		{"a file where the run goes", append(train(), "--out", file("taken2", "x")), 1, []string{"taken2"}},
		{"videos of other options", []string{"synth", "motions", "--out", w.videos, "--only", "growing", "--width", "64"}, 1, []string{"other options"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := files(t, w.dir)
			r := clipcue(t, c.args...)
			checkError(t, r, c.code, c.words...)
			if r.stdout != "" {
				t.Errorf("stdout: %s", r.stdout)
			}
			// An extraction that failed may say in its store what failed.
			if left, err := os.ReadDir(out); err == nil && slices.ContainsFunc(left, func(e fs.DirEntry) bool { return e.Name() != "failures.jsonl" }) {
				t.Errorf("left behind: %q", files(t, out))
			}
			if err := os.RemoveAll(out); err != nil {
				t.Fatal(err)
			}
			if after := files(t, w.dir); !slices.Equal(before, after) {
				t.Errorf("there was %q, now there is %q", before, after)
			}
		})
	}
}

// What failed among other inputs is named and counted, and the exit code says so.
func TestSomeInputsFail(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	rows := "path,label,split\ngrowing/000.mp4,growing,train\ngrowing/001.mp4,growing,test\nshrinking/000.mp4,shrinking,train\nshrinking/001.mp4,shrinking,test\n" +
		"lost/1.mp4,growing,train\nlost/2.mp4,shrinking,test\n"
	data := write(t, dir, "labels.csv", rows)
	run := filepath.Join(dir, "run")

	r := clipcue(t, w.train(run, "--data", data, "--json")...)
	checkError(t, r, exitPartial, "2 samples")
	for _, lost := range []string{"lost/1.mp4", "lost/2.mp4"} {
		if strings.Count(r.stderr, lost) != 1 {
			t.Errorf("%s is not named once:\n%s", lost, r.stderr)
		}
	}
	if got := decode[struct{ Missing, Steps int }](t, r); got.Missing != 2 || got.Steps != 6 {
		t.Errorf("%s", r.stdout)
	}
	r = clipcue(t, "eval", "recognition", "--run", run, "--features", w.features, "--data", data, "--json")
	checkError(t, r, exitPartial, "1 sample")
	if got := decode[evaluationJSON](t, r); got.Videos != 2 || got.Missing != 1 {
		t.Errorf("%s", r.stdout)
	}

	bad := write(t, dir, "bad.mp4", "not a video\n")
	good := filepath.Join(w.videos, "growing", "000.mp4")
	r = clipcue(t, "classify", "-q", "--run", run, bad, good, "--json")
	checkError(t, r, exitPartial, "1 video")
	c := decode[classifiedJSON](t, r)
	if len(c) != 2 || c[0].Path != bad || c[1].Path != good || c[0].Error == "" || c[0].Predictions == nil || len(c[0].Predictions) != 0 || len(c[1].Predictions) != 2 {
		t.Errorf("%s", r.stdout)
	}
	if !strings.Contains(r.stderr, bad) {
		t.Errorf("the video that failed is not named:\n%s", r.stderr)
	}

	store := filepath.Join(dir, "store")
	r = clipcue(t, "extract", "--model", w.model, "--out", store, bad, good)
	checkError(t, r, exitPartial, "1 video")
	if !strings.Contains(r.stdout, "2 videos") || !strings.Contains(r.stdout, "1 failed") {
		t.Errorf("%s", r.stdout)
	}
	for _, stop := range [][]string{{"--strict"}, {"--max-failures", "1"}} {
		another := write(t, dir, "another.mp4", "not a video either\n")
		r = clipcue(t, append([]string{"extract", "--model", w.model, "--out", store + stop[0], bad, another, good}, stop...)...)
		checkError(t, r, exitFailed, stop[0])
	}
}

// A video with sound alone, and one whose frames are all cut off.
func TestVideosWithoutFrames(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	sound, cut := filepath.Join(dir, "sound.mp4"), filepath.Join(dir, "cut.avi")
	for path, args := range map[string][]string{
		sound: {"-f", "lavfi", "-i", "sine=duration=0.2"},
		cut:   {"-f", "lavfi", "-i", "testsrc=duration=0.2:size=32x32:rate=5", "-frames:v", "0"},
	} {
		c, err := ffmpeg.Command(t.Context(), "ffmpeg", append(append([]string{"-loglevel", "error"}, args...), path)...)
		if err != nil {
			t.Skip(err)
		}
		if b, err := c.CombinedOutput(); err != nil {
			t.Skipf("ffmpeg cannot make the video: %v: %s", err, b)
		}
	}
	r := clipcue(t, "extract", "--model", w.model, "--out", filepath.Join(dir, "store"), sound)
	checkError(t, r, exitFailed, "sound.mp4", "no video stream")
	r = clipcue(t, "extract", "--model", w.model, "--out", filepath.Join(dir, "store"), cut)
	checkError(t, r, exitFailed, "cut.avi", "no")
}

func TestRateThatBlowsUp(t *testing.T) {
	w := newWorld(t)
	run := filepath.Join(t.TempDir(), "run")
	r := clipcue(t, w.train(run, "--learning-rate", "1e30", "--steps", "40", "--eval-every", "40")...)
	checkError(t, r, exitFailed, "step", ".mp4", "--learning-rate", run)
	if _, err := os.Stat(filepath.Join(run, "last.safetensors")); err != nil {
		t.Error("the run is not saved")
	}
	// It was stopped before its first evaluation.
	r = clipcue(t, "eval", "recognition", "--run", run, "--features", w.features, "--data", w.labels)
	checkError(t, r, exitFailed, run, "no best model", "--resume", "--checkpoint last")
}

func TestUnwritableOut(t *testing.T) {
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("nothing is unwritable here")
	}
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "locked")
	if err := os.Mkdir(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	for _, args := range [][]string{
		w.train(out),
		{"extract", "--model", w.model, "--out", out, w.videos},
		{"synth", "motions", "--out", out},
	} {
		checkError(t, clipcue(t, args...), exitFailed, out, "permission denied")
	}
}

func TestUnknownInstructions(t *testing.T) {
	t.Setenv("CLIPCUE_CPU", "abacus")
	checkError(t, clipcue(t, "embed", "--text", "waving"), exitUsage, "CLIPCUE_CPU=abacus", "generic")
}
