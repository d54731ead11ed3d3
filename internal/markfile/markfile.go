// Package markfile reads and writes labeled spans of videos in the formats of other
// programs. [List] describes the formats, and what each cannot represent.
package markfile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/text"
)

// Row says that a span of a video shows a label, or, if Negative, does not.
type Row struct {
	Video    string // path
	Start    float64
	End      float64 // seconds
	Label    string
	Negative bool
	Author   string
	Time     time.Time
	Score    *float64 // of a segment that was found; nil of a mark
	Split    string   // of training data, as the file names it; "" if it does not. It is only read
}

// Options control formats that count frames, and reports of what is left out.
type Options struct {
	Rate float64 // frames per second of videos whose rate is unknown; 0 = refuse formats that count their frames
	// Clock returns the frame rate and the timecodes of a video, or nil if they are unknown;
	// then they start at 0, at Rate. An error means that frames have no times. It may be nil.
	Clock func(video string) (rate float64, c Clock, err error)
	// Duration returns the duration of a video in seconds, 0 if it is unknown. It may be nil.
	Duration func(video string) float64
	// Folders are folders of the videos, besides those of the rows. The names of files below
	// the folder that all share tell the videos apart.
	Folders []string
	// Lost is called with a number of things that are left out, because a Row or the format
	// cannot represent them. It may be nil.
	Lost func(what string, n int)

	video string // of spans without one, as in a file
}

func (o Options) lost(what string, n int) {
	if n > 0 && o.Lost != nil {
		o.Lost(what, n)
	}
}

// forFiles returns options for several files: each video is read once, and what is left out is added up until
// report is called.
func (o Options) forFiles() (shared Options, report func()) {
	if ask := o.Clock; ask != nil {
		type answer struct {
			rate  float64
			clock Clock
			err   error
		}
		known := map[string]answer{}
		o.Clock = func(video string) (float64, Clock, error) {
			a, ok := known[video]
			if !ok {
				a.rate, a.clock, a.err = ask(video)
				known[video] = a
			}
			return a.rate, a.clock, a.err
		}
	}
	tell, sums := o.Lost, map[string]int{}
	o.Lost = func(what string, n int) { sums[what] += n }
	return o, func() {
		for _, what := range slices.Sorted(maps.Keys(sums)) {
			if tell != nil {
				tell(what, sums[what])
			}
		}
	}
}

// Clock numbers the frames of a video, from 0, as video editors do.
type Clock interface {
	Label(frame int64) string                  // such as 14:09:42:00
	Frame(label string) (frame int64, ok bool) // of a Label
}

// ClockOf returns the values of [Options.Clock] for a clock with a rate, which is 0 if it is unknown.
func ClockOf[C Clock](rate float64, c C, err error) (float64, Clock, error) {
	if rate == 0 {
		return 0, nil, err
	}
	return rate, c, nil
}

// escaped returns rows with their videos as text, without bytes that are not UTF-8.
func escaped(rows []Row) []Row {
	out := slices.Clone(rows)
	for i := range out {
		out[i].Video = text.Escape(out[i].Video)
	}
	return out
}

// ErrFormat is wrapped by the error for a file of unknown format.
var ErrFormat = errors.New("unknown format")

// ErrNothing is wrapped by the error for a file or folder without a span.
var ErrNothing = errors.New("it has no spans of videos with labels")

// Limit is the size of the largest file that is read, in bytes.
const Limit = 256 << 20

// Read reads a file, or all files of a folder that have a known extension and are not hidden. The format is
// detected if it is empty. Rows of formats with a file for each video that does not name it
// get the file's name without the extension as their video.
func Read(name string, f Format, o Options) ([]Row, error) {
	o, report := o.forFiles()
	defer report()
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	var out []Row
	if info.IsDir() {
		out, err = readFolder(name, f, o)
	} else {
		out, err = readFile(name, filepath.Base(name), f, o)
	}
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("%s: %w", name, ErrNothing)
	}
	return out, err
}

func readFolder(name string, f Format, o Options) (out []Row, err error) {
	files, err := filesOf(name, f)
	for _, p := range files {
		relative, err := filepath.Rel(name, p)
		if err != nil {
			return nil, err
		}
		rows, err := readFile(p, relative, f, o)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, err
}

// filesOf returns the files of a folder that have an extension of a format, or a known one if it is empty.
func filesOf(folder string, f Format) (files []string, err error) {
	err = filepath.WalkDir(folder, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") { // macOS keeps attributes of x.eaf in ._x.eaf
			return nil
		}
		if _, err := FormatOf(p, nil); f == "" && err == nil || f.Info().has(filepath.Ext(p)) {
			files = append(files, p)
		}
		return nil
	})
	return files, err
}

// OtherFiles returns the files that a reader of the folder to which rows were written also finds, besides those that
// [Write] returned: such as those of an earlier export.
func OtherFiles(folder string, f Format, written []string) ([]string, error) {
	if !f.Info().PerVideo {
		return nil, nil
	}
	files, err := filesOf(folder, f)
	if errors.Is(err, fs.ErrNotExist) { // nothing was written
		return nil, nil
	}
	ours := map[string]bool{}
	for _, p := range written {
		ours[p] = true
	}
	return slices.DeleteFunc(files, func(p string) bool { return ours[p] }), err
}

// readData returns the content of a file, as UTF-8 if it is text.
func readData(name string, f Format) ([]byte, error) {
	if f == "" {
		f, _ = FormatOf(name, nil) // formats with the same extension are all text or all binary
	}
	if f.Info().Binary {
		return input.ReadFile(name, Limit)
	}
	return input.ReadText(name, Limit)
}

func readFile(name, relative string, f Format, o Options) ([]Row, error) {
	data, err := readData(name, f)
	if err != nil {
		return nil, err
	}
	if f == "" {
		if f, err = FormatOf(name, data); err != nil {
			return nil, err
		}
	}
	c := f.codec()
	if c.read == nil {
		return nil, fmt.Errorf("%s: clipcue only writes files of format %s", name, f)
	}
	if c.PerVideo || c.anonymous {
		o.video = text.Escape(filepath.ToSlash(strings.TrimSuffix(relative, filepath.Ext(relative))))
	}
	rows, err := c.read(data, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, readable(err))
	}
	for i := range rows {
		r := &rows[i]
		r.Video = cmp.Or(r.Video, o.video)
		r.Video, r.Label = text.Unescape(r.Video), strings.TrimSpace(r.Label)
		switch {
		case !text.IsLine(r.Label) || strings.ContainsRune(r.Label, utf8.RuneError):
			return nil, fmt.Errorf("%s: the label of span %d is not a line of text: %q", name, i+1, r.Label)
		case r.Video == "" || r.Label == "":
			return nil, fmt.Errorf("%s: span %d has no video or no label", name, i+1)
		}
		if err := r.checkTimes(); err != nil {
			return nil, fmt.Errorf("%s: span %d, %q in %s, %w", name, i+1, r.Label, text.Quote(r.Video), err)
		}
	}
	return rows, nil
}

// Write writes rows to a file, or, for formats with a file for each video, to files below
// a folder, which are named by the videos below their common folder. It returns the files.
func Write(name string, f Format, rows []Row, o Options) ([]string, error) {
	o, report := o.forFiles()
	defer report()
	c := f.codec()
	if !c.keepsNegatives() {
		all := len(rows)
		rows = slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return r.Negative })
		o.lost("negative marks", all-len(rows))
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Or(cmp.Compare(a.Video, b.Video), cmp.Compare(a.Start, b.Start)) })
	if !c.PerVideo {
		return []string{name}, atomicfile.Output(name, func(w io.Writer) error { return c.write(w, escaped(rows), o) })
	}
	common := commonFolder(rows, o.Folders)
	var videos [][]Row
	for len(rows) > 0 {
		n := slices.IndexFunc(rows, func(r Row) bool { return r.Video != rows[0].Video })
		if n < 0 {
			n = len(rows)
		}
		videos, rows = append(videos, rows[:n]), rows[n:]
	}
	silent := o
	silent.Lost = nil
	for _, v := range videos { // before the first file is written
		if err := c.write(io.Discard, escaped(v), silent); err != nil {
			return nil, err
		}
	}
	var files []string
	for _, v := range videos {
		below := strings.TrimPrefix(filepath.ToSlash(v[0].Video), common)
		file := filepath.Join(name, filepath.FromSlash(path.Join("/", below))+c.Extensions[0])
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			return files, err
		}
		if err := atomicfile.Output(file, func(w io.Writer) error { return c.write(w, escaped(v), o) }); err != nil {
			return files, err
		}
		files = append(files, file)
	}
	return files, nil
}

// CommonFolder returns the longest folder, with a slash at its end, that contains all folders.
func CommonFolder(folders []string) string { return commonFolder(nil, folders) }

// commonFolder returns the longest folder, with a slash at its end, that the videos and
// other folders share.
func commonFolder(rows []Row, more []string) string {
	folders := slices.Clone(more)
	for _, r := range rows {
		folders = append(folders, path.Dir(filepath.ToSlash(r.Video)))
	}
	common := ""
	for i, folder := range folders {
		folder = strings.TrimSuffix(filepath.ToSlash(folder), "/") + "/"
		if i == 0 {
			common = folder
		}
		for !strings.HasPrefix(folder, common) {
			common = common[:strings.LastIndexByte(strings.TrimSuffix(common, "/"), '/')+1]
		}
	}
	return common
}
