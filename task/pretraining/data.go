package pretraining

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/walk"
	"github.com/clipcue/clipcue/video"
)

// Pair is an image with its caption.
type Pair struct {
	Image   video.Frame
	Caption string
	Label   string // class name, or ""
}

// Pairs is a source of pairs. Several goroutines may call its methods at the same time.
// Repeated calls return the same pair.
type Pairs interface {
	Len() int
	// Name returns a name of pair i, for messages.
	Name(i int) string
	// Pair reads pair i. A pair with an error is skipped.
	Pair(i int) (Pair, error)
}

// EvalSet is a set of held-out pairs.
type EvalSet struct {
	Name  string // prefix of the names of its metrics; may be ""
	Pairs Pairs
}

// Files holds captioned image files.
type Files struct{ entries []entry }

type entry struct{ path, name, caption, label, split string }

// Len returns the number of pairs.
func (f *Files) Len() int { return len(f.entries) }

// Name returns the path of the image of pair i.
func (f *Files) Name(i int) string { return f.entries[i].name }

// Pair reads pair i.
func (f *Files) Pair(i int) (Pair, error) {
	e := f.entries[i]
	frame, err := video.ReadImage(e.path)
	return Pair{frame, e.caption, e.label}, err
}

// Data holds the pairs of a folder or a manifest.
type Data struct {
	Train *Files
	// Val and Test are nil if there are none.
	Val, Test *Files
	Skipped   []Skipped
}

// Skipped is an entry that cannot be used, and why.
type Skipped struct{ Name, Reason string }

// pictureExtensions lists the extensions of image files.
var pictureExtensions = strings.Fields(".png .jpg .jpeg .gif .webp .bmp .tif .tiff")

// Open finds captioned images: in a JSONL manifest whose lines have path (relative to the
// folder of the manifest) and caption, and optionally label and split; or in a folder and its
// subfolders, where cat.txt holds the caption of cat.png. Without splits, the share test of
// the pairs is the test split; which ones follows from the seed and their names.
//
// Images without a caption, and captions without an image, are skipped.
func Open(path string, test float64, seed uint64) (*Data, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	d := &Data{}
	var found []entry
	if info.IsDir() {
		found, err = d.folder(path)
	} else {
		found, err = d.manifest(path)
	}
	if err != nil {
		return nil, err
	}
	switch len(found) {
	case 0:
		why := ""
		if len(d.Skipped) > 0 {
			why = fmt.Sprintf("; of %d entries the first, %s: %s", len(d.Skipped), d.Skipped[0].Name, d.Skipped[0].Reason)
		}
		return nil, fmt.Errorf("%s holds no picture with a caption%s", path, why)
	case 1:
		return nil, fmt.Errorf("%s holds only one pair (%s): training needs at least two", path, found[0].name)
	}
	if !slices.ContainsFunc(found, func(e entry) bool { return e.caption != found[0].caption }) {
		return nil, fmt.Errorf("all %d captions of %s are the same (%q)", len(found), path, found[0].caption)
	}
	if !slices.ContainsFunc(found, func(e entry) bool { return e.split != "" }) {
		divide(found, test, seed)
	}
	part := func(split string) *Files {
		f := &Files{}
		for _, e := range found {
			if cmp.Or(e.split, dataset.Train) == split {
				f.entries = append(f.entries, e)
			}
		}
		if f.entries == nil {
			return nil
		}
		return f
	}
	d.Train, d.Val, d.Test = part(dataset.Train), part(dataset.Val), part(dataset.Test)
	if d.Train == nil {
		return nil, fmt.Errorf("%s has no pairs in its training split", path)
	}
	return d, nil
}

// divide assigns a share of the pairs to the test split: at least two, if at least two are
// left for training.
func divide(found []entry, test float64, seed uint64) {
	place := func(e entry) uint64 {
		h := fnv.New64a()
		fmt.Fprintf(h, "%d\x00%s", seed, e.name)
		// FNV's high bits barely depend on the last bytes.
		x := h.Sum64()
		x = (x ^ x>>33) * 0xff51afd7ed558ccd
		return x ^ x>>33
	}
	order := make([]int, len(found))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(place(found[a]), place(found[b])) })
	n := min(max(2, int(math.Round(test*float64(len(found))))), len(found)-2)
	// All captions of an image are in the same split.
	for n > 0 && n < len(found)-2 && found[order[n]].name == found[order[n-1]].name {
		n++
	}
	for i, k := range order {
		found[k].split = dataset.Train
		if i < n {
			found[k].split = dataset.Test
		}
	}
}

func (d *Data) skip(name, reason string, args ...any) {
	d.Skipped = append(d.Skipped, Skipped{name, fmt.Sprintf(reason, args...)})
}

// manifest reads a JSONL file.
func (d *Data) manifest(path string) ([]entry, error) {
	file, err := input.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var found []entry
	lines := bufio.NewScanner(input.DecodeText(file))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan() && (len(found) > 0 || len(d.Skipped) < unusable); n++ {
		text := bytes.TrimSpace(bytes.TrimPrefix(lines.Bytes(), []byte("\xef\xbb\xbf")))
		if len(text) == 0 {
			continue
		}
		var row struct {
			Path    string `json:"path"`
			Caption string `json:"caption"`
			Label   string `json:"label"`
			Split   string `json:"split"`
		}
		if !utf8.Valid(text) {
			return nil, fmt.Errorf("%s:%d: %w", path, n, input.ErrNotText)
		}
		if err := input.Unmarshal(text, &row); err != nil {
			return nil, fmt.Errorf("%s:%d: %w; a line is an object with path and caption, and label and split if there are any", path, n, err)
		}
		if strings.ContainsRune(row.Path+row.Caption+row.Label, utf8.RuneError) {
			return nil, fmt.Errorf("%s:%d: %w", path, n, input.ErrNotText)
		}
		split, ok := map[string]string{"": "", "train": dataset.Train, "training": dataset.Train, "val": dataset.Val,
			"valid": dataset.Val, "validation": dataset.Val, "test": dataset.Test}[strings.ToLower(row.Split)]
		if !ok {
			return nil, fmt.Errorf("%s:%d: split %q is none of train, val, test", path, n, row.Split)
		}
		e := entry{filepath.FromSlash(row.Path), row.Path, oneLine(row.Caption), oneLine(row.Label), split}
		if !filepath.IsAbs(e.path) {
			e.path = filepath.Join(filepath.Dir(path), e.path)
		}
		switch {
		case row.Path == "":
			d.skip(fmt.Sprintf("line %d", n), "it names no picture: path is missing")
		case e.caption == "":
			d.skip(row.Path, "its caption is missing (line %d)", n)
		case !isFile(e.path):
			d.skip(row.Path, "there is no such picture (line %d)", n)
		default:
			found = append(found, e)
		}
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = errors.New("a line is longer than a megabyte")
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return found, nil
}

// unusable is the number of entries after which a manifest without one good entry is
// given up: it is a file of other data.
const unusable = 100_000

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// oneLine joins the lines and spaces of a text.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// folder reads a folder of pictures with text files of the same name.
func (d *Data) folder(root string) ([]entry, error) {
	tree, err := walk.Files(root, func(name string) bool {
		ext := strings.ToLower(filepath.Ext(name))
		return ext == ".txt" || slices.Contains(pictureExtensions, ext)
	})
	if err != nil {
		return nil, err
	}
	for _, e := range tree.Unreadable {
		name, err := filepath.Rel(root, e.Path)
		if err != nil {
			return nil, err
		}
		d.skip(filepath.ToSlash(name), "it cannot be read: %v", e.Err)
	}
	captions, pictures := map[string]string{}, map[string]string{}
	var stems []string // of pictures and captions, once each
	for _, name := range tree.Files {
		ext := filepath.Ext(name)
		stem := strings.TrimSuffix(name, ext)
		if captions[stem] == "" && pictures[stem] == "" {
			stems = append(stems, stem)
		}
		switch {
		case strings.EqualFold(ext, ".txt"):
			captions[stem] = name
		case pictures[stem] != "":
			return nil, fmt.Errorf("%s and %s would share one caption", pictures[stem], name)
		default:
			pictures[stem] = name
		}
	}
	var found []entry
	for _, stem := range stems {
		picture, text := pictures[stem], captions[stem]
		if picture == "" {
			d.skip(text, "there is no picture for this caption")
			continue
		}
		if text == "" {
			d.skip(picture, "its caption is missing: there is no %s", path.Base(stem)+".txt")
			continue
		}
		caption, err := readCaption(filepath.Join(root, filepath.FromSlash(text)))
		switch {
		case err != nil:
			d.skip(picture, "its caption cannot be read: %v", err)
		case caption == "":
			d.skip(picture, "its caption is empty")
		default:
			found = append(found, entry{filepath.Join(root, filepath.FromSlash(picture)), picture, caption, "", ""})
		}
	}
	return found, nil
}

func readCaption(path string) (string, error) {
	text, err := input.ReadText(path, 1<<20)
	return oneLine(string(text)), err
}
