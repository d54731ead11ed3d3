package dataset

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipcue/clipcue/internal/exactjson"
)

// manifestKeys are the columns of a CSV manifest and the keys of a JSONL one. The path may also be in video, and
// exported marks have those of markKeys.
var manifestKeys = []string{"path", "label", "split", "start", "end", "video"}

// markKeys are further columns and keys of marks that clipcue exports. Negative marks are left out; the others are
// ignored.
var markKeys = []string{"negative", "author", "time", "score"}

// leaveOut adds that n negative marks are left out, if there are any.
func (p *parsed) leaveOut(name string, n int) {
	if n > 0 {
		p.skipped = append(p.skipped, Skipped{name, fmt.Sprintf("%d negative marks", n)})
	}
}

func loadCSV(path string, _ Options) (parsed, error)   { return readFile(path, parseCSV) }
func loadJSONL(path string, _ Options) (parsed, error) { return readFile(path, parseJSONL) }

func parseCSV(r io.Reader, name string) (parsed, error) {
	t, err := newCSVTable(r, name, slices.Concat(manifestKeys, markKeys), manifestKeys[:2])
	if err != nil {
		return parsed{}, err
	}
	if err := t.checkVideoColumn(); err != nil {
		return parsed{}, err
	}
	var p parsed
	negatives := 0
	for {
		ok, err := t.next()
		if err != nil || !ok {
			p.leaveOut(name, negatives)
			return p, err
		}
		if negative, err := t.negative(); err != nil {
			return parsed{}, err
		} else if negative {
			negatives++
			continue
		}
		s := Sample{Path: t.cell("path") + t.cell("video"), Label: t.cell("label"), Split: t.field("split")}
		if s.Start, err = t.seconds("start"); err != nil {
			return parsed{}, t.errorf("%w", err)
		}
		if s.End, err = t.seconds("end"); err != nil {
			return parsed{}, t.errorf("%w", err)
		}
		if err := s.check(); err != nil {
			return parsed{}, t.errorf("%w", err)
		}
		p.samples = append(p.samples, s)
	}
}

func parseJSONL(r io.Reader, name string) (parsed, error) {
	var p parsed
	negatives := 0
	err := eachLine(r, name, func(_ int, text string) error {
		var row struct {
			Path     string          `json:"path"`
			Video    string          `json:"video"`
			Label    string          `json:"label"`
			Split    string          `json:"split"`
			Start    plainTime       `json:"start"`
			End      plainTime       `json:"end"`
			Negative exactjson.Bool  `json:"negative"`
			Author   json.RawMessage `json:"author"` // ignored, as the following
			Time     json.RawMessage `json:"time"`
			Score    json.RawMessage `json:"score"`
		}
		if err := decodeLine(text, &row, true); err != nil {
			return jsonError(err, "an object with the keys "+strings.Join(manifestKeys, ", "))
		}
		if row.Path != "" && row.Video != "" {
			return errors.New("a line must have one key path or video, not both")
		}
		if row.Negative {
			negatives++
			return nil
		}
		s := Sample{
			Path: strings.TrimSpace(row.Path + row.Video), Label: strings.TrimSpace(row.Label),
			Split: strings.TrimSpace(row.Split), Start: float64(row.Start), End: float64(row.End),
		}
		if err := s.check(); err != nil {
			return err
		}
		p.samples = append(p.samples, s)
		return nil
	})
	p.leaveOut(name, negatives)
	return p, err
}

// check returns an error for values that are never valid, and normalizes the split.
func (s *Sample) check() error {
	if err := s.checkVideo(); err != nil {
		return err
	}
	if err := checkLabel(s.Label); err != nil {
		return fmt.Errorf("%q: %w", s.Path, err)
	}
	return nil
}

// checkVideo is check without the label.
func (s *Sample) checkVideo() error {
	if s.Path == "" {
		return errors.New("path is empty")
	}
	if strings.ContainsFunc(s.Path, unicode.IsControl) {
		return fmt.Errorf("path %q has a control character", s.Path)
	}
	if s.Split != "" {
		split, ok := splitName(s.Split)
		if !ok {
			return fmt.Errorf("split %q is none of train, val, test", s.Split)
		}
		s.Split = split
	}
	for _, t := range []float64{s.Start, s.End} {
		if t < 0 || math.IsNaN(t) || math.IsInf(t, 0) {
			return fmt.Errorf("time %g of %q is not a number of seconds from 0", t, s.Path)
		}
	}
	if s.End != 0 && s.Start >= s.End {
		return fmt.Errorf("start %g of %q is not before its end %g", s.Start, s.Path, s.End)
	}
	return nil
}

// checkLabel returns an error for a label that cannot become a prompt or a line of a table.
func checkLabel(label string) error {
	if Canonical(label) == "" {
		return errors.New("label is empty")
	}
	if !utf8.ValidString(label) || strings.ContainsFunc(label, unicode.IsControl) {
		return fmt.Errorf("label %q is not plain text", label)
	}
	return nil
}

// detectCSV distinguishes Kinetics lists from manifests by the header.
func detectCSV(path string) (string, error) {
	f, err := openText(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	header, err := bufio.NewReader(io.LimitReader(f, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if strings.Contains(header, "youtube_id") {
		return "kinetics", nil
	}
	return "csv", nil
}
