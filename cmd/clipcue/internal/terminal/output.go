package terminal

import (
	"fmt"
	"io"
	"strings"

	"github.com/clipcue/clipcue/internal/text"
)

// Output is the standard output of a command. It keeps the first error of a write, so
// that a command whose results did not arrive cannot succeed.
type Output struct {
	w   io.Writer
	err error
}

// NewOutput returns the output to w.
func NewOutput(w io.Writer) *Output { return &Output{w: w} }

// Write writes bytes unchanged. After an error it writes nothing more.
func (o *Output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(p)
	if err != nil {
		o.err = fmt.Errorf("standard output: %w", err)
	}
	return n, o.err
}

// Err returns the first error of a write.
func (o *Output) Err() error { return o.err }

// Text returns a writer for people. Names from files can contain control characters,
// which could rewrite the screen of a terminal; it escapes all but line breaks and tabs.
// Each Write must hold whole characters, as those of package fmt and tabwriter do.
func (o *Output) Text() io.Writer { return plain{o} }

// JSON returns a writer for JSON. It writes unsafe characters as escapes of JSON, so that
// the values stay the same. Each Write must hold whole characters.
func (o *Output) JSON() io.Writer { return JSON(o) }

// JSON returns a writer of JSON to w; see [Output.JSON].
func JSON(w io.Writer) io.Writer { return quotedJSON{w} }

type quotedJSON struct{ w io.Writer }

func (q quotedJSON) Write(b []byte) (int, error) {
	if _, err := io.WriteString(q.w, text.QuoteJSON(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}

type plain struct{ w io.Writer }

func (p plain) Write(b []byte) (int, error) {
	written := len(b)
	var safe strings.Builder
	for len(b) > 0 {
		n := strings.IndexAny(string(b), "\n\t") + 1
		line, end := string(b), ""
		if n > 0 {
			line, end = string(b[:n-1]), string(b[n-1:n])
		}
		safe.WriteString(text.Quote(line) + end)
		b = b[len(line)+len(end):]
	}
	_, err := io.WriteString(p.w, safe.String())
	return written, err
}

// Fprintf is [fmt.Fprintf] for formats whose strings come from outside, such as paths,
// labels and errors: a line break or tab in one of them cannot start a line or a column.
func Fprintf(w io.Writer, format string, args ...any) (int, error) {
	for i, arg := range args {
		switch v := arg.(type) {
		case string:
			args[i] = text.Quote(v)
		case error:
			args[i] = text.Quote(v.Error())
		case fmt.Stringer:
			args[i] = text.Quote(v.String())
		}
	}
	return fmt.Fprintf(w, format, args...)
}
