package input

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDecodeText(t *testing.T) {
	for in, want := range map[string]string{
		"é": "é", "": "", "\xef": "\xef", "\ufeffé": "é", "\ufeff": "",
		"\xff\xfe\xe9\x00": "é", "\xfe\xff\x00\xe9": "é", "\xff\xfe": "",
	} {
		if got, err := io.ReadAll(DecodeText(strings.NewReader(in))); err != nil || string(got) != want {
			t.Errorf("%q: %q, error %v", in, got, err)
		}
	}
}

func TestReadText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text")
	for in, want := range map[string]string{"é": "é", "\ufeffé": "é", "\xff\xfe\xe9\x00": "é", "\xfe\xff\x00\xe9": "é"} {
		if err := os.WriteFile(path, []byte(in), 0o666); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadText(path, 10); err != nil || string(got) != want {
			t.Errorf("%q: %q, error %v", in, got, err)
		}
	}
	for in, want := range map[string]error{"\xe9": ErrNotText, "long enough to refuse": ErrTooLarge} {
		if err := os.WriteFile(path, []byte(in), 0o666); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadText(path, 10); !errors.Is(err, want) {
			t.Errorf("%q: %q, error %v, want %v", in, got, err, want)
		}
	}
}

func TestQuoteNumbers(t *testing.T) {
	for in, want := range map[string]string{
		`[NaN,-Infinity, Infinity]`: `["NaN","-Infinity", "Infinity"]`,
		`{"NaN":"a\"NaN","b":-1}`:   `{"NaN":"a\"NaN","b":-1}`,
		`NaN`:                       `"NaN"`,
		`["\\",NaN]`:                `["\\","NaN"]`,
	} {
		if got := string(QuoteNumbers([]byte(in))); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// Valid JSON does not change.
func FuzzQuoteNumbers(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e3,"NaN \" Infinity"]}`, `"\\"`, `NaN`, `"`, `\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := QuoteNumbers([]byte(s))
		if json.Valid([]byte(s)) && string(got) != s {
			t.Errorf("%q became %q", s, got)
		}
	})
}
