package dataset

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/clipcue/clipcue/internal/exactjson"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/internal/parquetfile"
)

// huggingFace is the name of the format of Hugging Face's data set folders.
const huggingFace = "huggingface"

// metadataNames are the files with the rows of a data set folder, and of its parts.
var metadataNames = []string{"metadata.jsonl", "metadata.csv", "metadata.parquet"}

// Columns of a data set folder, the first of those that a row has.
var (
	pathColumns    = []string{"file_name", "video_file_name", "video", "path"}
	captionColumns = []string{"caption", "text", "sentence", "captions"}
)

// metadataRow is a row with the columns that clipcue uses.
type metadataRow map[string]any

func loadHuggingFace(path string, _ Options) (p parsed, err error) {
	err = eachMetadata(path, func(where string, row metadataRow, s Sample) error {
		label, err := row.label()
		if err != nil {
			return err
		}
		s.Label = label
		p.samples = append(p.samples, s)
		return s.check()
	})
	return p, err
}

func loadHuggingFaceCaptions(path string, _ CaptionOptions, c *Captions) error {
	return eachMetadata(path, func(where string, row metadataRow, s Sample) error {
		all, ok := row.first(captionColumns).([]any)
		if !ok {
			all = []any{row.first(captionColumns)}
		}
		for _, caption := range all {
			text, ok := caption.(string)
			if !ok {
				return fmt.Errorf("the row has no text in a column %s", strings.Join(captionColumns, ", "))
			}
			s.Caption = text
			if err := c.add(where, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// first returns the value of the first of the columns that the row has.
func (r metadataRow) first(columns []string) any {
	for _, c := range columns {
		if v, ok := r[c]; ok && v != nil && v != "" {
			return v
		}
	}
	return nil
}

// label returns the label, which may be the number of a class.
func (r metadataRow) label() (string, error) {
	switch v := r["label"].(type) {
	case nil:
		return "", errors.New("the row has no label")
	case string:
		return strings.TrimSpace(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	default:
		return "", fmt.Errorf("the label %.200q is neither text nor a number", fmt.Sprint(v))
	}
}

// text returns a column of text, "" if the row does not have it.
func (r metadataRow) text(column string) (string, error) {
	v := r[column]
	text, ok := v.(string)
	if !ok && v != nil {
		return "", fmt.Errorf("%s %.200q is not text", column, fmt.Sprint(v))
	}
	return strings.TrimSpace(text), nil
}

// seconds returns a column of times, 0 if the row does not have it.
func (r metadataRow) seconds(column string) (float64, error) {
	v := r[column]
	t, ok := v.(float64)
	if !ok && v != nil {
		return 0, fmt.Errorf("%s %.200q is not a number of seconds", column, fmt.Sprint(v))
	}
	return t, nil
}

// eachMetadata calls do with each row of a data set folder or of one of its files. The
// sample has the path below the folder, the split and the times.
func eachMetadata(path string, do func(where string, row metadataRow, s Sample) error) error {
	files, err := metadataFiles(path)
	if err != nil {
		return err
	}
	for _, file := range files {
		below, err := filepath.Rel(path, filepath.Dir(file))
		if err != nil || file == path {
			below = "."
		}
		err = readMetadata(file, func(where string, row metadataRow) error {
			s := Sample{}
			name, _ := row.first(pathColumns).(string)
			if strings.TrimSpace(name) == "" {
				return fmt.Errorf("the row has no path in a column %s", strings.Join(pathColumns, ", "))
			}
			s.Path = filepath.ToSlash(filepath.Join(below, filepath.FromSlash(strings.TrimSpace(name))))
			var errs [4]error
			s.Split, errs[0] = row.text("split")
			if s.Split == "" {
				s.Split = splitOfFolder(below)
			}
			s.Start, errs[1] = row.seconds("start")
			s.End, errs[2] = row.seconds("end")
			errs[3] = s.checkVideo()
			if err := errors.Join(errs[:]...); err != nil {
				return err
			}
			return do(where, row, s)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// metadataFiles returns the files of a folder and its parts, or the file itself.
func metadataFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	var files []string
	for _, name := range metadataNames {
		for _, pattern := range []string{name, filepath.Join("*", name), filepath.Join("*", "*", name)} {
			found, err := filepath.Glob(filepath.Join(escapePattern(path), pattern))
			if err != nil {
				return nil, err
			}
			files = append(files, found...)
		}
	}
	if files == nil {
		return nil, fmt.Errorf("%s: %w: no %s", path, ErrNoSamples, strings.Join(metadataNames, ", "))
	}
	return files, nil
}

// splitOfFolder returns the split that the first such part of a path names, or "".
func splitOfFolder(below string) string {
	for part := range strings.SplitSeq(filepath.ToSlash(below), "/") {
		if split, ok := splitName(part); ok {
			return split
		}
	}
	return ""
}

func escapePattern(path string) string {
	return strings.NewReplacer(`*`, `[*]`, `?`, `[?]`, `[`, `[[]`).Replace(path)
}

func readMetadata(file string, do func(where string, row metadataRow) error) error {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".parquet":
		return readMetadataParquet(file, slices.Concat(pathColumns, captionColumns, []string{"label", "split", "start", "end"}), do)
	case ".csv":
		_, err := readFile(file, func(r io.Reader, name string) (struct{}, error) { return struct{}{}, readMetadataCSV(r, name, do) })
		return err
	}
	_, err := readFile(file, func(r io.Reader, name string) (struct{}, error) {
		return struct{}{}, eachLine(r, name, func(line int, text string) error {
			var row metadataRow
			if err := input.Unmarshal([]byte(text), &row); err != nil {
				return jsonError(err, "an object with a file_name")
			}
			return do(fmt.Sprintf("line %d", line), row)
		})
	})
	return err
}

func readMetadataCSV(r io.Reader, name string, do func(where string, row metadataRow) error) error {
	t, err := newCSVTable(r, name, nil, nil)
	if err != nil {
		return err
	}
	for {
		ok, err := t.next()
		if err != nil || !ok {
			return err
		}
		row := metadataRow{}
		for c := range t.columns {
			row[c] = t.field(c)
		}
		for _, c := range []string{"start", "end"} {
			if row[c], err = t.seconds(c); err != nil {
				return t.errorf("%w", err)
			}
		}
		if err := do(fmt.Sprintf("line %d", t.line), row); err != nil {
			return t.errorf("%w", err)
		}
	}
}

// maxMetadata is the largest number of rows of a Parquet file, and rowBytes the memory that
// one needs besides its texts.
const (
	maxMetadata = 1_000_000
	rowBytes    = 1024
)

// bytesPerValue is the memory of an element of a list.
const bytesPerValue = 16

// readMetadataParquet reads the used columns: text, numbers and lists of text. Numbers of classes become names
// if the file has them.
func readMetadataParquet(name string, used []string, do func(where string, row metadataRow) error) error {
	r, length, err := input.OpenSized(name)
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := parquetfile.Open(r, length)
	if err == nil && (f.Rows() < 0 || f.Rows() > maxMetadata) {
		err = fmt.Errorf("%w: %d rows", ErrNotAnnotations, f.Rows())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	release, err := memory.Request(f.Rows()*rowBytes, name)
	if err != nil {
		return err
	}
	defer release()
	rows := make([]metadataRow, f.Rows())
	size := int64(0) // of the texts and lists
	classes := classNames(f.Lookup(huggingFace))
	for _, column := range f.Columns() {
		if !slices.Contains(used, column) {
			continue
		}
		from := column
		if f.HasField(column, "path") { // a video is its bytes and its path
			from = column + ".path"
		}
		perSecond := 1.0
		if column == "start" || column == "end" {
			if perSecond, err = f.PerSecond(column); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		if column == "label" {
			if err := f.CheckNumbers(from); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		err := f.Values(from, func(i int, v parquet.Value) error {
			if v.Kind() == parquet.ByteArray {
				size += int64(len(v.ByteArray()))
			}
			if size += bytesPerValue; i >= len(rows) || size > maxJSON {
				return fmt.Errorf("%w: more than %d rows or %d bytes", parquetfile.ErrDamaged, len(rows), maxJSON)
			}
			if rows[i] == nil {
				rows[i] = metadataRow{}
			}
			if err := rows[i].add(column, v, classes); err != nil {
				return err
			}
			if t, ok := rows[i][column].(float64); ok {
				rows[i][column] = t / perSecond
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for i, row := range rows {
		if err := do(fmt.Sprintf("row %d", i), row); err != nil {
			return fmt.Errorf("%s: row %d: %w", name, i, err)
		}
	}
	return nil
}

// add sets a column, or adds to its list.
func (r metadataRow) add(column string, v parquet.Value, classes []string) error {
	if v.IsNull() {
		return nil
	}
	var x any
	var err error
	if v.Kind() == parquet.ByteArray {
		x, err = parquetfile.Text(v)
	} else if x, err = parquetfile.Number(v); err == nil && column == "label" && classes != nil {
		n := v.Int64()
		if n < 0 || n >= int64(len(classes)) {
			return fmt.Errorf("a label is %d, which is none of the %d classes of the file", n, len(classes))
		}
		x = classes[n]
	}
	if old, ok := r[column]; ok && v.RepetitionLevel() > 0 {
		if list, ok := old.([]any); ok {
			x = append(list, x)
		} else {
			x = []any{old, x}
		}
	}
	r[column] = x
	return err
}

// classNames returns the names of the classes in the metadata that Hugging Face adds to
// Parquet files, or nil.
func classNames(metadata string) []string {
	var about struct {
		Info struct {
			Features struct {
				Label struct {
					Names []string `json:"names"`
				} `json:"label"`
			} `json:"features"`
		} `json:"info"`
	}
	if exactjson.Unmarshal([]byte(metadata), &about) != nil {
		return nil
	}
	return about.Info.Features.Label.Names
}
