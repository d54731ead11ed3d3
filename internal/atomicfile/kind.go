package atomicfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"unicode/utf8"
)

// headSize is the number of bytes by which kind recognizes a file.
const headSize = 512

// head passes on what is written, and keeps the first bytes.
type head struct {
	w     io.Writer
	bytes []byte
}

func (h *head) Write(p []byte) (int, error) {
	h.bytes = append(h.bytes, p[:min(len(p), headSize-len(h.bytes))]...)
	return h.w.Write(p)
}

// sameKind returns an error if open opens a file that is neither empty nor of the kind of a file
// with the given first bytes.
func sameKind(open func() (*os.File, error), path string, kind func(head []byte) string, result []byte) error {
	f, err := open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return &fs.PathError{Op: "write", Path: path, Err: ErrOtherKind} // it may be anything
	}
	if err != nil {
		return err
	}
	defer f.Close()
	old, err := io.ReadAll(io.LimitReader(f, headSize))
	if err != nil {
		return err
	}
	if k := kind(old); len(old) > 0 && (k == "" || k != kind(result)) {
		return &fs.PathError{Op: "write", Path: path, Err: ErrOtherKind}
	}
	return nil
}

// CheckModel returns an error unless a model file, of any kind, may be written to path.
func CheckModel(path string) error {
	if err := CheckRegular(path); err != nil {
		return err
	}
	return sameKind(func() (*os.File, error) { return os.Open(path) }, path, kind, []byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
}

// Binary formats of clipcue's results.
const (
	zipFile   = "PK\x03\x04"
	modelFile = "safetensors"
	textFile  = "text"
)

// kind returns what a file with the given first bytes is: text, one of the binary formats of
// clipcue's results, or "". Archives are of one kind if their first entries have the same name
// (zip) or extension (tar).
func kind(head []byte) string {
	const zipName, tarName, tarMagic = 30, 100, 257 // offsets of names and magic, and the length of names in tar
	switch {
	case bytes.HasPrefix(head, []byte(zipFile)) && len(head) >= zipName:
		return zipFile + string(head[zipName:min(len(head), zipName+int(binary.LittleEndian.Uint16(head[26:])))])
	case len(head) == headSize && bytes.HasPrefix(head[tarMagic:], []byte("ustar")):
		name, _, _ := bytes.Cut(head[:tarName], []byte{0})
		return "tar" + path.Ext(string(name))
	case len(head) > 8 && head[8] == '{' && binary.LittleEndian.Uint64(head) < 1<<40: // the size of the JSON
		return modelFile
	}
	for _, magic := range []string{"PAR1", "ARROW1", zipFile, "\x93NUMPY", "\xff\xd8\xff"} { // the last is JPEG's
		if bytes.HasPrefix(head, []byte(magic)) {
			return magic
		}
	}
	text := head
	for range utf8.UTFMax - 1 { // the last character of a longer file may be incomplete
		if len(head) == headSize && !utf8.Valid(text) {
			text = text[:len(text)-1]
		}
	}
	if utf8.Valid(text) && !bytes.Contains(text, []byte{0}) {
		return textFile
	}
	return ""
}

// firstKeys matches the first key of JSON, with that of the object that is its value.
var firstKeys = regexp.MustCompile(`^\s*(\{\s*"[^"]*"\s*:\s*)+`)

// form returns the kind of a file, with the first key of JSON and model files and the first line of
// other text.
func form(head []byte) string {
	k, text := kind(head), head
	switch k {
	case modelFile:
		text = head[8:]
	case textFile:
	default:
		return k
	}
	if keys := firstKeys.Find(text); keys != nil {
		return k + string(bytes.Join(bytes.Fields(keys), nil))
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return k + string(line)
}
