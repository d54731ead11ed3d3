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

func TestLinesOfAnOldMac(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for in, want := range map[string]string{
		"a\rb\r": "a\nb\n", "a\r\nb\rc": "a\r\nb\rc", "a\r": "a\r", "\xff\xfea\x00\r\x00b\x00": "a\nb", long + "\r\nb": long + "\r\nb", "a\r" + long + "\rb": "a\n" + long + "\nb",
	} {
		if got, err := io.ReadAll(DecodeText(strings.NewReader(in))); err != nil || string(got) != want {
			t.Errorf("%.20q: %.20q, error %v", in, got, err)
		}
	}
}

func TestExplain(t *testing.T) {
	type inner struct {
		N int `json:"n"`
	}
	for text, want := range map[string]string{
		`{"list":{}}`: `"list" at byte 8 is an object instead of a list`, `{"in":[]}`: `"in" at byte 6 is a list instead of an object`,
		`{"in":{"n":1.5}}`: `"in.n" at byte 11 is the number 1.5 instead of an integer`, `{"s":true}`: `"s" at byte 5 is true or false instead of a string`,
		`{"b":"x"}`: `"b" at byte 5 is a string instead of true or false`, `{"f":"x"}`: `"f" at byte 5 is a string instead of a number`,
		`[]`: `the value at byte 0 is a list instead of an object`, `{"s":"a","s":"b"}`: `the key "s" is twice`,
	} {
		var v struct {
			List []int              `json:"list"`
			In   inner              `json:"in"`
			S    string             `json:"s"`
			B    bool               `json:"b"`
			F    float64            `json:"f"`
			M    map[string]float64 `json:"m"`
		}
		if err := Unmarshal([]byte(text), &v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestCheckQuery(t *testing.T) {
	for s, want := range map[string]error{"": nil, "rød 犬": nil, strings.Repeat("a", MaxQuery): nil, strings.Repeat("a", MaxQuery+1): ErrLongQuery, "r\xf6d": ErrQueryText, "r\ufffdd": ErrQueryText} {
		if err := CheckQuery(s); !errors.Is(err, want) {
			t.Errorf("%.20q: %v", s, err)
		}
	}
}
