package dataset

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/clipcue/clipcue/internal/exactjson"
)

// loadDiDeMo reads DiDeMo (Anne Hendricks et al. 2017): train_data.json, val_data.json,
// test_data.json, one of them or their folder. Retrieval finds whole videos by all their
// descriptions: those of a video's moments are joined, in the order of the file (Zhang et
// al. 2018).
func loadDiDeMo(path string, _ CaptionOptions, c *Captions) error {
	files, err := partFiles(path, "*_data.json")
	if err != nil {
		return err
	}
	for _, f := range files {
		split := splitInName(filepath.Base(f))
		err := readInto(f, c, func(r io.Reader, name string, c *Captions) error { return parseDiDeMo(r, name, split, c) })
		if err != nil {
			return err
		}
	}
	return nil
}

func parseDiDeMo(r io.Reader, name, split string, c *Captions) error {
	var moments jsonList[struct {
		Video       string `json:"video"`
		Description string `json:"description"`
	}]
	text, err := readJSON(r, name)
	if err != nil {
		return err
	}
	if err := exactjson.Unmarshal(text, &moments); err != nil {
		return fmt.Errorf("%s: %w", name, jsonError(err, "DiDeMo's list of moments with video and description"))
	}
	var order []string
	described := map[string][]string{}
	for i, m := range moments {
		if strings.TrimSpace(m.Description) == "" {
			c.Skipped = append(c.Skipped, Skipped{fmt.Sprintf("moment %d", i+1), fmt.Sprintf("the description of %q is empty", m.Video)})
			continue
		}
		if described[m.Video] == nil {
			order = append(order, m.Video)
		}
		described[m.Video] = append(described[m.Video], strings.TrimRight(strings.TrimSpace(m.Description), ".")+".")
	}
	for _, v := range order {
		if err := c.add(v, Sample{Path: v, Caption: strings.Join(described[v], " "), Split: split}); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
