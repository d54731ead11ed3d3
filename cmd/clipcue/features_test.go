package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/ffmpeg"
)

func TestFeaturesCommands(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	arrays, store := filepath.Join(dir, "arrays"), filepath.Join(dir, "store")

	sum := decode[feature.Summary](t, must(t, exitDone, "features", "info", w.features, "--json"))
	if sum.Sequences != 32 || sum.Frames == 0 || len(sum.Recipes) != 1 || sum.Recipes[0].Width != 32 || len(sum.Damaged) != 0 {
		t.Errorf("%+v", sum)
	}
	text := must(t, exitDone, "features", "info", w.features).stdout
	if !strings.Contains(text, "sequences  32\n") || !strings.Contains(text, sum.Recipes[0].Backbone) {
		t.Error(text)
	}
	r := decode[exchangeReport](t, must(t, exitDone, "features", "export", w.features, "--out", arrays, "--json"))
	if r.Sequences != 32 || r.Done != 32 || r.Frames != sum.Frames {
		t.Errorf("%+v", r)
	}
	must(t, exitDone, "features", "import", arrays, "--out", store, "--model", w.model)
	if a, b := contents(t, w.features), contents(t, store); len(a) != 32 || !slices.Equal(a, b) {
		t.Error("what was exported and imported differs")
	}
	if out := must(t, exitDone, "features", "import", arrays, "--out", store).stdout; !strings.Contains(out, "32 already present") {
		t.Error(out)
	}
	var one string
	for _, name := range files(t, store) {
		if strings.HasSuffix(name, ".safetensors") {
			one = filepath.Join(store, name)
		}
	}
	info := decode[sequenceInfo](t, must(t, exitDone, "features", "info", one, "--json"))
	if info.Width != 32 || info.Frames < 2 || info.Last <= info.First || info.Provenance.Source == "" {
		t.Errorf("%+v", info)
	}
	if out := must(t, exitDone, "features", "info", one).stdout; !strings.Contains(out, info.Provenance.SHA256) {
		t.Error(out)
	}
	// One that is damaged, and one of another backbone.
	if err := os.Truncate(one, 100); err != nil {
		t.Fatal(err)
	}
	damaged := must(t, exitPartial, "features", "info", store)
	checkError(t, result{damaged.code, "", damaged.stderr}, exitPartial, "1 damaged")
	if !strings.Contains(damaged.stdout, one) {
		t.Error(damaged.stdout)
	}
	checkError(t, clipcue(t, "features", "info", one), exitFailed, one)
	checkError(t, clipcue(t, "features", "info", w.labels), exitFailed, w.labels)
	checkError(t, clipcue(t, "features", "info", filepath.Join(dir, "none")), exitFailed, "clipcue extract")
	checkError(t, clipcue(t, "features", "import", arrays, "--out", filepath.Join(dir, "new"), "--fingerprint", "clip-other"), exitFailed, "all videos failed (32)", "clip-other")
	checkError(t, clipcue(t, "features", "import", arrays), exitUsage, "--out")
	checkError(t, clipcue(t, "features", "import", arrays, "--out", store, "--model", w.model, "--fingerprint", "x"), exitUsage, "--fingerprint")
	checkError(t, clipcue(t, "features", "export", t.TempDir(), "--out", arrays), exitFailed, "no features")
}

// contents are the names and bytes of the sequences of a store.
func contents(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".safetensors") {
			var data []byte
			if data, err = os.ReadFile(path); err == nil {
				all = append(all, strings.TrimPrefix(path, dir)+string(data))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Processes that fill one store at the same time, one of them killed, leave whole
// files only, and the next run leaves nothing but the store.
func TestKilledAndConcurrentExtractions(t *testing.T) {
	w := newWorld(t)
	store := filepath.Join(t.TempDir(), "store")
	args := []string{"extract", "-q", "--model", w.model, "--out", store, w.videos, "--json"}
	type report struct{ Videos, Done, Skipped, Remaining int }
	if err := os.Mkdir(store, 0o777); err != nil {
		t.Fatal(err)
	}
	for kills := range 4 {
		killed := program(t.Context(), t, args...)
		if err := killed.Start(); err != nil {
			t.Fatal(err)
		}
		until := time.Now().Add(time.Minute)
		for len(contents(t, store)) < 2+4*kills && time.Now().Before(until) {
			time.Sleep(2 * time.Millisecond)
		}
		if err := killed.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := killed.Wait(); err == nil {
			t.Log("it had ended before it was killed")
		}
		sum := decode[feature.Summary](t, must(t, exitDone, "features", "info", store, "--json"))
		if sum.Sequences == 0 || len(sum.Damaged) > 0 {
			t.Errorf("after a kill: %+v", sum)
		}
	}
	before := len(contents(t, store))
	first, second := program(t.Context(), t, args...), program(t.Context(), t, args...)
	var out strings.Builder
	first.Stdout = &out
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	other, err := second.Output()
	if e := first.Wait(); err != nil || e != nil {
		t.Fatal(err, e)
	}
	for _, text := range []string{out.String(), string(other)} {
		var r report
		if err := json.Unmarshal([]byte(text), &r); err != nil || r.Videos != 32 || r.Done+r.Skipped != 32 || r.Skipped < before {
			t.Errorf("%s: error %v", text, err)
		}
	}
	if got, want := files(t, store), files(t, w.features); !slices.Equal(got, want) {
		t.Errorf("the store has %q, want %q", got, want)
	}
}

// Every run ends with an account: on stdout what was done, in the log what was
// stopped, as JSON both.
func TestExtractAccounts(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	good := filepath.Join(w.videos, "growing", "000.mp4")
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(dir, "whole.mkv") // a container that can be cut anywhere
	c, err := ffmpeg.Command(t.Context(), "ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i",
		"testsrc2=size=48x48:rate=10:duration=3", "-g", "5", whole)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	stream, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(whole); err != nil {
		t.Fatal(err)
	}
	bad := write(t, dir, "bad.mp4", string(data[:len(data)/2]))
	hurt := write(t, dir, "hurt.mkv", string(stream[:len(stream)*3/4]))
	out := filepath.Join(dir, "store")
	extract := func(args ...string) []string {
		return append([]string{"extract", "--model", w.model, "--out", out, "--json"}, args...)
	}
	r := decode[feature.Report](t, must(t, exitPartial, extract(good, bad, hurt)...))
	if r.Videos != 3 || r.Done != 1 || len(r.Failed) != 2 || r.Frames == 0 || r.FramesPerSecond <= 0 || r.Slowest == "" || r.EncoderBusy <= 0 {
		t.Errorf("%+v", r)
	}
	r = decode[feature.Report](t, must(t, exitPartial, extract(good, bad, hurt, "--allow-partial", "--timeout", "20s", "--decoders", "1")...))
	if r.Skipped != 1 || r.Done != 1 || len(r.Partial) != 1 || r.Partial[0].Path != hurt || len(r.Failed) != 1 {
		t.Errorf("%+v", r)
	}
	stopped := clipcue(t, append(extract(bad, good), "--strict", "--decoders", "1")...)
	if r := decode[feature.Report](t, stopped); stopped.code != exitFailed || len(r.Failed) != 1 || r.Videos != len(r.Failed)+r.Done+r.Skipped+r.Remaining {
		t.Errorf("exit code %d, %+v", stopped.code, r)
	}
	told := clipcue(t, "extract", "--model", w.model, "--out", out, "--strict", bad)
	if told.code != exitFailed || told.stdout != "" || !strings.Contains(told.stderr, "1 video in ") {
		t.Errorf("%+v", told)
	}
	for _, flag := range [][]string{{"--timeout", "0s"}, {"--timeout", "soon"}, {"--stream", "-1"}, {"--decoders", "x"}} {
		checkError(t, clipcue(t, extract(append(flag, good)...)...), exitUsage, flag[0])
	}
}
