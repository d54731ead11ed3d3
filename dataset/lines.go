package dataset

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLine bounds one line of a text file; a longer one is no annotation.
const maxLine = 1 << 20

var byteOrderMark = []byte("\xef\xbb\xbf")

// eachLine calls f with each line that is not blank, trimmed, and with its
// number. Byte order marks and CRLF are taken off; what is not UTF-8 text is
// refused. An error of f comes back with the file and the line in front.
func eachLine(r io.Reader, name string, f func(line int, text string) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxLine)
	n := 0
	for sc.Scan() {
		n++
		raw := sc.Bytes()
		if n == 1 {
			raw = bytes.TrimPrefix(raw, byteOrderMark)
		}
		text := strings.TrimSpace(string(raw))
		if err := checkText(text); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
		if text == "" {
			continue
		}
		for _, r := range text {
			if unicode.IsControl(r) && r != '\t' {
				return fmt.Errorf("%s:%d: the line holds the control character %q; this is no annotation file", name, n, r)
			}
		}
		if err := f(n, text); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	if errors.Is(sc.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("%s:%d: line longer than %d bytes; this is no annotation file", name, n+1, maxLine)
	}
	if sc.Err() != nil {
		return fmt.Errorf("%s: %w", name, sc.Err())
	}
	return nil
}

// checkText refuses what no annotation holds: binary data and other encodings.
func checkText(s string) error {
	if strings.ContainsRune(s, 0) {
		return errors.New("not a text file (it holds zero bytes; UTF-16 has to be saved as UTF-8)")
	}
	if !utf8.ValidString(s) {
		return errors.New("not UTF-8 text; save the file as UTF-8")
	}
	return nil
}

// readFile runs a parser on an opened file.
func readFile[T any](path string, parse func(io.Reader, string) (T, error)) (T, error) {
	f, err := os.Open(path)
	if err != nil {
		var zero T
		return zero, err
	}
	defer f.Close()
	return parse(f, path)
}
