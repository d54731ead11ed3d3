package dataset

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/clipcue/clipcue/internal/markfile"
)

// CaptionFormats lists the formats that [LoadCaptions] reads.
var CaptionFormats = withPrograms("csv", "jsonl", "msrvtt", "didemo", "lsmdc", huggingFace)

// CaptionOptions configure how captions are read.
type CaptionOptions struct {
	// Format is one of CaptionFormats; empty means automatic detection.
	Format string
	// TrainList is one of MSR-VTT's lists of training videos, "9k" or "7k"; empty means 9k.
	TrainList string
}

// Captions are captions of videos: samples with a Caption and without a Label. Empty captions
// are in Skipped.
type Captions struct{ Dataset }

// add adds a caption, or skips it if it is empty.
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

// captionLoaders maps formats to their readers; the others are of annotation programs.
var captionLoaders = map[string]func(path string, o CaptionOptions, c *Captions) error{
	"csv":       func(path string, _ CaptionOptions, c *Captions) error { return readInto(path, c, parseCaptionCSV) },
	"jsonl":     func(path string, _ CaptionOptions, c *Captions) error { return readInto(path, c, parseCaptionJSONL) },
	"msrvtt":    loadMSRVTT,
	"didemo":    loadDiDeMo,
	"lsmdc":     loadLSMDC,
	huggingFace: loadHuggingFaceCaptions,
}

// readInto runs a parser on a file.
func readInto(path string, c *Captions, parse func(r io.Reader, name string, c *Captions) error) error {
	_, err := readFile(path, func(r io.Reader, name string) (struct{}, error) { return struct{}{}, parse(r, name, c) })
	return err
}

// LoadCaptions reads captions from a file or folder; the package comment lists the formats.
// The result has at least one sample; a video may have several.
func LoadCaptions(path string, o CaptionOptions) (*Captions, error) {
	format := o.Format
	if format == "" {
		var err error
		if format, err = detectCaptions(path); err != nil {
			return nil, err
		}
	}
	if !slices.Contains(CaptionFormats, format) {
		return nil, fmt.Errorf("%w %q; known: %s", ErrUnknownFormat, format, strings.Join(CaptionFormats, ", "))
	}
	load := captionLoaders[format]
	if load == nil {
		o.Format, load = format, loadMarkCaptions
	}
	c := &Captions{Dataset: Dataset{Source: path, Format: format}}
	if err := load(path, o, c); err != nil {
		return nil, err
	}
	c.whole = c.Samples
	if len(c.Samples) == 0 {
		if len(c.Skipped) > 0 {
			return nil, fmt.Errorf("%s: %w: none of %d captions can be used; the first, %s: %s", path, ErrNoSamples, len(c.Skipped), c.Skipped[0].Where, c.Skipped[0].Reason)
		}
		return nil, fmt.Errorf("%s: %w: no captions", path, ErrNoSamples)
	}
	if unsaid := c.Splits()[""]; unsaid > 0 && unsaid < len(c.Samples) {
		return nil, fmt.Errorf("%s: some captions have a split and some have none: %s", path, c.describeSplits())
	}
	return c, nil
}

// detectCaptions returns the format: that of a folder from the names in it, that of a file
// from its name and its beginning.
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
		if files, err := metadataFiles(path); err == nil && len(files) > 0 {
			return huggingFace, nil
		}
		return "", fmt.Errorf("%s: %w: no files of MSR-VTT, DiDeMo, LSMDC or Hugging Face in this folder", path, ErrUnknownFormat)
	}
	if slices.Contains(metadataNames, filepath.Base(path)) {
		return huggingFace, nil
	}
	f, err := openText(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	start, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(string(start), "\n")
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case ext == ".jsonl" || ext == ".ndjson":
		return "jsonl", nil
	case ext == ".json" && strings.Contains(string(start), "num_segments"):
		return "didemo", nil
	case strings.Contains(first, "vid_key"):
		return "msrvtt", nil
	case strings.TrimSpace(first) == "video_id":
		return "", fmt.Errorf("%s: %w: a list of videos without captions; they are in its folder, in MSRVTT_data.json", path, ErrNotAnnotations)
	case ext != ".tsv" && strings.Count(first, "\t") == 5:
		return "lsmdc", nil
	}
	if format := programFormat(path, markfile.CSV, markfile.JSONL, markfile.HuggingFace, markfile.ActivityNet); format != "" {
		return format, nil
	}
	if format := map[string]string{".json": "msrvtt", ".csv": "csv", ".tsv": "csv"}[strings.ToLower(filepath.Ext(path))]; format != "" {
		return format, nil
	}
	return "", fmt.Errorf("%s: %w: captions are a .csv, .jsonl or .json file, the folder of a dataset or the file of an annotation program, in one of the formats %s", path, ErrUnknownFormat, strings.Join(CaptionFormats, ", "))
}

var captionKeys = []string{"video", "path", "caption", "split", "start", "end", "label"}

// parseCaptionCSV reads CSV with a header. The column of the videos is video, as in MSVD's
// tables, or path, as in manifests.
func parseCaptionCSV(r io.Reader, name string, c *Captions) error {
	t, err := newCSVTable(r, name, captionKeys, []string{"caption"})
	if err != nil {
		return err
	}
	if err := t.checkVideoColumn(); err != nil {
		return err
	}
	for {
		ok, err := t.next()
		if err != nil || !ok {
			return err
		}
		s := Sample{Path: t.cell("video") + t.cell("path"), Caption: t.cell("caption"), Split: t.field("split")}
		if s.Start, err = t.seconds("start"); err != nil {
			return t.errorf("%w", err)
		}
		if s.End, err = t.seconds("end"); err != nil {
			return t.errorf("%w", err)
		}
		if err := c.add(fmt.Sprintf("line %d", t.line), s); err != nil {
			return t.errorf("%w", err)
		}
	}
}

// parseCaptionJSONL reads one object per line, with the keys of the columns in CSV. Other keys
// are ignored.
func parseCaptionJSONL(r io.Reader, name string, c *Captions) error {
	return eachLine(r, name, func(line int, text string) error {
		var row struct {
			Video   string    `json:"video"`
			Path    string    `json:"path"`
			Caption string    `json:"caption"`
			Split   string    `json:"split"`
			Start   plainTime `json:"start"`
			End     plainTime `json:"end"`
		}
		if err := decodeLine(text, &row, false); err != nil {
			return jsonError(err, "an object with video (or path) and caption")
		}
		if row.Video != "" && row.Path != "" {
			return errors.New("a line must have one key video or path, not both")
		}
		return c.add(fmt.Sprintf("line %d", line), Sample{Path: strings.TrimSpace(row.Video + row.Path), Caption: row.Caption,
			Split: strings.TrimSpace(row.Split), Start: float64(row.Start), End: float64(row.End)})
	})
}

// partFiles returns the files of a folder that match a pattern, or path itself if it is a
// file. Their names contain their splits.
func partFiles(path, pattern string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	files, err := filepath.Glob(filepath.Join(path, pattern))
	if err == nil && files == nil {
		err = fmt.Errorf("%s: no files named %s", path, pattern)
	}
	return files, err
}

// ReadSentences reads sentences from a text file, one per line.
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
