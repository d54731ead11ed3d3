package markfile

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/clipcue/clipcue/internal/exactjson"
	"github.com/clipcue/clipcue/internal/input"
)

// needed returns a time that a file must have, or NaN if it is missing or null. [Read]
// refuses spans with NaN.
func needed(t *float64) float64 {
	if t == nil {
		return math.NaN()
	}
	return *t
}

// pair is a start and an end in JSON. More are an error.
type pair []*float64

// UnmarshalJSON implements json.Unmarshaler.
func (p *pair) UnmarshalJSON(data []byte) error {
	if err := exactjson.Unmarshal(data, (*[]*float64)(p)); err != nil {
		return err
	}
	if len(*p) > 2 {
		return fmt.Errorf("a segment has %d times instead of a start and an end", len(*p))
	}
	return nil
}

func newPair(start, end float64) pair { return pair{&start, &end} }

// times returns both times, NaN for one that is missing or null.
func (p pair) times() (start, end float64) {
	switch len(p) {
	case 0:
		return math.NaN(), math.NaN()
	case 1:
		return needed(p[0]), math.NaN()
	}
	return needed(p[0]), needed(p[1])
}

// checkTimes returns an error for a span without a start or an end in the video.
func (r Row) checkTimes() error {
	switch {
	case math.IsNaN(r.Start):
		return errors.New("has no start")
	case math.IsNaN(r.End):
		return errors.New("has no end")
	case !(r.Start >= 0 && r.End > r.Start) || math.IsInf(r.End, 0):
		return fmt.Errorf("ends at %g s and starts at %g s", r.End, r.Start)
	}
	return nil
}

// parseNumber parses a finite number with a decimal point.
func parseNumber(s string) (float64, error) {
	x, err := strconv.ParseFloat(s, 64)
	switch {
	case s == "":
		return 0, errors.New("a number is missing")
	case err == nil && !math.IsNaN(x) && !math.IsInf(x, 0):
		return x, nil
	case strings.Contains(s, ":"):
		return 0, fmt.Errorf("%q is not a number of seconds, such as 83.5", s)
	case strings.Contains(s, ","):
		return 0, fmt.Errorf("%q has a decimal comma; numbers have a decimal point, such as 83.5", s)
	}
	return 0, fmt.Errorf("%q is not a number, such as 83.5", s)
}

// parseDate parses a date with a time of day and a zone. A space may precede the time, as pandas and
// DuckDB write it, and the zone may have hours only.
func parseDate(s string) (time.Time, error) {
	day, clock, _ := strings.Cut(s, " ")
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05Z07"} {
		for _, x := range []string{s, day + "T" + clock} {
			if t, err := time.Parse(layout, x); err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a date such as 2026-01-31T12:00:00Z", s)
}

// parseBool parses a Boolean value.
func parseBool(s string) (bool, error) {
	b, err := strconv.ParseBool(s)
	if err != nil {
		return false, fmt.Errorf("%q is neither true nor false", s)
	}
	return b, nil
}

// readable replaces errors about the end of a file, and about the type of a value in JSON, by ones without words of Go.
func readable(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("it is empty or in another format")
	}
	return input.Explain(err)
}
