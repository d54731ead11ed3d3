package dataset

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
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
	"syscall"
	"unicode/utf8"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/shard"
	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/internal/walk"
	"github.com/clipcue/clipcue/progress"
	"github.com/clipcue/clipcue/video"
)

// UnpackReport is the result of [Unpack].
type UnpackReport struct {
	Shards   int             `json:"shards"`
	Done     int             `json:"done"`    // unpacked by this run
	Present  int             `json:"present"` // unpacked before
	Failed   []UnpackFailure `json:"failed"`
	Samples  int             `json:"samples"` // of this run, with a video or an image
	Captions int             `json:"captions"`
	Labels   int             `json:"labels"`
	Dotted   int             `json:"dotted"`   // texts left out because their key has a dot
	LeftOut  map[string]int  `json:"left_out"` // number of other files and texts, by extension or kind
}

// UnpackFailure is a shard that cannot be unpacked.
type UnpackFailure struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// kinds of files of a sample that are not videos.
var (
	imageExtensions   = strings.Fields(".jpg .jpeg .png .webp .gif .bmp .tif .tiff")
	captionExtensions = strings.Fields(".txt .caption .text")
	labelExtensions   = strings.Fields(".cls .label")
	arrayExtensions   = strings.Fields(".npy .npz")
)

// Limits of texts in shards, in bytes.
const (
	maxCaption = maxLine
	maxAbout   = 16 << 20
)

// Unpack writes the samples of WebDataset's shards to folders, such as those that video2dataset and
// img2dataset make: dir/NAME for NAME.tar or NAME.tar.gz, with the videos, images, captions (KEY.txt), arrays
// and descriptions (KEY.json), and metadata.jsonl, so that [Load] and [LoadCaptions] read dir. A caption comes
// from KEY.txt, the description, or the table NAME.parquet next to the shard; a label from KEY.cls
// or the description. As in WebDataset, KEY ends at the first dot of the file's name.
//
// paths are shards and folders of shards. A shard whose folder exists is not unpacked again; the folder
// appears when it is complete. One that is not the result of unpacking the shard ends the run with
// [ErrNotUnpacked]. A shard that is damaged, has unsafe names or texts that are not UTF-8, or expands to far more than its
// size is in Report.Failed. The error is not nil if nothing could be unpacked, the disk is full, or ctx is done.
func Unpack(ctx context.Context, paths []string, dir string, p progress.Func) (UnpackReport, error) {
	r := UnpackReport{Failed: []UnpackFailure{}, LeftOut: map[string]int{}}
	shards, err := findShards(paths)
	if err != nil {
		return r, err
	}
	r.Shards = len(shards)
	bar := p.Start("unpack", int64(len(shards)), "shards")
	defer bar.Finish()
	for _, s := range shards {
		to := filepath.Join(dir, filepath.FromSlash(s.ID))
		if isUnpacked(s.Path, to) {
			r.Present++
			bar.Add(1)
			continue
		}
		err := unpackShard(ctx, s.Path, to, &r)
		if fault, ok := errors.AsType[*shardError](err); ok {
			r.Failed = append(r.Failed, UnpackFailure{s.Path, fault.Error()})
		} else if err != nil {
			return r, err
		}
		bar.Add(1)
	}
	if len(r.Failed) == len(shards) {
		return r, fmt.Errorf("none of %d shards can be unpacked; the first is %s: %s", len(shards), r.Failed[0].Path, r.Failed[0].Reason)
	}
	return r, nil
}

// ErrNotUnpacked reports a folder with the name of a shard that Unpack did not make of this shard.
var ErrNotUnpacked = errors.New("the folder exists, but is not the complete result of unpacking this shard")

// unpackedFile is a hidden file in the folder of a shard that is completely unpacked.
const unpackedFile = ".unpacked"

// unpacked is the content of an unpackedFile.
type unpacked struct {
	Size int64 `json:"size"` // of the shard in bytes
}

// isUnpacked reports whether a folder is the complete result of unpacking a shard.
func isUnpacked(shard, dir string) bool {
	info, err := os.Stat(shard)
	if err != nil {
		return false
	}
	data, err := input.ReadFile(filepath.Join(dir, unpackedFile), maxAbout)
	var u unpacked
	if err != nil || input.Unmarshal(data, &u) != nil || u.Size != info.Size() {
		return false
	}
	list, err := os.Lstat(filepath.Join(dir, metadataNames[0]))
	return err == nil && list.Mode().IsRegular()
}

// shardError is why a shard cannot be unpacked. Others can.
type shardError struct{ error }

func (e *shardError) Unwrap() error { return e.error }

// shardName returns the name of a shard without its extension.
func shardName(name string) (string, bool) {
	for _, ext := range []string{".tar", ".tar.gz", ".tgz"} {
		if n := len(name) - len(ext); n > 0 && strings.EqualFold(name[n:], ext) {
			return name[:n], true
		}
	}
	return name, false
}

// findShards returns shards with their folders as IDs.
func findShards(paths []string) (all []video.Source, err error) {
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			name, _ := shardName(filepath.Base(p))
			all = append(all, video.Source{Path: p, ID: name})
			continue
		}
		tree, err := walk.Files(p, func(name string) bool { _, ok := shardName(name); return ok })
		if err != nil {
			return nil, err
		}
		if len(tree.Unreadable) > 0 {
			return nil, tree.Unreadable[0]
		}
		for _, file := range tree.Files {
			name, _ := shardName(file)
			all = append(all, video.Source{Path: filepath.Join(p, filepath.FromSlash(file)), ID: name})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no .tar or .tar.gz files in %s", strings.Join(paths, ", "))
	}
	seen := map[string]string{}
	for _, s := range all {
		if other, ok := seen[text.Key(s.ID)]; ok {
			return nil, fmt.Errorf("%w: %s and %s are both named %s", video.ErrDuplicateID, other, s.Path, s.ID)
		}
		seen[text.Key(s.ID)] = s.Path
	}
	return all, nil
}

// unpackShard unpacks a shard into a hidden folder, which becomes the folder to at the end.
func unpackShard(ctx context.Context, file, to string, r *UnpackReport) error {
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("%s: %w", to, ErrNotUnpacked)
	}
	f, size, err := input.OpenSized(file)
	if err != nil {
		return &shardError{err}
	}
	defer f.Close()
	hidden := filepath.Join(filepath.Dir(to), "."+filepath.Base(to)+".unpack.tmp")
	if err := errors.Join(os.RemoveAll(hidden), os.MkdirAll(hidden, 0o777)); err != nil {
		return err
	}
	defer os.RemoveAll(hidden)
	u, err := newUnpacker(file, hidden)
	if err != nil {
		return err
	}
	others, err := shard.Each(contextReader{ctx, f}, u.add)
	maps.Copy(u.LeftOut, others)
	if err == nil {
		err = u.flush()
	}
	if err == nil && u.Samples == 0 {
		err = &shardError{errors.New("it has no videos, images or arrays")}
	}
	if err == nil {
		err = u.complete(size)
	}
	if err := errors.Join(err, u.close()); err != nil {
		return u.blame(err)
	}
	if err := os.Rename(hidden, to); err != nil {
		return err
	}
	r.Done, r.Samples, r.Captions, r.Labels, r.Dotted = r.Done+1, r.Samples+u.Samples, r.Captions+u.Captions, r.Labels+u.Labels, r.Dotted+u.Dotted
	for what, n := range u.LeftOut {
		r.LeftOut[what] += n
	}
	return nil
}

// contextReader reads until ctx is done.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.Reader.Read(p)
}

// unpacker unpacks one shard.
type unpacker struct {
	UnpackReport // of the shard
	file         string
	root         *os.Root
	list         *os.File // metadata.jsonl
	lines        *bufio.Writer
	table        map[string]any // captions by key; nil if it was not read yet
	writing      error          // that ends the run

	key     string // of the current sample
	files   []string
	arrays  bool
	caption any // text, or a list of texts
	label   string
	texts   int // number of files with a caption or a label
	about   metadataRow
}

func newUnpacker(file, dir string) (*unpacker, error) {
	root, err := input.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	list, err := root.Create(metadataNames[0])
	if err != nil {
		root.Close()
		return nil, err
	}
	return &unpacker{file: file, root: root, list: list, lines: bufio.NewWriter(list), UnpackReport: UnpackReport{LeftOut: map[string]int{}}}, nil
}

// complete marks the folder as the result of a shard of a size.
func (u *unpacker) complete(size int64) error {
	about, err := json.Marshal(unpacked{size})
	if err != nil {
		return err
	}
	return u.write(unpackedFile, bytes.NewReader(about))
}

func (u *unpacker) close() error {
	return errors.Join(u.lines.Flush(), u.list.Close(), u.root.Close())
}

// blame returns an error of the shard as a shardError, and others unchanged.
func (u *unpacker) blame(err error) error {
	if u.writing != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &shardError{err}
}

// add adds a file of the shard.
func (u *unpacker) add(m shard.Member) error {
	if m.Key != u.key {
		if err := u.flush(); err != nil {
			return err
		}
		u.key = m.Key
	}
	ext := path.Ext(m.Ext)
	switch is := func(list []string) bool { return slices.Contains(list, ext) }; {
	case ext != "" && video.TrimExtension("x"+ext) == "x" || is(imageExtensions):
		u.files = append(u.files, m.Name)
		return u.write(m.Name, m)
	case is(arrayExtensions):
		u.arrays = true
		return u.write(m.Name, m)
	case slices.Contains(captionExtensions, m.Ext):
		data, err := readMember(m, maxCaption)
		u.caption, u.texts = oneLine(data), u.texts+1
		return err
	case slices.Contains(labelExtensions, m.Ext):
		data, err := readMember(m, maxCaption)
		u.label, u.texts = oneLine(data), u.texts+1
		return err
	case m.Ext == ".json":
		data, err := readMember(m, maxAbout)
		if err == nil {
			err = input.Unmarshal(data, &u.about)
		}
		if err != nil {
			return err
		}
		return u.write(m.Name, strings.NewReader(string(data)))
	case ext == ".json" || is(captionExtensions) || is(labelExtensions):
		u.Dotted++
		return nil
	}
	u.LeftOut[cmp.Or(ext, walk.NoExtension)]++
	return nil
}

// readMember reads a text of at most limit bytes.
func readMember(m shard.Member, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(m, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%w: more than %d bytes", input.ErrTooLarge, limit)
	}
	if err == nil && !utf8.Valid(data) {
		err = fmt.Errorf("%s: %w: not UTF-8", m.Name, ErrNotText)
	}
	return data, err
}

// oneLine returns text on one line, without control characters.
func oneLine(data []byte) string {
	words := strings.Fields(strings.TrimPrefix(string(data), "\ufeff"))
	return strings.Map(func(r rune) rune {
		if !text.IsLine(string(r)) {
			return -1
		}
		return r
	}, strings.Join(words, " "))
}

// write writes a file below the folder.
func (u *unpacker) write(name string, content io.Reader) error {
	if dir := path.Dir(name); dir != "." {
		if err := u.root.MkdirAll(filepath.FromSlash(dir), 0o777); err != nil {
			return err
		}
	}
	f, err := u.root.OpenFile(filepath.FromSlash(name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, fs.ErrPermission) {
		u.writing = err
	}
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("the name %s is twice in the shard, perhaps in another case", text.Quote(name))
	}
	if err != nil {
		return err
	}
	w := &noting{f, &u.writing}
	if _, err = io.Copy(w, content); err == nil {
		err = f.Close()
	} else {
		f.Close()
	}
	return err
}

// noting notes errors of writing, which are not those of the shard.
type noting struct {
	w   io.Writer
	err *error
}

func (n *noting) Write(p []byte) (int, error) {
	k, err := n.w.Write(p)
	if err != nil {
		*n.err = err
	}
	return k, err
}

// leaveOut counts what is left out.
func (u *unpacker) leaveOut(what string, n int) {
	if n > 0 {
		u.LeftOut[what] += n
	}
}

// flush ends the current sample: its captions and labels become lines.
func (u *unpacker) flush() error {
	defer func() { u.files, u.arrays, u.caption, u.label, u.texts, u.about = nil, false, nil, "", 0, nil }()
	if len(u.files) == 0 {
		switch {
		case u.arrays:
			u.Samples++
		case u.about != nil:
			u.texts++
		}
		u.leaveOut("texts without a video or image", u.texts)
		return nil
	}
	u.Samples++
	row := metadataRow{}
	caption, err := u.findCaption()
	if err != nil {
		return err
	}
	if caption != nil {
		row["caption"] = caption
		u.Captions++
	}
	if label := cmp.Or(u.label, oneLine([]byte(asText(u.about["label"])))); label != "" {
		row["label"] = label
		u.Labels++
	} else if !isText(u.about["label"]) {
		u.leaveOut("labels that are no text", 1)
	}
	if len(row) == 0 {
		return nil
	}
	captioned := map[string]bool{} // by a file that another image of the sample shares
	for _, file := range u.files {
		row["file_name"] = file
		line, err := json.Marshal(row)
		if err == nil {
			_, err = (&noting{u.lines, &u.writing}).Write(append(line, '\n'))
		}
		name := strings.TrimSuffix(file, path.Ext(file)) + ".txt"
		if err == nil && slices.Contains(imageExtensions, strings.ToLower(path.Ext(file))) && caption != nil && !captioned[name] {
			captioned[name] = true
			err = u.write(name, strings.NewReader(firstText(caption)+"\n"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// findCaption returns the caption of the current sample: a text, a list of texts, or nil.
func (u *unpacker) findCaption() (any, error) {
	if s, _ := u.caption.(string); s != "" {
		return s, nil
	}
	described := u.about.first(captionColumns)
	if !isText(described) {
		u.leaveOut("captions that are no text", 1)
	}
	if c := texts(described); c != nil {
		return c, nil
	}
	if u.table == nil {
		var err error
		if u.table, err = captionTable(u.file); err != nil {
			return nil, err
		}
	}
	return u.table[path.Base(u.key)], nil
}

// isText reports whether a value of a description is nothing, a text, or a list of such.
func isText(v any) bool {
	list, ok := v.([]any)
	_, one := v.(string)
	return v == nil || one || ok && !slices.ContainsFunc(list, func(v any) bool { return !isText(v) })
}

// texts returns a text or a list of texts on one line each, or nil.
func texts(v any) any {
	switch v := v.(type) {
	case string:
		if s := oneLine([]byte(v)); s != "" {
			return s
		}
	case []any:
		var list []string
		for _, x := range v {
			if s, _ := x.(string); oneLine([]byte(s)) != "" {
				list = append(list, oneLine([]byte(s)))
			}
		}
		if list != nil {
			return list
		}
	}
	return nil
}

// asText returns a text or a number as text, and "" for other values.
func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return fmt.Sprint(v)
	}
	return ""
}

// firstText returns a text, or the first of a list.
func firstText(v any) string {
	if list, ok := v.([]string); ok {
		return list[0]
	}
	s, _ := v.(string)
	return s
}

// captionTable returns the captions in the table next to a shard, by key.
func captionTable(file string) (map[string]any, error) {
	captions := map[string]any{}
	name, _ := shardName(file)
	name += ".parquet"
	if _, err := os.Stat(name); err != nil {
		return captions, nil //nolint:nilerr // most shards have none
	}
	err := readMetadataParquet(name, append([]string{"key"}, captionColumns...), func(_ string, row metadataRow) error {
		caption := row.first(captionColumns)
		if !utf8.ValidString(fmt.Sprint(caption)) {
			return fmt.Errorf("the caption of %q: %w: not UTF-8", asText(row["key"]), ErrNotText)
		}
		if c := texts(caption); c != nil {
			captions[asText(row["key"])] = c
		}
		return nil
	})
	return captions, err
}
