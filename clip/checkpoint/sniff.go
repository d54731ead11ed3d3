package checkpoint

import (
	"bytes"
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
	return nil, looksLike(head)
}

// NotWeightsError reports a file that is not a weight file. The command line prints
// Remedy.
type NotWeightsError struct {
	What   string // what it is, such as "a web page, as a failed download leaves"
	Remedy string // what to do instead, such as "unpack it"; may be ""
}

func (e *NotWeightsError) Error() string { return "not a weight file: it is " + e.What }

func notWeights(what, remedy string) error { return &NotWeightsError{what, remedy} }

// otherFiles are files that are no weights, by the text they begin with, in lower case.
var otherFiles = []struct{ begins, what, remedy string }{
	{"version https://git-lfs", "a Git LFS pointer to the weights", "git lfs pull, or download the file itself"},
	{"<!doctype html", "a web page, as a failed download leaves", "download the file itself"},
	{"<html", "a web page, as a failed download leaves", "download the file itself"},
	{"<", "XML or HTML text", "download the file itself"},
	{"{", "JSON text", "the weight file or its folder"},
	{"[", "JSON text", "the weight file or its folder"},
	{"\x1f\x8b", "gzip-compressed", "unpack it"},
	{"\x89hdf", "an HDF5 file, as Keras writes", "the model's PyTorch or safetensors weights"},
	{"gguf", "a GGUF file", "the model's PyTorch or safetensors weights"},
}

// looksLike returns the error for a file that is no weight file.
func looksLike(head []byte) error {
	text := strings.ToLower(string(bytes.TrimSpace(head)))
	for _, f := range otherFiles {
		if strings.HasPrefix(text, strings.ToLower(f.begins)) {
			return notWeights(f.what, f.remedy)
		}
	}
	switch {
	case len(head) == 0:
		return notWeights("empty", "download it again")
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return notWeights("a tar archive", "unpack it; PyTorch's tar format from before 2018 is not supported")
	case len(bytes.Trim(head, "\x00")) == 0:
		return notWeights("a file that begins with zeros, as an unfinished download does", "download it again")
	case isText(head):
		return notWeights("a text file", "")
	}
	return notWeights("of an unknown format", "a .pt or .safetensors file")
}

// isText reports whether head is the beginning of a text file.
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
