package ffmpeg

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"

	"github.com/clipcue/clipcue/internal/text"
)

// Head is a writer that keeps the first 64 KiB. The buffer is not embedded: its
// ReadFrom, which io.Copy prefers to Write, would keep everything.
type Head struct{ kept bytes.Buffer }

func (h *Head) Write(p []byte) (int, error) {
	if room := 1<<16 - h.kept.Len(); room > 0 {
		h.kept.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// String returns what was kept.
func (h *Head) String() string { return h.kept.String() }

// Reason returns in one line why a program failed: the first error in its log, which
// must have been written with "-loglevel level+error" or more verbose, otherwise the
// error from Wait.
func Reason(cmd *exec.Cmd, log string, err error) string {
	if c := Complaint(log); c != "" {
		return c
	}
	return fmt.Sprintf("%s ended with %v", cmd.Args[0], err)
}

// Complaint returns the first error in a log, or "" if there is none.
func Complaint(log string) string {
	for line := range strings.Lines(log) {
		if message, ok := ErrorIn(line); ok {
			return message
		}
	}
	return ""
}

// ErrorIn returns the message of an error line of a log with levels, such as
//
//	[matroska,webm @ 0x5] [error] File ended prematurely
//
// and false for other lines.
func ErrorIn(line string) (string, bool) {
	for _, level := range []string{"error", "fatal", "panic"} {
		if message, ok := At(level, line); ok {
			return message, true
		}
	}
	return "", false
}

// At returns the message of a log line of the given level. A level that is part of a
// file's title or name, which the log repeats, does not count.
func At(level, line string) (message string, ok bool) {
	for {
		head, rest, ok := strings.Cut(line, "] ")
		switch {
		case !ok || head == "" || head[0] != '[':
			return "", false
		case head[1:] == level:
			return OneLine(rest), true
		case !strings.Contains(head, " @ "):
			return "", false
		}
		line = rest
	}
}

// OneLine returns an external message shortened to one line that is safe to print.
func OneLine(s string) string {
	s = strings.TrimRight(strings.TrimSpace(s), ".")
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "..."
	}
	return text.Quote(s)
}
