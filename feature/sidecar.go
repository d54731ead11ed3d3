package feature

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

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
	var keys map[string]json.RawMessage
	if err := input.Unmarshal(input.QuoteNumbers(data), &keys); err != nil {
		return about, fmt.Errorf("%s: %w", name, err)
	}
	if err := checkTimeNames("key", slices.Sorted(maps.Keys(keys)), timestampsName); err != nil {
		return about, fmt.Errorf("%s: %w", name, err)
	}
	var in struct {
		ID         string      `json:"id"`
		Timestamps []timestamp `json:"timestamps"`
		Provenance *Provenance `json:"provenance"`
	}
	if err := input.Unmarshal(input.QuoteNumbers(data), &in); err != nil {
		return about, fmt.Errorf("%s: %w", name, err)
	}
	if _, ok := keys[timestampsName]; ok && len(in.Timestamps) == 0 {
		return about, fmt.Errorf("%s: %q is empty or null; write the seconds of each frame, or leave it out", name, timestampsName)
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

// timestampsName is the name of the timestamps in sidecars and archives.
const timestampsName = "timestamps"

// timeNames are names that programs give to timestamps, in lower case and without separators.
var timeNames = []string{"time", "times", "timestamp", "timestamps", "timesec", "timeseconds", "frametime", "frametimes",
	"frametimestamp", "frametimestamps", "pts", "ptstime", "seconds"}

// checkTimeNames returns an error for a name, besides the right one, that says that it is for timestamps: they would
// be ignored, and others computed from a frame rate.
func checkTimeNames(what string, names []string, right string) error {
	for _, n := range names {
		if plain := strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(n)); n != right && slices.Contains(timeNames, plain) {
			return fmt.Errorf("the %s %.200q is not read as timestamps; name it %q, or remove it", what, n, right)
		}
	}
	return nil
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
