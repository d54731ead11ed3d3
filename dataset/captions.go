package dataset

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// CaptionFormats lists the formats that [LoadCaptions] reads.
var CaptionFormats = []string{"csv", "jsonl", "msrvtt", "didemo", "lsmdc"}

// CaptionOptions say how captions are read.
type CaptionOptions struct {
	// Format is one of CaptionFormats; empty means: decide from the path.
	Format string
	// TrainList is which of MSR-VTT's lists of training videos to take, "9k" or
	// "7k"; empty means 9k.
	TrainList string
}

// Captions is what annotators have said of videos: samples with a Caption and
// without a Label.
type Captions struct {
	Dataset
	// Skipped are the annotations that cannot be used, such as empty captions, and
	// why; whoever reports on the data has to say so.
	Skipped []Skipped
}

// Skipped is an annotation that cannot be used, and why.
type Skipped struct{ Where, Reason string }

// add takes a caption, or skips it if it is empty.
func (c *Captions) add(where string, s Sample) error {
	s.Caption = strings.Join(strings.Fields(s.Caption), " ")
	if err := s.checkVideo(); err != nil {
		return err
	}
	switch {
	case s.Caption == "":
		c.Skipped = append(c.Skipped, Skipped{where, fmt.Sprintf("the caption of %q is empty", s.Path)})
	case strings.ContainsFunc(s.Caption, unicode.IsControl) || checkText(s.Caption) != nil:
		c.Skipped = append(c.Skipped, Skipped{where, fmt.Sprintf("the caption of %q is not plain text", s.Path)})
	default:
		c.Samples = append(c.Samples, s)
	}
	return nil
}

// captionLoaders maps each format to its reader.
var captionLoaders = map[string]func(path string, o CaptionOptions, c *Captions) error{
	"csv":    func(path string, _ CaptionOptions, c *Captions) error { return readInto(path, c, parseCaptionCSV) },
	"jsonl":  func(path string, _ CaptionOptions, c *Captions) error { return readInto(path, c, parseCaptionJSONL) },
	"msrvtt": loadMSRVTT,
	"didemo": loadDiDeMo,
	"lsmdc":  loadLSMDC,
}

// readInto runs a parser on a file that is opened.
func readInto(path string, c *Captions, parse func(r io.Reader, name string, c *Captions) error) error {
	_, err := readFile(path, func(r io.Reader, name string) (struct{}, error) { return struct{}{}, parse(r, name, c) })
	return err
}

// LoadCaptions reads captions from a file or folder; the package comment lists
// the formats. The result has at least one sample; a video may have several.
func LoadCaptions(path string, o CaptionOptions) (*Captions, error) {
	format := o.Format
	if format == "" {
		var err error
		if format, err = detectCaptions(path); err != nil {
			return nil, err
		}
	}
	load, ok := captionLoaders[format]
	if !ok {
		return nil, fmt.Errorf("unknown format %q; known: %s", format, strings.Join(CaptionFormats, ", "))
	}
	c := &Captions{Dataset: Dataset{Source: path, Format: format}}
	if err := load(path, o, c); err != nil {
		return nil, err
	}
	if len(c.Samples) == 0 {
		if len(c.Skipped) > 0 {
			return nil, fmt.Errorf("%s: none of %d captions can be used; the first, %s: %s", path, len(c.Skipped), c.Skipped[0].Where, c.Skipped[0].Reason)
		}
		return nil, fmt.Errorf("%s: no captions", path)
	}
	if unsaid := c.Splits()[""]; unsaid > 0 && unsaid < len(c.Samples) {
		return nil, fmt.Errorf("%s: some captions have no split; it has %s: give all a split, or none", path, c.describeSplits())
	}
	return c, nil
}

// detectCaptions decides the format from the names in a folder, or from a file's
// name and its beginning.
func detectCaptions(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		for _, form := range []struct{ format, pattern string }{
			{"msrvtt", "*MSRVTT*"}, {"msrvtt", "*videodatainfo.json"}, {"didemo", "*_data.json"}, {"lsmdc", "LSMDC*.csv"},
		} {
			if found, err := filepath.Glob(filepath.Join(path, form.pattern)); err == nil && len(found) > 0 {
				return form.format, nil
			}
		}
		return "", fmt.Errorf("%s: there is nothing in this folder that says MSR-VTT, DiDeMo or LSMDC; give a CSV or JSONL file with video and caption", path)
	}
	start := make([]byte, 4096)
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	n, err := io.ReadFull(f, start)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", err
	}
	first, _, _ := strings.Cut(string(start[:n]), "\n")
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case ext == ".jsonl" || ext == ".ndjson":
		return "jsonl", nil
	case ext == ".json" && strings.Contains(string(start[:n]), "num_segments"):
		return "didemo", nil
	case ext == ".json":
		return "msrvtt", nil
	case strings.Contains(first, "vid_key"):
		return "msrvtt", nil
	case strings.TrimSpace(first) == "video_id":
		return "", fmt.Errorf("%s: this list names videos and has no captions; give the folder that it lies in, with MSRVTT_data.json", path)
	case strings.Count(first, "\t") == 5:
		return "lsmdc", nil
	case ext == ".csv":
		return "csv", nil
	}
	return "", fmt.Errorf("%s: captions are a .csv, .jsonl or .json file or a dataset's folder; name the format if it is one of %s", path, strings.Join(CaptionFormats, ", "))
}

var captionKeys = []string{"video", "path", "caption", "split", "start", "end", "label"}

// parseCaptionCSV reads a table with a header. A video's column is called video,
// as in MSVD's tables, or path, as in manifests.
func parseCaptionCSV(r io.Reader, name string, c *Captions) error {
	t, err := newCSVTable(r, name, captionKeys, []string{"caption"})
	if err != nil {
		return err
	}
	column, other := "video", "path"
	if _, ok := t.columns[column]; !ok {
		column, other = other, column
	}
	_, named := t.columns[column]
	_, twice := t.columns[other]
	if !named || twice {
		return t.errorf("the first line has to name one column video (or path) and one caption, and may add split,start,end")
	}
	for {
		ok, err := t.next()
		if err != nil || !ok {
			return err
		}
		s := Sample{Path: t.field(column), Caption: t.field("caption"), Split: t.field("split")}
		if s.Start, err = seconds("start", t.field("start")); err != nil {
			return t.errorf("%w", err)
		}
		if s.End, err = seconds("end", t.field("end")); err != nil {
			return t.errorf("%w", err)
		}
		if err := c.add(fmt.Sprintf("line %d", t.line), s); err != nil {
			return t.errorf("%w", err)
		}
	}
}

// parseCaptionJSONL reads an object a line with the keys of a CSV table; what else
// an object says is passed over.
func parseCaptionJSONL(r io.Reader, name string, c *Captions) error {
	return eachLine(r, name, func(line int, text string) error {
		var row struct {
			Video, Path, Caption, Split string
			Start, End                  float64
		}
		if err := json.Unmarshal([]byte(text), &row); err != nil {
			return jsonError(err, "a line is an object with video (or path) and caption")
		}
		if row.Video != "" && row.Path != "" {
			return errors.New("a line names its video by video or by path, not by both")
		}
		return c.add(fmt.Sprintf("line %d", line), Sample{Path: strings.TrimSpace(row.Video + row.Path), Caption: row.Caption,
			Split: strings.TrimSpace(row.Split), Start: row.Start, End: row.End})
	})
}

// jsonError tells where JSON is not what it should be.
func jsonError(err error, should string) error {
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) && mistyped.Field != "" {
		return fmt.Errorf("%s cannot be a %s; %s", strings.ToLower(mistyped.Field), mistyped.Value, should)
	}
	return fmt.Errorf("%w; %s", err, should)
}

// loadMSRVTT reads MSR-VTT (Xu et al. 2016). In a folder MSRVTT_data.json, or the
// *videodatainfo.json files, hold the captions. Where MSRVTT_JSFUSION_test.csv is
// beside it (split 1k-A of Yu et al. 2018), the test split is its thousand pairs,
// and the training videos are those of MSRVTT_train.9k.csv or .7k.csv. Without it,
// the captions' own splits are taken. A JSON or test file alone is read as such.
func loadMSRVTT(path string, o CaptionOptions, c *Captions) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		if strings.EqualFold(filepath.Ext(path), ".csv") {
			return readInto(path, c, parseMSRVTTTest)
		}
		return readInto(path, c, parseMSRVTT)
	}
	files, err := filepath.Glob(filepath.Join(path, "MSRVTT_data.json"))
	if err == nil && files == nil {
		files, err = filepath.Glob(filepath.Join(path, "*videodatainfo.json"))
	}
	if err != nil {
		return err
	}
	test := filepath.Join(path, "MSRVTT_JSFUSION_test.csv")
	_, err = os.Stat(test)
	is1kA := err == nil
	if files == nil && !is1kA {
		return fmt.Errorf("%s: MSR-VTT's captions are missing; they are MSRVTT_data.json or *videodatainfo.json", path)
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
	if err := readInto(test, c, parseMSRVTTTest); err != nil {
		return err
	}
	if files == nil {
		return nil
	}
	list := "9k"
	if o.TrainList != "" {
		list = o.TrainList
	}
	file := filepath.Join(path, "MSRVTT_train."+list+".csv")
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("%s: split 1k-A needs its list of training videos beside it: %w", path, err)
	}
	learned, err := readFile(file, parseVideoList)
	if err != nil {
		return err
	}
	for _, s := range c.Samples {
		if learned[s.Path] {
			return fmt.Errorf("%s: %q stands in it and in %s: a model must not learn what it is tested on", test, s.Path, filepath.Base(file))
		}
	}
	c.Skipped = append(c.Skipped, all.Skipped...)
	said := map[string]bool{}
	for _, s := range all.Samples {
		if learned[s.Path] {
			s.Split = Train
			c.Samples = append(c.Samples, s)
			said[s.Path] = true
		}
	}
	for v := range learned {
		if !said[v] {
			c.Skipped = append(c.Skipped, Skipped{filepath.Base(file), fmt.Sprintf("video %q has no caption", v)})
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
		Videos []struct {
			ID    string `json:"video_id"`
			Split string `json:"split"`
		} `json:"videos"`
		Sentences []struct {
			ID      string `json:"video_id"`
			Caption string `json:"caption"`
		} `json:"sentences"`
	}
	if err := json.NewDecoder(bufio.NewReader(r)).Decode(&data); err != nil {
		return fmt.Errorf("%s: %w", name, jsonError(err, "MSR-VTT's file is an object with videos and sentences"))
	}
	split := map[string]string{}
	for _, v := range data.Videos {
		split[v.ID] = v.Split
	}
	for i, s := range data.Sentences {
		of, ok := split[s.ID]
		if !ok {
			c.Skipped = append(c.Skipped, Skipped{fmt.Sprintf("sentence %d", i+1), fmt.Sprintf("its video %q is not among the videos", s.ID)})
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

// parseVideoList reads a list of videos below the header video_id.
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
			videos[v] = true
		}
	}
}

// partFiles are the files of a folder that match a pattern, or the one file given.
// Their names say their splits.
func partFiles(path, pattern string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	files, err := filepath.Glob(filepath.Join(path, pattern))
	if err == nil && files == nil {
		err = fmt.Errorf("%s: no file there is called %s", path, pattern)
	}
	return files, err
}

// loadDiDeMo reads DiDeMo (Anne Hendricks et al. 2017): train_data.json,
// val_data.json, test_data.json, one of them or their folder. Retrieval is of whole
// videos by all that is said of them: the descriptions of a video's moments are
// joined, in the order of the file (Zhang et al. 2018).
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
	var moments []struct{ Video, Description string }
	if err := json.NewDecoder(bufio.NewReader(r)).Decode(&moments); err != nil {
		return fmt.Errorf("%s: %w", name, jsonError(err, "DiDeMo's file is a list of moments with video and description"))
	}
	var order []string
	said := map[string][]string{}
	for i, m := range moments {
		if strings.TrimSpace(m.Description) == "" {
			c.Skipped = append(c.Skipped, Skipped{fmt.Sprintf("moment %d", i+1), fmt.Sprintf("the description of %q is empty", m.Video)})
			continue
		}
		if said[m.Video] == nil {
			order = append(order, m.Video)
		}
		said[m.Video] = append(said[m.Video], strings.TrimRight(strings.TrimSpace(m.Description), ".")+".")
	}
	for _, v := range order {
		if err := c.add(v, Sample{Path: v, Caption: strings.Join(said[v], " "), Split: split}); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// loadLSMDC reads LSMDC (Rohrbach et al. 2017): LSMDC16_annos_training.csv,
// LSMDC16_annos_val.csv and LSMDC16_challenge_1000_publictect.csv, one of them or
// their folder.
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

// parseLSMDC reads lines of clip, four times and sentence between tabs. A clip is a
// file of its own, so the times are not needed.
func parseLSMDC(r io.Reader, name, split string, c *Captions) error {
	return eachLine(r, name, func(line int, text string) error {
		fields := strings.Split(text, "\t")
		if len(fields) == 5 { // the empty sentence's tab was trimmed
			fields = append(fields, "")
		}
		if len(fields) != 6 {
			return fmt.Errorf("%d fields between tabs; a line is clip, four times and sentence", len(fields))
		}
		return c.add(fmt.Sprintf("line %d", line), Sample{Path: fields[0], Caption: fields[5], Split: split})
	})
}

// ReadSentences reads sentences from a text file, one a line.
func ReadSentences(path string) ([]string, error) {
	sentences, err := readFile(path, func(r io.Reader, name string) (all []string, err error) {
		err = eachLine(r, name, func(_ int, text string) error {
			all = append(all, text)
			return nil
		})
		return all, err
	})
	if err == nil && len(sentences) == 0 {
		err = fmt.Errorf("%s: no sentences", path)
	}
	return sentences, err
}
