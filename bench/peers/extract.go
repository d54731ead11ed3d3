package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/clipcue/clipcue/bench/suite"
	"github.com/clipcue/clipcue/video"
)

//go:embed decode.py
var decodeScript string

// frameSize is the side of the resized frames.
const frameSize = 224

// decoded is the result that a process prints for decoding and resizing.
type decoded struct {
	sample
	Clips []seen `json:"clips"`
}

// seen describes the frames of one clip, which must agree between the programs.
type seen struct {
	Frames int     `json:"frames"`
	Mean   float64 `json:"mean"` // mean of all bytes of all frames
}

// extraction compares decoding and resizing of every frame of the clips, one clip at a time.
func (r *run) extraction() error {
	const what = "decoding and resizing"
	clips, err := r.renderClips()
	if err != nil {
		r.report.skip(fmt.Sprintf("%s: no clips could be rendered: %v", what, err))
		return r.ctx.Err()
	}
	python, err := findOpenCV(r.ctx)
	if err != nil {
		r.report.skip(fmt.Sprintf("%s: OpenCV and PIL: %v", what, err))
		return r.ctx.Err()
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var want []seen
	ours := &side{name: "clipcue", run: func(ctx context.Context) (sample, error) {
		d, err := decodedBy(exec.CommandContext(ctx, self, append([]string{"--decode", "--seconds", fmt.Sprint(r.seconds)}, clips...)...))
		want = d.Clips
		return d.sample, err
	}}
	theirs := &side{name: "OpenCV and PIL", allow: 2. / 255, run: func(ctx context.Context) (sample, error) {
		c := exec.CommandContext(ctx, python, append([]string{"-", fmt.Sprint(r.seconds), fmt.Sprint(r.threads)}, clips...)...)
		c.Stdin = strings.NewReader(decodeScript)
		d, err := decodedBy(c)
		if err == nil {
			d.Error, err = difference(want, d.Clips)
		}
		return d.sample, err
	}}
	sides, err := r.alternate(what, ours, theirs)
	if err == nil {
		r.report.ratio("decoding and resizing to 224×224, H.264", "frames/s", sides[0], sides[1], "≥ 1", "every frame, one clip at a time")
	}
	return err
}

// renderClips renders moving clips of two sizes, with noise so that they are hard to decode.
func (r *run) renderClips() (paths []string, err error) {
	for _, size := range []string{"640x360", "320x240"} {
		path := filepath.Join(r.dir, size+".mp4")
		c := exec.CommandContext(r.ctx, "ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi",
			"-i", "mandelbrot=size="+size+":rate=25:end_scale=0.01:start_scale=2", "-vf", "noise=alls=8:allf=t", "-t", "10",
			"-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "50", path)
		if _, err := output(c); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

func decodedBy(c *exec.Cmd) (d decoded, err error) {
	out, err := output(c)
	if err != nil {
		return d, err
	}
	return d, json.Unmarshal(lastLine(out), &d)
}

// difference returns the largest difference between the means of two programs, relative to the
// range of a byte. The programs round differently when they convert YUV to RGB.
func difference(ours, theirs []seen) (float64, error) {
	largest := 0.
	for i, a := range ours {
		b := theirs[i]
		if a.Frames != b.Frames {
			return 0, fmt.Errorf("clip %d has %d frames, clipcue reads %d", i+1, b.Frames, a.Frames)
		}
		largest = max(largest, math.Abs(a.Mean-b.Mean)/255)
	}
	return largest, nil
}

// decodeClips decodes and resizes clips repeatedly for the given time. It runs in the process that
// measures clipcue.
func decodeClips(ctx context.Context, paths []string, seconds float64) (d decoded, err error) {
	o := video.Options{Size: frameSize}
	total := 0
	for _, path := range paths { // this pass is also the warm-up
		var c seen
		for f, err := range video.Frames(ctx, path, o) {
			if err != nil {
				return d, err
			}
			c.Frames++
			for _, v := range f.Pix {
				c.Mean += float64(v)
			}
		}
		c.Mean /= float64(c.Frames * 3 * frameSize * frameSize)
		d.Clips = append(d.Clips, c)
		total += c.Frames
	}
	if total == 0 {
		return d, errors.New("the clips have no frames")
	}
	var times []float64
	for end := time.Now().Add(time.Duration(seconds * float64(time.Second))); len(times) < 3 || time.Now().Before(end); {
		began := time.Now()
		for _, path := range paths {
			for _, err := range video.Frames(ctx, path, o) {
				if err != nil {
					return d, err
				}
			}
		}
		times = append(times, time.Since(began).Seconds()/float64(total))
	}
	d.Seconds = suite.Median(times)
	return d, nil
}

// findOpenCV returns a Python with OpenCV and PIL. If there is none, it installs Debian's.
func findOpenCV(ctx context.Context) (string, error) {
	find := func() string {
		for _, python := range []string{"python3", "/usr/bin/python3"} {
			if exec.CommandContext(ctx, python, "-c", "import cv2, numpy, PIL").Run() == nil {
				return python
			}
		}
		return ""
	}
	if python := find(); python != "" {
		return python, nil
	}
	if err := apt(ctx, "python3-opencv", "python3-pil"); err != nil {
		return "", err
	}
	if python := find(); python != "" {
		return python, nil
	}
	return "", errors.New("python3-opencv is installed, but python3 cannot import cv2")
}
