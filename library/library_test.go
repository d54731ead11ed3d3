package library_test

import (
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/tiny"
	"github.com/clipcue/clipcue/internal/ffmpeg"
	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/retrieval"
	"github.com/clipcue/clipcue/vector"
	"github.com/clipcue/clipcue/video"
)

// shown are the objects of the rendered videos.
var shown = []string{"red circle", "blue ring", "green cross"}

// rendered are videos of these, two of each, and film.mp4, which shows them one
// after the other, two seconds each. Tests copy what they need.
var rendered = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "clipcue-library")
	if err != nil {
		return "", err
	}
	if _, err := synth.Generate(context.Background(), dir, synth.Options{Kind: synth.KindObjects, Classes: shown, PerClass: 2, Width: 64, Height: 64, FPS: 8, TestShare: -1}, nil); err != nil {
		return dir, err
	}
	c := exec.Command("ffmpeg", "-hide_banner", "-loglevel", "error", "-i", filepath.Join(dir, "red_circle", "000.mp4"),
		"-i", filepath.Join(dir, "blue_ring", "000.mp4"), "-i", filepath.Join(dir, "green_cross", "000.mp4"),
		"-filter_complex", "[0:v][1:v][2:v]concat=n=3:v=1", "-c:v", "libx264", "-crf", "18", filepath.Join(dir, "film.mp4"))
	out, err := c.CombinedOutput()
	if err != nil {
		err = errors.New(err.Error() + ": " + string(out))
	}
	return dir, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := rendered(); dir != "" {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

var backbone = sync.OnceValues(func() (*clip.Model, error) { return tiny.Load(clip.Options{}) })

// world is a folder of videos, and a library that is to be made of them.
type world struct {
	t           *testing.T
	videos, lib string
	model       *clip.Model
	o           library.Options
	server      string // of the vectors, "" for none
}

// newWorld copies rendered videos, named as below their folder.
func newWorld(t *testing.T, names ...string) *world {
	t.Helper()
	for _, name := range []string{"ffmpeg", "ffprobe"} {
		if _, err := ffmpeg.Command(t.Context(), name); err != nil {
			t.Skip(err)
		}
	}
	if _, err := rendered(); err != nil {
		t.Fatal(err)
	}
	m, err := backbone()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w := &world{t: t, videos: filepath.Join(dir, "videos"), lib: filepath.Join(dir, "lib"), model: m}
	w.o.Settings.Window, w.o.Settings.Hop = 1, 0.5
	w.o.Extract.Sampling = video.AtRate(4)
	for _, n := range names {
		w.copy(n, n)
	}
	return w
}

// copy puts a rendered video into the folder.
func (w *world) copy(from, to string) string {
	w.t.Helper()
	dir, _ := rendered()
	data, err := os.ReadFile(filepath.Join(dir, from))
	if err != nil {
		w.t.Fatal(err)
	}
	return w.write(to, data)
}

func (w *world) path(name string) string { return filepath.Join(w.videos, filepath.FromSlash(name)) }

func (w *world) write(name string, data []byte) string {
	w.t.Helper()
	path := w.path(name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, data, 0o666)); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// agree lets a run remove whatever was deleted.
func agree([]string, int) error { return nil }

func (w *world) try(paths ...string) (library.Report, error) {
	return library.Index(w.t.Context(), w.lib, w.model, retrieval.Baseline(w.model), paths, w.o)
}

func (w *world) index(paths ...string) library.Report {
	w.t.Helper()
	r, err := w.try(paths...)
	if err != nil {
		w.t.Fatal(err)
	}
	if r.Videos != r.Done+r.Present+r.Moved+len(r.Failed)+r.Remaining {
		w.t.Errorf("the account does not add up: %+v", r)
	}
	return r
}

func (w *world) open() *library.Library {
	w.t.Helper()
	l, err := library.Open(w.t.Context(), w.lib, library.Server{Address: w.server})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	return l
}

func (w *world) search(sentence string, top int) *library.Response {
	w.t.Helper()
	l := w.open()
	defer l.Close()
	found, err := l.Search(w.t.Context(), retrieval.Baseline(w.model), sentence, top)
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

// whole fails if anything of the library is damaged, and returns what it holds.
func (w *world) whole() library.Info {
	w.t.Helper()
	l := w.open()
	defer l.Close()
	damage, err := l.Check(w.t.Context())
	if err != nil || len(damage) > 0 {
		w.t.Errorf("damage %v %v", damage, err)
	}
	info, err := l.Info(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return info
}

// What a sentence describes is found, where it is, and nothing else scores.
func TestSearch(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "red_circle/001.mp4", "blue_ring/000.mp4", "blue_ring/001.mp4", "green_cross/000.mp4", "film.mp4")
	t.Run("exact", w.findsShown)
	w.o.Settings.Graph = 10
	t.Run("by a graph", w.findsShown)
	if graphs, err := filepath.Glob(filepath.Join(w.lib, "vectors-1", "*", "graph*")); err != nil || len(graphs) == 0 {
		t.Errorf("there is no graph: %v", err)
	}
	for _, sentence := range []string{"a man opens a door", "a dog on a beach", "красный круг", "x"} {
		found := w.search(sentence, 3)
		if found.Matched || len(found.Warnings) == 0 || len(found.Results) != 3 {
			t.Errorf("%s: %+v", sentence, found)
		}
	}
	if found := w.search("красный круг", 1); !strings.Contains(fmt.Sprint(found.Warnings), "English") {
		t.Errorf("%q", found.Warnings)
	}
	l := w.open()
	for _, sentence := range []string{"", " \n", "\x00"} {
		if _, err := l.Search(t.Context(), retrieval.Baseline(w.model), sentence, 3); !errors.Is(err, library.ErrEmptyQuery) {
			t.Errorf("%q: %v", sentence, err)
		}
	}
}

// findsShown fails unless a search for what the videos show finds it and nothing
// else.
func (w *world) findsShown(t *testing.T) {
	w.index(w.videos)
	for _, name := range shown {
		found := w.search("a "+name, 20)
		folder := w.path(strings.ReplaceAll(name, " ", "_"))
		if !found.Matched || len(found.Results) == 0 {
			t.Fatalf("a %s: %+v", name, found)
		}
		for i, r := range found.Results {
			right := filepath.Dir(r.Video) == folder
			if r.Video == w.path("film.mp4") {
				begins := 2 * float64(slices.Index(shown, name))
				right = r.Start >= begins-0.5 && r.End <= begins+2.5
			}
			if right != (r.Score >= library.MatchScore) {
				t.Errorf("a %s: result %d is %+v", name, i, r)
			}
			if i > 0 && r.Score > found.Results[i-1].Score {
				t.Errorf("a %s: result %d scores more than the one before", name, i)
			}
			f, err := os.Open(r.Thumbnail)
			if err != nil {
				t.Fatal(err)
			}
			picture, err := jpeg.Decode(f)
			f.Close()
			if err != nil || picture.Bounds().Dx() != 64 {
				t.Errorf("%s: %v", r.Thumbnail, err)
			}
		}
		if !slices.ContainsFunc(found.Results, func(r library.Result) bool { return r.Video == w.path("film.mp4") && r.Score >= library.MatchScore }) {
			t.Errorf("a %s: it is not found in the film: %+v", name, found.Results)
		}
	}
}

// A picture and a video find themselves first.
func TestLike(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "blue_ring/000.mp4", "green_cross/000.mp4")
	w.index(w.videos)
	l := w.open()
	e := retrieval.Baseline(w.model)
	want := w.path("blue_ring/000.mp4")
	thumbnail := w.search("a blue ring", 1).Results[0].Thumbnail
	picture, err := library.EmbedImage(t.Context(), w.model, e, thumbnail)
	if err != nil {
		t.Fatal(err)
	}
	moving, err := library.EmbedVideo(t.Context(), w.model, e, want, w.o.Extract)
	if err != nil {
		t.Fatal(err)
	}
	for name, query := range map[string][]float32{"picture": picture, "video": moving} {
		found, err := l.SearchEmbedding(t.Context(), query, 3)
		if err != nil || len(found.Results) != 3 || found.Results[0].Video != want || found.Results[0].Score < 0.5 || found.Results[1].Score > 0.5 {
			t.Errorf("%s: %+v %v", name, found, err)
		}
	}
}

// What is up to date is not done again; what has changed, moved, gone or failed is
// noticed.
func TestIndexAgain(t *testing.T) {
	w := newWorld(t, "a.mp4/../red_circle/000.mp4", "blue_ring/000.mp4")
	type account struct{ Videos, Done, Present, Moved, Failed, Missing, Changed, Pruned, LibraryVideos int }
	check := func(what string, r library.Report, want account) {
		t.Helper()
		got := account{r.Videos, r.Done, r.Present, r.Moved, len(r.Failed), len(r.Missing), len(r.Changed), r.Pruned, r.LibraryVideos}
		if got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
		if info := w.whole(); info.Moments != r.LibraryMoments || info.Videos-len(info.Pending) != r.LibraryVideos {
			t.Errorf("%s: %+v", what, info)
		}
	}
	check("first", w.index(w.videos), account{Videos: 2, Done: 2, LibraryVideos: 2})
	check("again", w.index(w.videos), account{Videos: 2, Present: 2, LibraryVideos: 2})
	check("by nothing", w.index(), account{Videos: 2, Present: 2, LibraryVideos: 2})
	red, blue := w.path("red_circle/000.mp4"), w.path("blue_ring/000.mp4")
	relative, err := filepath.Rel(must(os.Getwd()), red)
	if err != nil {
		t.Fatal(err)
	}
	check("by another path", w.index(relative), account{Videos: 1, Present: 1, LibraryVideos: 2})

	later := time.Now().Add(-time.Hour)
	if err := os.Chtimes(red, later, later); err != nil {
		t.Fatal(err)
	}
	check("touched", w.index(), account{Videos: 2, Present: 2, LibraryVideos: 2})
	w.copy("green_cross/000.mp4", "red_circle/000.mp4")
	check("another given", w.index(blue), account{Videos: 1, Present: 1, Changed: 1, LibraryVideos: 2})
	check("changed", w.index(), account{Videos: 2, Done: 1, Present: 1, LibraryVideos: 2})
	if r := w.search("a green cross", 1).Results[0]; r.Video != red || r.Score < library.MatchScore {
		t.Errorf("%+v", r)
	}
	if r := w.search("a red circle", 1).Results[0]; r.Score >= library.MatchScore {
		t.Errorf("what it showed is still found: %+v", r)
	}

	moved := w.path("green_cross/moved.mp4")
	if err := errors.Join(os.MkdirAll(filepath.Dir(moved), 0o777), os.Rename(red, moved)); err != nil {
		t.Fatal(err)
	}
	check("moved", w.index(), account{Videos: 2, Present: 1, Moved: 1, LibraryVideos: 2})
	if err := os.Remove(moved); err != nil {
		t.Fatal(err)
	}
	check("gone", w.index(), account{Videos: 1, Present: 1, Missing: 1, LibraryVideos: 2})
	if r := w.search("a green cross", 1).Results[0]; r.Video != moved || !r.Missing {
		t.Errorf("%+v", r)
	}
	w.copy("green_cross/000.mp4", "green_cross/moved.mp4")
	check("back", w.index(), account{Videos: 2, Present: 2, LibraryVideos: 2})
	if r := w.search("a green cross", 1).Results[0]; r.Missing {
		t.Errorf("%+v", r)
	}
	if err := os.Remove(moved); err != nil {
		t.Fatal(err)
	}
	w.o.Prune = agree
	check("dropped", w.index(), account{Videos: 1, Present: 1, Missing: 1, Pruned: 1, LibraryVideos: 1})

	w.o.Prune = nil
	// A link to what is not there, such as a disk that is not mounted, is no reason to
	// lose what the library has of it.
	target, link := filepath.Join(t.TempDir(), "target.mp4"), w.path("link.mp4")
	if err := errors.Join(os.Rename(w.copy("green_cross/001.mp4", "x.mp4"), target), os.Symlink(target, link)); err == nil {
		check("linked", w.index(), account{Videos: 2, Done: 1, Present: 1, LibraryVideos: 2})
		if err := os.Rename(target, target+"x"); err != nil {
			t.Fatal(err)
		}
		check("linked to nothing", w.index(), account{Videos: 1, Present: 1, Missing: 1, LibraryVideos: 2})
		if err := os.Rename(target+"x", target); err != nil {
			t.Fatal(err)
		}
		check("linked again", w.index(), account{Videos: 2, Present: 2, LibraryVideos: 2})
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
	w.o.Prune = agree
	w.index()

	bad := w.write("bad.mp4", []byte("no video"))
	check("failed", w.index(), account{Videos: 2, Present: 1, Failed: 1, LibraryVideos: 1})
	if info := w.whole(); len(info.Failed) != 1 || info.Failed[0].Path != bad || info.Failed[0].Reason == "" {
		t.Errorf("%+v", info.Failed)
	}
	w.write("blue_ring/000.mp4", []byte("no video any more"))
	r, err := w.try()
	if err == nil || len(r.Failed) != 2 {
		t.Errorf("all failed: %+v %v", r, err)
	}
	w.copy("red_circle/001.mp4", "bad.mp4")
	check("repaired", w.index(), account{Videos: 2, Done: 1, Failed: 1, LibraryVideos: 1})
	if info := w.whole(); len(info.Failed) != 1 || info.Failed[0].Path != blue {
		t.Errorf("%+v", info.Failed)
	}
	if err := os.Remove(blue); err != nil {
		t.Fatal(err)
	}
	w.index()
	if info := w.whole(); len(info.Failed) != 0 {
		t.Errorf("a file that is gone is still a failure: %+v", info.Failed)
	}
	if err := os.RemoveAll(w.videos); err != nil {
		t.Fatal(err)
	}
	check("a folder that is gone", w.index(), account{Missing: 1, Pruned: 1})
	if info := w.whole(); len(info.Folders) != 0 {
		t.Errorf("%v", info.Folders)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A library is of one model and one kind of windows.
func TestMismatch(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "blue_ring/000.mp4")
	w.index(w.videos)
	refused := func(what string, words ...string) {
		t.Helper()
		_, err := w.try(w.videos)
		var m *library.MismatchError
		if !errors.As(err, &m) {
			t.Fatalf("%s: %v", what, err)
		}
		for _, word := range words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: the error does not say %q: %v", what, word, err)
			}
		}
	}
	w.o.Settings.Window = 2
	refused("window", "1 s", "2 s")
	w.o.Settings.Window = 0 // the library's own
	if r := w.index(w.videos); r.Present != 2 {
		t.Errorf("%+v", r)
	}
	w.o.Settings.Captions = []string{"a dog", "a cat"}
	refused("captions")
	w.o.Settings.Captions = nil
	w.o.Extract.Sampling = video.AtRate(1)
	refused("sampling", "fps=1", "fps=4")
	w.o.Extract.Sampling = video.AtRate(4)
	w.o.Extract.Still = 2
	refused("still frames", "not 2")
	w.o.Extract.Still = 0

	was := w.model
	config := was.Config()
	config.Embed = 32
	other, err := clip.New(clip.RandomWeights(config, 1), clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := w.open()
	if _, err := l.Search(t.Context(), retrieval.Baseline(other), "a red circle", 1); err == nil ||
		!strings.Contains(err.Error(), was.Fingerprint()) || !strings.Contains(err.Error(), other.Fingerprint()) {
		t.Errorf("searched with another model: %v", err)
	}
	w.model = other
	refused("model", was.Fingerprint(), other.Fingerprint())

	// Reindexing covers everything even if only a part is given, and resumes after an
	// interruption.
	w.o.Reindex = true
	w.o.Extract.Decoders, w.o.Extract.Batch = 1, 4
	ctx, stop := context.WithCancel(t.Context())
	r, err := library.Index(ctx, w.lib, stopping{other, stop}, retrieval.Baseline(other), []string{w.path("blue_ring/000.mp4")}, w.o)
	if !errors.Is(err, context.Canceled) || r.Videos != 2 || r.Remaining == 0 {
		t.Errorf("%+v %v", r, err)
	}
	w.o.Reindex = false
	if found, err := w.open().Search(t.Context(), retrieval.Baseline(other), "a red circle", 1); err != nil || !strings.Contains(fmt.Sprint(found.Warnings), "wait") && len(found.Warnings) < 1 {
		t.Errorf("%+v %v", found, err)
	}
	w.index(w.path("blue_ring/000.mp4"))
	if info := w.whole(); info.Videos != 2 || len(info.Pending) != 0 || info.Settings.Width != 32 || info.Settings.Fingerprint != other.Fingerprint() {
		t.Errorf("%+v", info)
	}
	// Who had it open is told.
	if found, err := l.Search(t.Context(), retrieval.Baseline(was), "a red circle", 1); err == nil && (len(found.Results) > 0 || len(found.Warnings) == 0) {
		t.Errorf("%+v", found)
	}
}

// stopping is a model that stops the run when it has encoded something.
type stopping struct {
	*clip.Model
	stop func()
}

func (s stopping) EncodeImages(ctx context.Context, rgb []byte) ([]float32, error) {
	s.stop()
	return s.Model.EncodeImages(context.Background(), rgb)
}

// The database is the truth: vectors and thumbnails that it does not know go, and
// what it knows and they have lost is made again.
func TestReconcile(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "blue_ring/000.mp4", "green_cross/000.mp4")
	first := w.index(w.videos)
	home := filepath.Join(w.lib, "vectors-1")
	x, err := vector.Open(home, w.model.Config().Embed, vector.Options{})
	if err != nil {
		t.Fatal(err)
	}
	stray := make([]float32, x.Width())
	stray[0] = 1
	if err := errors.Join(x.Add(t.Context(), []int64{1 << 40}, stray), x.Delete(t.Context(), []int64{1}), x.Close(),
		os.MkdirAll(filepath.Join(w.lib, "thumbnails", "99"), 0o777), os.MkdirAll(filepath.Join(w.lib, "thumbnails", "new-x"), 0o777),
		os.MkdirAll(filepath.Join(w.lib, "vectors-0"), 0o777), os.RemoveAll(filepath.Join(w.lib, "thumbnails", "2"))); err != nil {
		t.Fatal(err)
	}
	if damage, err := w.open().Check(t.Context()); err != nil || len(damage) < 2 {
		t.Errorf("%v %v", damage, err)
	}
	r := w.index()
	if r.Repaired != 2 || r.Done != 2 || r.Present != 1 || r.LibraryMoments != first.LibraryMoments {
		t.Errorf("%+v", r)
	}
	w.whole()
	for _, gone := range []string{"thumbnails/99", "thumbnails/new-x", "vectors-0"} {
		if _, err := os.Stat(filepath.Join(w.lib, gone)); err == nil {
			t.Errorf("%s is still there", gone)
		}
	}
	if x, err = vector.Open(home, w.model.Config().Embed, vector.Options{ReadOnly: true}); err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	highest := int64(0)
	for id, err := range x.IDs(t.Context()) {
		if err != nil || id == 1<<40 {
			t.Errorf("%d %v", id, err)
		}
		highest = max(highest, id)
	}
	if n, err := x.Len(t.Context()); n != r.LibraryMoments || err != nil || highest <= 1<<40 {
		t.Errorf("%d vectors up to %d, %v: the stray one's id may be used again", n, highest, err)
	}
}

// Lost thumbnails of a video that is not there are no reason to lose its moments too.
func TestLostThumbnailsOfMissingVideo(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4")
	w.index(w.videos)
	if err := errors.Join(os.RemoveAll(filepath.Join(w.lib, "thumbnails")), os.RemoveAll(w.videos)); err != nil {
		t.Fatal(err)
	}
	if r, err := w.try(); err != nil || len(r.Missing) != 1 || r.Repaired != 0 {
		t.Errorf("%+v %v", r, err)
	}
	if found := w.search("a red circle", 1); !found.Matched {
		t.Errorf("%+v", found)
	}
}

// Damage is named by its file, with what to do, and what is told to do helps.
func TestDamage(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "blue_ring/000.mp4")
	w.index(w.videos)
	spoil := func(path string) {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range data {
			if i >= len(data)/2 {
				data[i] ^= 0x55
			}
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	thumbnail := w.search("a red circle", 1).Results[0].Thumbnail
	if err := os.WriteFile(thumbnail, []byte("no picture"), 0o666); err != nil {
		t.Fatal(err)
	}
	vectors, err := filepath.Glob(filepath.Join(w.lib, "vectors-1", "*", "vectors"))
	if err != nil || len(vectors) != 1 {
		t.Fatal(vectors, err)
	}
	spoil(vectors[0])
	l := w.open()
	damage, err := l.Check(t.Context())
	_, searched := l.Search(t.Context(), retrieval.Baseline(w.model), "a red circle", 1)
	l.Close()
	if err != nil || len(damage) != 2 || !strings.Contains(damage[0].String()+damage[1].String(), thumbnail) ||
		!strings.Contains(damage[0].String()+damage[1].String(), vectors[0]) {
		t.Errorf("%v %v", damage, err)
	}
	levels := filepath.Join(filepath.Dir(vectors[0]), "levels")
	if err := os.Remove(levels); err != nil {
		t.Fatal(err)
	}
	_, indexed := w.try()
	_, opened := library.Open(t.Context(), w.lib)
	for _, c := range []struct {
		file string
		err  error
	}{{vectors[0], searched}, {levels, indexed}, {levels, opened}} {
		if e := (*library.VectorsError)(nil); !errors.As(c.err, &e) || !strings.Contains(c.err.Error(), c.file) || e.Folder != filepath.Join(w.lib, "vectors-1") {
			t.Errorf("%s: %v", c.file, c.err)
		}
	}
	if err := os.RemoveAll(filepath.Join(w.lib, "vectors-1")); err != nil {
		t.Fatal(err)
	}
	if _, err := library.Open(t.Context(), w.lib); !errors.As(err, new(*library.VectorsError)) || !strings.Contains(err.Error(), "vectors-1") {
		t.Errorf("without vectors: %v", err)
	}
	if r := w.index(); r.Done != 2 || r.Repaired != 2 {
		t.Errorf("%+v", r)
	}
	w.whole()

	thumbnail = w.search("a red circle", 1).Results[0].Thumbnail
	if err := os.Remove(thumbnail); err != nil {
		t.Fatal(err)
	}
	w.o.Reindex = true
	if r := w.index(w.path("red_circle/000.mp4")); r.Done != 1 || r.Videos != 1 {
		t.Errorf("%+v", r)
	}
	w.o.Reindex = false
	w.whole()

	database := filepath.Join(w.lib, "library.db")
	if err := os.WriteFile(database, []byte(strings.Repeat("this is no database ", 1000)), 0o666); err != nil {
		t.Fatal(err)
	}
	_, opened = library.Open(t.Context(), w.lib)
	_, indexed = w.try()
	for _, err := range []error{opened, indexed} {
		if err == nil || !strings.Contains(err.Error(), database) || !strings.Contains(err.Error(), "damaged") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v", err)
		}
	}
}

// What stands in the database is not believed if it is another than was written, even
// if the database is one.
func TestDamagedRows(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "blue_ring/000.mp4")
	w.index(w.videos)
	if err := library.SaveSearch(t.Context(), w.lib, "violets", library.Query{Texts: []string{"a violet"}}); err != nil {
		t.Fatal(err)
	}
	database := filepath.Join(w.lib, "library.db")
	whole, err := os.ReadFile(database)
	if err != nil {
		t.Fatal(err)
	}
	caption := library.DefaultCaptions()[0]
	for what, c := range map[string]struct {
		from, to   string
		searchable bool
	}{
		"a path":    {"red_circle/000.mp4", "red_square/000.mp4", false},
		"a setting": {caption, strings.Repeat("x", len(caption)), false},
		// 1.5, where a moment begins, made 10.5.
		"a time":          {"\x3f\xf8\x00\x00\x00\x00\x00\x00", "\x40\x25\x00\x00\x00\x00\x00\x00", false},
		"a saved search":  {"a violet", "a violin", true},
		"a folder's name": {w.videos, w.videos[:len(w.videos)-1] + "S", true},
	} {
		damaged := strings.ReplaceAll(string(whole), c.from, c.to)
		if what == "a folder's name" { // but the videos' paths
			for _, name := range []string{"/red_circle", "/blue_ring"} {
				damaged = strings.ReplaceAll(damaged, c.to+name, c.from+name)
			}
		}
		if damaged == string(whole) {
			t.Fatalf("%s is not there", what)
		}
		if err := os.WriteFile(database, []byte(damaged), 0o666); err != nil {
			t.Fatal(err)
		}
		named := func(doing string, err error) {
			t.Helper()
			if err == nil || !strings.Contains(err.Error(), database) || !strings.Contains(err.Error(), "checksum") {
				t.Errorf("%s: %s: %v", what, doing, err)
			}
		}
		l, err := library.Open(t.Context(), w.lib)
		if err != nil {
			named("opened", err)
			continue
		}
		damage, err := l.Check(t.Context())
		if err != nil || len(damage) == 0 || damage[0].File != database {
			t.Errorf("%s: damage %v %v", what, damage, err)
		}
		if _, err = l.Search(t.Context(), retrieval.Baseline(w.model), "a red circle", 3); !c.searchable {
			named("searched", err)
		}
		l.Close()
	}
	if err := os.WriteFile(database, whole, 0o666); err != nil {
		t.Fatal(err)
	}
	w.whole()

	thumbnail := w.search("a red circle", 1).Results[0].Thumbnail
	picture, err := os.ReadFile(thumbnail)
	if err != nil {
		t.Fatal(err)
	}
	picture[len(picture)/2] ^= 1
	if err := os.WriteFile(thumbnail, picture, 0o666); err != nil {
		t.Fatal(err)
	}
	if damage, err := w.open().Check(t.Context()); err != nil || len(damage) != 1 || damage[0].File != thumbnail {
		t.Errorf("%v %v", damage, err)
	}
}

// A second run is refused while the first one writes, and who searches is not.
func TestTwoRuns(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "blue_ring/000.mp4")
	w.index(w.path("red_circle/000.mp4"))
	var second, searched error
	ctx := library.WithHolder(t.Context(), "clipcue index")
	_, err := library.Index(ctx, w.lib, hooked{w.model, func() {
		_, second = w.try(w.videos)
		_, searched = w.open().Search(t.Context(), retrieval.Baseline(w.model), "a red circle", 1)
	}}, retrieval.Baseline(w.model), []string{w.videos}, w.o)
	if err != nil {
		t.Fatal(err)
	}
	busy, _ := errors.AsType[*library.BusyError](second)
	if want := fmt.Sprintf("clipcue index (process %d)", os.Getpid()); !errors.Is(second, library.ErrBusy) || busy.Holder != want {
		t.Errorf("the second run: %v", second)
	}
	if _, err := os.Lstat(filepath.Join(w.lib, "lock.txt")); err == nil {
		t.Error("the note of the holder is left")
	}
	if searched != nil {
		t.Errorf("a search meanwhile: %v", searched)
	}
	if info := w.whole(); info.Videos != 2 {
		t.Errorf("%+v", info)
	}
}

// hooked is a model that does something before it encodes.
type hooked struct {
	*clip.Model
	before func()
}

func (h hooked) EncodeImages(ctx context.Context, rgb []byte) ([]float32, error) {
	h.before()
	return h.Model.EncodeImages(context.Background(), rgb)
}

// Copies are found, whole ones of other quality and parts that were cut out, with
// their times.
func TestDuplicates(t *testing.T) {
	w := newWorld(t, "film.mp4", "red_circle/001.mp4", "green_cross/001.mp4")
	film := w.path("film.mp4")
	same := w.copy("film.mp4", "copies/same.mp4")
	small := w.path("copies/small.mp4")
	if out, err := exec.Command("ffmpeg", "-hide_banner", "-loglevel", "error", "-i", film, "-vf", "scale=96:96", "-c:v", "libx264", "-crf", "30", small).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	part := w.path("copies/part.mp4")
	if err := video.Cut(t.Context(), film, 1, 4, part); err != nil {
		t.Fatal(err)
	}
	w.index(w.videos)
	d, err := w.open().Duplicates(t.Context(), library.DefaultThreshold, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Exact) != 1 || !cmp.Equal(d.Exact[0].Videos, []string{same, film}) {
		t.Errorf("%+v", d.Exact)
	}
	near := map[[2]string]library.SharedPart{}
	for _, n := range d.Near {
		near[[2]string{n.A, n.B}] = n.Parts[0]
	}
	if len(near) != 5 { // the film and its copy with the small one and the part, and these two
		t.Errorf("%+v", d.Near)
	}
	if s := near[[2]string{small, film}]; s.A.Start > 0.5 || s.A.End < 5.5 || s.B.Start != s.A.Start || s.Moments < 9 || s.Similarity < library.DefaultThreshold {
		t.Errorf("the small copy: %+v", s)
	}
	if s := near[[2]string{part, film}]; s.A.Start > 0.5 || s.A.End < 2.5 || s.B.Start-s.A.Start != 1 {
		t.Errorf("the part: %+v", s)
	}
}

// All that is read of a folder that is no library is named.
func TestNoLibrary(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4")
	if _, err := library.Open(t.Context(), w.lib); !errors.Is(err, library.ErrNotLibrary) {
		t.Errorf("%v", err)
	}
	if _, err := w.try(w.path("nothing.mp4")); err == nil {
		t.Error("a path that is not there was indexed")
	}
	if _, err := os.Stat(w.lib); err == nil {
		t.Error("a failed run has made a library")
	}
	w.o.Settings.Hop = 2
	if _, err := w.try(w.videos); err == nil || !strings.Contains(err.Error(), "gaps") {
		t.Errorf("windows with gaps: %v", err)
	}
	w.o.Settings.Hop = 0.5
	if _, err := w.try(); !errors.Is(err, library.ErrNotLibrary) {
		t.Errorf("nothing to index: %v", err)
	}
	if _, err := os.Stat(w.lib); err == nil {
		t.Error("a failed run has made a library")
	}
}
