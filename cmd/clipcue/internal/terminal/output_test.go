package terminal

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
	"unicode"
)

// full is a disk without space.
type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	if n := min(len(p), f.room); n < len(p) {
		f.room = 0
		return n, errors.New("no space left on device")
	}
	f.room -= len(p)
	return len(p), nil
}

func TestOutputKeepsTheFirstError(t *testing.T) {
	out := NewOutput(&full{room: 4})
	for range 3 {
		fmt.Fprint(out.Text(), "abc") // whose error nobody looks at
	}
	if err := out.Err(); err == nil || err.Error() != "standard output: no space left on device" {
		t.Errorf("error %v", err)
	}
}

func TestTextCannotRewriteTheScreen(t *testing.T) {
	for name, s := range map[string]string{
		"clear screen": "a\x1b[2J", "bidi override": "gpj.\u202eexe", "carriage return": "good\rbad",
		"C1 controls": "\u009b2J", "raw C1": "\x9b2J", "zero width": "a\u200bb", "bell": "\a",
	} {
		var b strings.Builder
		w := tabwriter.NewWriter(NewOutput(&b).Text(), 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "name\tscore\n%s\t1\n", s)
		w.Flush()
		if strings.Count(b.String(), "\n") != 2 || strings.ContainsFunc(strings.ReplaceAll(b.String(), "\n", ""), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%s: %q", name, b.String())
		}
	}
}

func TestFprintfKeepsRowsAndColumns(t *testing.T) {
	var b strings.Builder
	Fprintf(&b, "%s\t%v\t%d\n", "a\nb\tc", errors.New("x\ny"), 5)
	if want := `a\nb\tc` + "\t" + `x\ny` + "\t5\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}
