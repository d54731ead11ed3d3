package atomicfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
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

// sameKind returns an error if path is a file that is neither empty nor of the kind of a file
// with the given first bytes.
func sameKind(path string, result []byte) error {
	if info, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil // Write has an error for what is no file
	}
	f, err := os.Open(path)
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

// kind returns what a file with the given first bytes is: text, one of the binary formats of
// clipcue's results, or "". Zip files are of one kind if their first entries have the same name.
func kind(head []byte) string {
	const zipMagic, zipName = "PK\x03\x04", 30 // the offset of the name in a local file header
	for _, magic := range []string{"PAR1", "ARROW1", zipMagic} {
		if !bytes.HasPrefix(head, []byte(magic)) {
			continue
		}
		if magic == zipMagic && len(head) >= zipName {
			return magic + string(head[zipName:min(len(head), zipName+int(binary.LittleEndian.Uint16(head[26:])))])
		}
		return magic
	}
	text := head
	for range utf8.UTFMax - 1 { // the last character of a longer file may be incomplete
		if len(head) == headSize && !utf8.Valid(text) {
			text = text[:len(text)-1]
		}
	}
	if utf8.Valid(text) && !bytes.Contains(text, []byte{0}) {
		return "text"
	}
	return ""
}
