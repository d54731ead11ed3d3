package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/clipcue/clipcue/bench/suite"
	"github.com/clipcue/clipcue/bench/usage"
	"github.com/clipcue/clipcue/clip"
)

// sizes are resolutions, by their names.
var sizes = []struct {
	name          string
	width, height int
}{{"180p", 320, 180}, {"360p", 640, 360}, {"720p", 1280, 720}, {"1080p", 1920, 1080}, {"2160p", 3840, 2160}}

// moving is ten seconds that are hard to encode; still changes every five seconds, with noise.
const (
	moving = "mandelbrot=size=1280x720:rate=25:end_scale=0.01:start_scale=2"
	still  = "mandelbrot=size=1280x720:rate=0.2:end_scale=0.1:start_scale=2,fps=25"
)

// ten returns a clip of ten seconds of H.264, 25 frames per second.
func (r *runner) ten(source, name string, width, height int) (string, error) {
	return r.once(filepath.Join("clips", name+".mp4"), func(path string) error {
		_, err := usage.Run(exec.CommandContext(r.ctx, "ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", source,
			"-vf", fmt.Sprintf("scale=%d:%d,noise=alls=4:allf=t", width, height), "-t", "10",
			"-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "250", "-f", "mp4", path))
		return err
	})
}

// long repeats a clip without encoding it again.
func (r *runner) long(clip, name string, times int) (string, error) {
	return r.once(filepath.Join("clips", name+".mp4"), func(path string) error {
		_, err := usage.Run(exec.CommandContext(r.ctx, "ffmpeg", "-nostdin", "-loglevel", "error", "-stream_loop", strconv.Itoa(times-1),
			"-i", clip, "-c", "copy", "-f", "mp4", path))
		return err
	})
}

// model returns a weight file with random weights for the image tower of a size.
func (r *runner) model(size string) (string, error) {
	return r.once("model-"+filepath.Base(size)+".safetensors", func(path string) error {
		w, err := suite.RandomWeights(size, clip.ImageTower)
		if err != nil {
			return err
		}
		return clip.WriteFile(path, w, false, nil)
	})
}

// backbone returns the model of the measurements, and its name.
func (r *runner) backbone() (path, name string, err error) {
	name = of(r, "ViT-B/32", "tiny")
	path, err = r.model(name)
	return path, name, err
}

// extract extracts features into a new store.
func (r *runner) extract(args ...string) (usage.Usage, error) {
	out, err := r.fresh("features")
	if err != nil {
		return usage.Usage{}, err
	}
	return r.program(append([]string{"extract", "--out", out}, args...)...)
}

// copies returns a folder with n names of a video.
func (r *runner) copies(video, name string, n int) (string, error) {
	return r.once(name, func(dir string) error {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		for i := range n {
			if err := os.Link(video, filepath.Join(dir, fmt.Sprintf("%05d.mp4", i))); err != nil {
				return err
			}
		}
		return nil
	})
}

// videos extracts features of clips of ten seconds, two frames per second.
func videos(r *runner) error {
	clip, err := r.ten(moving, "180p", 320, 180)
	if err != nil {
		return err
	}
	model, name, err := r.backbone()
	if err != nil {
		return err
	}
	for _, n := range of(r, []int{1, 10, 100, 1000}, []int{1, 2}) {
		folder, err := r.copies(clip, fmt.Sprintf("videos-%d", n), n)
		if err != nil {
			return err
		}
		if err := r.point("clipcue-tiny", float64(n), func() (usage.Usage, error) { return r.extract("--fps", "2", folder) }); err != nil {
			return err
		}
		if n > 100 {
			continue
		}
		if err := r.point(name, float64(n), func() (usage.Usage, error) { return r.extract("--model", model, "--fps", "2", folder) }); err != nil {
			return err
		}
	}
	return nil
}

// length extracts features of one video of 360p: two frames per second, and 16 frames.
func length(r *runner) error {
	ten, err := r.ten(moving, "360p", 640, 360)
	if err != nil {
		return err
	}
	for _, seconds := range of(r, []int{10, 60, 600, 3600}, []int{10, 20}) {
		clip, err := r.long(ten, fmt.Sprintf("360p-%d", seconds), seconds/10)
		if err != nil {
			return err
		}
		for name, sampling := range map[string][]string{"2 frames per second": {"--fps", "2"}, "16 frames": {"--frames", "16"}} {
			if err := r.point(name, float64(seconds), func() (usage.Usage, error) { return r.extract(append(sampling, clip)...) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// resolution decodes and resizes video. The results are for a minute.
func resolution(r *runner) error {
	for _, size := range sizes {
		ten, err := r.ten(moving, size.name, size.width, size.height)
		if err != nil {
			return err
		}
		tens := of(r, 6, 1)
		if size.height > 1080 {
			tens = 1
		}
		clip, err := r.long(ten, fmt.Sprintf("%s-%d", size.name, 10*tens), tens)
		if err != nil {
			return err
		}
		for _, fps := range []string{"2", "8", "0"} {
			name := map[string]string{"2": "2 frames per second", "8": "8 frames per second", "0": "all 25 frames per second"}[fps]
			if err := r.point(name, float64(size.height), func() (usage.Usage, error) {
				u, err := r.child("decode", clip, fps)
				u.Seconds, u.CPU = u.Seconds*6/float64(tens), u.CPU*6/float64(tens)
				return u, err
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// flags extracts features of a minute of 720p, with one flag at a time.
func flags(r *runner) error {
	model, _, err := r.backbone()
	if err != nil {
		return err
	}
	clips := map[string]string{}
	for name, source := range map[string]string{"moving": moving, "slides": still} {
		ten, err := r.ten(source, "720p-"+name, 1280, 720)
		if err != nil {
			return err
		}
		if clips[name], err = r.long(ten, "720p-60-"+name, of(r, 6, 1)); err != nil {
			return err
		}
	}
	for _, c := range []struct {
		clip string
		args []string
	}{
		{"moving", nil},
		{"moving", []string{"--fps", "1"}},
		{"moving", []string{"--fps", "8"}},
		{"moving", []string{"--frames", "16"}},
		{"moving", []string{"--precision", "int8"}},
		{"moving", []string{"--batch", "1"}},
		{"moving", []string{"--batch", "8"}},
		{"moving", []string{"--batch", "128"}},
		{"moving", []string{"--threads", "1"}},
		{"moving", []string{"--still", "2"}},
		{"slides", nil},
		{"slides", []string{"--still", "2"}},
	} {
		args := append([]string{"--model", model, "--fps", "2"}, c.args...)
		if len(c.args) > 0 && c.args[0] == "--frames" {
			args = append([]string{"--model", model}, c.args...)
		}
		name := c.clip
		for _, a := range c.args {
			name += " " + a
		}
		if err := r.point(name, 60, func() (usage.Usage, error) { return r.extract(append(args, clips[c.clip])...) }); err != nil {
			return err
		}
	}
	return nil
}
