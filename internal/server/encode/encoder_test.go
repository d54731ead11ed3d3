package encode

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/tiny"
	"github.com/clipcue/clipcue/video"
)

// newEncoder returns an encoder of the built-in backbone under any name but "missing", and how many
// towers it has loaded.
func newEncoder(t *testing.T, idle time.Duration) (*Encoder, *atomic.Int32) {
	t.Helper()
	var loads atomic.Int32
	e := New(Options{
		Idle: idle,
		Find: func(name string) (string, error) {
			if name == "missing" {
				return "", &MissingError{Model: name}
			}
			return name, nil
		},
		Load: func(_ context.Context, model string, tower clip.Tower) (*clip.Model, error) {
			loads.Add(1)
			if model == "broken" {
				return nil, fs.ErrPermission
			}
			return tiny.Load(clip.Options{Towers: tower})
		},
	})
	t.Cleanup(e.Close)
	return e, &loads
}

// picture returns a PNG file with a gradient.
func picture(t *testing.T, w, h int, seed uint8) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, color.NRGBA{uint8(x*255/w) ^ seed, uint8(y * 255 / h), uint8(x*y) + seed, 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Requests that arrive together get what each gets alone, and share one load of the model.
func TestConcurrentRequests(t *testing.T) {
	t.Parallel()
	e, loads := newEncoder(t, time.Hour)
	var files [][]byte
	var alone [][]float32
	for i := range 24 {
		files = append(files, picture(t, 40+i, 30, uint8(i)))
		x, err := e.Image(t.Context(), "a", files[i])
		if err != nil || x.Width != 40+i || x.Height != 30 {
			t.Fatal(x, err)
		}
		alone = append(alone, x.Embedding)
	}
	var all sync.WaitGroup
	for i, file := range files {
		all.Go(func() {
			x, err := e.Image(t.Context(), "a", file)
			if err != nil || !near(x.Embedding, alone[i]) {
				t.Errorf("image %d differs in a batch: %v", i, err)
			}
		})
		all.Go(func() {
			if _, n, err := e.Text(t.Context(), "a", "a red circle"); err != nil || n < 3 {
				t.Errorf("a text of %d tokens: %v", n, err)
			}
		})
	}
	if all.Wait(); loads.Load() != 2 {
		t.Errorf("loaded %d times instead of once for each tower", loads.Load())
	}
}

func near(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Abs(float64(x-y)) < 1e-5 })
}

// An image is resized with its longer side rounded down and cropped at a whole pixel rounded
// down, and its embedding has length 1.
func TestImageIsThatOfImmich(t *testing.T) {
	t.Parallel()
	e, _ := newEncoder(t, time.Hour)
	m, err := tiny.Load(clip.Options{Towers: clip.ImageTower})
	if err != nil {
		t.Fatal(err)
	}
	side := m.Config().ImageSize
	file := picture(t, side+7, side, 3) // the crop begins at 3.5
	frame, err := video.DecodeImage(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var crop []byte
	for y := range side {
		crop = append(crop, frame.Pix[3*(y*frame.Width+3):][:3*side]...)
	}
	want, err := m.EncodeImages(t.Context(), crop)
	if err != nil {
		t.Fatal(err)
	}
	clip.Normalize(want, len(want))
	if got, err := e.Image(t.Context(), "a", file); err != nil || !near(got.Embedding, want) {
		t.Errorf("another crop, %v", err)
	}
}

// A tower that nobody uses is unloaded, and loaded again for the next request.
func TestUnload(t *testing.T) {
	t.Parallel()
	e, loads := newEncoder(t, 20*time.Millisecond)
	for range 2 {
		if _, _, err := e.Text(t.Context(), "a", "circle"); err != nil {
			t.Fatal(err)
		}
		for start := time.Now(); e.count() > 0; time.Sleep(5 * time.Millisecond) {
			if time.Since(start) > 20*time.Second {
				t.Fatal("the model stays loaded")
			}
		}
	}
	if loads.Load() != 2 {
		t.Errorf("loaded %d times instead of 2", loads.Load())
	}
}

func (e *Encoder) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.towers)
}

// More models than fit replace the one that was idle for the longest time, but none that is in use.
func TestManyModels(t *testing.T) {
	t.Parallel()
	e, _ := newEncoder(t, time.Hour)
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		if _, _, err := e.Text(t.Context(), name, "circle"); err != nil || e.count() > maxTowers {
			t.Fatal(e.count(), err)
		}
	}
	for _, name := range []string{"c", "d", "e", "f"} {
		_, release, err := e.acquire(t.Context(), name, clip.TextTower)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
	}
	if _, _, err := e.Text(t.Context(), "a", "circle"); !errors.Is(err, ErrBusy) || Status(err) != 503 {
		t.Errorf("error %v", err)
	}
}

// A client that leaves before its model is loaded does not stop the load.
func TestClientLeaves(t *testing.T) {
	t.Parallel()
	e, loads := newEncoder(t, time.Hour)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range 20 {
		name := strconv.Itoa(i)
		if _, _, err := e.Text(gone, name, "circle"); err != nil && Status(err) != statusGone {
			t.Fatal(err)
		}
		if _, _, err := e.Text(t.Context(), name, "circle"); err != nil {
			t.Fatal(err)
		}
	}
	if loads.Load() != 20 {
		t.Errorf("loaded %d times instead of 20", loads.Load())
	}
}

// Closing an encoder ends a load whose client has left.
func TestCloseEndsLoads(t *testing.T) {
	t.Parallel()
	started, ended := make(chan struct{}), make(chan struct{})
	e := New(Options{Idle: time.Hour, Find: func(name string) (string, error) { return name, nil },
		Load: func(ctx context.Context, _ string, _ clip.Tower) (*clip.Model, error) {
			defer close(ended)
			close(started)
			<-ctx.Done()
			return nil, ctx.Err()
		}})
	client, leave := context.WithCancel(t.Context())
	go func() {
		<-started
		leave()
	}()
	if _, _, err := e.Text(client, "a", "circle"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	e.Close()
	select {
	case <-ended:
	default:
		t.Error("a model is still being loaded")
	}
}

// Errors have the status that says whose mistake they are, and a load that failed is tried again.
func TestErrors(t *testing.T) {
	t.Parallel()
	e, loads := newEncoder(t, time.Hour)
	whole := picture(t, 30, 30, 1)
	huge := slices.Clone(whole)
	copy(huge[16:], "\x00\x10\x00\x00\x00\x10\x00\x00") // the header's size
	for _, c := range []struct {
		what, model string
		data        []byte
		status      int
	}{
		{"no image", "a", []byte("hello"), 422},
		{"nothing", "a", nil, 422},
		{"truncated", "a", whole[:len(whole)/2], 422},
		{"a million pixels a side", "a", huge, 422},
		{"HEIC", "a", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), 415},
		{"AVIF", "a", []byte("\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1avif"), 415},
		{"JPEG XL", "a", []byte("\xff\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 415},
		{"unknown model", "missing", whole, 404},
		{"broken model", "broken", whole, 500},
		{"broken model again", "broken", whole, 500},
	} {
		if _, err := e.Image(t.Context(), c.model, c.data); err == nil || Status(err) != c.status {
			t.Errorf("%s: status %d instead of %d, %v", c.what, Status(err), c.status, err)
		}
	}
	if loads.Load() != 3 {
		t.Errorf("loaded %d times instead of 3", loads.Load())
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Image(gone, "a", whole); Status(err) != statusGone {
		t.Errorf("a client that has gone: %v", err)
	}
}

// Texts are cleaned as Immich does for SigLIP.
func TestCanonicalize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"  A dog,\n on THE_beach! ": "a dog on thebeach",
		"it’s – a “cat” & it's 5%":  "it’s – a “cat”  its 5",
	} {
		if got := canonicalize(text); got != want {
			t.Errorf("%q instead of %q", got, want)
		}
	}
}
