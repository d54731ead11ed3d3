package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// decode lists the tensors of a file of size bytes.
func decode(r io.ReaderAt, size int64) (*source, error) {
	head := make([]byte, min(size, 512))
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return decodeZip(r, size)
	case len(head) > 8 && head[8] == '{': // after the header's length
		return decodeSafetensors(r, size)
	case bytes.HasPrefix(head, []byte{0x80}): // the opcode that starts a pickle
		return decodeLegacy(r, size)
	}
	return nil, fmt.Errorf("not a weight file: %s", looksLike(head))
}

// looksLike says what a file that is no weight file is, and what to do.
func looksLike(head []byte) string {
	text := strings.ToLower(string(bytes.TrimSpace(head)))
	switch {
	case len(head) == 0:
		return "it is empty; download it again"
	case strings.HasPrefix(text, "version https://git-lfs"):
		return "it is a Git LFS pointer that stands for the weights; run git lfs pull, or download the file itself"
	case strings.HasPrefix(text, "<!doctype html"), strings.HasPrefix(text, "<html"):
		return "it is a web page, as a failed download leaves; download the file itself"
	case strings.HasPrefix(text, "<"):
		return "it is XML or HTML text; download the file itself"
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		return "it is JSON text; name the weight file or its folder"
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return "it is gzip-compressed; unpack it first"
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return "it is a tar archive; unpack it first (PyTorch's tar format from before 2018 is not supported)"
	case bytes.HasPrefix(head, []byte("\x89HDF")):
		return "it is an HDF5 file, as Keras writes; use the PyTorch or safetensors weights"
	case bytes.HasPrefix(head, []byte("GGUF")):
		return "it is a GGUF file; use the PyTorch or safetensors weights"
	case len(bytes.Trim(head, "\x00")) == 0:
		return "it begins with zeros, as an unfinished download does; download it again"
	case isText(head):
		return "it is a text file"
	}
	return "its format is not known; use a .pt or .safetensors file"
}

// isText reports whether head is the beginning of a text.
func isText(head []byte) bool {
	for len(head) > 0 {
		r, size := utf8.DecodeRune(head)
		if r == utf8.RuneError && len(head) >= utf8.UTFMax || unicode.IsControl(r) && !unicode.IsSpace(r) {
			return false
		}
		head = head[size:]
	}
	return true
}

// errCutOff is what a reader of a damaged file reports.
var errCutOff = errors.New("the file is cut off or damaged: compare its size with the published one and download it again")
