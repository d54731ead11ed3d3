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
// other options is refused. progress, if not nil, is told after each video how
// many are there, by one goroutine at a time.
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
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		done    int
		queue   = make(chan job)
	)
	for range min(runtime.GOMAXPROCS(0), len(jobs)) {
		workers.Go(func() {
			for j := range queue {
				if err := j.render(ctx, dir, o); err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				done++
				if progress != nil {
					progress(done, len(jobs))
				}
				mu.Unlock()
			}
		})
	}
	for _, j := range jobs {
		select {
		case queue <- j:
		case <-ctx.Done():
		}
	}
	close(queue)
	workers.Wait()
	return context.Cause(ctx)
}

// render renders a video unless it is there.
func (j job) render(ctx context.Context, dir string, o Options) (err error) {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	path := filepath.Join(dir, filepath.FromSlash(j.path()))
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	hash := fnv.New64a()
	io.WriteString(hash, j.path())
	scene, err := NewScene(j.class, rand.New(rand.NewPCG(o.Seed, hash.Sum64())), o.Seconds)
	if err != nil {
		return err
	}
	// Two runs in one folder must not write one temporary file.
	temporary := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%03d.%d.tmp", j.n, os.Getpid()))
	if err := encode(ctx, temporary, scene, o); err != nil {
		os.Remove(temporary)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.Rename(temporary, path)
}

// encode writes a scene as an mp4 file.
func encode(ctx context.Context, path string, scene *Scene, o Options) error {
	cmd, err := ffmpeg.Command(ctx, "ffmpeg", "-hide_banner", "-loglevel", "level+error", "-y",
		"-f", "rawvideo", "-pix_fmt", "rgb24", "-s", fmt.Sprintf("%dx%d", o.Width, o.Height),
		"-r", strconv.FormatFloat(o.FPS, 'f', -1, 64), "-i", "pipe:0",
		"-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-bf", "0", "-pix_fmt", "yuv420p",
		"-threads", "1", "-bitexact", "-f", "mp4", "file:"+path)
	if err != nil {
		return err
	}
	var log ffmpeg.Head
	cmd.Stderr = &log
	cmd.Stdin = &film{scene: scene, o: o}
	if err := ffmpeg.Start(ctx, cmd); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return errors.New(ffmpeg.Reason(cmd, log.String(), err))
	}
	return nil
}

// film reads as the frames of a scene, one after the other.
type film struct {
	scene *Scene
	o     Options
	next  int    // frame to draw
	pix   []byte // of the last frame drawn
	rest  []byte // of pix, not read yet
}

func (f *film) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		if f.next == f.o.frames() {
			return 0, io.EOF
		}
		if f.pix == nil {
			f.pix = make([]byte, 3*f.o.Width*f.o.Height)
		}
		f.scene.Draw(f.pix, f.o.Width, f.o.Height, float64(f.next)/f.o.FPS)
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
