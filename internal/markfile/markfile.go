// Package markfile reads and writes labeled spans of videos in the formats of other
// programs. Every format except EDL and SRT keeps times exactly; these two round to
// frames and milliseconds.
package markfile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
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
}

// A Format is a file format.
type Format string

// The formats. SRT, VTT and EDL have a file for each video, named as the video with the
// format's extension added. Only CSV and JSONL hold negative marks, authors and dates.
const (
	CSV         Format = "csv"         // video,start,end,label
	JSONL       Format = "jsonl"       // {"video":…,"start":…,"end":…,"label":…}
	ActivityNet Format = "activitynet" // JSON
	LabelStudio Format = "labelstudio" // JSON: tasks with labels in seconds
	SRT         Format = "srt"
	VTT         Format = "vtt"
	EDL         Format = "edl" // CMX 3600
)

// Formats returns the names of the formats.
func Formats() []Format { return []Format{CSV, JSONL, ActivityNet, LabelStudio, SRT, VTT, EDL} }

// codec reads and writes one file of a format. The videos of rows of a format with a file
// for each video are set by the caller.
type codec struct {
	perVideo  bool
	extension string
	read      func(data []byte, o Options) ([]Row, error)
	write     func(w io.Writer, rows []Row, o Options) error
}

var codecs = map[Format]codec{
	CSV:         {false, ".csv", readCSV, writeCSV},
	JSONL:       {false, ".jsonl", readJSONL, writeJSONL},
	ActivityNet: {false, ".json", readActivityNet, writeActivityNet},
	LabelStudio: {false, ".json", readLabelStudio, writeLabelStudio},
	SRT:         {true, ".srt", readSRT, writeSRT},
	VTT:         {true, ".vtt", readVTT, writeVTT},
	EDL:         {true, ".edl", readEDL, writeEDL},
}

// Options control formats that count frames.
type Options struct {
	Rate float64 // frames per second; 0 = unknown
	// Clock returns the frame rate and the timecodes of a video, or nil if they are unknown;
	// then they start at 0, at Rate. It may be nil.
	Clock func(video string) (rate float64, c Clock)
	// Folders are folders of the videos, besides those of the rows. The names of files below
	// the folder that all share tell the videos apart.
	Folders []string
}

// Clock numbers the frames of a video, from 0, as video editors do.
type Clock interface {
	Label(frame int64) string                  // such as 14:09:42:00
	Frame(label string) (frame int64, ok bool) // of a Label
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

// FormatOf returns the format that the extension of a path indicates. JSON files are
// ActivityNet's, unless their content is an array.
func FormatOf(name string, data []byte) (Format, error) {
	extension := strings.ToLower(filepath.Ext(name))
	if extension == ".json" && bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		return LabelStudio, nil
	}
	for _, f := range Formats() {
		if codecs[f].extension == extension {
			return f, nil
		}
	}
	return "", fmt.Errorf("%s: %w, the extension is %q", name, ErrFormat, extension)
}

// limit is the size of the largest file that is read, in bytes.
const limit = 256 << 20

// Read reads a file, or all files of a folder that have a known extension. The format is
// detected if it is empty. Rows of
// formats with a file for each video get the file's name without the extension as their
// video.
func Read(name string, f Format, o Options) ([]Row, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return readFile(name, filepath.Base(name), f, o)
	}
	var out []Row
	err = filepath.WalkDir(name, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if _, err := FormatOf(p, nil); err != nil && f == "" {
			return nil
		}
		if f != "" && !strings.EqualFold(filepath.Ext(p), codecs[f].extension) {
			return nil
		}
		relative, err := filepath.Rel(name, p)
		if err != nil {
			return err
		}
		rows, err := readFile(p, relative, f, o)
		out = append(out, rows...)
		return err
	})
	return out, err
}

func readFile(name, relative string, f Format, o Options) ([]Row, error) {
	data, err := input.ReadText(name, limit)
	if err != nil {
		return nil, err
	}
	if f == "" {
		if f, err = FormatOf(name, data); err != nil {
			return nil, err
		}
	}
	rows, err := codecs[f].read(data, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for i := range rows {
		r := &rows[i]
		if codecs[f].perVideo && r.Video == "" {
			r.Video = filepath.ToSlash(strings.TrimSuffix(relative, filepath.Ext(relative)))
		}
		r.Video, r.Label = text.Unescape(r.Video), strings.TrimSpace(r.Label)
		switch {
		case !text.IsLine(r.Label) || strings.ContainsRune(r.Label, utf8.RuneError):
			return nil, fmt.Errorf("%s: the label of span %d is not a line of text: %q", name, i+1, r.Label)
		case r.Video == "" || r.Label == "":
			return nil, fmt.Errorf("%s: span %d has no video or no label", name, i+1)
		case !(r.Start >= 0 && r.End > r.Start) || math.IsInf(r.End, 0):
			return nil, fmt.Errorf("%s: span %d of %q ends at %g s and starts at %g s", name, i+1, r.Label, r.End, r.Start)
		}
	}
	return rows, nil
}

// Write writes rows to a file, or, for formats with a file for each video, to files below
// a folder, which are named by the videos below their common folder. It returns the files.
func Write(name string, f Format, rows []Row, o Options) ([]string, error) {
	c := codecs[f]
	if f != CSV && f != JSONL {
		rows = slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return r.Negative })
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Or(cmp.Compare(a.Video, b.Video), cmp.Compare(a.Start, b.Start)) })
	if !c.perVideo {
		return []string{name}, atomicfile.Write(name, func(w io.Writer) error { return c.write(w, escaped(rows), o) })
	}
	var files []string
	common := commonFolder(rows, o.Folders)
	for len(rows) > 0 {
		n := slices.IndexFunc(rows, func(r Row) bool { return r.Video != rows[0].Video })
		if n < 0 {
			n = len(rows)
		}
		below := strings.TrimPrefix(filepath.ToSlash(rows[0].Video), common)
		file := filepath.Join(name, filepath.FromSlash(path.Join("/", below))+c.extension)
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			return files, err
		}
		if err := atomicfile.Write(file, func(w io.Writer) error { return c.write(w, escaped(rows[:n]), o) }); err != nil {
			return files, err
		}
		files, rows = append(files, file), rows[n:]
	}
	return files, nil
}

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
