package dataset

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/clipcue/clipcue/internal/exactjson"
)

// maxNames is the limit of a file of class names, which is read as a whole.
const maxNames = 16 << 20

// ReadClasses reads a list of classes: one name per line, in the order of the classes. Blank
// lines and lines that start with # are skipped. If all lines are numbered from 0 or 1, the
// names are codes, as in UCF101's classInd.txt: "1 ApplyEyeMakeup" becomes "Apply Eye
// Makeup". Two names with the same [Canonical] form are an error with both lines.
func ReadClasses(path string) ([]string, error) { return readFile(path, parseClasses) }

func parseClasses(r io.Reader, name string) ([]string, error) {
	var classes []string
	var lines []int
	err := eachLine(r, name, func(n int, text string) error {
		if !strings.HasPrefix(text, "#") {
			classes = append(classes, text)
			lines = append(lines, n)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(classes) == 0 {
		return nil, fmt.Errorf("%s: %w", name, ErrNoClasses)
	}
	if codes := stripNumbers(classes); codes != nil {
		for i, c := range codes {
			classes[i] = Words(c)
		}
	}
	first := map[string]int{}
	for i, c := range classes {
		key := Canonical(c)
		if key == "" {
			return nil, fmt.Errorf("%s:%d: class name %q is empty", name, lines[i], c)
		}
		if j, ok := first[key]; ok {
			return nil, fmt.Errorf("%s:%d: class %q is already in line %d, as %q", name, lines[i], c, lines[j], classes[j])
		}
		first[key] = i
	}
	return classes, nil
}

// stripNumbers returns the names after line numbers, or nil if a line has no number. A single
// line is not enough: "1 step" may be a name.
func stripNumbers(lines []string) []string {
	if len(lines) < 2 {
		return nil
	}
	names := make([]string, len(lines))
	first := 0
	for i, l := range lines {
		number, name, _ := strings.Cut(l, " ")
		n, err := strconv.Atoi(number)
		if i == 0 {
			first = n
		}
		names[i] = strings.TrimSpace(name)
		if err != nil || first < 0 || first > 1 || n != first+i || names[i] == "" {
			return nil
		}
	}
	return names
}

// readClassNames reads a JSON object with the readable names of folder names or codes, for
// Options.ClassNames: {"brush_hair": "brush hairs"}.
func readClassNames(path string) (map[string]string, error) {
	return readFile(path, func(r io.Reader, name string) (names map[string]string, err error) {
		text, err := readJSON(io.LimitReader(r, maxNames), name)
		if err != nil {
			return nil, err
		}
		if err := exactjson.Unmarshal(text, &names); err != nil {
			return nil, fmt.Errorf(`%s: not a JSON object of names, {"folder": "readable name"}: %w`, name, err)
		}
		return names, nil
	})
}
