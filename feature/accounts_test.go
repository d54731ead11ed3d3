package feature

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/video"
	"github.com/google/go-cmp/cmp"
)

// failures returns the IDs in the failures.jsonl of a store.
func failures(t *testing.T, s *Store) (ids []string) {
	t.Helper()
	failed, err := s.failures()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range failed {
		ids = append(ids, f.ID)
		if f.Reason == "" || f.Path == "" || time.Since(f.Time) > time.Hour {
			t.Errorf("%+v", f)
		}
	}
	return ids
}

// A failure stays in failures.jsonl until a run finishes the video or the video is deleted.
func TestFailuresAreOfTheStore(t *testing.T) {
	dir, sources := folder(t, map[string]string{"a.mp4": "one", "b.mp4": "text", "c.mp4": "empty", "d.mp4": "broken"})
	s := create(t)
	step := func(sources []video.Source, want ...string) {
		t.Helper()
		if _, err := Extract(t.Context(), newFake(), sources, s, Options{}); err != nil {
			t.Fatal(err)
		}
		if got := failures(t, s); !slices.Equal(got, want) {
			t.Errorf("failures %q, want %q", got, want)
		}
	}
	step(sources, "b.mp4", "c.mp4", "d.mp4")
	step(sources[:1], "b.mp4", "c.mp4", "d.mp4") // says nothing of the others
	film(t, sources[1].Path, "two")
	step(sources[1:2], "c.mp4", "d.mp4")
	film(t, sources[2].Path, "two")
	write(t, filepath.Join(s.Dir(), failuresFile), "{\"path\":7}\na line of\nsomething else\n")
	step(sources, "d.mp4")
	if err := os.Remove(filepath.Join(dir, "d.mp4")); err != nil {
		t.Fatal(err)
	}
	step(sources[:3])
	if _, err := os.Stat(filepath.Join(s.Dir(), failuresFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file of failures is still there: %v", err)
	}
}

// Failures of a collection stay although this machine does not see the videos, until they are stored.
func TestFailuresOfInvisibleVideos(t *testing.T) {
	s := create(t)
	for _, id := range []string{"a.mp4", "b.mp4", "c.mp4"} {
		err := s.updateFailures([]Failure{{Path: filepath.Join(t.TempDir(), id), ID: id, Reason: "damaged", Time: time.Now()}}, map[string]bool{text.Key(id): true})
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := failures(t, s); !slices.Equal(got, []string{"a.mp4", "b.mp4", "c.mp4"}) {
		t.Errorf("failures %q", got)
	}
	if err := s.updateFailures(nil, map[string]bool{text.Key("b.mp4"): true}); err != nil {
		t.Fatal(err)
	}
	if got := failures(t, s); !slices.Equal(got, []string{"a.mp4", "c.mp4"}) {
		t.Errorf("failures %q", got)
	}
}

// A part of a damaged video is stored only with AllowPartial, and marked.
func TestExtractInPart(t *testing.T) {
	_, sources := folder(t, map[string]string{"cut.mkv": "cut off", "none.mp4": "broken", "one.mp4": "one"})
	s := create(t)
	if r := extract(t, newFake(), sources, s, Options{}); r.Done != 1 || len(r.Failed) != 2 || len(r.Partial) != 0 {
		t.Errorf("%+v", r)
	}
	part := Options{AllowPartial: true}
	r := extract(t, newFake(), sources, s, part)
	if r.Done != 1 || r.Skipped != 1 || len(r.Failed) != 1 || len(r.Partial) != 1 || r.Partial[0].ID != "cut.mkv" || r.Frames < 5 || r.Frames >= 20 {
		t.Fatalf("%+v", r)
	}
	p, err := s.Provenance("cut.mkv")
	if err != nil || p.Partial != r.Partial[0].Reason || !strings.Contains(p.Partial, "damaged") || !strings.Contains(r.String(), "1 of them in part") {
		t.Errorf("%+v, error %v, %s", p, err, r)
	}
	if r := extract(t, newFake(), sources, s, part); r.Skipped != 2 || r.Done != 0 {
		t.Errorf("again: %+v", r)
	}
	if r := extract(t, newFake(), sources, s, Options{}); r.Skipped != 1 || len(r.Failed) != 2 {
		t.Errorf("not allowed any more: %+v", r)
	}
	whole(t, s, "one.mp4")
}

// A video that failed is not in the store, not even in its earlier version, unless the file
// could not be read.
func TestStoreForgetsWhatAVideoWas(t *testing.T) {
	dir, sources := folder(t, map[string]string{"a.mp4": "one", "b.mp4": "one", "c.mp4": "two"})
	s := create(t)
	extract(t, newFake(), sources, s, Options{})
	film(t, filepath.Join(dir, "a.mp4"), "text")
	if err := os.Remove(filepath.Join(dir, "b.mp4")); err != nil {
		t.Fatal(err)
	}
	if r := extract(t, newFake(), sources, s, Options{}); r.Skipped != 1 || len(r.Failed) != 2 {
		t.Errorf("%+v", r)
	}
	whole(t, s, "b.mp4", "c.mp4")

	// What another video of the name left is not this one's to remove.
	other, again := folder(t, map[string]string{"c.mp4": "text"})
	if r, err := Extract(t.Context(), newFake(), again, s, Options{}); len(r.Failed) != 1 {
		t.Errorf("%+v, error %v", r, err)
	}
	whole(t, s, "b.mp4", "c.mp4")

	// A failed attempt at another sampling leaves a store of one making.
	film(t, filepath.Join(other, "d.mp4"), "two")
	film(t, filepath.Join(other, "e.mp4"), "two.mkv")
	s = create(t)
	extract(t, newFake(), discover(t, other), s, Options{})
	whole(t, s, "d.mp4", "e.mp4")
	film(t, filepath.Join(other, "d.mp4"), "broken")
	extract(t, newFake(), discover(t, other), s, Options{Force: true, Sampling: video.AtRate(5)})
	whole(t, s, "e.mp4")
}

// The names of videos need not be UTF-8.
func TestFailuresOfOddNames(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "\xff\xfe"), 0o777); err != nil {
		t.Skip(err)
	}
	film(t, filepath.Join(dir, "\xff\xfe", "a.mp4"), "text")
	film(t, filepath.Join(dir, "b.mp4"), "one")
	s := create(t)
	for range 2 {
		if _, err := Extract(t.Context(), newFake(), discover(t, dir), s, Options{}); err != nil {
			t.Fatal(err)
		}
		if got := failures(t, s); len(got) != 1 {
			t.Errorf("failures %q", got)
		}
	}
}

func TestExtractAnotherStream(t *testing.T) {
	_, sources := folder(t, map[string]string{"a.mkv": "two streams"})
	s := create(t)
	for i, want := range []int{10, 20, 20} {
		r := extract(t, newFake(), sources, s, Options{Stream: min(i+1, 2)})
		if i < 2 && (r.Done != 1 || r.Frames != want) || i == 2 && r.Skipped != 1 {
			t.Errorf("stream %d: %+v", i+1, r)
		}
	}
}

// needLocks skips the test on systems without file locks.
func needLocks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files are not locked here")
	}
}

func TestStoreTakesRunsOfOneMaking(t *testing.T) {
	needLocks(t)
	_, sources := folder(t, map[string]string{"a.mp4": "one", "b.mp4": "two"})
	s := create(t)
	first := newFake()
	first.hook = func(call int) error {
		if call > 0 {
			return nil
		}
		// The first run has stored nothing yet, and is under way.
		other := newFake()
		other.print = "clip-other"
		r, err := Extract(t.Context(), other, sources, s, Options{})
		if err == nil || !strings.Contains(err.Error(), "another run") || r.Remaining != 2 {
			t.Errorf("another making: %+v, error %v", r, err)
		}
		r, err = Extract(t.Context(), newFake(), sources[:1], s, Options{})
		if err != nil || r.Done != 1 {
			t.Errorf("the same making: %+v, error %v", r, err)
		}
		return nil
	}
	extract(t, first, sources, s, Options{})
	whole(t, s, "a.mp4", "b.mp4")
	// The note of a run that is over binds nobody.
	empty := create(t)
	for _, name := range []string{"clip-1", "clip-2"} {
		leave, err := empty.enter(Provenance{Backbone: name})
		if err != nil {
			t.Fatal(err)
		}
		leave()
	}
}

func TestStoreIsCleanedOfWhatKilledRunsLeft(t *testing.T) {
	needLocks(t)
	s := create(t)
	temp := filepath.Join(s.Dir(), "sub", ".a.mp4.safetensors.ABCDEFGH.tmp")
	keep := filepath.Join(s.Dir(), "notes.tmp")
	write(t, temp, "half a file")
	write(t, keep, "the user's")
	exists := func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	}
	leave, err := s.enter(Provenance{})
	if err != nil || exists(temp) || !exists(keep) {
		t.Fatalf("error %v; left over: %v, the user's: %v", err, exists(temp), exists(keep))
	}
	write(t, temp, "being written by a run that is alive")
	second, err := s.enter(Provenance{})
	if err != nil || !exists(temp) {
		t.Errorf("error %v; the file of another run is there: %v", err, exists(temp))
	}
	leave()
	second()
	if leave, err = s.enter(Provenance{}); err != nil || exists(temp) {
		t.Errorf("error %v; left over: %v", err, exists(temp))
	}
	leave()
}

// A video that another run stores in the meantime is not extracted again.
func TestExtractSkipsWhatAnotherRunStoredMeanwhile(t *testing.T) {
	_, sources := folder(t, map[string]string{"a.mp4": "long", "b.mp4": "long", "c.mp4": "one"})
	s := create(t)
	enc := newFake()
	enc.hook = func(call int) error {
		if call == 0 { // the queue is full of the first video
			if r, err := Extract(t.Context(), newFake(), sources[2:], s, Options{}); err != nil || r.Done != 1 {
				t.Errorf("%+v, error %v", r, err)
			}
		}
		return nil
	}
	if r := extract(t, enc, sources, s, Options{Batch: 2, Decoders: 1}); r.Done != 2 || r.Skipped != 1 {
		t.Errorf("%+v", r)
	}
}

// A frame that equals the one before it is stored, but not encoded again.
func TestExtractEncodesRepeatedFramesOnce(t *testing.T) {
	_, sources := folder(t, map[string]string{"a.mp4": "two", "b.mp4": "still", "c.mp4": "one"})
	for _, batch := range []int{1, 3, 64} {
		s, enc := create(t), newFake()
		r := extract(t, enc, sources, s, Options{Batch: batch, Sampling: video.AtRate(40)})
		encoded := 0
		for _, n := range enc.batches {
			encoded += n
		}
		if r.Done != 3 || r.Frames != 40*(2+3+1) || r.Repeated < 3*(20+10)+119 || encoded != r.Frames-r.Repeated {
			t.Errorf("batch %d: %+v, %d encoded", batch, r, encoded)
		}
		for _, source := range sources {
			q, err := s.Get(source.ID)
			if err != nil {
				t.Fatal(err)
			}
			row := 0
			for f, err := range video.Frames(t.Context(), source.Path, video.Options{Size: 8, Sampling: video.AtRate(40)}) {
				if err != nil {
					t.Fatal(err)
				}
				if y, _ := newFake().EncodeImages(t.Context(), f.Pix); q.Timestamps[row] != f.Time || !slices.Equal(q.Row(row), y) {
					t.Fatalf("batch %d: %s: frame %d is not the video's", batch, q.ID, row)
				}
				row++
			}
			if row != q.Len() {
				t.Errorf("batch %d: %s: %d frames, want %d", batch, q.ID, q.Len(), row)
			}
		}
	}
}

// The encoder does not wait while finished videos are saved, and a slow saver limits how far
// it is ahead.
func TestExtractSavesWhileItEncodes(t *testing.T) {
	var contents = map[string]string{}
	for _, name := range strings.Split("abcdefghij", "") {
		contents[name+".mp4"] = "one"
	}
	_, sources := folder(t, contents)
	enc, begun := newFake(), make(chan bool)
	enc.hook = func(call int) error {
		if call == 2 { // while the first is being saved
			close(begun)
		}
		return nil
	}
	kept := 0
	r, err := ExtractFunc(t.Context(), enc, sources, Options{Batch: 10}, func(*Sequence) error {
		if kept++; kept == 1 {
			<-begun
		}
		return nil
	})
	if err != nil || r.Done != 10 || kept != 10 {
		t.Errorf("%+v, error %v, %d kept", r, err, kept)
	}
}

func TestSlowestStage(t *testing.T) {
	x := &extraction{o: Options{Decoders: 2}, sources: make([]video.Source, 3), encoding: 4 * time.Second}
	x.reading.Store(int64(2 * time.Second))
	x.decoding.Store(int64(6 * time.Second)) // by two
	x.saving.Store(int64(time.Second))
	if stage, share := x.slowest(5 * time.Second); stage != "encoding" || share != 0.8 {
		t.Errorf("%s for %g of the time", stage, share)
	}
	x.decoding.Store(int64(9 * time.Second))
	if stage, share := x.slowest(5 * time.Second); stage != "decoding" || share != 0.9 {
		t.Errorf("%s for %g of the time", stage, share)
	}
}

// The time of a stage does not include waiting.
func TestReportOfStages(t *testing.T) {
	_, sources := folder(t, map[string]string{"a.mp4": "one", "b.mp4": "one"})
	const pause = 300 * time.Millisecond
	enc := newFake()
	enc.hook = func(int) error { time.Sleep(pause); return nil }
	r, err := ExtractFunc(t.Context(), enc, sources, Options{}, func(*Sequence) error { time.Sleep(pause); return nil })
	if err != nil || r.EncodingSeconds < pause.Seconds() || r.SavingSeconds < 2*pause.Seconds() || r.ReadingSeconds <= 0 || r.DecodingSeconds <= 0 ||
		r.EncoderBusy != r.EncodingSeconds/r.Seconds || r.FramesPerSecond != 20/r.Seconds || r.Slowest == "" {
		t.Errorf("%+v, error %v", r, err)
	}
}

// A full disk ends the run; stored sequences are complete, and the next run resumes.
func TestExtractOnAFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a tmpfs")
	}
	_, sources := folder(t, map[string]string{"a.mp4": "one", "b.mp4": "long", "c.mp4": "text", "d.mp4": "one"})
	mount := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=20k", "tmpfs", mount).CombinedOutput(); err != nil {
		t.Skipf("a small disk cannot be mounted: %v: %s", err, out)
	}
	defer exec.Command("umount", mount).Run()
	s, err := Create(mount)
	if err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(mount, "ballast")
	write(t, ballast, strings.Repeat("x", 8<<10))
	r, err := Extract(t.Context(), newFake(), sources, s, Options{Decoders: 1})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), mount) || r.Remaining == 0 ||
		r.Videos != r.Done+r.Skipped+len(r.Failed)+r.Remaining {
		t.Errorf("%+v, error %v", r, err)
	}
	done, err := s.IDs()
	if err != nil || len(done) != r.Done {
		t.Errorf("stored %q, error %v, reported %d", done, err, r.Done)
	}
	whole(t, s, done...)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if r := extract(t, newFake(), sources, s, Options{}); r.Done+r.Skipped != 3 || !cmp.Equal(failures(t, s), []string{"c.mp4"}) {
		t.Errorf("%+v", r)
	}
}

// wide makes the features of a fake 300 wide.
type wide struct{ *fake }

func (w wide) Config() clip.Config {
	c := w.fake.Config()
	c.Embed = 300
	return c
}

func (w wide) EncodeImages(ctx context.Context, rgb []byte) (y []float32, err error) {
	narrow, err := w.fake.EncodeImages(context.Background(), rgb)
	for row := range slices.Chunk(narrow, 3) {
		y = append(y, slices.Repeat(row, 100)...)
	}
	return y, err
}

// Neither the frames nor the features of a long video are kept in memory.
func TestExtractMemoryIsFlat(t *testing.T) {
	dir := t.TempDir()
	f, err := unnamed(dir)
	if err != nil {
		t.Fatal(err)
	} else if f == nil {
		t.Skip("memory is all there is for features here")
	}
	f.Close()
	peak := func(name, seconds string) (most uint64) {
		path := filepath.Join(dir, name)
		out, err := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i",
			"testsrc2=size=16x16:rate=10:duration="+seconds, "-c:v", "rawvideo", path).CombinedOutput()
		if errors.Is(err, exec.ErrNotFound) {
			t.Skip(err)
		} else if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		enc := wide{newFake()}
		enc.size = 64
		enc.hook = func(call int) error {
			if call%20 == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
			return nil
		}
		frames := 0
		if _, err := ExtractFunc(t.Context(), enc, discover(t, path), Options{}, func(q *Sequence) error {
			frames = q.Len()
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d frames, %.1f MB", name, frames, float64(most)/1e6)
		return most
	}
	short, long := peak("short.avi", "120"), peak("long.avi", "3600")
	// 34,800 more frames have 12 KB each, and 42 MB of features.
	if long > short+12<<20 {
		t.Errorf("a heap of %d bytes for a long video, of %d for a short one", long, short)
	}
}

// A context that ends while everything waits ends the run.
func TestExtractInterruptedWhileSaving(t *testing.T) {
	_, sources := folder(t, map[string]string{"a.mp4": "one", "b.mp4": "one", "c.mp4": "long"})
	ctx, cancel := context.WithCancel(t.Context())
	r, err := ExtractFunc(ctx, newFake(), sources, Options{Batch: 10}, func(*Sequence) error {
		cancel()
		time.Sleep(50 * time.Millisecond)
		return nil
	})
	if !errors.Is(err, context.Canceled) || r.Done == 0 || r.Videos != r.Done+len(r.Failed)+r.Remaining {
		t.Errorf("%+v, error %v", r, err)
	}
}
