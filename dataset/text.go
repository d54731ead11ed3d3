package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipcue/clipcue/internal/input"
)

// Limits of annotation files. Real ones are far below them; a file that is not can only be
// of another kind, or made to exhaust the memory.
const (
	maxLine   = 1 << 20 // bytes of a line, and of a record of a CSV file
	minPerRow = 64      // average bytes of a row, beyond the first maxShort rows
	maxShort  = 1 << 20
)

// textFile is an open annotation file.
type textFile struct {
	io.Reader
	io.Closer
}

// openText opens an annotation file and returns its content as UTF-8 without a byte order
// mark. A file that starts with the mark of UTF-16 is converted.
func openText(path string) (textFile, error) {
	f, err := input.Open(path)
	if err != nil {
		return textFile{}, err
	}
	return textFile{input.DecodeText(f), f}, nil
}

// readFile runs a parser on an annotation file.
func readFile[T any](path string, parse func(io.Reader, string) (T, error)) (T, error) {
	f, err := openText(path)
	if err != nil {
		var zero T
		return zero, err
	}
	defer f.Close()
	return parse(f, path)
}

// rowCount limits the rows of a file, which take more memory than their text.
type rowCount struct{ rows, bytes int64 }

// add counts a row of a number of bytes.
func (c *rowCount) add(bytes int64) error {
	c.rows++
	c.bytes += bytes
	if c.rows > max(maxShort, c.bytes/minPerRow) {
		return fmt.Errorf("%w: %d rows of %d bytes", ErrNotAnnotations, c.rows, c.bytes)
	}
	return nil
}

// eachLine calls f with each line that is not blank, without surrounding space, and with
// its number. Text that is not UTF-8 and control characters are errors. An error of f is
// returned with the file and the line before it.
func eachLine(r io.Reader, name string, f func(line int, text string) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxLine)
	var count rowCount
	n := 0
	for sc.Scan() {
		n++
		text := strings.TrimSpace(strings.TrimPrefix(sc.Text(), "\ufeff")) // of a file that was appended to another
		err := checkLine(text)
		if err == nil && text != "" {
			if err = count.add(int64(len(sc.Bytes())) + 1); err == nil {
				err = f(n, text)
			}
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	if errors.Is(sc.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("%s:%d: %w: line longer than %d bytes", name, n+1, ErrNotAnnotations, maxLine)
	}
	if sc.Err() != nil {
		return fmt.Errorf("%s: %w", name, sc.Err())
	}
	return nil
}

// checkLine returns an error for a line that is not text.
func checkLine(text string) error {
	if err := checkText(text); err != nil {
		return err
	}
	for _, r := range text {
		if unicode.IsControl(r) && r != '\t' {
			return fmt.Errorf("%w: the line has the control character %q", ErrNotAnnotations, r)
		}
	}
	return nil
}

// checkText returns an error for binary data and text in other encodings than UTF-8.
func checkText(s string) error {
	if strings.ContainsRune(s, 0) {
		return fmt.Errorf("%w: it has zero bytes, like binary data and UTF-16 without a byte order mark", ErrNotText)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: not UTF-8", ErrNotText)
	}
	return nil
}
