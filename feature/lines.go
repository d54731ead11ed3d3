package feature

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
)

// maxFrameLine is the length of the longest line of a JSONL file, in bytes.
const maxFrameLine = 16 << 20

// readLines reads a JSONL file with the frames of one video.
func readLines(path string) (out arrays, err error) {
	r, size, err := input.OpenSized(path)
	if err != nil {
		return out, err
	}
	defer r.Close()
	release, err := memory.Request(2*size, path) // a number has at least a digit and a comma
	if err != nil {
		return out, err
	}
	defer release()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxFrameLine)
	t := frames{}
	n := 0
	for lines.Scan() {
		line := lines.Bytes()
		if n++; n == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if len(line) == 0 {
			continue
		}
		if err := t.line(line); err != nil {
			return out, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return out, fmt.Errorf("line %d: %w", n+1, err)
	}
	return t.arrays()
}

// number is a number in JSON. A null would otherwise be 0.
type number float32

func (n *number) UnmarshalJSON(text []byte) error {
	v, err := strconv.ParseFloat(string(text), 32)
	if err != nil {
		return fmt.Errorf("it has %s instead of a number", text)
	}
	*n = number(v)
	return nil
}

// time adds the timestamp of a line, if it has one.
func (t *frames) time(row map[string]json.RawMessage, columns [len(timeColumns)]string) error {
	first, at := "", 0.0
	for _, name := range columns {
		if name == "" {
			continue
		}
		var x float64
		if err := json.Unmarshal(row[name], &x); err != nil || string(row[name]) == "null" {
			return fmt.Errorf("%q is %.100s instead of seconds", name, row[name])
		}
		if first != "" && x != at {
			return differentTimes(first, name)
		}
		first, at = name, x
	}
	if first != "" {
		t.times = append(t.times, at)
	}
	return nil
}

// line adds the frame of a line.
func (t *frames) line(line []byte) error {
	var row map[string]json.RawMessage
	if err := input.Unmarshal(line, &row); err != nil {
		return err
	}
	columns, err := columnsOf(slices.Sorted(maps.Keys(row)))
	if err != nil {
		return err
	}
	if t.n == 0 {
		t.columns = columns
	}
	if columns != t.columns {
		return errors.New("it has other keys than the first line")
	}
	var vector []number
	if err := json.Unmarshal(row[columns.vector], &vector); err != nil {
		return fmt.Errorf("%q: %w", columns.vector, err)
	}
	if err := t.time(row, columns.times); err != nil {
		return err
	}
	if columns.video != "" {
		var s string
		if err := json.Unmarshal(row[columns.video], &s); err != nil {
			return fmt.Errorf("%q is %s instead of text", columns.video, row[columns.video])
		}
		if err := t.of(s); err != nil {
			return err
		}
	}
	t.row = t.row[:0]
	for _, x := range vector {
		t.row = append(t.row, float32(x))
	}
	return t.add(t.row)
}
