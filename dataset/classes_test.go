package dataset

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadClasses(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
		err  string
	}{
		"plain":                {text: "zumba\nair drumming\n", want: []string{"zumba", "air drumming"}},
		"comments and blanks":  {text: "\xef\xbb\xbf# new classes\r\n\r\n  air drumming \r\nC# coding\r\n", want: []string{"air drumming", "C# coding"}},
		"numbered codes":       {text: "1 ApplyEyeMakeup\r\n2 YoYo\r\n", want: []string{"Apply Eye Makeup", "Yo Yo"}},
		"numbered from 0":      {text: "0 a\n1 b\n2 c\n", want: []string{"a", "b", "c"}},
		"numbers in names":     {text: "1 step\n3 steps\n", want: []string{"1 step", "3 steps"}},
		"numbers alone":        {text: "0\n1\n", want: []string{"0", "1"}},
		"one name of a number": {text: "1 step\n", want: []string{"1 step"}},
		"twice":                {text: "brush hair\n\nwave\nBrush_Hair\n", err: `c.txt:4: class "Brush_Hair" is already in line 1, as "brush hair"`},
		"empty":                {text: "# nothing\n", err: "c.txt: no class names"},
		"no letters":           {text: "wave\n__\n", err: `c.txt:2: class name "__" is empty`},
		"not text":             {text: "PK\x03\x04\x00\x00", err: "c.txt:1: not a text file"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ReadClasses(filepath.Join(tree(t, map[string]string{"c.txt": tt.text}), "c.txt"))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %q in it", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for _, tt := range []struct{ in, words, canonical string }{
		{"ApplyEyeMakeup", "Apply Eye Makeup", "apply eye makeup"},
		{"brush_hair", "brush hair", "brush hair"},
		{" Brush  hair_", "Brush hair", "brush hair"},
		{"TaiChi", "Tai Chi", "tai chi"},
		{"TVShow", "TV Show", "tv show"},
		{"pushup", "pushup", "pushup"},
		{"passing American football (in game)", "passing American football (in game)", "passing american football (in game)"},
		{"Öffnen", "Öffnen", "öffnen"},
		{"挥手", "挥手", "挥手"},
		{"_", "", ""},
	} {
		if got := Words(tt.in); got != tt.words {
			t.Errorf("Words(%q) = %q, want %q", tt.in, got, tt.words)
		}
		if got := Canonical(tt.in); got != tt.canonical {
			t.Errorf("Canonical(%q) = %q, want %q", tt.in, got, tt.canonical)
		}
	}
}
