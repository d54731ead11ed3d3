package adapter

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/clipcue/clipcue/train"
)

// A folder without a finished model is an error of its own kind.
func TestFindModel(t *testing.T) {
	file := func(t *testing.T, dir, name string) string {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, nil, 0o666)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Run("best", func(t *testing.T) {
		dir := t.TempDir()
		best, last := file(t, dir, train.BestFile), file(t, dir, train.LastFile)
		for checkpoint, want := range map[string]string{"": best, "best": best, "last": last} {
			if got, err := FindModel(dir, checkpoint); got != want || err != nil {
				t.Errorf("%q: %s, %v", checkpoint, got, err)
			}
		}
		if got, err := FindModel(best, "last"); got != best || err != nil {
			t.Errorf("a file: %s, %v", got, err)
		}
	})
	t.Run("stopped early", func(t *testing.T) {
		dir := t.TempDir()
		last := file(t, dir, train.LastFile)
		var e *NoBestModelError
		if _, err := FindModel(dir, ""); !errors.As(err, &e) || e.Last != last {
			t.Errorf("got %v", err)
		}
	})
	t.Run("few-shot", func(t *testing.T) {
		dir := t.TempDir()
		file(t, dir, "episode-000/"+train.BestFile)
		file(t, dir, "episode-001/"+train.BestFile)
		var e *FewShotRunError
		if _, err := FindModel(dir, ""); !errors.As(err, &e) || len(e.Episodes) != 2 || e.Episodes[1] != filepath.Join(dir, "episode-001") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("another folder", func(t *testing.T) {
		if _, err := FindModel(t.TempDir(), ""); !errors.Is(err, train.ErrNotRun) {
			t.Errorf("got %v", err)
		}
	})
}
