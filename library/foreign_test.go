package library_test

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/retrieval"
)

// tree lists what is in a folder: names, kinds, and the content of files.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		all[path] = d.Type().String()
		if d.Type().IsRegular() {
			data, err := os.ReadFile(path)
			all[path] += string(data)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// execute changes a database.
func execute(t *testing.T, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statements); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}

// A folder of somebody else is refused, and nothing in it or behind its links changes.
func TestForeignFolder(t *testing.T) {
	file := func(t *testing.T, path string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte("mine"), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	link := func(t *testing.T, to, path string) {
		t.Helper()
		if err := os.Symlink(to, path); err != nil {
			t.Skip(err)
		}
	}
	for name, make := range map[string]func(t *testing.T, dir, other string){
		"thumbnails":            func(t *testing.T, dir, _ string) { file(t, filepath.Join(dir, "thumbnails", "99", "0.jpg")) },
		"new thumbnails":        func(t *testing.T, dir, _ string) { file(t, filepath.Join(dir, "thumbnails", "new-x", "0.jpg")) },
		"a file for thumbnails": func(t *testing.T, dir, _ string) { file(t, filepath.Join(dir, "thumbnails")) },
		"vectors":               func(t *testing.T, dir, _ string) { file(t, filepath.Join(dir, "vectors-1", "precious")) },
		"empty vectors":         func(t *testing.T, dir, _ string) { os.Mkdir(filepath.Join(dir, "vectors-7"), 0o777) },
		"a link for thumbnails": func(t *testing.T, dir, other string) { link(t, other, filepath.Join(dir, "thumbnails")) },
		"a link for vectors":    func(t *testing.T, dir, other string) { link(t, other, filepath.Join(dir, "vectors-1")) },
		"a link to nothing":     func(t *testing.T, dir, other string) { link(t, other+"x", filepath.Join(dir, "thumbnails")) },
		"a link for a database": func(t *testing.T, dir, other string) {
			link(t, filepath.Join(other, "1", "0.jpg"), filepath.Join(dir, "library.db"))
		},
		"a link for the lock": func(t *testing.T, dir, other string) {
			link(t, filepath.Join(other, "new"), filepath.Join(dir, "lock.db"))
		},
		"another database": func(t *testing.T, dir, _ string) {
			execute(t, filepath.Join(dir, "library.db"), "CREATE TABLE books (title)")
		},
		"a database of a number": func(t *testing.T, dir, _ string) {
			execute(t, filepath.Join(dir, "library.db"), "CREATE TABLE books (title); PRAGMA user_version = 2")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "red_circle/000.mp4")
			other := filepath.Join(t.TempDir(), "other")
			file(t, filepath.Join(other, "1", "0.jpg"))
			file(t, filepath.Join(other, "new-y", "0.jpg"))
			if err := os.Mkdir(w.lib, 0o777); err != nil {
				t.Fatal(err)
			}
			make(t, w.lib, other)
			before, beside := tree(t, w.lib), tree(t, other)
			for range 2 {
				if _, err := w.try(w.videos); err == nil || strings.Contains(err.Error(), "\n") {
					t.Errorf("indexed: %v", err)
				}
				if l, err := library.Open(t.Context(), w.lib); err == nil {
					l.Close()
					t.Error("opened")
				}
			}
			if d := cmp.Diff(before, tree(t, w.lib)); d != "" {
				t.Errorf("the folder has changed: %s", d)
			}
			if d := cmp.Diff(beside, tree(t, other)); d != "" {
				t.Errorf("another folder has changed: %s", d)
			}
		})
	}
}

// A folder with files that no library has can get one.
func TestFolderWithOtherFiles(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4")
	w.lib = w.videos
	w.index(w.videos)
	w.whole()
}

// A database that is not exactly ours is not used: what it would do when it is read
// could take forever.
func TestForeignSchema(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4")
	w.index(w.videos)
	database := filepath.Join(w.lib, "library.db")
	whole, err := os.ReadFile(database)
	if err != nil {
		t.Fatal(err)
	}
	const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
	for name, statements := range map[string]string{
		"a view":            "CREATE VIEW more AS " + endless,
		"a view as a table": "ALTER TABLE settings RENAME TO old; CREATE VIEW settings AS SELECT only, (" + endless + ") AS generation, json, sum FROM old",
		"a trigger":         "CREATE TRIGGER t AFTER INSERT ON moments BEGIN DELETE FROM videos; END",
		"a table":           "CREATE TABLE more (x)",
		"a column":          "ALTER TABLE videos ADD COLUMN more",
		"no index":          "DROP INDEX moments_video",
		"an index":          "CREATE INDEX more ON videos (abs(moments))",
		"no mark":           "PRAGMA application_id = 0",
		"a version":         "PRAGMA user_version = 77; PRAGMA application_id = 1",
	} {
		if err := os.WriteFile(database, whole, 0o666); err != nil {
			t.Fatal(err)
		}
		execute(t, database, statements)
		before, err := os.ReadFile(database)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := library.Open(t.Context(), w.lib); !errors.Is(err, library.ErrForeign) {
			t.Errorf("%s: opened: %v", name, err)
		}
		if _, err := w.try(w.videos); !errors.Is(err, library.ErrForeign) {
			t.Errorf("%s: indexed: %v", name, err)
		}
		if after, err := os.ReadFile(database); err != nil || string(after) != string(before) {
			t.Errorf("%s: the database has changed: %v", name, err)
		}
	}
	if err := os.WriteFile(database, whole, 0o666); err != nil {
		t.Fatal(err)
	}
	execute(t, database, "UPDATE settings SET json = json || CAST(zeroblob(1 << 25) AS TEXT)")
	if _, err := library.Open(t.Context(), w.lib); !errors.Is(err, library.ErrDamaged) {
		t.Errorf("settings of 32 MiB: %v", err)
	}
	if err := os.WriteFile(database, whole, 0o666); err != nil {
		t.Fatal(err)
	}
	execute(t, database, "PRAGMA user_version = 77")
	if _, err := library.Open(t.Context(), w.lib); !errors.Is(err, library.ErrNewer) {
		t.Errorf("a newer one: %v", err)
	}
}

// Thumbnails are read only inside the library, and only if they are what was written.
func TestForeignThumbnail(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4")
	w.index(w.videos)
	l := w.open()
	found := w.search("a red circle", 1)
	r := found.Results[0]
	if data, err := l.Thumbnail(r); err != nil || len(data) == 0 {
		t.Fatal(err)
	}
	good, err := os.ReadFile(r.Thumbnail)
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret.jpg")
	if err := os.WriteFile(secret, good, 0o666); err != nil {
		t.Fatal(err)
	}
	for name, plant := range map[string]func() error{
		"a link":          func() error { return os.Symlink(secret, r.Thumbnail) },
		"another picture": func() error { return os.WriteFile(r.Thumbnail, append([]byte("\xff\xd8\xff"), good...), 0o666) },
		"text":            func() error { return os.WriteFile(r.Thumbnail, []byte("no picture"), 0o666) },
		"a folder":        func() error { return os.Mkdir(r.Thumbnail, 0o777) },
		"a pipe":          func() error { return exec.Command("mkfifo", r.Thumbnail).Run() },
		"an enormous file": func() error {
			return errors.Join(os.WriteFile(r.Thumbnail, good, 0o666), os.Truncate(r.Thumbnail, 1<<40))
		},
		"a device": func() error { return os.Symlink("/dev/zero", r.Thumbnail) },
		"a linked folder": func() error {
			dir := filepath.Dir(r.Thumbnail)
			return errors.Join(os.RemoveAll(dir), os.Mkdir(filepath.Join(filepath.Dir(secret), "f"), 0o777), os.WriteFile(filepath.Join(filepath.Dir(secret), "f", filepath.Base(r.Thumbnail)), good, 0o666),
				os.Symlink(filepath.Join(filepath.Dir(secret), "f"), dir))
		},
	} {
		if err := os.RemoveAll(r.Thumbnail); err != nil {
			t.Fatal(err)
		}
		if err := plant(); err != nil {
			t.Logf("%s: %v", name, err)
			continue
		}
		if data, err := l.Thumbnail(r); err == nil {
			t.Errorf("%s: read %d bytes", name, len(data))
		}
		if damage, err := l.Check(t.Context()); err != nil || len(damage) == 0 || damage[0].Kind != library.DamagedThumbnail {
			t.Errorf("%s: %v %v", name, damage, err)
		}
		if name == "a linked folder" {
			if err := os.Remove(filepath.Dir(r.Thumbnail)); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Dir(r.Thumbnail), 0o777); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Pipes where SQLite would open files are refused without waiting.
func TestPipesInLibrary(t *testing.T) {
	for _, name := range []string{"library.db", "library.db-wal", "library.db-journal", "lock.db"} {
		w := newWorld(t, "red_circle/000.mp4")
		w.index(w.videos)
		path := filepath.Join(w.lib, name)
		_ = os.Remove(path)
		if err := exec.Command("mkfifo", path).Run(); err != nil {
			t.Skip(err)
		}
		if _, err := library.Open(t.Context(), w.lib); !errors.Is(err, input.ErrNotRegular) {
			t.Errorf("%s: opened: %v", name, err)
		}
		if _, err := w.try(w.videos); !errors.Is(err, input.ErrNotRegular) {
			t.Errorf("%s: indexed: %v", name, err)
		}
	}
}

// A library of the first version is upgraded, and gets the blank moments from its
// thumbnails.
func TestUpgrade(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4")
	leader := w.withLeader("color=black", "blue_ring/000.mp4", "tape.mp4")
	w.index(w.videos)
	blank := func() (paths []string) {
		for _, r := range w.search("a red circle", 20).Results {
			if r.Blank {
				paths = append(paths, r.Video)
			}
		}
		return paths
	}
	want := blank()
	if len(want) == 0 || want[0] != leader {
		t.Fatalf("%v", want)
	}
	database := filepath.Join(w.lib, "library.db")
	old := filepath.Join(t.TempDir(), "library.db")
	execute(t, old, library.FirstSchema)
	execute(t, old, "ATTACH '"+database+`' AS new;
		INSERT INTO settings (only, generation, json) SELECT only, generation, json_remove(json_set(json, '$.adapter', 'earlier'), '$.run') FROM new.settings;
		INSERT INTO folders SELECT * FROM new.folders; INSERT INTO videos SELECT * FROM new.videos;
		INSERT INTO moments (id, video, start, "end", thumbnail, picture) SELECT id, video, start, "end", thumbnail, picture FROM new.moments;`)
	for _, name := range []string{"library.db", "library.db-wal", "library.db-shm"} {
		_ = os.Remove(filepath.Join(w.lib, name))
	}
	data, err := os.ReadFile(old)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(database, data, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := library.Open(t.Context(), w.lib); !errors.Is(err, library.ErrOlder) {
		t.Errorf("opened: %v", err)
	}
	if s, err := library.ReadSettings(t.Context(), w.lib); err != nil || s.Run != "earlier" || s.Window != 1 {
		t.Errorf("%+v %v", s, err)
	}
	if r := w.index(w.path("red_circle/000.mp4")); r.Done != 1 { // which had no frames
		t.Errorf("%+v", r)
	}
	if info := w.whole(); info.Settings.Window != 1 {
		t.Errorf("%+v", info.Settings)
	}
	if d := cmp.Diff(want, blank()); d != "" {
		t.Error(d)
	}
}

// withLeader makes a video that starts with three seconds of a source of ffmpeg's.
func (w *world) withLeader(source, from, to string) string {
	w.t.Helper()
	dir, _ := rendered()
	path := w.path(to)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		w.t.Fatal(err)
	}
	c := exec.Command("ffmpeg", "-hide_banner", "-loglevel", "error", "-f", "lavfi", "-t", "3", "-i", source,
		"-i", filepath.Join(dir, from), "-filter_complex", "[0:v]fps=8,scale=64:64,setsar=1,format=yuv420p[a];[1:v]fps=8,setsar=1,format=yuv420p[b];[a][b]concat=n=2:v=1",
		"-c:v", "libx264", "-crf", "18", path)
	if out, err := c.CombinedOutput(); err != nil {
		w.t.Skipf("no leader %s: %v %s", source, err, out)
	}
	return path
}

// Videos that have only frames without content in common are no duplicates; videos with
// such frames between the same pictures are.
func TestBlankIsNoDuplicate(t *testing.T) {
	for name, source := range map[string]string{"black": "color=black", "blue": "color=blue", "bars": "smptebars", "snow": "nullsrc=s=320x240,geq=random(1)*255:128:128", "noise": "color=gray,noise=alls=12:allf=t"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for i, from := range []string{"red_circle/000.mp4", "blue_ring/000.mp4", "green_cross/000.mp4"} {
				w.withLeader(source, from, fmt.Sprintf("%d.mp4", i))
			}
			w.index(w.videos)
			l := w.open()
			d, err := l.Duplicates(t.Context(), library.DefaultThreshold, 0, nil)
			if err != nil || len(d.Near) > 0 {
				t.Errorf("%+v %v", d.Near, err)
			}
			found, err := l.Search(t.Context(), retrieval.Baseline(w.model), "a red circle", 50)
			if err != nil {
				t.Fatal(err)
			}
			blank := 0
			for _, r := range found.Results {
				if r.Blank {
					blank++
				}
				// The moment from 2.5 to 3.5 s has frames of both.
				if r.Best <= 2 != r.Blank && r.Best != 2.5 || r.Blank && r.Score >= library.MatchScore {
					t.Errorf("%+v", r)
				}
			}
			if blank < 2 {
				t.Errorf("%d of %+v are blank", blank, found.Results)
			}
		})
	}
	t.Run("between", func(t *testing.T) {
		w := newWorld(t, "red_circle/001.mp4")
		first := w.withLeader("color=black", "blue_ring/000.mp4", "first.mp4")
		whole := w.path("whole.mp4")
		dir, _ := rendered()
		out, err := exec.Command("ffmpeg", "-hide_banner", "-loglevel", "error", "-i", filepath.Join(dir, "green_cross", "000.mp4"), "-i", first,
			"-filter_complex", "[0:v]fps=8,setsar=1[a];[1:v]fps=8,setsar=1[b];[a][b]concat=n=2:v=1", "-c:v", "libx264", "-crf", "18", whole).CombinedOutput()
		if err != nil {
			t.Fatal(err, string(out))
		}
		small := w.path("small.mp4")
		if out, err := exec.Command("ffmpeg", "-hide_banner", "-loglevel", "error", "-i", whole, "-vf", "scale=96:96", "-c:v", "libx264", "-crf", "28", small).CombinedOutput(); err != nil {
			t.Fatal(err, string(out))
		}
		if err := os.Remove(first); err != nil {
			t.Fatal(err)
		}
		w.index(w.videos)
		d, err := w.open().Duplicates(t.Context(), library.DefaultThreshold, 0, nil)
		if err != nil || len(d.Near) != 1 || len(d.Near[0].Parts) != 1 {
			t.Fatalf("%+v %v", d, err)
		}
		if p := d.Near[0].Parts[0]; p.A.Start > 0.5 || p.A.End < 6 {
			t.Errorf("%+v", p)
		}
	})
}

// A run removes only videos that were deleted, and asks before.
func TestPrune(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "blue_ring/000.mp4", "green_cross/000.mp4")
	w.index(w.videos)
	away := w.videos + "-away"
	for name, c := range map[string]struct{ hide, restore func() error }{
		"an empty mount": {func() error { return errors.Join(os.Rename(w.videos, away), os.Mkdir(w.videos, 0o777)) },
			func() error { return errors.Join(os.Remove(w.videos), os.Rename(away, w.videos)) }},
		"a dangling link": {func() error { return errors.Join(os.Rename(w.videos, away), os.Symlink(away+"x", w.videos)) },
			func() error { return errors.Join(os.Remove(w.videos), os.Rename(away, w.videos)) }},
		"a file instead": {func() error { return errors.Join(os.Rename(w.videos, away), os.WriteFile(w.videos, nil, 0o666)) },
			func() error { return errors.Join(os.Remove(w.videos), os.Rename(away, w.videos)) }},
	} {
		if err := c.hide(); err != nil {
			t.Fatal(err)
		}
		w.o.Prune = func(gone []string, _ int) error { t.Errorf("%s: %v are to be removed", name, gone); return nil }
		r, _ := w.try()
		if r.Pruned != 0 || len(r.Unreachable) != 3 || r.Unreachable[0].Reason == "" || len(r.Missing) != 3 {
			t.Errorf("%s: %+v", name, r)
		}
		if err := c.restore(); err != nil {
			t.Fatal(err)
		}
		if info := w.whole(); info.Videos != 3 || len(info.Folders) != 1 {
			t.Errorf("%s: %+v", name, info)
		}
	}
	if r := w.index(); r.Present != 3 || len(r.Missing) != 0 {
		t.Errorf("%+v", r)
	}
	gone := w.path("red_circle/000.mp4")
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	refusal := errors.New("no")
	var asked []string
	w.o.Prune = func(gone []string, total int) error {
		asked = gone
		if total != 3 {
			t.Errorf("%d videos", total)
		}
		return refusal
	}
	if _, err := w.try(); !errors.Is(err, refusal) || len(asked) != 1 || asked[0] != gone {
		t.Errorf("%v %v", asked, err)
	}
	if info := w.whole(); info.Videos != 3 {
		t.Errorf("%+v", info)
	}
	w.o.Prune = agree
	if r := w.index(); r.Pruned != 1 || r.LibraryVideos != 2 {
		t.Errorf("%+v", r)
	}
}

// Videos of a disk that is mounted at another place have moved.
func TestMountedElsewhere(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "blue_ring/000.mp4")
	w.index(w.videos)
	before := w.videos
	w.videos = filepath.Join(t.TempDir(), "media")
	if err := errors.Join(os.Rename(before, w.videos), os.Mkdir(before, 0o777)); err != nil {
		t.Fatal(err)
	}
	if r := w.index(w.videos); r.Moved != 2 || r.Done != 0 || r.LibraryVideos != 2 || len(r.Missing)+len(r.Unreachable) != 0 {
		t.Errorf("%+v", r)
	}
}
