package dataset

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/exactjson"
)

// loadMSRVTT reads MSR-VTT (Xu et al. 2016). In a folder, MSRVTT_data.json or the
// *videodatainfo.json files have the captions. If MSRVTT_JSFUSION_test.csv is next to them
// (split 1k-A of Yu et al. 2018), the test split is its thousand pairs, and the training
// videos are those of MSRVTT_train.9k.csv or .7k.csv. Otherwise the captions have their own
// splits. The path can also be one of the first two files.
func loadMSRVTT(path string, o CaptionOptions, c *Captions) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return loadMSRVTTFolder(path, o, c)
	case strings.EqualFold(filepath.Ext(path), ".csv"):
		return readInto(path, c, parseMSRVTTTest)
	}
	return readInto(path, c, parseMSRVTT)
}

func loadMSRVTTFolder(dir string, o CaptionOptions, c *Captions) error {
	files, err := filepath.Glob(filepath.Join(dir, "MSRVTT_data.json"))
	if err == nil && files == nil {
		files, err = filepath.Glob(filepath.Join(dir, "*videodatainfo.json"))
	}
	if err != nil {
		return err
	}
	test := filepath.Join(dir, "MSRVTT_JSFUSION_test.csv")
	_, err = os.Stat(test)
	is1kA := err == nil
	if files == nil && !is1kA {
		return fmt.Errorf("%s: MSR-VTT's captions are missing; they are MSRVTT_data.json or *videodatainfo.json", dir)
	}
	all := &Captions{}
	for _, f := range files {
		if err := readInto(f, all, parseMSRVTT); err != nil {
			return err
		}
	}
	if !is1kA {
		c.Samples, c.Skipped = all.Samples, all.Skipped
		return nil
	}
	if err := readInto(test, c, parseMSRVTTTest); err != nil || files == nil {
		return err
	}
	return c.addTraining(all, test, filepath.Join(dir, "MSRVTT_train."+cmp.Or(o.TrainList, "9k")+".csv"))
}

// addTraining adds the captions of the training videos of split 1k-A to those of its test
// file.
func (c *Captions) addTraining(all *Captions, test, list string) error {
	training, err := readFile(list, parseVideoList)
	if err != nil {
		return fmt.Errorf("the list of training videos of split 1k-A: %w", err)
	}
	for _, s := range c.Samples {
		if training[pathKey(s.Path)] {
			return fmt.Errorf("%s: test video %q is also in the training list %s", test, s.Path, filepath.Base(list))
		}
	}
	c.Skipped = append(c.Skipped, all.Skipped...)
	captioned := map[string]bool{}
	for _, s := range all.Samples {
		if key := pathKey(s.Path); training[key] {
			s.Split = Train
			c.Samples = append(c.Samples, s)
			captioned[key] = true
		}
	}
	for v := range training {
		if !captioned[v] {
			c.Skipped = append(c.Skipped, Skipped{filepath.Base(list), fmt.Sprintf("video %q has no caption", v)})
		}
	}
	slices.SortFunc(c.Skipped, func(a, b Skipped) int {
		return strings.Compare(a.Where+a.Reason, b.Where+b.Reason)
	})
	return nil
}

// parseMSRVTT reads the captions of MSR-VTT, a file of 10 to 100 MB.
func parseMSRVTT(r io.Reader, name string, c *Captions) error {
	var data struct {
		Videos jsonList[struct {
			ID    string `json:"video_id"`
			Split string `json:"split"`
		}] `json:"videos"`
		Sentences jsonList[struct {
			ID      string `json:"video_id"`
			Caption string `json:"caption"`
		}] `json:"sentences"`
	}
	text, err := readJSON(r, name)
	if err != nil {
		return err
	}
	if err := exactjson.Unmarshal(text, &data); err != nil {
		return fmt.Errorf("%s: %w", name, jsonError(err, "MSR-VTT's object with videos and sentences"))
	}
	split := map[string]string{}
	for _, v := range data.Videos {
		split[v.ID] = v.Split
	}
	for i, s := range data.Sentences {
		of, ok := split[s.ID]
		if !ok {
			c.Skipped = append(c.Skipped, Skipped{fmt.Sprintf("sentence %d", i+1), fmt.Sprintf("its video %q is not in the list of videos", s.ID)})
			continue
		}
		if err := c.add(fmt.Sprintf("sentence %d", i+1), Sample{Path: s.ID, Caption: s.Caption, Split: of}); err != nil {
			return fmt.Errorf("%s: sentence %d: %w", name, i+1, err)
		}
	}
	return nil
}

// parseMSRVTTTest reads the test pairs of split 1k-A.
func parseMSRVTTTest(r io.Reader, name string, c *Captions) error {
	needed := []string{"video_id", "sentence"}
	t, err := newCSVTable(r, name, append([]string{"key", "vid_key"}, needed...), needed)
	if err != nil {
		return err
	}
	for {
		ok, err := t.next()
		if err != nil || !ok {
			return err
		}
		if err := c.add(fmt.Sprintf("line %d", t.line), Sample{Path: t.field("video_id"), Caption: t.field("sentence"), Split: Test}); err != nil {
			return t.errorf("%w", err)
		}
	}
}

// parseVideoList reads a list of videos below the header video_id, and returns their
// pathKeys.
func parseVideoList(r io.Reader, name string) (map[string]bool, error) {
	t, err := newCSVTable(r, name, []string{"video_id"}, []string{"video_id"})
	if err != nil {
		return nil, err
	}
	videos := map[string]bool{}
	for {
		ok, err := t.next()
		if err != nil || !ok {
			return videos, err
		}
		if v := t.field("video_id"); v != "" {
			videos[pathKey(v)] = true
		}
	}
}
