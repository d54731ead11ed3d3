package feature

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/tiny"
	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/video"
)

// With a bound of 1 level, no frame of real and rendered videos gets a feature whose cosine to its
// own is below 0.999, and few frames of a static camera and of slides are encoded. The log has the
// figures of docs/extraction.md. CLIPCUE_FPS is the sampling rate (default 2).
func TestStillFramesOfClips(t *testing.T) {
	m, err := tiny.Load(clip.Options{Towers: clip.ImageTower})
	if err != nil {
		t.Fatal(err)
	}
	sampling := video.AtRate(2)
	if s, err := video.ParseSampling("fps=" + os.Getenv("CLIPCUE_FPS")); err == nil {
		sampling = s
	}
	levels := []float64{0.5, 1, 2, 3, 4, 6, 8}
	kinds := map[string][]string{"real": realClips(t), "rendered": renderedClips(t)}
	for _, name := range []string{"camera", "slides"} {
		kinds[name] = []string{stillClip(t, name)}
	}
	for kind, paths := range kinds {
		frames := 0
		encoded, loss := make([]int, len(levels)), make([]float64, len(levels))
		for _, path := range paths {
			pix, y := framesOf(t, m, path, sampling)
			frames += len(pix)
			for k, eps := range levels {
				n, worst := reuse(pix, y, m.Config(), Options{Still: eps})
				encoded[k] += n
				loss[k] = max(loss[k], worst)
			}
		}
		for k, eps := range levels {
			t.Logf("%s, %g levels: %d of %d frames encoded, largest loss of cosine %.1e", kind, eps, encoded[k], frames, loss[k])
			if eps <= 1 && loss[k] > 1e-3 {
				t.Errorf("%s, %g levels: a loss of cosine of %g", kind, eps, loss[k])
			}
		}
		if still := kind == "camera" || kind == "slides"; still && 5*encoded[1] > frames {
			t.Errorf("%s: %d of %d frames were encoded", kind, encoded[2], frames)
		}
	}
}

// reuse returns how many frames are encoded, and the largest loss of cosine of the others.
func reuse(pix [][]byte, y []float32, c clip.Config, o Options) (encoded int, loss float64) {
	last := -1
	for i, p := range pix {
		if last >= 0 && o.like(p, pix[last], c.ImageSize) != differs {
			loss = max(loss, 1-cosine(y[i*c.Embed:(i+1)*c.Embed], y[last*c.Embed:(last+1)*c.Embed]))
			continue
		}
		last = i
		encoded++
	}
	return encoded, loss
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i, v := range a {
		ab, aa, bb = ab+float64(v*b[i]), aa+float64(v*v), bb+float64(b[i]*b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

// framesOf returns the prepared frames of a video and their features; none if it is damaged.
func framesOf(t *testing.T, m *clip.Model, path string, s video.Sampling) (pix [][]byte, y []float32) {
	t.Helper()
	c := m.Config()
	for f, err := range video.Frames(t.Context(), path, video.Options{Sampling: s, Size: c.ImageSize, Fit: c.Fit}) {
		if err != nil {
			return nil, nil
		}
		one, err := m.EncodeImages(t.Context(), f.Pix)
		if err != nil {
			t.Fatal(err)
		}
		pix, y = append(pix, append([]byte(nil), f.Pix...)), append(y, one...)
	}
	return pix, y
}

func realClips(t *testing.T) (paths []string) {
	t.Helper()
	dir := os.Getenv("CLIPCUE_VIDEOS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "videos")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no real clips: set CLIPCUE_VIDEOS to a folder that has them")
	}
	for _, s := range discover(t, dir) {
		paths = append(paths, s.Path)
	}
	return paths
}

func renderedClips(t *testing.T) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	if _, err := synth.Generate(t.Context(), dir, synth.Options{PerClass: 1, Width: 112, Height: 112}, nil); err != nil {
		t.Skip(err)
	}
	for _, s := range discover(t, dir) {
		paths = append(paths, s.Path)
	}
	return paths
}

// stillClip makes a minute of a still frame with the noise of a camera, or of slides of 10 s, both
// compressed.
func stillClip(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".mp4")
	filters := map[string]string{
		"camera": "select=eq(n\\,70),loop=600:1,setpts=N/10/TB,noise=alls=12:allf=t",
		"slides": "select=not(mod(n\\,40)),loop=0:1,setpts=N*10/TB,fps=10",
	}
	source := filepath.Join(filepath.Dir(realClips(t)[0]), "ask-anything__jesse_dance.mp4")
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-v", "error", "-i", source, "-an", "-vf", filters[name]+",scale=640:-2",
		"-r", "10", "-t", "60", "-c:v", "libx264", "-preset", "veryfast", "-crf", "28", path).CombinedOutput()
	if err != nil {
		t.Skipf("%v: %s", err, out)
	}
	return path
}
