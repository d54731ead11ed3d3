package dataset

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
)

// loadUCF101 reads trainlist<N>.txt and testlist<N>.txt, with classInd.txt for
// the order of the classes.
func loadUCF101(path string, o Options) (parsed, error) {
	files, err := foldFiles(path, ucf101File, o.Fold)
	if err != nil {
		return parsed{}, err
	}
	var p parsed
	number := map[string]int{}
	if index, ok := beside(filepath.Dir(files[0]), "classInd.txt"); ok {
		if p.order, err = ReadClasses(index); err != nil {
			return parsed{}, err
		}
		for i, c := range p.order {
			number[Canonical(c)] = i + 1
		}
	}
	for _, file := range files {
		m := ucf101File.FindStringSubmatch(filepath.Base(file))
		if m == nil {
			return parsed{}, fmt.Errorf("%s: the name has no split; expected trainlist01.txt or testlist01.txt", file)
		}
		samples, err := readFile(file, func(r io.Reader, name string) ([]Sample, error) {
			return parseUCF101(r, name, m[1], number)
		})
		if err != nil {
			return parsed{}, err
		}
		p.samples = append(p.samples, samples...)
	}
	return p, nil
}

// parseUCF101 reads Class/video lines, in training lists followed by the class number. It
// checks names and numbers against those of classInd.txt, if there are any.
func parseUCF101(r io.Reader, name, split string, number map[string]int) ([]Sample, error) {
	var samples []Sample
	err := eachLine(r, name, func(_ int, text string) error {
		path := text
		given := 0
		if i := strings.LastIndexAny(text, " \t"); i >= 0 {
			if n, err := strconv.Atoi(text[i+1:]); err == nil {
				path, given = strings.TrimSpace(text[:i]), n
			}
		}
		class, video, _ := strings.Cut(path, "/")
		label := Words(class)
		if label == "" || video == "" {
			return fmt.Errorf("%q has to be Class/video.avi", text)
		}
		if len(number) > 0 {
			n, ok := number[Canonical(class)]
			if !ok {
				return fmt.Errorf("class %q is not in classInd.txt", class)
			}
			if given != 0 && given != n {
				return fmt.Errorf("class %q has number %d here and %d in classInd.txt", class, given, n)
			}
		}
		samples = append(samples, Sample{Path: path, Label: label, Split: split})
		return nil
	})
	return samples, err
}
