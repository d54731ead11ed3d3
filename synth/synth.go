// Package synth renders videos of which the truth is known: shapes that move,
// turn, grow and vanish over textured grounds. Most of its classes come in
// pairs that show the same pictures in the opposite order, so that what is in
// the frames does not tell them apart and only time does.
package synth

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/ffmpeg"
)

// Options says what to render. What is zero takes the default.
type Options struct {
	Seed      uint64   `json:"seed"`
	Classes   []string `json:"classes"` // of Classes(); nil = all
	PerClass  int      `json:"-"`       // videos a class; 24
	Width     int      `json:"width"`   // even; 96
	Height    int      `json:"height"`  // even; 96
	FPS       float64  `json:"fps"`     // 12
	Seconds   float64  `json:"seconds"` // of each video; 2
	TestShare float64  `json:"-"`       // of each class for the test split; 0.25, none if negative
}

func (o Options) complete() (Options, error) {
	if o.Classes == nil {
		o.Classes = Classes()
	}
	o.PerClass = cmp.Or(o.PerClass, 24)
	o.Width = cmp.Or(o.Width, 96)
	o.Height = cmp.Or(o.Height, 96)
	o.FPS = cmp.Or(o.FPS, 12)
	o.Seconds = cmp.Or(o.Seconds, 2)
	o.TestShare = cmp.Or(o.TestShare, 0.25)
	for i, class := range o.Classes {
		if !slices.Contains(Classes(), class) {
			return o, fmt.Errorf("no class %q; there are %s", class, strings.Join(Classes(), ", "))
		}
		if slices.Contains(o.Classes[:i], class) {
			return o, fmt.Errorf("class %q is named twice", class)
		}
	}
	side := func(n int) bool { return n >= 16 && n <= 4096 && n%2 == 0 }
	switch {
	case len(o.Classes) == 0:
		return o, errors.New("no classes to render")
	case o.PerClass < 1 || o.PerClass > 1e6:
		return o, fmt.Errorf("%d videos a class are not in 1..1000000", o.PerClass)
	case !side(o.Width) || !side(o.Height):
		return o, fmt.Errorf("a frame of %dx%d pixels: sides have to be even and in 16..4096", o.Width, o.Height)
	case !(o.FPS > 0 && o.FPS <= 240):
		return o, fmt.Errorf("%v frames a second are not in 0..240", o.FPS)
	case !(o.Seconds > 0 && o.Seconds <= 3600) || o.frames() < 2:
		return o, fmt.Errorf("%v seconds at %v frames a second are not 2 frames to an hour", o.Seconds, o.FPS)
	case !(o.TestShare < 1):
		return o, fmt.Errorf("a test share of %v leaves nothing to train on", o.TestShare)
	}
	return o, nil
}

func (o Options) frames() int { return int(math.Round(o.FPS * o.Seconds)) }

// Generate renders dir/<class_with_underscores>/<nnn>.mp4 and returns the path
// of dir/labels.csv, which has for each video its path below dir, its label and
// its split ("train" or "test").
//
// What a video shows depends on the seed, its class and its number alone. A
// video that is there already is left as it is, so that a second run only adds
// what is missing; each appears whole or not at all. A folder of videos with
// other options is refused. progress, if not nil, is told now and then how many
// videos are there, by one goroutine at a time.
func Generate(ctx context.Context, dir string, o Options, progress func(done, total int)) (manifest string, err error) {
	o, err = o.complete()
	if err != nil {
		return "", err
	}
	if err := claim(dir, o); err != nil {
		return "", err
	}
	jobs := make([]job, 0, len(o.Classes)*o.PerClass)
	for _, class := range o.Classes {
		if err := os.MkdirAll(filepath.Join(dir, folder(class)), 0o777); err != nil {
			return "", err
		}
		for n := range o.PerClass {
			jobs = append(jobs, job{class, n})
		}
	}
	if err := renderAll(ctx, dir, o, jobs, progress); err != nil {
		return "", err
	}
	return writeLabels(dir, o, jobs)
}

// job is a video to render: number n of its class.
type job struct {
	class string
	n     int
}

func folder(class string) string { return strings.ReplaceAll(class, " ", "_") }

// path is below the folder of the data set, with slashes.
func (j job) path() string { return fmt.Sprintf("%s/%03d.mp4", folder(j.class), j.n) }

func (j job) in(dir string) string { return filepath.Join(dir, filepath.FromSlash(j.path())) }

// split spreads the test videos evenly over the numbers of a class, the same
// however many there are.
func (j job) split(testShare float64) string {
	if math.Floor(float64(j.n+1)*testShare) > math.Floor(float64(j.n)*testShare) {
		return "test"
	}
	return "train"
}

// claim makes dir a folder of videos with the given options, or says that it is
// one with others.
func claim(dir string, o Options) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	want, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "synth.json")
	have, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return atomicfile.WriteBytes(path, want)
	case err != nil:
		return err
	case !bytes.Equal(have, want):
		return fmt.Errorf("%s: the videos there were made with other options; remove the folder or choose another", path)
	}
	return nil
}

// renderAll renders what is missing on all CPUs and stops at the first error.
func renderAll(ctx context.Context, dir string, o Options, jobs []job, progress func(done, total int)) error {
	var missing []job
	for _, j := range jobs {
		_, err := os.Stat(j.in(dir))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, j)
		case err != nil:
			return err
		}
	}
	done := len(jobs) - len(missing)
	if progress != nil && done > 0 {
		progress(done, len(jobs))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		batches = make(chan []job)
	)
	for range min(runtime.GOMAXPROCS(0), len(missing)) {
		workers.Go(func() {
			for batch := range batches {
				if err := render(ctx, dir, o, batch); err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				done += len(batch)
				if progress != nil {
					progress(done, len(jobs))
				}
				mu.Unlock()
			}
		})
	}
	for batch := range slices.Chunk(missing, batchSize) {
		select {
		case batches <- batch:
		case <-ctx.Done():
		}
	}
	close(batches)
	workers.Wait()
	return context.Cause(ctx)
}

// batchSize is how many videos one ffmpeg encodes. It takes ffmpeg longer to
// start than to encode a small video; the files do not depend on the batch.
const batchSize = 8

// render renders videos to temporary files and then gives them their names.
func render(ctx context.Context, dir string, o Options, batch []job) (err error) {
	var f film
	f.o = o
	temporary := make([]string, len(batch))
	for i, j := range batch {
		hash := fnv.New64a()
		io.WriteString(hash, j.path())
		scene, err := NewScene(j.class, objects[All], rand.New(rand.NewPCG(o.Seed, hash.Sum64())), o.Seconds)
		if err != nil {
			return err
		}
		f.scenes = append(f.scenes, scene)
		// Two runs in one folder must not write one temporary file.
		path := j.in(dir)
		temporary[i] = filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d.tmp", filepath.Base(path), os.Getpid()))
		defer os.Remove(temporary[i]) // which fails once it is renamed
	}
	if err := encode(ctx, temporary, &f); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%s to %s: %w", batch[0].in(dir), batch[len(batch)-1].path(), err)
	}
	for i, j := range batch {
		if err := os.Rename(temporary[i], j.in(dir)); err != nil {
			return err
		}
	}
	return nil
}

// encode writes one mp4 file for each scene of a film.
func encode(ctx context.Context, paths []string, f *film) error {
	args := []string{"-hide_banner", "-loglevel", "level+error", "-y",
		"-f", "rawvideo", "-pix_fmt", "rgb24", "-s", fmt.Sprintf("%dx%d", f.o.Width, f.o.Height),
		"-r", strconv.FormatFloat(f.o.FPS, 'f', -1, 64), "-i", "pipe:0"}
	n := f.o.frames()
	for i, path := range paths {
		args = append(args, "-vf", fmt.Sprintf("trim=start_frame=%d:end_frame=%d,setpts=PTS-STARTPTS", i*n, (i+1)*n),
			"-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-bf", "0", "-pix_fmt", "yuv420p",
			"-threads", "1", "-bitexact", "-f", "mp4", "file:"+path)
	}
	cmd, err := ffmpeg.Command(ctx, "ffmpeg", args...)
	if err != nil {
		return err
	}
	var log ffmpeg.Head
	cmd.Stderr = &log
	cmd.Stdin = f
	if err := ffmpeg.Start(ctx, cmd); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return errors.New(ffmpeg.Reason(cmd, log.String(), err))
	}
	return nil
}

// film reads as the frames of scenes, one after the other.
type film struct {
	o      Options
	scenes []*Scene
	next   int    // frame to draw
	pix    []byte // of the last frame drawn
	rest   []byte // of pix, not read yet
}

func (f *film) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		scene, frame := f.next/f.o.frames(), f.next%f.o.frames()
		if scene == len(f.scenes) {
			return 0, io.EOF
		}
		if f.pix == nil {
			f.pix = make([]byte, 3*f.o.Width*f.o.Height)
		}
		f.scenes[scene].Draw(f.pix, f.o.Width, f.o.Height, float64(frame)/f.o.FPS)
		f.next++
		f.rest = f.pix
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// writeLabels writes the manifest unless it is as it should be.
func writeLabels(dir string, o Options, jobs []job) (path string, err error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"path", "label", "split"})
	for _, j := range jobs {
		w.Write([]string{j.path(), j.class, j.split(o.TestShare)})
	}
	w.Flush()
	path = filepath.Join(dir, "labels.csv")
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, b.Bytes()) {
		return path, nil
	}
	return path, atomicfile.WriteBytes(path, b.Bytes())
}
