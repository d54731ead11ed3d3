package dataset

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// fuzz runs a parser on arbitrary text. It must return valid samples, or a one-line error that
// starts with the name of the file.
func fuzz(f *testing.F, parse func(r io.Reader, name string) ([]Sample, error), seeds ...string) {
	for _, s := range append(seeds, "", "\n", "\xef\xbb\xbf", "\x00", "\xff", "a", " / ", "0", "\"") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		samples, err := parse(strings.NewReader(text), "file")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "file:") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		for _, s := range samples {
			if s.Path == "" || Canonical(s.Label) == "" {
				t.Errorf("%+v", s)
			}
			if split, ok := splitName(s.Split); s.Split != "" && (!ok || split != s.Split) {
				t.Errorf("%+v", s)
			}
			if !(s.Start >= 0 && (s.End == 0 || s.End > s.Start)) {
				t.Errorf("%+v", s)
			}
		}
	})
}

func samplesOf(parse func(io.Reader, string) (parsed, error)) func(io.Reader, string) ([]Sample, error) {
	return func(r io.Reader, name string) ([]Sample, error) {
		p, err := parse(r, name)
		return p.samples, err
	}
}

func FuzzCSV(f *testing.F) {
	fuzz(f, samplesOf(parseCSV), "path,label\na.mp4,wave\n", "label,path,split,start,end\r\nrun,\"b,c\",test,1,2.5\r\n", "path,label,end\na,b,1e999\n", "path;label\n", "path,label\na,\"\n")
}

func FuzzJSONL(f *testing.F) {
	fuzz(f, samplesOf(parseJSONL), `{"path":"a","label":"b"}`, `{"path":"a","label":"b","start":1,"end":2,"split":"val"}`, `{"path":"a","label":"b"}{}`, `null`, `[1]`, `{"path":"a","label":"b","end":1e999}`)
}

func FuzzKinetics(f *testing.F) {
	fuzz(f, samplesOf(parseKinetics), "label,youtube_id,time_start,time_end,split,is_cc\nzumba,x,0,10,val,0\n", "youtube_id,label,time_end,time_start\n-_-,air drumming,999999999,7\n")
}

func FuzzHMDB51(f *testing.F) {
	fuzz(f, func(r io.Reader, name string) ([]Sample, error) { return parseHMDB51(r, name, "brush_hair") }, "a.avi 1 \nb c.avi 2\n#1.avi 0\n", " 1\n")
}

func FuzzList(f *testing.F) {
	fuzz(f, func(r io.Reader, name string) ([]Sample, error) { return parseList(r, name, Train) }, "wave/a.avi\nkick ball/b\n", "a\\b\\c.mp4\n", "_/a\n")
}

func FuzzUCF101(f *testing.F) {
	number := map[string]int{"yo yo": 1}
	fuzz(f, func(r io.Reader, name string) ([]Sample, error) { return parseUCF101(r, name, Test, number) }, "YoYo/a.avi 1\n", "YoYo/a b.avi\n", "YoYo/ 1\n")
}

func FuzzMMAction2(f *testing.F) {
	fuzz(f, func(r io.Reader, name string) ([]Sample, error) {
		return parseMMAction2(r, name, "", []string{"a", "b"})
	}, "x.mp4 1\n", "x.mp4 0 1\n", "x y.mp4 -1\n", "1 1\n")
}

func FuzzClasses(f *testing.F) {
	for _, s := range []string{"a\nb\n", "# c\n1 A\n2 B\n", "A_b\na b\n", "0 \n1 \n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		classes, err := parseClasses(strings.NewReader(text), "file")
		if err != nil {
			return
		}
		if _, err := classSet(classes); err != nil {
			t.Error(err)
		}
	})
}

func FuzzResolve(f *testing.F) {
	f.Add("wave/a.mp4", "a.mp4")
	f.Add("..", "../..")
	f.Add("\x00", "/\x00/")
	f.Add(`C:\x.avi`, "x")
	f.Fuzz(func(t *testing.T, id, p string) {
		r := NewResolver([]string{id, p})
		if got, err := r.Resolve(p); err == nil && got != p && got != id {
			t.Errorf("%q came out of nowhere", got)
		}
		r.Resolve(id + "/" + p)
	})
}

// FuzzSentences reads templates and the background captions of a library.
func FuzzSentences(f *testing.F) {
	dir := f.TempDir()
	fuzz(f, func(r io.Reader, name string) ([]Sample, error) {
		text, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o666); err != nil {
			return nil, err
		}
		sentences, err := ReadSentences(path)
		for _, s := range sentences {
			if s == "" || strings.ContainsAny(s, "\r\n") || !utf8.ValidString(s) {
				return []Sample{{}}, nil // which is not valid
			}
		}
		if err != nil {
			err = errors.New(strings.TrimPrefix(err.Error(), dir+string(filepath.Separator)))
		}
		return nil, err
	}, "a photo of a {}.\n\na man walks\n", "\xff\xfea\x00\n\x00", "x\r\n")
}
