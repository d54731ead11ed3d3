package feature

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strconv"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/text"
)

// A sidecar has a number for each frame and a provenance.
const (
	bytesPerTime = 64
	bytesOfRest  = 1 << 20
)

// readSidecar reads the .json file of an array with the given number of frames. If it does
// not exist, the result is empty.
func readSidecar(path string, frames int) (about sidecar, err error) {
	name := filepath.Base(path)
	data, err := input.ReadText(path, bytesOfRest+bytesPerTime*int64(frames))
	if errors.Is(err, fs.ErrNotExist) {
		return about, nil
	}
	if err != nil {
		return about, fmt.Errorf("%s: %w", name, bare(err))
	}
	var in struct {
		ID         string      `json:"id"`
		Timestamps []timestamp `json:"timestamps"`
		Provenance *Provenance `json:"provenance"`
	}
	if err := input.Unmarshal(input.QuoteNumbers(data), &in); err != nil {
		return about, fmt.Errorf("%s: %w", name, err)
	}
	about.ID, about.Provenance = text.Unescape(in.ID), in.Provenance
	for i, t := range in.Timestamps {
		if t := float64(t); t-t != 0 {
			return about, fmt.Errorf("%s: the timestamp of frame %d is null or not finite", name, i)
		}
		about.Timestamps = append(about.Timestamps, float64(t))
	}
	return about, nil
}

// timestamp is a number in JSON. Null, which some programs write instead, is NaN.
type timestamp float64

// UnmarshalJSON implements json.Unmarshaler.
func (t *timestamp) UnmarshalJSON(b []byte) error {
	number := string(bytes.Trim(b, `"`))
	if number == "null" {
		*t = timestamp(math.NaN())
		return nil
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || len(number) < len(b) && v-v == 0 {
		return fmt.Errorf("timestamp %.40s is not a number", b)
	}
	*t = timestamp(v)
	return nil
}
