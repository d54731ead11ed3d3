package library_test

import (
	"database/sql"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/retrieval"
	"golang.org/x/sync/errgroup"
)

func (w *world) label(name string, marks ...library.Mark) {
	w.t.Helper()
	if err := library.CreateLabel(w.t.Context(), w.lib, library.Label{Name: name}); err != nil {
		w.t.Fatal(err)
	}
	for i := range marks {
		marks[i].Label = name
	}
	if n, _, err := library.AddMarks(w.t.Context(), w.lib, marks, false); err != nil || n != len(marks) {
		w.t.Fatalf("%d marks added: %v", n, err)
	}
}

func (w *world) marks(name string) []library.Mark {
	w.t.Helper()
	l := w.open()
	defer l.Close()
	marks, err := l.Marks(w.t.Context(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	return marks
}

// teach learns a label and calls use with it.
func (w *world) teach(name string, use func(*library.Teacher)) {
	w.t.Helper()
	l := w.open()
	defer l.Close()
	m, err := l.Moments(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer m.Close()
	t, err := l.Teach(w.t.Context(), retrieval.Baseline(w.model), m, name)
	if err != nil {
		w.t.Fatal(err)
	}
	use(t)
}

func (w *world) teachError(name string) error {
	w.t.Helper()
	l := w.open()
	defer l.Close()
	m, err := l.Moments(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer m.Close()
	_, err = l.Teach(w.t.Context(), retrieval.Baseline(w.model), m, name)
	return err
}

// db changes the database without the library.
func (w *world) db(statements ...string) {
	w.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.lib, "library.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			w.t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestLabelFindsMoreOfTheSame(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "red_circle/001.mp4", "blue_ring/000.mp4", "blue_ring/001.mp4", "green_cross/000.mp4", "film.mp4")
	w.o.Settings.Window, w.o.Settings.Hop = 1, 0.5
	w.index(w.videos)
	w.label("thing", library.Mark{Video: "red_circle/000.mp4", Start: 0, End: 2, Positive: true}, library.Mark{Video: "blue_ring/000.mp4", Start: 0, End: 2})
	w.teach("thing", func(teacher *library.Teacher) {
		found := teacher.Suggest(label.Likely, 3, 0, nil)
		if len(found) != 3 {
			t.Fatalf("suggestions %+v", found)
		}
		for _, s := range found {
			if !strings.Contains(s.Video, "red_circle/001") && !(strings.Contains(s.Video, "film") && s.Start < 2) {
				t.Errorf("suggests %s at %g s", s.Video, s.Start)
			}
		}
		if other := teacher.Suggest(label.Likely, 3, 0, func(video string) bool { return strings.HasPrefix(video, filepath.Join(w.videos, "green_cross")) }); len(other) == 0 || !strings.Contains(other[0].Video, "green_cross") {
			t.Errorf("suggestions of a folder: %+v", other)
		}
		segments, err := teacher.Segments(teacher.Cut(teacher.Head().Threshold))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range segments {
			if strings.Contains(s.Video, "film") && (s.Start > 0.3 || s.End < 1.5 || s.End > 2.7) {
				t.Errorf("the red circle of the film is from 0 to 2 s, found %g to %g s", s.Start, s.End)
			}
			if strings.Contains(s.Video, "blue_ring") || s.Label != "thing" {
				t.Errorf("segment %+v", s)
			}
		}
	})
	w.whole()
}

func TestMarksStayWithTheContent(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "blue_ring/000.mp4")
	w.index(w.videos)
	w.label("thing", library.Mark{Video: "red_circle/000.mp4", Start: 0.5, End: 1.5, Positive: true, Author: "ann"})
	moved := w.path("elsewhere.mp4")
	if err := os.Rename(w.path("red_circle/000.mp4"), moved); err != nil {
		t.Fatal(err)
	}
	if r := w.index(w.videos); r.Moved != 1 {
		t.Fatalf("%+v", r)
	}
	w.o.Reindex, w.o.Settings.Window, w.o.Settings.Hop = true, 1, 1
	w.index()
	marks := w.marks("thing")
	if len(marks) != 1 || marks[0].Video != moved || marks[0].Start != 0.5 || marks[0].End != 1.5 || !marks[0].Positive || marks[0].Author != "ann" || marks[0].Time.IsZero() {
		t.Errorf("marks %+v", marks)
	}
	w.teach("thing", func(teacher *library.Teacher) {
		if teacher.Unused != 0 {
			t.Errorf("%d marks are unused", teacher.Unused)
		}
	})
	w.copy("green_cross/000.mp4", "elsewhere.mp4") // another video in its place
	w.o.Reindex = false
	w.index()
	w.teach("thing", func(teacher *library.Teacher) {
		if teacher.Unused != 1 {
			t.Errorf("%d marks are unused, want the one of the replaced video", teacher.Unused)
		}
	})
	w.whole()
}

func TestMarksThatAreRefused(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "red_circle/001.mp4")
	w.index(w.videos)
	w.label("thing", library.Mark{Video: "000.mp4", Start: 0, End: 1, Positive: true})
	var conflict *library.ConflictError
	for _, c := range []struct {
		name string
		mark library.Mark
		want error
		as   any
	}{
		{"another label", library.Mark{Label: "other", Video: "000.mp4", End: 1}, library.ErrNoLabel, nil},
		{"unknown video", library.Mark{Label: "thing", Video: "nowhere.mp4", End: 1}, library.ErrUnknownVideo, nil},
		{"part of a name", library.Mark{Label: "thing", Video: "0.mp4", End: 1}, library.ErrUnknownVideo, nil},
		{"before the start", library.Mark{Label: "thing", Video: "000.mp4", Start: -1, End: 1}, library.ErrOutside, nil},
		{"after the end", library.Mark{Label: "thing", Video: "000.mp4", Start: 1, End: 100}, library.ErrOutside, nil},
		{"empty", library.Mark{Label: "thing", Video: "000.mp4", Start: 1, End: 1}, library.ErrOutside, nil},
		{"contradiction", library.Mark{Label: "thing", Video: "000.mp4", Start: 0.1, End: 1}, nil, &conflict},
		{"overlap", library.Mark{Label: "thing", Video: "000.mp4", Start: 0.1, End: 1, Positive: true}, nil, &conflict},
	} {
		good := library.Mark{Label: "thing", Video: "001.mp4", Start: 0, End: 1, Positive: true}
		_, _, err := library.AddMarks(t.Context(), w.lib, []library.Mark{good, c.mark}, false)
		if c.want != nil && !errors.Is(err, c.want) || c.as != nil && !errors.As(err, c.as) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if marks := w.marks("thing"); len(marks) != 1 {
		t.Errorf("of refused calls, marks stay: %+v", marks)
	}
	if n, _, err := library.AddMarks(t.Context(), w.lib, w.marks("thing"), false); n != 0 || err != nil {
		t.Errorf("the same marks again: %d added, %v", n, err)
	}
	for _, l := range []library.Label{{Name: "thing"}, {Name: "thing\u200b"}, {Name: " "}, {Name: "a\nb"}, {Name: "x", Texts: []string{""}}} {
		if err := library.CreateLabel(t.Context(), w.lib, l); err == nil {
			t.Errorf("label %+v is accepted", l)
		}
	}
	if _, _, err := library.AddMarks(t.Context(), t.TempDir(), nil, false); !errors.Is(err, library.ErrNotLibrary) {
		t.Errorf("no library: %v", err)
	}
	if err := library.RemoveMarks(t.Context(), w.lib, []library.Mark{{Label: "thing", Video: "000.mp4", Start: 0.5, End: 1}}); !errors.Is(err, library.ErrNoMark) {
		t.Errorf("removing what is not there: %v", err)
	}
	if err := library.RemoveMarks(t.Context(), w.lib, w.marks("thing")); err != nil || len(w.marks("thing")) != 0 {
		t.Errorf("removing: %v", err)
	}
	if err := library.DeleteLabel(t.Context(), w.lib, "thing"); err != nil {
		t.Error(err)
	}
}

// The name of a video may begin with a space. A space before another name is ignored.
func TestMarksOfNamesWithSpaces(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "red_circle/001.mp4")
	if err := os.Rename(filepath.Join(w.videos, "red_circle", "000.mp4"), filepath.Join(w.videos, "red_circle", "  space.mp4")); err != nil {
		t.Fatal(err)
	}
	w.index(w.videos)
	for _, name := range []string{"  space.mp4", "red_circle/  space.mp4", "  space", " 001.mp4", "001 "} {
		if n, _, err := library.AddMarks(t.Context(), w.lib, []library.Mark{{Label: name, Video: name, End: 1}}, true); n != 1 || err != nil {
			t.Errorf("%q: %d added, error %v", name, n, err)
		}
	}
}

// Marks that cover about the same span are one mark if they are added together, however many overlap. Others stay.
func TestMarksThatOverlapAreJoined(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4")
	w.index(w.videos)
	mark := func(start, end float64, positive bool) library.Mark {
		return library.Mark{Label: "thing", Video: "000.mp4", Start: start, End: end, Positive: positive}
	}
	given := []library.Mark{mark(0.5, 1, true), mark(0, 0.4, false), mark(0.6, 1.1, true), mark(0.6, 1.11, true), mark(0.45, 1.2, true), mark(1.1, 2, true)}
	added, joined, err := library.AddMarks(t.Context(), w.lib, given, true)
	if err != nil || added != 3 || joined != 3 {
		t.Fatalf("%d added, %d joined, error %v", added, joined, err)
	}
	got := map[[2]float64]bool{}
	for _, m := range w.marks("thing") {
		got[[2]float64{m.Start, m.End}] = m.Positive
	}
	if want := map[[2]float64]bool{{0, 0.4}: false, {0.45, 1.2}: true, {1.1, 2}: true}; !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if added, _, err := library.AddMarks(t.Context(), w.lib, given, true); added != 0 || err != nil {
		t.Errorf("the same marks again: %d added, %v", added, err)
	}
	var conflict *library.ConflictError
	if _, _, err := library.AddMarks(t.Context(), w.lib, []library.Mark{mark(1.1, 2, false), mark(1, 2, true)}, true); !errors.As(err, &conflict) || conflict.Old.ID != 0 {
		t.Errorf("a contradiction among new marks: %v", err)
	}
}

// Short changes wait for each other.
func TestManyMarkAtOnce(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4")
	w.index(w.videos)
	w.label("  red ")
	if _, _, err := library.AddMarks(t.Context(), w.lib, []library.Mark{{Label: "red", Video: "red_circle/000.mp4", End: 0.01}}, false); err != nil {
		t.Errorf("a label whose name was given with spaces: %v", err)
	}
	var group errgroup.Group
	for i := range 8 {
		group.Go(func() error {
			start := float64(i+1) / 10
			_, _, err := library.AddMarks(t.Context(), w.lib, []library.Mark{{Label: "red", Video: "red_circle/000.mp4", Start: start, End: start + 0.05}}, false)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if n := len(w.marks("red")); n != 9 {
		t.Errorf("%d marks", n)
	}
}

// A link where the note of the lock's holder is written is replaced, and not followed.
func TestLinkedHolder(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4")
	w.index(w.videos)
	victim := filepath.Join(t.TempDir(), "victim")
	err := errors.Join(os.WriteFile(victim, []byte("mine"), 0o600), os.Symlink(victim, filepath.Join(w.lib, "lock.txt")))
	if err != nil {
		t.Skip(err)
	}
	w.label("red")
	if data, err := os.ReadFile(victim); err != nil || string(data) != "mine" {
		t.Errorf("%q %v", data, err)
	}
}

func TestMarksWhileARunWrites(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "red_circle/001.mp4")
	w.index(w.path("red_circle/000.mp4"))
	w.label("thing")
	var refused error
	_, err := library.Index(t.Context(), w.lib, hooked{w.model, func() {
		_, _, refused = library.AddMarks(t.Context(), w.lib, []library.Mark{{Label: "thing", Video: "000.mp4", End: 1}}, false)
	}}, retrieval.Baseline(w.model), []string{w.videos}, w.o)
	if err != nil || !errors.Is(refused, library.ErrBusy) {
		t.Errorf("indexing: %v, marking: %v", err, refused)
	}
}

func TestOlderLibraryGainsFrames(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "blue_ring/000.mp4")
	before := w.index(w.videos)
	w.db("DROP TABLE evidence", "DROP TABLE models", "DROP TABLE points", "DROP TABLE trained", "DROP TABLE searches", "DROP TABLE chance", "DROP TABLE frames", "DROP TABLE marks", "DROP TABLE labels", "PRAGMA user_version = 2")
	if _, err := library.Open(t.Context(), w.lib); !errors.Is(err, library.ErrOlder) {
		t.Fatalf("%v", err)
	}
	if r := w.index(); r.Done != 2 || r.LibraryMoments != before.LibraryMoments {
		t.Errorf("%+v", r)
	}
	if r := w.index(); r.Done != 0 {
		t.Errorf("indexed again: %+v", r)
	}
	w.label("thing")
	w.whole()
}

func TestDamagedMarksAndFrames(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4")
	w.index(w.videos)
	w.label("thing", library.Mark{Video: "000.mp4", End: 1, Positive: true})
	for _, c := range []struct{ name, damage, repair string }{
		{"a mark", "UPDATE marks SET sum = sum + 1", "UPDATE marks SET sum = sum - 1"},
		{"a label", "UPDATE labels SET sum = sum + 1", "UPDATE labels SET sum = sum - 1"},
		{"frames", "UPDATE frames SET packed = zeroblob(length(packed))", ""},
	} {
		w.db(c.damage)
		_ = os.Remove(filepath.Join(w.lib, "motions")) // derived from the frames
		l := w.open()
		damage, err := l.Check(t.Context())
		if err != nil || len(damage) != 1 {
			t.Errorf("%s: damage %v, %v", c.name, damage, err)
		}
		m, err := l.Moments(t.Context())
		if err == nil {
			_, err = l.Teach(t.Context(), retrieval.Baseline(w.model), m, "thing")
			m.Close()
		}
		if !errors.Is(err, library.ErrDamaged) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.repair != "" {
			w.db(c.repair)
		}
	}
}

// A label keeps its trained head when marks are added, and loses it with the label.
func TestTrainedHeadsAreStored(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4", "red_circle/001.mp4", "blue_ring/000.mp4", "blue_ring/001.mp4")
	w.index(w.videos)
	w.label("thing", library.Mark{Video: "red_circle/000.mp4", End: 1, Positive: true}, library.Mark{Video: "red_circle/001.mp4", End: 1, Positive: true},
		library.Mark{Video: "blue_ring/000.mp4", End: 1})
	scores := func() (out []float64, outdated bool) {
		w.teach("thing", func(teacher *library.Teacher) {
			for _, s := range teacher.Suggest(label.Likely, 50, 0, nil) {
				out = append(out, s.Score)
			}
			outdated = teacher.Outdated
		})
		return out, outdated
	}
	set := func(trained bool, marks int) {
		t.Helper()
		x := library.Training{Method: label.Linear, Comparison: label.Comparison{Marks: marks}}
		if trained {
			x.Method = label.Kernel
		}
		if err := library.SetTraining(t.Context(), w.lib, "thing", &x); err != nil {
			t.Fatal(err)
		}
	}
	linear, _ := scores()
	set(true, 3)
	trained, outdated := scores()
	if slices.Equal(linear, trained) || outdated {
		t.Errorf("scores %v and %v, outdated: %v", linear, trained, outdated)
	}
	w.whole()
	set(true, 1)
	if _, outdated := scores(); !outdated {
		t.Error("3 marks are not outdated after training with 1")
	}
	w.db("UPDATE trained SET sum = 1")
	if err := w.teachError("thing"); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("a damaged row: %v", err)
	}
	set(false, 3)
	if again, _ := scores(); !slices.Equal(linear, again) {
		t.Errorf("scores %v, then %v", linear, again)
	}
	if err := library.SetTraining(t.Context(), w.lib, "other", &library.Training{Method: label.Kernel}); !errors.Is(err, library.ErrNoLabel) {
		t.Error(err)
	}
}

// A label keeps its operating point until another is stored, and loses it with the label.
func TestOperatingPointsAreStored(t *testing.T) {
	w := newWorld(t, "red_circle/000.mp4")
	w.index(w.videos)
	w.label("thing")
	point := func() (p label.Target) {
		w.teach("thing", func(teacher *library.Teacher) { p = teacher.Point })
		return p
	}
	if p := point(); p != (label.Target{}) {
		t.Errorf("a new label has the operating point %+v", p)
	}
	for _, want := range []label.Target{{Precision: 0.9}, {Recall: 0.75}} {
		if err := library.SetPoint(t.Context(), w.lib, "thing", want); err != nil {
			t.Fatal(err)
		}
		if p := point(); p != want {
			t.Errorf("%+v, want %+v", p, want)
		}
	}
	w.whole()
	w.db("UPDATE points SET sum = 1")
	if err := w.teachError("thing"); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("a damaged row: %v", err)
	}
	for name, p := range map[string]label.Target{"other": {Precision: 0.9}, "thing": {Precision: 0.9, Recall: 0.9}} {
		if err := library.SetPoint(t.Context(), w.lib, name, p); err == nil {
			t.Errorf("%+v was stored for %q", p, name)
		}
	}
	if err := library.DeleteLabel(t.Context(), w.lib, "thing"); err != nil {
		t.Fatal(err)
	}
	w.label("thing")
	if p := point(); p != (label.Target{}) {
		t.Errorf("a new label of the same name has the operating point %+v", p)
	}
}
