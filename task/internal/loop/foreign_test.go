package loop

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/train"
)

// A run replaces its own files, and none that has the name of one.
func TestRunKeepsForeignFiles(t *testing.T) {
	c := train.Config{Steps: 4, LearningRate: 0.1, EvalEvery: 2, SaveEvery: 2}
	for _, x := range []struct{ name, content string }{
		{train.BestFile, "notes"},
		{train.LastFile, "\x00\x00\x00\x20ftypisom"},
		{train.ConfigFile, `{"mine":1}`},
		{train.MetricsFile, "notes\n"},
		{train.MetricsFile, `{"mine":1}` + "\n"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, x.name)
		if err := os.WriteFile(path, []byte(x.content), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := newValley().run(t, dir, c, false); !errors.Is(err, atomicfile.ErrOtherKind) || !strings.Contains(err.Error(), path) || read(t, dir, x.name) != x.content {
			t.Errorf("%s %q: error %v, now %q", x.name, x.content, err, read(t, dir, x.name))
		}
	}
	for _, name := range []string{train.BestFile, train.LastFile, train.ConfigFile, train.MetricsFile} {
		dir := t.TempDir()
		if err := os.Symlink(filepath.Join(t.TempDir(), "target"), filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
		if err := newValley().run(t, dir, c, false); err == nil || !strings.Contains(err.Error(), "link") {
			t.Errorf("%s is a link: error %v", name, err)
		}
	}
	// A run that was interrupted before its first checkpoint starts again.
	dir := t.TempDir()
	if err := newValley().run(t, dir, c, false); err != nil {
		t.Fatal(err)
	}
	metrics := filepath.Join(dir, train.MetricsFile)
	if err := errors.Join(os.Remove(filepath.Join(dir, train.LastFile)), os.WriteFile(metrics, []byte(read(t, dir, train.MetricsFile)+`{"st`), 0o666)); err != nil {
		t.Fatal(err)
	}
	if err := newValley().run(t, dir, c, false); err != nil {
		t.Error(err)
	}
}
