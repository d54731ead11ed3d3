package dataset

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// loadHMDB51 reads the official <class>_test_split<N>.txt files.
func loadHMDB51(path string, o Options) (parsed, error) {
	files, err := foldFiles(path, hmdb51File, o.Fold)
	if err != nil {
		return parsed{}, err
	}
	var p parsed
	for _, file := range files {
		m := hmdb51File.FindStringSubmatch(filepath.Base(file))
		if m == nil || Canonical(m[1]) == "" {
			return parsed{}, fmt.Errorf("%s: the class is missing in the name; it has to look like brush_hair_test_split1.txt", file)
		}
		samples, err := readFile(file, func(r io.Reader, name string) ([]Sample, error) {
			return parseHMDB51(r, name, m[1])
		})
		if err != nil {
			return parsed{}, err
		}
		p.samples = append(p.samples, samples...)
	}
	return p, p.addHMDB51Names(filepath.Dir(files[0]))
}

// parseHMDB51 reads one class: a file name and 1 (training), 2 (test) or 0 (neither) per
// line. A name may start with # and contain spaces.
func parseHMDB51(r io.Reader, name, class string) ([]Sample, error) {
	var samples []Sample
	err := eachLine(r, name, func(_ int, text string) error {
		i := strings.LastIndexAny(text, " \t")
		if i < 0 {
			return fmt.Errorf("%q has to be a file name and 0, 1 or 2", text)
		}
		split, ok := map[string]string{"0": "", "1": Train, "2": Test}[text[i+1:]]
		if !ok {
			return fmt.Errorf("%q ends in %q; it has to be 0 (unused), 1 (training) or 2 (test)", text, text[i+1:])
		}
		if split == "" {
			return nil
		}
		s := Sample{Path: class + "/" + strings.TrimSpace(text[:i]), Label: underscores(class), Split: split}
		if strings.HasSuffix(s.Path, "/") {
			return errors.New("the file name is empty")
		}
		samples = append(samples, s)
		return nil
	})
	return samples, err
}

// addHMDB51Names reads the readable names and the order of the classes from the files that
// the authors of the prompting paper put next to their lists.
func (p *parsed) addHMDB51Names(dir string) error {
	var err error
	if path, ok := beside(dir, "HMDB51_clsname.json"); ok {
		if p.names, err = readClassNames(path); err != nil {
			return err
		}
	}
	if path, ok := beside(dir, "HMDB51_action.list"); ok {
		p.order, err = ReadClasses(path)
	}
	return err
}
