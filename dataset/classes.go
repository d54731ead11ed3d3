package dataset

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// ReadClasses reads a list of classes: one name a line, in the order that the
// classes shall have. Blank lines and lines that start with # are skipped. A file
// that numbers its lines from 0 or 1 is taken for a list of codes like UCF101's
// classInd.txt: "1 ApplyEyeMakeup" becomes "Apply Eye Makeup". Two names with one
// Canonical form are an error that names both lines.
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
		return nil, fmt.Errorf("%s: no class names; write one a line", name)
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
			return nil, fmt.Errorf("%s:%d: class %q stands in line %d already, as %q", name, lines[i], c, lines[j], classes[j])
		}
		first[key] = i
	}
	return classes, nil
}

// stripNumbers gives the names behind line numbers, or nil if not all lines have
// theirs. A single line, "1 step", says too little.
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

// ReadClassNames reads a JSON object that maps folder names or codes to readable
// names, for Options.ClassNames: {"brush_hair": "brush hairs"}.
func ReadClassNames(path string) (map[string]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var names map[string]string
	if err := json.Unmarshal(data, &names); err != nil {
		return nil, fmt.Errorf(`%s: not a JSON object of names, {"folder": "readable name"}: %w`, path, err)
	}
	return names, nil
}
