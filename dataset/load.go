package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/clipcue/clipcue/internal/markfile"
	"github.com/clipcue/clipcue/internal/text"
)

// Formats lists the formats that [Load] reads.
var Formats = withPrograms("folder", "csv", "jsonl", "hmdb51", "list", "ucf101", "kinetics", "mmaction2", huggingFace)

// Options configure how annotations are read.
type Options struct {
	// Format is one of Formats; empty means automatic detection.
	Format string
	// Fold is one of the official splits of HMDB51 and UCF101, from 1; 0 means 1.
	Fold int
	// Classes are the classes and their order, as in Dataset.WithClasses. In mmaction2
	// lists they are the names of the class numbers.
	Classes []string
	// ClassNames are the readable names of folder names or codes. Names are compared in
	// their Canonical form; those without an entry are unchanged. Nil means
	// HMDB51_clsname.json, if it is next to the data.
	ClassNames map[string]string
}

// parsed is the result of the reader of a format.
type parsed struct {
	samples []Sample
	skipped []Skipped
	order   []string          // class order from a file next to the data, or nil
	names   map[string]string // readable names from a file next to the data, or nil
}

// loaders maps formats to their readers; the others are of annotation programs.
var loaders = map[string]func(path string, o Options) (parsed, error){
	"folder":    loadFolder,
	"csv":       loadCSV,
	"jsonl":     loadJSONL,
	"hmdb51":    loadHMDB51,
	"list":      loadList,
	"ucf101":    loadUCF101,
	"kinetics":  loadKinetics,
	"mmaction2": loadMMAction2,
	huggingFace: loadHuggingFace,
}

// maxClasses is the largest plausible number of classes; ImageNet has 21,841.
const maxClasses = 1 << 16

// Load reads annotations from a file or folder; the package comment lists the formats. The
// result has at least one sample. Labels with the same [Canonical] form become one class,
// spelled as in the class list, or else as the first of them.
func Load(path string, o Options) (*Dataset, error) {
	if o.Fold == 0 {
		o.Fold = 1
	}
	if o.Fold < 0 {
		return nil, fmt.Errorf("fold must be at least 1, got %d", o.Fold)
	}
	format := o.Format
	if format == "" {
		var err error
		if format, err = detect(path); err != nil {
			return nil, err
		}
	}
	if !slices.Contains(Formats, format) {
		return nil, fmt.Errorf("%w %q; known: %s", ErrUnknownFormat, format, strings.Join(Formats, ", "))
	}
	load := loaders[format]
	if load == nil {
		o.Format, load = format, loadMarks
	}
	p, err := load(path, o)
	if err != nil {
		return nil, err
	}
	if len(p.samples) == 0 {
		return nil, fmt.Errorf("%s: %w", path, ErrNoSamples)
	}
	if o.ClassNames != nil {
		p.names = o.ClassNames
	}
	for code, name := range p.names {
		if Canonical(name) == "" {
			return nil, fmt.Errorf("%s: the readable name of class %q is empty", path, code)
		}
	}
	d := assemble(p)
	if len(d.Classes) > maxClasses {
		return nil, fmt.Errorf("%s: %w: %d classes", path, ErrNotAnnotations, len(d.Classes))
	}
	d.Source, d.Format = path, format
	if o.Classes != nil {
		return d.WithClasses(o.Classes)
	}
	return d, nil
}

// assemble sets the readable labels of the samples and orders the classes.
func assemble(p parsed) *Dataset {
	readable := make(map[string]string, len(p.names))
	for code, name := range p.names {
		readable[Canonical(code)] = name
	}
	spelling := map[string]string{} // canonical name -> the class as spelled
	for _, c := range p.order {
		spelling[Canonical(c)] = c
	}
	resolved := map[string]string{} // label as read -> class
	used := map[string]bool{}
	for i := range p.samples {
		s := &p.samples[i]
		class, ok := resolved[s.Label]
		if !ok {
			class = s.Label
			if name, ok := readable[Canonical(class)]; ok {
				class = name
			}
			key := Canonical(class)
			if known, ok := spelling[key]; ok {
				class = known
			}
			spelling[key] = class
			resolved[s.Label] = class
			used[class] = true
		}
		s.Label = class
	}
	d := &Dataset{Samples: p.samples, Skipped: p.skipped, whole: p.samples, spellings: spellings(maps.Keys(resolved))}
	for _, c := range p.order {
		if used[c] {
			d.Classes = append(d.Classes, c)
			delete(used, c)
		}
	}
	listed := len(d.Classes)
	for c := range used {
		d.Classes = append(d.Classes, c)
	}
	slices.Sort(d.Classes[listed:])
	return d
}

var (
	hmdb51File = regexp.MustCompile(`^(.+)_test_split0*([0-9]+)\.txt$`)
	ucf101File = regexp.MustCompile(`^(train|test)list0*([0-9]+)\.txt$`)
	listFile   = regexp.MustCompile(`^(train|val|test)_split0*([0-9]+)\.txt$`)
)

// detect returns the format: that of a file from its name or else its first line, that of a
// folder from the names in it.
func detect(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: no such file or folder: %w", path, fs.ErrNotExist)
	} else if err != nil {
		return "", err
	}
	if info.IsDir() {
		return detectFolder(path)
	}
	base := filepath.Base(path)
	if slices.Contains(metadataNames, base) {
		return huggingFace, nil
	}
	if format := programFormat(path, markfile.CSV, markfile.JSONL, markfile.HuggingFace); format != "" {
		return format, nil
	}
	switch strings.ToLower(filepath.Ext(base)) {
	case ".csv", ".tsv":
		return detectCSV(path)
	case ".jsonl", ".ndjson":
		return "jsonl", nil
	case ".list":
		return "list", nil
	case ".txt":
		switch {
		case ucf101File.MatchString(base):
			return "ucf101", nil
		case listFile.MatchString(base):
			return "list", nil
		case hmdb51File.MatchString(base):
			return "hmdb51", nil
		}
		return detectText(path)
	}
	return "", fmt.Errorf("%s: %w: annotations are a folder or a .csv, .jsonl, .txt or .list file, or that of an annotation program, in one of the formats %s", path, ErrUnknownFormat, strings.Join(Formats, ", "))
}

func detectFolder(path string) (string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return "", err
	}
	for _, form := range []struct {
		pattern *regexp.Regexp
		format  string
	}{{ucf101File, "ucf101"}, {listFile, "list"}, {hmdb51File, "hmdb51"}} {
		for _, e := range entries {
			if !e.IsDir() && form.pattern.MatchString(e.Name()) {
				return form.format, nil
			}
		}
	}
	if files, err := metadataFiles(path); err == nil && len(files) > 0 {
		return huggingFace, nil
	}
	return "folder", nil
}

// splitName returns the split with the given name in a file, folder or column.
func splitName(name string) (string, bool) {
	switch strings.ToLower(text.Key(name)) {
	case "train", "training":
		return Train, true
	case "val", "valid", "validate", "validation", "dev":
		return Val, true
	case "test", "testing":
		return Test, true
	}
	return "", false
}

// splitInName returns the split in a file name such as "train_split01.txt" or
// "kinetics400_val_list_videos.txt". It returns "" for "split_0.list" and "trainval.txt".
func splitInName(name string) string {
	found := ""
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return !unicode.IsLetter(r) }) {
		split, ok := splitName(word)
		if ok && found != "" && split != found {
			return ""
		}
		if ok {
			found = split
		}
	}
	return found
}

// beside finds a file that belongs to the data: in the given folder or up to three above
// it, because the authors' splits are three levels below their class names.
func beside(dir, name string) (string, bool) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", false
	}
	for range 4 {
		path := filepath.Join(abs, name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path, true
		}
		abs = filepath.Dir(abs)
	}
	return "", false
}

// foldFiles returns the files of one fold in a folder, or path itself if it is a file.
func foldFiles(path string, pattern *regexp.Regexp, fold int) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string
	folds := map[string]bool{}
	for _, e := range entries {
		m := pattern.FindStringSubmatch(e.Name())
		if m == nil || e.IsDir() {
			continue
		}
		folds[m[2]] = true
		if m[2] == fmt.Sprint(fold) {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	if files == nil {
		have := slices.Sorted(maps.Keys(folds))
		if have == nil {
			return nil, fmt.Errorf("%s: no list files with names like %s", path, pattern)
		}
		return nil, fmt.Errorf("%s: no lists of fold %d; folds there: %s", path, fold, strings.Join(have, ", "))
	}
	return files, nil
}
