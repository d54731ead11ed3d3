package dataset

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

func loadKinetics(path string, _ Options) (parsed, error) { return readFile(path, parseKinetics) }

// parseKinetics reads a Kinetics list. Its clips are cut when they are downloaded, so a
// sample is a whole file.
func parseKinetics(r io.Reader, name string) (parsed, error) {
	needed := []string{"label", "youtube_id", "time_start", "time_end"}
	t, err := newCSVTable(r, name, append(needed, "split", "is_cc"), needed)
	if err != nil {
		return parsed{}, err
	}
	var p parsed
	for {
		ok, err := t.next()
		if err != nil || !ok {
			return p, err
		}
		id := t.field("youtube_id")
		if id == "" || strings.ContainsAny(id, `/\`) {
			return parsed{}, t.errorf("youtube_id %q is not an id", id)
		}
		var times [2]int
		for i, column := range []string{"time_start", "time_end"} {
			times[i], err = strconv.Atoi(t.field(column))
			if err != nil || times[i] < 0 {
				return parsed{}, t.errorf("%s %q is not a whole number of seconds", column, t.field(column))
			}
		}
		if times[0] >= times[1] {
			return parsed{}, t.errorf("time_start %d is not before time_end %d", times[0], times[1])
		}
		s := Sample{
			Path:  fmt.Sprintf("%s_%06d_%06d", id, times[0], times[1]),
			Label: t.field("label"), Split: t.field("split"),
		}
		if err := s.check(); err != nil {
			return parsed{}, t.errorf("%w", err)
		}
		p.samples = append(p.samples, s)
	}
}
