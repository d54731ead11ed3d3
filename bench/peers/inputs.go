package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/video"
)

// The inputs of a comparison are kept in folders of workDir, with what the programs make of them:
// exported and quantized graphs, indexes, compiled code.

const (
	searchWidth = 512
	searchFinds = 10
	frameSize   = 224 // side of prepared frames
)

// model returns the folder of makeCase. It is written in a separate process, so that this one stays
// small: the kernel counts the memory of the parent as that of its children at first.
func (r *run) model() (string, error) {
	dir := r.folder("model")
	if _, err := os.Stat(filepath.Join(dir, caseFile)); err == nil {
		return dir, nil
	}
	say("writing random weights and clipcue's results for the inputs")
	return dir, r.self("--write-case", dir)
}

// vectors returns a folder with n vectors, or 2,000 if the model is tiny.
func (r *run) vectors(n int) (string, error) {
	if r.size == "tiny" {
		n = 2000
	}
	dir := r.folder(fmt.Sprintf("vectors-%d", n))
	say("writing %d vectors, unless they exist", n)
	_, err := output(exec.CommandContext(r.ctx, r.python, script("search.py"), "data", dir, fmt.Sprint(n)))
	return dir, err
}

// footage is a rendered video, of which every Step-th frame is used.
type footage struct {
	Path   string `json:"path"`
	Frames int    `json:"frames"`
	Step   int    `json:"step"`
	Model  string `json:"model"` // folder of makeCase
}

const fps = 30 // frames per second of rendered clips

func (c footage) sampling() video.Sampling {
	if c.Step == 1 {
		return video.EveryFrame()
	}
	return video.AtRate(fps / float64(c.Step))
}

// rendering describes a clip for ffmpeg.
type rendering struct {
	name    string
	seconds int
	source  string
	flags   []string
}

var (
	// hard has mostly intra-coded blocks, 22 Mbit/s. It states the color matrix that all programs
	// take: without a statement, only clipcue takes that of HD.
	hard = rendering{"hard", 20, "mandelbrot=s=1920x1080:r=30", []string{"-preset", "ultrafast", "-g", "15", "-bf", "0", "-b:v", "20M", "-colorspace", "smpte170m"}}
	// long is the same with x264's usual distance of keyframes and B frames, so that no program can leave out
	// most frames.
	long = rendering{"long", 20, "mandelbrot=s=1920x1080:r=30", []string{"-preset", "veryfast", "-g", "250", "-b:v", "20M", "-colorspace", "smpte170m"}}
	// small moves, and has noise.
	small = rendering{"small", 20, "mandelbrot=s=640x360:r=30:end_scale=0.01:start_scale=2", []string{"-vf", "noise=alls=8:allf=t", "-g", "60"}}
)

// clip returns a folder with clip.json. The clip is rendered if there is none.
func (r *run) clip(d rendering, step int) (string, error) {
	dir, c := r.folder(fmt.Sprintf("clip-%s-%d", d.name, step)), footage{Step: step}
	var err error
	if c.Model, err = r.model(); err != nil {
		return "", err
	}
	if r.size == "tiny" {
		d.seconds = 2
	}
	c.Path, c.Frames = filepath.Join(r.folder("clips"), d.name+".mp4"), d.seconds*fps
	if err := os.MkdirAll(filepath.Dir(c.Path), 0o777); err != nil {
		return "", err
	}
	if _, err := os.Stat(c.Path); err != nil {
		say("rendering a clip")
		args := append([]string{"-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", d.source, "-t", fmt.Sprint(d.seconds),
			"-c:v", "libx264", "-pix_fmt", "yuv420p"}, d.flags...)
		unfinished := filepath.Join(filepath.Dir(c.Path), "unfinished.mp4")
		if _, err := output(exec.CommandContext(r.ctx, "ffmpeg", append(args, "-y", unfinished)...)); err != nil {
			return "", err
		}
		if err := os.Rename(unfinished, c.Path); err != nil {
			return "", err
		}
	}
	return dir, writeClip(dir, c)
}

// photos returns a folder with JPEG files and a clip.json that only names the model.
func (r *run) photos() (string, error) {
	dir, c := r.folder("photos"), footage{}
	var err error
	if c.Model, err = r.model(); err != nil {
		return "", err
	}
	if err := writeClip(dir, c); err != nil {
		return "", err
	}
	_, err = output(exec.CommandContext(r.ctx, r.python, script("features.py"), "data", dir))
	return dir, err
}

func writeClip(dir string, c footage) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, "clip.json"), text)
}

func readClip(dir string) (c footage, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "clip.json"))
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(text, &c)
}

// took returns the seconds that building clipcue's graph took, or 0.
func took(dir string) (seconds float64) {
	text, err := os.ReadFile(filepath.Join(dir, "clipcue.json"))
	if err == nil {
		_ = json.Unmarshal(text, &seconds) // 0 if it is damaged
	}
	return seconds
}

// recall returns the share of the nearest vectors of all queries that find finds, and writes it for
// the peers. find takes the queries in turn.
func recall(dir string, find func() ([]int64, error)) (float64, error) {
	want, err := readAll[int32](filepath.Join(dir, "nearest.i32"))
	if err != nil {
		return 0, err
	}
	found := 0
	for nearest := range slices.Chunk(want, searchFinds) {
		ids, err := find()
		if err != nil {
			return 0, err
		}
		for _, id := range ids {
			if slices.Contains(nearest, int32(id)) {
				found++
			}
		}
	}
	share := float64(found) / float64(len(want))
	return share, os.WriteFile(filepath.Join(dir, "recall.json"), fmt.Append(nil, share), 0o666)
}

// readAll reads a file of numbers, little-endian.
func readAll[T float32 | int32](path string) ([]T, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return numbers[T](data)
}

// numbers returns the little-endian numbers in data.
func numbers[T float32 | int32](data []byte) ([]T, error) {
	out := make([]T, len(data)/4)
	_, err := binary.Decode(data, binary.LittleEndian, out)
	return out, err
}
