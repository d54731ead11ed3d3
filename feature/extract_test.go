package feature

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/ffmpeg"
	"github.com/clipcue/clipcue/video"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// fake is an encoder whose features are a frame's mean color.
type fake struct {
	print   string
	size    int
	batches []int
	hook    func(call int) error                  // before each pass
	spoil   func(call int, y []float32) []float32 // changes its result
}

func newFake() *fake { return &fake{print: "clip-fake", size: 8} }

func (f *fake) Fingerprint() string { return f.print }
func (f *fake) Config() clip.Config { return clip.Config{ImageSize: f.size, Embed: 3} }

func (f *fake) EncodeImages(ctx context.Context, rgb []byte) ([]float32, error) {
	call, frame := len(f.batches), 3*f.size*f.size
	f.batches = append(f.batches, len(rgb)/frame)
	if f.hook != nil {
		if err := f.hook(call); err != nil {
			return nil, err
		}
	}
	var y []float32
	for pix := range slices.Chunk(rgb, frame) {
		var sum [3]float32
		for i, v := range pix {
			sum[i%3] += float32(v)
		}
		for _, s := range sum {
			y = append(y, s/float32(len(pix)/3))
		}
	}
	if f.spoil != nil {
		y = f.spoil(call, y)
	}
	return y, nil
}

// films are the videos that the tests copy, by the name of their content: 10 frames per
// second of 64×48 pixels.
var films = map[string][]string{
	"one":       {"-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1", "-metadata", "title=1"},
	"same size": {"-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1", "-metadata", "title=2"},
	"two":       {"-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=2"},
	"still":     {"-f", "lavfi", "-i", "color=c=teal:size=64x48:rate=10:duration=3"},
	"long":      {"-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=10"},
	"fading":    {"-f", "lavfi", "-i", "color=c=gray:size=64x48:rate=10:duration=4,noise=alls=3:allf=t,fade=out:d=40"},
	"two.mkv":   {"-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=2", "-g", "5"},
	"two streams.mkv": {"-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=2",
		"-map", "0", "-map", "1"},
	"audio only": {"-f", "lavfi", "-i", "sine=duration=1"},
}

var makeFilms = sync.OnceValues(func() (map[string]string, error) {
	dir, err := os.MkdirTemp("", "clipcue-feature")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	content := map[string]string{"empty": "", "text": "This is no video.\n"}
	for name, args := range films {
		path := filepath.Join(dir, name)
		if filepath.Ext(name) == "" {
			path += ".mp4"
		}
		args = slices.Concat([]string{"-nostdin", "-loglevel", "error"}, args, []string{"-fflags", "+bitexact", path})
		cmd, err := ffmpeg.Command(context.Background(), "ffmpeg", args...)
		if err != nil {
			return nil, err
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, errors.New(string(out))
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		content[name] = string(data)
	}
	content["two streams"] = content["two streams.mkv"]
	content["broken"] = content["two"][:len(content["two"])/2]
	content["cut off"] = content["two.mkv"][:len(content["two.mkv"])*3/4]
	return content, nil
})

// folder makes a folder of videos from their names and contents, and lists them.
func folder(t *testing.T, contents map[string]string) (dir string, sources []video.Source) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range contents {
		film(t, filepath.Join(dir, name), content)
	}
	return dir, discover(t, dir)
}

func film(t *testing.T, path, content string) {
	t.Helper()
	all, err := makeFilms()
	if errors.Is(err, video.ErrNoFFmpeg) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	data, ok := all[content]
	if !ok {
		t.Fatalf("there is no film %q", content)
	}
	write(t, path, data)
}

func discover(t *testing.T, paths ...string) []video.Source {
	t.Helper()
	found, err := video.Discover(paths)
	if err != nil {
		t.Fatal(err)
	}
	return found.Videos
}

// noDecoder makes decoding fail with an error that ends a run.
func noDecoder(t *testing.T) {
	t.Setenv("CLIPCUE_FFMPEG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("CLIPCUE_FFPROBE", filepath.Join(t.TempDir(), "none"))
}

func extract(t *testing.T, enc Encoder, sources []video.Source, s *Store, o Options) Report {
	t.Helper()
	r, err := Extract(t.Context(), enc, sources, s, o)
	if err != nil {
		t.Fatal(err)
	}
	checkReport(t, s, r)
	return r
}

// checkReport checks that the totals add up and that the failures are on disk.
func checkReport(t *testing.T, s *Store, r Report) {
	t.Helper()
	if r.Videos != r.Done+r.Skipped+len(r.Failed)+r.Remaining {
		t.Errorf("the totals of %+v do not add up", r)
	}
	data, err := os.ReadFile(filepath.Join(s.Dir(), failuresFile))
	if (err == nil) != (len(r.Failed) > 0) {
		t.Errorf("%d failures, on disk: %q, error %v", len(r.Failed), data, err)
	}
	onDisk := []Failure{}
	for line := range bytes.Lines(data) {
		var f Failure
		if err := json.Unmarshal(line, &f); err != nil {
			t.Error(err)
		}
		onDisk = append(onDisk, f)
	}
	if diff := cmp.Diff(r.Failed, onDisk, cmpopts.IgnoreUnexported(Failure{})); diff != "" {
		t.Errorf("failures (-reported +on disk):\n%s", diff)
	}
}

// whole checks that a store holds these sequences, each of them readable, and no
// temporary file.
func whole(t *testing.T, s *Store, want ...string) {
	t.Helper()
	ids, err := s.IDs()
	if err != nil || !slices.Equal(ids, want) {
		t.Errorf("the store holds %q, error %v; want %q", ids, err, want)
	}
	for _, id := range ids {
		if _, err := s.Get(id); err != nil {
			t.Error(err)
		}
	}
	filepath.WalkDir(s.Dir(), func(path string, d fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".tmp") {
			t.Errorf("%s was left", path)
		}
		return err
	})
}

func TestExtractStoresWhatDecodesAndNamesTheRest(t *testing.T) {
	dir, sources := folder(t, map[string]string{
		"a.mp4": "one", "b/a.mp4": "two", "b/long.mp4": "long", "b/one %d\n.mp4": "one",
		"audio.mp4": "audio only", "broken.mp4": "broken", "cut.mkv": "cut off", "empty.mp4": "empty", "text.mp4": "text",
	})
	sources = append(sources, video.Source{Path: filepath.Join(dir, "gone.mp4"), ID: "gone.mp4"},
		video.Source{Path: dir, ID: "folder.mp4"}, video.Source{Path: sources[0].Path, ID: "../a.mp4"})
	s := create(t)
	enc := newFake()
	r := extract(t, enc, sources, s, Options{Batch: 16})

	want := map[string]string{
		"audio.mp4": "no video stream", "broken.mp4": "not a video", "cut.mkv": "damaged", "empty.mp4": "empty", "text.mp4": "not a video",
		"gone.mp4": "no such file", "folder.mp4": "not a regular file", "../a.mp4": "not the path of a file below the store",
	}
	for _, f := range r.Failed {
		if !strings.Contains(f.Reason, want[f.ID]) || strings.Contains(f.Reason, "\n") || strings.Contains(f.Reason, dir) {
			t.Errorf("%s: %q", f.ID, f.Reason)
		}
		delete(want, f.ID)
	}
	if len(want) > 0 {
		t.Errorf("did not fail: %v", want)
	}
	if r.Done != 4 || r.Frames != 10+20+100+10 || r.Skipped != 0 || r.Remaining != 0 {
		t.Errorf("%+v", r)
	}
	whole(t, s, "a.mp4", "b/a.mp4", "b/long.mp4", "b/one %d\n.mp4")

	// All frames are there, in order, each with its own feature.
	for _, source := range sources {
		q, err := s.Get(source.ID)
		if err != nil {
			continue
		}
		row := 0
		for f, err := range video.Frames(t.Context(), source.Path, video.Options{Size: 8}) {
			if err != nil {
				t.Fatal(err)
			}
			y, _ := newFake().EncodeImages(t.Context(), f.Pix)
			if q.Timestamps[row] != f.Time || !slices.Equal(q.Row(row), y) {
				t.Errorf("%s: frame %d is %v at %v, want %v at %v", q.ID, row, q.Row(row), q.Timestamps[row], y, f.Time)
			}
			row++
		}
		if row != q.Len() {
			t.Errorf("%s: %d frames, want %d", q.ID, q.Len(), row)
		}
	}
	// Batches fill across videos.
	if i := slices.IndexFunc(enc.batches, func(n int) bool { return n != 16 }); i >= 0 && i < len(enc.batches)-1 {
		t.Errorf("batches of %v frames", enc.batches)
	}

	// Another run without the bad ones has nothing to do.
	noDecoder(t)
	sources = slices.DeleteFunc(sources, func(s video.Source) bool {
		return slices.ContainsFunc(r.Failed, func(f Failure) bool { return f.ID == s.ID })
	})
	enc = newFake()
	if r, err := Extract(t.Context(), enc, sources, s, Options{}); err != nil || r.Skipped != 4 || r.Done != 0 || enc.batches != nil {
		t.Errorf("second run: %+v, error %v", r, err)
	}
}

// A file of the user that has the name of a sequence, or of the list of failures, is kept.
func TestExtractKeepsForeignFiles(t *testing.T) {
	for _, content := range []string{"notes", "\x00\x00\x00\x20ftypisom", "\x0a\x00\x00\x00\x00\x00\x00\x00{\"mine\":{}}"} {
		_, sources := folder(t, map[string]string{"a.mp4": "one", "b.mp4": "one"})
		s := create(t)
		foreign, list := filepath.Join(s.Dir(), "a.mp4.safetensors"), filepath.Join(s.Dir(), failuresFile)
		write(t, foreign, content)
		write(t, list, "notes")
		r, err := Extract(t.Context(), newFake(), sources, s, Options{})
		if len(r.Failed) != 1 || r.Failed[0].ID != "a.mp4" || !strings.Contains(r.Failed[0].Reason, "another kind") || r.Done != 1 || !errors.Is(err, atomicfile.ErrOtherKind) {
			t.Errorf("%q: %+v, error %v", content, r, err)
		}
		if err := os.Remove(foreign); err != nil {
			t.Fatal(err)
		}
		if r, err := Extract(t.Context(), newFake(), sources, s, Options{}); err != nil || r.Done != 1 {
			t.Errorf("%q: without the file: %+v, error %v", content, r, err)
		}
		if b, err := os.ReadFile(list); string(b) != "notes" {
			t.Errorf("the list of failures is %q, error %v", b, err)
		}
	}
}

func TestExtractSaysWhereFeaturesComeFrom(t *testing.T) {
	_, sources := folder(t, map[string]string{"a.mp4": "two"})
	s := create(t)
	extract(t, newFake(), sources, s, Options{Sampling: video.Count(4)})
	p, err := s.Provenance("a.mp4")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(sources[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	want := Provenance{Source: sources[0].Path, Size: info.Size(), Modified: info.ModTime().UTC(), Duration: 2, FrameRate: 10,
		Backbone: "clip-fake", Preprocessing: "bicubic 8 center-crop", Sampling: "frames=4", Treatment: "upright, square pixels"}
	if diff := cmp.Diff(want, p, cmpopts.IgnoreFields(Provenance{}, "SHA256", "Decoder")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(p.SHA256) != 64 || !strings.HasPrefix(p.Decoder, "ffmpeg ") {
		t.Errorf("SHA-256 %q, decoder %q", p.SHA256, p.Decoder)
	}
}

func TestExtractRedoesWhatChanged(t *testing.T) {
	later := time.Now().Add(time.Hour).Truncate(time.Second)
	touch := func(t *testing.T, path string) {
		if err := os.Chtimes(path, later, later); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name   string
		change func(t *testing.T, path string, s *Store)
		redone bool
	}{
		{"nothing", func(*testing.T, string, *Store) {}, false},
		{"its time", func(t *testing.T, path string, _ *Store) { touch(t, path) }, false},
		{"its content", func(t *testing.T, path string, _ *Store) { film(t, path, "two") }, true},
		{"its content and time, not its size", func(t *testing.T, path string, _ *Store) {
			film(t, path, "same size")
			touch(t, path)
		}, true},
		{"the stored file is cut off", func(t *testing.T, _ string, s *Store) {
			if err := os.Truncate(filepath.Join(s.Dir(), "a.mp4.safetensors"), 500); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"the stored file is empty", func(t *testing.T, _ string, s *Store) {
			write(t, filepath.Join(s.Dir(), "a.mp4.safetensors"), "")
		}, true},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			_, sources := folder(t, map[string]string{"a.mp4": "one", "b.mp4": "one"})
			s := create(t)
			extract(t, newFake(), sources, s, Options{})
			c.change(t, sources[0].Path, s)
			want := Report{Videos: 2, Skipped: 2, Failed: []Failure{}, Partial: []Failure{}}
			if c.redone {
				want.Skipped, want.Done = 1, 1
			}
			r := extract(t, newFake(), sources, s, Options{})
			if diff := cmp.Diff(want, r, cmpopts.IgnoreTypes(0.0), cmpopts.IgnoreFields(Report{}, "Frames", "Slowest"),
				cmpopts.IgnoreUnexported(Failure{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			whole(t, s, "a.mp4", "b.mp4")
			// By now the modification time is known, and nothing has to be read.
			noDecoder(t)
			if r := extract(t, newFake(), sources, s, Options{}); r.Skipped != 2 {
				t.Errorf("third run: %+v", r)
			}
			p, err := s.Provenance("a.mp4")
			info, _ := os.Stat(sources[0].Path)
			if err != nil || !p.Modified.Equal(info.ModTime()) {
				t.Errorf("recorded modification time %v, error %v, want %v", p.Modified, err, info.ModTime())
			}
		})
	}
}

func TestExtractRefusesAStoreOfAnotherMaking(t *testing.T) {
	_, sources := folder(t, map[string]string{"a.mp4": "one", "b.mp4": "one"})
	other, large := newFake(), newFake()
	other.print = "clip-other"
	large.size = 16
	tests := []struct {
		what, have, want string
		enc              *fake
		o                Options
	}{
		{"backbone", "clip-fake", "clip-other", other, Options{Sampling: video.AtRate(5)}},
		{"preprocessing", "bicubic 8 center-crop", "bicubic 16 center-crop", large, Options{Sampling: video.AtRate(5)}},
		{"sampling", "fps=5", "frames=3", newFake(), Options{Sampling: video.Count(3)}},
	}
	for _, c := range tests {
		t.Run(c.what, func(t *testing.T) {
			s := create(t)
			extract(t, newFake(), sources, s, Options{Sampling: video.AtRate(5)})
			refused := func(sources []video.Source, o Options) {
				t.Helper()
				r, err := Extract(t.Context(), c.enc, sources, s, o)
				m, ok := errors.AsType[*MismatchError](err)
				if !ok || m.What != c.what || m.Have != c.have || m.Want != c.want || m.Store != s.Dir() {
					t.Fatalf("got error %v", err)
				}
				for _, word := range []string{c.have, c.want, c.what} {
					if !strings.Contains(err.Error(), word) {
						t.Errorf("%q does not name %s", err, word)
					}
				}
				if r.Videos != len(sources) || r.Remaining != len(sources) || c.enc.batches != nil {
					t.Errorf("%+v", r)
				}
			}
			t.Run("before decoding", func(t *testing.T) {
				noDecoder(t)
				refused(sources, c.o)
				refused([]video.Source{{Path: sources[0].Path, ID: "new.mp4"}}, c.o)
				// A forced run must not leave a store of two makings either.
				o := c.o
				o.Force = true
				refused(sources[:1], o)
			})
			o := c.o
			o.Force = true
			if r := extract(t, c.enc, sources, s, o); r.Done != 2 {
				t.Errorf("forced: %+v", r)
			}
			if r := extract(t, c.enc, sources, s, o); r.Skipped != 2 {
				t.Errorf("forced again: %+v", r)
			}
			whole(t, s, "a.mp4", "b.mp4")
		})
	}
}

// The ID of a file that was given is its base name, so files of several folders may have the
// same ID.
func TestExtractDoesNotReplaceAnotherVideo(t *testing.T) {
	dir, _ := folder(t, map[string]string{"a/v.mp4": "one", "b/v.mp4": "two", "c/v.mp4": "one"})
	path := func(name string) string { return filepath.Join(dir, name, "v.mp4") }
	s := create(t)
	extract(t, newFake(), discover(t, path("a")), s, Options{})
	r, err := Extract(t.Context(), newFake(), discover(t, path("b")), s, Options{})
	if err == nil || len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Reason, path("a")) {
		t.Fatalf("%+v, error %v", r, err)
	}
	if q, err := s.Get("v.mp4"); err != nil || q.Len() != 10 {
		t.Errorf("%v, error %v", q, err)
	}
	if r := extract(t, newFake(), discover(t, path("c")), s, Options{}); r.Skipped != 1 {
		t.Errorf("a copy: %+v", r)
	}
	if r := extract(t, newFake(), discover(t, path("b")), s, Options{Force: true}); r.Done != 1 {
		t.Errorf("forced: %+v", r)
	}
	// One that has been moved and changed is not another one.
	if err := os.Rename(path("b"), path("b")+".mp4"); err != nil {
		t.Fatal(err)
	}
	if r := extract(t, newFake(), discover(t, path("c")), s, Options{}); r.Done != 1 {
		t.Errorf("moved: %+v", r)
	}
}

func TestExtractCanceled(t *testing.T) {
	dir, sources := folder(t, map[string]string{"a.mp4": "one", "b.mp4": "long", "c.mp4": "one", "d.mp4": "broken"})
	ids := []string{"a.mp4", "b.mp4", "c.mp4"}
	for at := range 6 {
		s := create(t)
		ctx, cancel := context.WithCancel(t.Context())
		enc := newFake()
		enc.hook = func(call int) error {
			if call == at {
				cancel()
			}
			return nil
		}
		r, err := Extract(ctx, enc, sources, s, Options{Batch: 8, Decoders: 1 + at%3})
		if !errors.Is(err, context.Canceled) || len(enc.batches) != at+1 || r.Remaining == 0 {
			t.Fatalf("pass %d: %+v, error %v after passes %v", at, r, err, enc.batches)
		}
		checkReport(t, s, r)
		done, err := s.IDs()
		if err != nil || len(done) != r.Done {
			t.Errorf("pass %d: stored %v, error %v, reported %d", at, done, err, r.Done)
		}
		whole(t, s, done...)
		again := extract(t, newFake(), sources, s, Options{Batch: 8})
		if again.Skipped != r.Done || again.Done != 3-r.Done || len(again.Failed) != 1 {
			t.Errorf("pass %d: %v, then %v", at, r, again)
		}
		whole(t, s, ids...)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := Extract(ctx, newFake(), discover(t, dir), create(t), Options{})
	if !errors.Is(err, context.Canceled) || r.Remaining != 4 {
		t.Errorf("canceled before: %+v, error %v", r, err)
	}
}

func TestExtractStopsAtFailures(t *testing.T) {
	_, sources := folder(t, map[string]string{"a.mp4": "one", "b.mp4": "empty", "c.mp4": "broken", "d.mp4": "text", "e.mp4": "one"})
	tests := []struct {
		name   string
		o      Options
		failed int
		word   string
	}{
		{"none", Options{}, 3, ""},
		{"strict", Options{Strict: true}, 1, "stopped at the first failure"},
		{"one allowed", Options{MaxFailures: 1}, 2, "more than 1"},
		{"two allowed", Options{MaxFailures: 2}, 3, "more than 2"},
		{"three allowed", Options{MaxFailures: 3}, 3, ""},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			s := create(t)
			c.o.Decoders = 1
			r, err := Extract(t.Context(), newFake(), sources, s, c.o)
			checkReport(t, s, r)
			if len(r.Failed) != c.failed {
				t.Errorf("%+v", r)
			}
			if c.word == "" {
				if err != nil || r.Remaining != 0 {
					t.Errorf("%+v, error %v", r, err)
				}
				return
			}
			last := r.Failed[len(r.Failed)-1]
			if !errors.Is(err, ErrStopped) || !strings.Contains(err.Error(), c.word) || !strings.Contains(err.Error(), last.Path) || r.Remaining == 0 {
				t.Errorf("%+v, error %v", r, err)
			}
		})
	}
}

func TestExtractFails(t *testing.T) {
	dir, sources := folder(t, map[string]string{"a.mp4": "one", "b.mp4": "empty"})
	nan := func(_ int, y []float32) []float32 {
		y[4] = float32(math.NaN())
		return y
	}
	broken := errors.New("the encoder is broken")
	tests := []struct {
		name    string
		sources []video.Source
		enc     fake
		o       Options
		want    string
		failed  int
	}{
		{"no videos", nil, fake{}, Options{}, "no videos", 0},
		{"two of a name", slices.Concat(sources[:1], sources[:1]), fake{}, Options{}, `"a.mp4"`, 0},
		{"a rate of nothing", sources, fake{}, Options{Sampling: video.AtRate(0)}, "frames per second", 0},
		{"a batch below 0", sources, fake{}, Options{Batch: -1}, "batch", 0},
		{"decoders below 0", sources, fake{}, Options{Decoders: -1}, "decoders", 0},
		{"failures below 0", sources, fake{}, Options{MaxFailures: -1}, "failures", 0},
		{"all videos", sources[1:], fake{}, Options{}, "all videos failed (1); the first: b.mp4: not a video", 1},
		{"features not finite", sources, fake{spoil: nan}, Options{}, "all videos failed (2); the first: a.mp4: frame 1 has a feature that is not finite", 2},
		{"the encoder", sources[:1], fake{hook: func(int) error { return broken }}, Options{}, broken.Error(), 0},
		{"features missing", sources[:1], fake{spoil: func(_ int, y []float32) []float32 { return y[1:] }}, Options{}, "29 values for 10 frames", 0},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			s := create(t)
			c.enc.size, c.enc.print = 8, "clip-fake"
			r, err := Extract(t.Context(), &c.enc, c.sources, s, c.o)
			checkReport(t, s, r)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || len(r.Failed) != c.failed {
				t.Errorf("%+v, error %v", r, err)
			}
			whole(t, s)
		})
	}
	t.Run("ffmpeg is missing", func(t *testing.T) {
		noDecoder(t)
		r, err := Extract(t.Context(), newFake(), sources, create(t), Options{Decoders: 1})
		if !errors.Is(err, video.ErrNoFFmpeg) || len(r.Failed) > 0 || r.Remaining != 2 {
			t.Errorf("%+v, error %v", r, err)
		}
	})
	t.Run("the store", func(t *testing.T) {
		s := create(t)
		write(t, filepath.Join(s.Dir(), "sub"), "a file where a folder has to be")
		r, err := Extract(t.Context(), newFake(), []video.Source{{Path: sources[0].Path, ID: "sub/a.mp4"}}, s, Options{})
		if err == nil || !strings.Contains(err.Error(), s.Dir()) || len(r.Failed) > 0 {
			t.Errorf("%+v, error %v", r, err)
		}
	})
	t.Run("a name too long", func(t *testing.T) {
		long := filepath.Join(dir, strings.Repeat("n", 240)+".mp4")
		film(t, long, "one")
		enc := newFake()
		r, err := Extract(t.Context(), enc, discover(t, dir), create(t), Options{})
		if err != nil || r.Done != 1 || len(r.Failed) != 2 || !strings.Contains(r.Failed[1].Reason, "too long") {
			t.Errorf("%+v, error %v", r, err)
		}
		if !slices.Equal(enc.batches, []int{10}) {
			t.Errorf("batches of %v frames: it was encoded for nothing", enc.batches)
		}
	})
}

func TestExtractNoticesAFileThatChanges(t *testing.T) {
	_, sources := folder(t, map[string]string{"a.mp4": "long"})
	s := create(t)
	enc := newFake()
	enc.hook = func(call int) error {
		if call == 0 { // the queue is full, and most frames are still to come
			later := time.Now().Add(time.Hour)
			return os.Chtimes(sources[0].Path, later, later)
		}
		return nil
	}
	r, err := Extract(t.Context(), enc, sources, s, Options{Batch: 1})
	if err == nil || len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Reason, "changed while it was read") {
		t.Errorf("%+v, error %v", r, err)
	}
	whole(t, s)
}

// The number of frames decoded in advance is limited: a decoder waits for a slow encoder.
func TestExtractBoundsItsQueue(t *testing.T) {
	_, sources := folder(t, map[string]string{"a.mp4": "long", "b.mp4": "long", "c.mp4": "long"})
	x, err := newExtraction(newFake(), sources, Options{Batch: 2})
	if err != nil {
		t.Fatal(err)
	}
	most := 0
	x.enc.(*fake).hook = func(call int) error {
		for until := time.Now().Add(time.Minute); call == 0 && len(x.queue) < ahead*2 && time.Now().Before(until); {
			time.Sleep(time.Millisecond)
		}
		most = max(most, len(x.queue))
		return nil
	}
	x.keep = func(*Sequence) error { return nil }
	if r, err := x.run(t.Context()); err != nil || r.Frames != 300 || most != ahead*2 {
		t.Errorf("%+v, error %v; %d frames waited, want %d", r, err, most, ahead*2)
	}
}

func TestTwoRunsOnOneStore(t *testing.T) {
	_, sources := folder(t, map[string]string{"a.mp4": "one", "b.mp4": "two", "c.mp4": "long", "d.mp4": "text"})
	s := create(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			r, err := Extract(t.Context(), newFake(), sources, s, Options{Batch: 7})
			if err != nil || r.Done+r.Skipped != 3 || len(r.Failed) != 1 {
				t.Errorf("%+v, error %v", r, err)
			}
		})
	}
	wg.Wait()
	whole(t, s, "a.mp4", "b.mp4", "c.mp4")
}

func TestEachNeedsNoStore(t *testing.T) {
	_, sources := folder(t, map[string]string{"a.mp4": "one", "b.mp4": "two", "c.mp4": "text"})
	got := map[string]int{}
	r, err := ExtractFunc(t.Context(), newFake(), sources, Options{Sampling: video.AtRate(5)}, func(q *Sequence) error {
		got[q.ID] = q.Len()
		return q.check()
	})
	if want := map[string]int{"a.mp4": 5, "b.mp4": 10}; err != nil || !cmp.Equal(got, want) || r.Done != 2 || len(r.Failed) != 1 {
		t.Errorf("%v, %+v, error %v", got, r, err)
	}
	stop := errors.New("enough")
	r, err = ExtractFunc(t.Context(), newFake(), sources, Options{Batch: 1, Decoders: 1}, func(*Sequence) error { return stop })
	if err != stop || r.Done != 0 || r.Remaining == 0 {
		t.Errorf("%+v, error %v", r, err)
	}
}

func TestReportInALine(t *testing.T) {
	r := Report{Videos: 12, Done: 8, Skipped: 2, Failed: []Failure{{}}, Remaining: 1, Frames: 1000, Repeated: 30,
		Seconds: 8, FramesPerSecond: 125, EncoderBusy: 0.97}
	want := "12 videos in 8.0 s: 8 extracted (1,000 frames, 30 of them repeated, 125 per second, encoder busy 97 %), 2 already present, 1 failed, 1 remaining"
	if got := r.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := (Report{Videos: 1, Skipped: 1}).String(), "1 video in 0.0 s: 0 extracted, 1 already present, 0 failed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
