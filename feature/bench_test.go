package feature_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/clipcue/clipcue/bench/suite"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

// BenchmarkStages measures the stages of an extraction, separately and together, for a clip
// of 640×360 pixels and ViT-B/16 with random weights.
func BenchmarkStages(b *testing.B) {
	path := filepath.Join(b.TempDir(), "clip.mp4")
	if out, err := exec.CommandContext(b.Context(), "ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i",
		"mandelbrot=size=640x360:rate=25:end_scale=0.01:start_scale=2", "-t", "6", "-c:v", "libx264", "-pix_fmt", "yuv420p", path).CombinedOutput(); err != nil {
		b.Skipf("no clip: %v: %s", err, out)
	}
	decode := func(b *testing.B, o video.Options) {
		frames := 0
		for b.Loop() {
			for _, err := range video.Frames(b.Context(), path, o) {
				if err != nil {
					b.Fatal(err)
				}
				frames++
			}
		}
		rate(b, frames)
	}
	b.Run("decode", func(b *testing.B) { decode(b, video.Options{}) })
	b.Run("decode and resize", func(b *testing.B) { decode(b, video.Options{Size: 224}) })
	b.Run("resize", func(b *testing.B) {
		var first video.Frame
		for f, err := range video.Frames(b.Context(), path, video.Options{}) {
			if err != nil {
				b.Fatal(err)
			}
			first = f
			break
		}
		var r video.Resizer
		frames := 0
		for b.Loop() {
			if _, err := r.Resize(first, 224, video.Fit{}); err != nil {
				b.Fatal(err)
			}
			frames++
		}
		rate(b, frames)
	})
	w, err := suite.RandomWeights("ViT-B/16", clip.ImageTower)
	if err != nil {
		b.Fatal(err)
	}
	m, err := clip.New(w, clip.Options{Towers: clip.ImageTower})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		rgb, frames := make([]byte, 32*3*224*224), 0
		for b.Loop() {
			if _, err := m.EncodeImages(b.Context(), rgb); err != nil {
				b.Fatal(err)
			}
			frames += 32
		}
		rate(b, frames)
	})
	b.Run("all", func(b *testing.B) {
		frames, busy, seconds := 0, 0., 0.
		for b.Loop() {
			r, err := feature.ExtractFunc(context.Background(), m, []video.Source{{Path: path, ID: "a"}}, feature.Options{},
				func(*feature.Sequence) error { return nil })
			if err != nil {
				b.Fatal(err)
			}
			frames += r.Frames
			busy += r.EncodingSeconds
			seconds += r.Seconds
		}
		rate(b, frames)
		b.ReportMetric(100*busy/seconds, "%encoder-busy")
	})
}

func rate(b *testing.B, frames int) {
	b.ReportMetric(float64(frames)/b.Elapsed().Seconds(), "frames/s")
}
