package feature

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/internal/safetensors"
)

// maxFrameLine is the length of the longest line of a JSONL file, in bytes.
const maxFrameLine = 16 << 20

// readLines reads a JSONL file with the frames of one video.
func readLines(path string) (out arrays, err error) {
	r, err := input.Open(path)
	if err != nil {
		return out, err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return out, err
	}
	release, err := memory.Request(2*info.Size(), path) // a number has at least a digit and a comma
	if err != nil {
		return out, err
	}
	defer release()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxFrameLine)
	t := frameTable{}
	n := 0
	for lines.Scan() {
		if n++; len(lines.Bytes()) == 0 {
			continue
		}
		if err := t.line(lines.Bytes()); err != nil {
			return out, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return out, fmt.Errorf("line %d: %w", n+1, err)
	}
	return t.arrays()
}

// line adds the frame of a line.
func (t *frameTable) line(text []byte) error {
	var row struct {
		Video  *string       `json:"video"`
		Time   *float64      `json:"time"`
		Vector []json.Number `json:"vector"` // a missing number would be 0 as a float32
	}
	if err := json.Unmarshal(text, &row); err != nil {
		return err
	}
	if row.Vector == nil {
		return errors.New(`it has no "vector"`)
	}
	vector := make([]float32, len(row.Vector))
	for i, x := range row.Vector {
		v, err := strconv.ParseFloat(string(x), 32)
		if err != nil {
			return fmt.Errorf("number %d of the vector is %q", i, string(x))
		}
		vector[i] = float32(v)
	}
	if t.frames > 0 && (row.Time != nil) != (len(t.times) > 0) {
		return errors.New(`some lines have a "time" and some have none`)
	}
	if row.Time != nil {
		t.times = append(t.times, *row.Time)
	}
	if row.Video != nil {
		if err := t.of(*row.Video); err != nil {
			return err
		}
	}
	return t.frame(vector)
}

// frameTable collects the frames of lines.
type frameTable struct {
	video    *string
	features []float32
	width    int
	frames   int
	times    []float64
}

// frame adds a frame.
func (t *frameTable) frame(vector []float32) error {
	if t.frames == 0 {
		t.width = len(vector)
	}
	if len(vector) != t.width {
		return uneven(t.frames, len(vector), t.width)
	}
	t.features = append(t.features, vector...)
	t.frames++
	return nil
}

// of checks that a frame is of the same video as the others.
func (t *frameTable) of(video string) error {
	if t.video == nil {
		t.video = &video
	}
	return sameVideo(*t.video, video)
}

// arrays returns what was collected.
func (t *frameTable) arrays() (arrays, error) {
	if t.frames == 0 || t.width == 0 {
		return arrays{}, errNoFrames
	}
	for i, x := range t.times {
		if x-x != 0 {
			return arrays{}, notFinite(i)
		}
	}
	return arrays{safetensors.ViewFloat32s(t.features, t.frames, t.width), t.times, nil}, nil
}
