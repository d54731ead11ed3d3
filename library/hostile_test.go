package library_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/retrieval"
)

// A database of any content is read or refused in one line.
// SQLite quotes a damaged schema; the error is one line all the same.
func TestDamagedSchema(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4")
	w.index(w.videos)
	path := filepath.Join(w.lib, "library.db")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, damage := range []struct{ old, new string }{
		{"CREATE TABLE frames", "CREATE TABLE 'rames"}, {"BLOB NOT NULL", "BLOB 'OT NULL"}, {"TEXT NOT NULL", "TEXT (OT NULL"},
	} {
		data := bytes.ReplaceAll(whole, []byte(damage.old), []byte(damage.new))
		if bytes.Equal(data, whole) {
			t.Fatalf("the schema has no %q", damage.old)
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		if l, err := library.Open(t.Context(), w.lib); err == nil {
			l.Close()
			t.Errorf("%q: no error", damage.new)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", damage.new, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	saved := f.TempDir()
	f.Add([]byte("no database"), uint16(0))
	f.Add([]byte{}, uint16(0))
	for i := range 8 {
		f.Add([]byte(nil), uint16(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint16) {
		w := newWorld(t, "red_circle/000.mp4")
		database := filepath.Join(saved, "library.db")
		if _, err := os.Stat(database); err != nil {
			w.index(w.videos)
			if err := os.CopyFS(saved, os.DirFS(w.lib)); err != nil {
				t.Fatal(err)
			}
		} else if err := os.CopyFS(w.lib, os.DirFS(saved)); err != nil {
			t.Fatal(err)
		}
		if seed > 0 { // a few bytes of a real one are other
			whole, err := os.ReadFile(database)
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(uint64(seed), 0))
			data = whole
			for range 1 + r.IntN(50) {
				data[r.IntN(len(data))] = byte(r.Uint32())
			}
		}
		if err := os.WriteFile(filepath.Join(w.lib, "library.db"), data, 0o666); err != nil {
			t.Fatal(err)
		}
		check := func(err error) {
			t.Helper()
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
		}
		l, err := library.Open(t.Context(), w.lib)
		check(err)
		if err != nil {
			return
		}
		defer l.Close()
		_, err = l.Search(t.Context(), retrieval.Baseline(w.model), "a red circle", 3)
		check(err)
		_, err = l.Check(t.Context())
		check(err)
		_, err = l.Info(t.Context())
		check(err)
		_, err = l.Duplicates(t.Context(), 0.9, 1, nil)
		check(err)
	})
}
