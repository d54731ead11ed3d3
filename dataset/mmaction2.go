package dataset

import (
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// loadMMAction2 reads a list of paths and class numbers. The numbers need names, because
// prompts are made from names.
func loadMMAction2(path string, o Options) (parsed, error) {
	classes := o.Classes
	if classes == nil {
		var err error
		if classes, err = labelMapBeside(path); err != nil {
			return parsed{}, err
		}
	}
	split := splitInName(filepath.Base(path))
	samples, err := readFile(path, func(r io.Reader, name string) ([]Sample, error) {
		return parseMMAction2(r, name, split, classes)
	})
	return parsed{samples: samples, order: classes}, err
}

func labelMapBeside(list string) ([]string, error) {
	dir := filepath.Dir(list)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		if ok, _ := path.Match("label_map*.txt", e.Name()); ok {
			found = append(found, e.Name())
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%s: its class numbers need names: there are %d files label_map*.txt next to it, and no class names were given", list, len(found))
	}
	return ReadClasses(filepath.Join(dir, found[0]))
}

func parseMMAction2(r io.Reader, name, split string, classes []string) ([]Sample, error) {
	var samples []Sample
	err := eachLine(r, name, func(_ int, text string) error {
		switch n := trailingNumbers(text); {
		case n == 0:
			return fmt.Errorf("%q has to be a path and the number of its class", text)
		case n > 1:
			return fmt.Errorf("%q has %d numbers; lists with several labels or with raw frames are not supported", text, n)
		}
		i := strings.LastIndexAny(text, " \t")
		number, err := strconv.Atoi(text[i+1:])
		if err != nil || number >= len(classes) {
			return fmt.Errorf("class number %s: there are %d class names, numbered from 0", text[i+1:], len(classes))
		}
		samples = append(samples, Sample{Path: strings.TrimSpace(text[:i]), Label: classes[number], Split: split})
		return nil
	})
	return samples, err
}

// trailingNumbers returns the number of integers at the end of a line, after its first word.
func trailingNumbers(line string) int {
	fields := strings.Fields(line)
	n := 0
	for i := len(fields) - 1; i > 0; i-- {
		if strings.Trim(fields[i], "0123456789") != "" {
			break
		}
		n++
	}
	return n
}
