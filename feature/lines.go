package feature

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
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
	t := frames{}
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
func (t *frames) line(text []byte) error {
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
	if t.n > 0 && (row.Time != nil) != (len(t.times) > 0) {
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
	return t.add(vector)
}
