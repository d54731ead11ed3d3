//go:build unix

package video

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// BenchmarkTwoPerSecond compares the time, and the CPU time of all processes, to sample the video CLIPCUE_CLIP at two frames per
// second with that of ffmpeg, which selects every n-th frame, also two per second, and converts
// it to RGB.
func BenchmarkTwoPerSecond(b *testing.B) {
	path := os.Getenv("CLIPCUE_CLIP")
	if path == "" {
		b.Skip("CLIPCUE_CLIP names no video")
	}
	needFFmpeg(b)
	info, err := Probe(b.Context(), path, Options{})
	if err != nil {
		b.Fatal(err)
	}
	pick := fmt.Sprintf("select='not(mod(n,%d))'", max(1, int(info.FrameRate/2+0.5)))
	b.Run("ffmpeg", func(b *testing.B) {
		defer reportCPU(b)()
		for b.Loop() {
			cmd := exec.CommandContext(b.Context(), "ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", "0:V:0", "-vf", pick,
				"-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1")
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err == nil {
				_, err = io.Copy(io.Discard, out)
			}
			if e := cmd.Wait(); err != nil || e != nil {
				b.Fatal(err, e)
			}
		}
	})
	for name, route := range map[string]route{"selecting": selecting, "sequential": sequential, "keyframes": keyframes} {
		b.Run(name, func(b *testing.B) {
			defer reportCPU(b)()
			for b.Loop() {
				for _, err := range Frames(b.Context(), path, Options{Sampling: AtRate(2), Size: 224, route: route}) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// reportCPU returns a function that reports the CPU time since reportCPU was called.
func reportCPU(b *testing.B) func() {
	used := func() (sum time.Duration) {
		for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
			var r syscall.Rusage
			if err := syscall.Getrusage(who, &r); err != nil {
				b.Fatal(err)
			}
			sum += time.Duration(r.Utime.Nano() + r.Stime.Nano())
		}
		return sum
	}
	before := used()
	return func() { b.ReportMetric((used()-before).Seconds()/float64(b.N), "CPU-s/op") }
}
