package dataset

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// loadLSMDC reads LSMDC (Rohrbach et al. 2017): LSMDC16_annos_training.csv,
// LSMDC16_annos_val.csv and LSMDC16_challenge_1000_publictect.csv, one of them or their
// folder.
func loadLSMDC(path string, _ CaptionOptions, c *Captions) error {
	files, err := partFiles(path, "LSMDC*.csv")
	if err != nil {
		return err
	}
	for _, f := range files {
		split := splitInName(filepath.Base(f))
		if strings.Contains(filepath.Base(f), "challenge_1000_public") {
			split = Test
		}
		err := readInto(f, c, func(r io.Reader, name string, c *Captions) error { return parseLSMDC(r, name, split, c) })
		if err != nil {
			return err
		}
	}
	return nil
}

// parseLSMDC reads lines with clip, four times and sentence, separated by tabs. A clip is a
// file, so the times are not needed.
func parseLSMDC(r io.Reader, name, split string, c *Captions) error {
	return eachLine(r, name, func(line int, text string) error {
		fields := strings.Split(text, "\t")
		if len(fields) == 5 { // the empty sentence's tab was trimmed
			fields = append(fields, "")
		}
		if len(fields) != 6 {
			return fmt.Errorf("%d fields separated by tabs instead of clip, four times and sentence", len(fields))
		}
		return c.add(fmt.Sprintf("line %d", line), Sample{Path: fields[0], Caption: fields[5], Split: split})
	})
}
