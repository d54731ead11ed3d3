package dataset

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// loadList reads lists of class/video, a file or the files of one fold.
func loadList(path string, o Options) (parsed, error) {
	files, err := foldFiles(path, listFile, o.Fold)
	if err != nil {
		return parsed{}, err
	}
	var p parsed
	for _, file := range files {
		split := splitInName(filepath.Base(file))
		if abs, err := filepath.Abs(file); err == nil && split == "" {
			split = splitInName(filepath.Base(filepath.Dir(abs))) // few_shot_5way/train/split_0.list
		}
		samples, err := readFile(file, func(r io.Reader, name string) ([]Sample, error) {
			return parseList(r, name, split)
		})
		if err != nil {
			return parsed{}, err
		}
		p.samples = append(p.samples, samples...)
	}
	return p, p.addHMDB51Names(filepath.Dir(files[0]))
}

// parseList reads class/video lines. The class is the folder of the video; the authors write
// it with spaces in some lists and with underscores in others.
func parseList(r io.Reader, name, split string) ([]Sample, error) {
	var samples []Sample
	err := eachLine(r, name, func(_ int, text string) error {
		parts := strings.Split(strings.ReplaceAll(text, `\`, "/"), "/")
		if len(parts) == 1 {
			return fmt.Errorf("%q is not class/video, but may be from a list of classes", text)
		}
		class, video := parts[len(parts)-2], parts[len(parts)-1]
		s := Sample{Path: text, Label: Words(class), Split: split}
		if s.Label == "" || strings.TrimSpace(video) == "" {
			return fmt.Errorf("%q has to be class/video", text)
		}
		samples = append(samples, s)
		return nil
	})
	return samples, err
}

// detectText distinguishes lists of paths with numbers from lists of class/video by the first
// line.
func detectText(path string) (string, error) {
	f, err := openText(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	first := ""
	err = eachLine(io.LimitReader(f, maxLine), path, func(_ int, text string) error {
		if first == "" {
			first = text
		}
		return nil
	})
	if first == "" && err != nil {
		return "", err
	}
	switch {
	case first == "":
		return "", fmt.Errorf("%s: empty file", path)
	case trailingNumbers(first) > 0:
		return "mmaction2", nil
	case strings.ContainsAny(first, `/\`):
		return "list", nil
	}
	return "", fmt.Errorf("%s: the first line %q is neither class/video nor a path and a class number; it may be from a list of classes", path, first)
}
