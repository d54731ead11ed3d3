package dataset

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// forms are spellings of "façade rouge" that look equal: NFC, NFD as in file names on macOS, a
// no-break space and a zero-width space as copied from web pages.
var forms = []string{"fa\u00e7ade rouge", "fac\u0327ade rouge", "fa\u00e7ade\u00a0rouge", "fa\u200b\u00e7ade rouge", "\ufefffa\u00e7ade  rouge"}

// Another form of a name finds the same video.
func TestResolveComparesForms(t *testing.T) {
	for _, stored := range forms {
		r := NewResolver([]string{stored + "/0.mp4", "bleu/0.mp4"})
		for _, asked := range forms {
			for _, path := range []string{asked + "/0.mp4", "videos/" + asked + "/0", asked + `\0.MOV`} {
				if id, err := r.Resolve(path); err != nil || id != stored+"/0.mp4" {
					t.Errorf("%+q in %+q: %+q, error %v", path, stored, id, err)
				}
			}
		}
	}
	// A store may have two forms, for example of two disks; the exact one is found.
	r := NewResolver([]string{forms[0] + ".mp4", forms[1] + ".mp4"})
	for _, name := range forms[:2] {
		if id, err := r.Resolve(name + ".mp4"); err != nil || id != name+".mp4" {
			t.Errorf("%+q: %+q, error %v", name, id, err)
		}
	}
	if _, err := r.Resolve(forms[3] + ".mp4"); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("a third form: %v", err)
	}
}

// A path whose bytes are not UTF-8 is written with escapes.
func TestResolveEscapes(t *testing.T) {
	r := NewResolver([]string{"caf\xe9/a.mp4", `win\x41/b.mp4`})
	for path, want := range map[string]string{`caf\xe9/a.mp4`: "caf\xe9/a.mp4", "caf\xe9/a": "caf\xe9/a.mp4", `win\x5cx41/b.mp4`: `win\x41/b.mp4`} {
		if id, err := r.Resolve(path); err != nil || id != want {
			t.Errorf("%q: %q, error %v", path, id, err)
		}
	}
}

// Labels in several forms are one class, with the spelling of the first.
func TestLabelsCompareForms(t *testing.T) {
	csv, segments := "path,label\n", "video,start,end,label\n"
	for i, f := range forms {
		name := string(rune('a' + i))
		csv += name + ".mp4," + f + "\n"
		segments += name + ".mp4,1,2," + f + "\n"
	}
	csv += "x.mp4,bleu\n"
	root := tree(t, map[string]string{"x.csv": csv, "s.csv": segments, "classes.txt": "bleu\n" + forms[1] + "\n",
		"f/" + forms[0] + "/a.mp4": "", "f/" + forms[1] + "/b.mp4": "", "f/bleu/c.mp4": ""})
	d, err := Load(filepath.Join(root, "x.csv"), Options{})
	if err != nil || !slices.Equal(d.Classes, []string{"bleu", forms[0]}) || d.Samples[4].Label != forms[0] {
		t.Errorf("%+q, error %v", d.Classes, err)
	}
	s, err := LoadSegments(filepath.Join(root, "s.csv"), "")
	if err != nil || !slices.Equal(s.Classes, forms[:1]) {
		t.Errorf("%+q, error %v", s.Classes, err)
	}
	classes, err := ReadClasses(filepath.Join(root, "classes.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if d, err = d.WithClasses(classes); err != nil || d.Samples[0].Label != forms[1] {
		t.Errorf("%+v, error %v", d, err)
	}
	if d, err = Load(filepath.Join(root, "f"), Options{}); err != nil || len(d.Classes) != 2 {
		t.Errorf("%+v, error %v", d, err)
	}
}

// A video whose name occurs in two forms is one video: it is in one split, drawn once, and not
// labeled twice.
func TestVideosCompareForms(t *testing.T) {
	d := &Dataset{Classes: []string{"a", "b"}}
	for i := range 8 {
		for _, f := range forms[:2] {
			d.Samples = append(d.Samples, Sample{Path: f + string(rune('0'+i)), Label: "a"}, Sample{Path: "b" + f + string(rune('0'+i)), Label: "b"})
		}
	}
	divided, err := d.Divide(0.5, 1)
	if err != nil {
		t.Fatal(err)
	}
	side := map[string]string{}
	for _, s := range divided.Samples {
		if was, ok := side[pathKey(s.Path)]; ok && was != s.Split {
			t.Errorf("%+q is in %s and %s", s.Path, was, s.Split)
		}
		side[pathKey(s.Path)] = s.Split
	}
	if drawn, err := takeShots(d, 8, 1); err != nil || len(drawn.Samples) != 16 {
		t.Errorf("%v, error %v", drawn, err)
	}
	d.Samples = append(d.Samples, Sample{Path: forms[3] + "0", Label: "b"})
	if _, err := d.Validate(); err == nil {
		t.Error("a video with two labels is accepted in another form")
	}
}

// Labels that differ in case or underscores are one class, and a warning has the spellings. Forms that look the same
// are no other spelling.
func TestSeveralSpellings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	table := "video,start,end,label\na,0,1,Polish\nb,0,1,polish\nc,0,1,caf\u00e9\nd,0,1,cafe\u0301\ne,0,1,HighJump\n"
	if err := os.WriteFile(path, []byte(table), 0o666); err != nil {
		t.Fatal(err)
	}
	want := path + `: labels that differ only in case or underscores are one class: 1 (["Polish" "polish"])`
	d, err := Load(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := d.Validate(); err != nil || !slices.Equal(got, []string{want}) || len(d.Classes) != 3 {
		t.Errorf("%q, classes %q, error %v", got, d.Classes, err)
	}
	s, err := LoadSegments(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Warnings(); !slices.Equal(got, []string{want}) || len(s.Classes) != 3 {
		t.Errorf("%q, classes %q", got, s.Classes)
	}
}
