package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/settings"
	"github.com/clipcue/clipcue/internal/ffmpeg"
	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/internal/web/browsertest"
)

// asProgram makes the test binary behave as clipcue: for what has to be killed,
// and for shell commands in the documentation.
const asProgram = "CLIPCUE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	withoutSettings()
	code := m.Run()
	browsertest.Close()
	if shared.dir != "" {
		if err := os.RemoveAll(shared.dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}

// withoutSettings hides the settings of the user who runs the tests.
func withoutSettings() {
	for _, name := range settings.Names() {
		os.Unsetenv(settings.Variable(name))
	}
	os.Setenv("CLIPCUE_CONFIG", filepath.Join(os.TempDir(), "no such folder", "config.toml"))
}

// result is what a command line gave.
type result struct {
	code           int
	stdout, stderr string
}

// clipcue runs a command line in this process.
func clipcue(t testing.TB, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// must runs a command line that has to be done with the exit code want.
func must(t testing.TB, want int, args ...string) result {
	t.Helper()
	r := clipcue(t, args...)
	if r.code != want {
		t.Fatalf("clipcue %s: exit code %d instead of %d\n%s%s", strings.Join(args, " "), r.code, want, r.stdout, r.stderr)
	}
	return r
}

// decode reads what --json wrote, which has to have all the fields of v and may
// have more.
func decode[T any](t testing.TB, r result) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.stdout), &v); err != nil {
		t.Fatalf("not the JSON that was promised: %v\n%s", err, r.stdout)
	}
	return v
}

// program is a command that runs clipcue in a process of its own.
func program(ctx context.Context, t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(ctx, self, args...)
	c.Env = append(os.Environ(), asProgram+"=1")
	return c
}

func needFFmpeg(t testing.TB) {
	t.Helper()
	for _, name := range []string{"ffmpeg", "ffprobe"} {
		if _, err := ffmpeg.Command(t.Context(), name); err != nil {
			t.Skip(err)
		}
	}
}

// small are the sizes of the tests' backbone.
var small = clip.Config{
	Embed: 32, ImageSize: 32, PatchSize: 8, VisionWidth: 32, VisionLayers: 1, VisionHeads: 1,
	Context: 77, Vocab: 700, TextWidth: 32, TextLayers: 1, TextHeads: 1, Activation: "quick_gelu", Eps: 1e-5,
}

// backbone writes a small random backbone.
func backbone(t testing.TB, dir string, seed uint64) string {
	t.Helper()
	if err := clip.WriteFolder(dir, clip.RandomWeights(small, seed)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// world is what most tests begin with: a backbone, rendered videos of four
// classes, their features. Tests only read it.
type world struct{ dir, model, videos, labels, features string }

var shared struct {
	sync.Mutex
	dir string
	world
	err error
}

var sharedClasses = []string{"moving left", "moving right", "growing", "shrinking"}

// newWorld returns the shared world, made by the first test that asks.
func newWorld(t testing.TB) world {
	t.Helper()
	needFFmpeg(t)
	shared.Lock()
	defer shared.Unlock()
	if shared.dir == "" {
		if shared.dir, shared.err = os.MkdirTemp("", "clipcue-test"); shared.err == nil {
			shared.world, shared.err = makeWorld(shared.dir)
		}
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.world
}

func makeWorld(dir string) (world, error) {
	w := world{dir, filepath.Join(dir, "backbone"), filepath.Join(dir, "videos"), filepath.Join(dir, "videos", "labels.csv"), filepath.Join(dir, "features")}
	if err := clip.WriteFolder(w.model, clip.RandomWeights(small, 1)); err != nil {
		return w, err
	}
	if _, err := synth.Generate(context.Background(), w.videos, synth.Options{Classes: sharedClasses, PerClass: 8, Width: 48, Height: 48}, nil); err != nil {
		return w, err
	}
	var stdout, stderr bytes.Buffer
	if code := run(context.Background(), []string{"extract", "-q", "--model", w.model, "--out", w.features, w.videos}, &stdout, &stderr); code != exitDone {
		return w, errors.New(stderr.String())
	}
	return w, nil
}

// train is the command line of a short training run in the shared world.
func (w world) train(out string, more ...string) []string {
	return append([]string{"train", "recognition", "-q", "--model", w.model, "--features", w.features, "--data", w.labels, "--out", out,
		"--prefix", "2", "--postfix", "2", "--window-frames", "8", "--steps", "6", "--batch", "8"}, more...)
}

// write makes a file of the given text.
func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}
