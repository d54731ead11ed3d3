package dataset

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/video"
)

// Words returns a folder name or code as words: underscores become spaces, CamelCase is
// split, and repeated spaces become one. "ApplyEyeMakeup" gives "Apply Eye Makeup",
// "brush_hair" gives "brush hair".
func Words(name string) string {
	runes := []rune(name)
	var b strings.Builder
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) {
			before := runes[i-1]
			endsWord := unicode.IsLower(before) || unicode.IsDigit(before)
			// The last capital of a run starts a word: "TVShow" is "TV Show".
			endsRun := unicode.IsUpper(before) && i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if endsWord || endsRun {
				b.WriteByte(' ')
			}
		}
		b.WriteRune(r)
	}
	return underscores(b.String())
}

// underscores replaces underscores by spaces, and repeated spaces by one.
func underscores(name string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(name, "_", " ")), " ")
}

// Canonical returns the form in which class names are compared: the [Words] of the name in
// lower case, in Unicode's NFC and without invisible characters. Names with different
// forms are different classes ("pushup", "push up").
func Canonical(name string) string { return strings.ToLower(Words(text.Key(name))) }

// severalSpellings begins the warning with [spellings].
const severalSpellings = "labels that differ only in case or underscores are one class"

// spellings returns the labels of each class that is spelled in several ways.
func spellings(labels iter.Seq[string]) (out []string) {
	of := map[string][]string{} // class
	for _, l := range slices.Sorted(labels) {
		key := Canonical(l)
		if !slices.ContainsFunc(of[key], func(o string) bool { return text.Key(o) == text.Key(l) }) {
			of[key] = append(of[key], l)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(of)) {
		if len(of[key]) > 1 {
			out = append(out, fmt.Sprintf("%q", of[key]))
		}
	}
	return out
}

// classSet returns the given spellings by their canonical names. Two classes with the same
// canonical name and a class without one are errors.
func classSet(classes []string) (map[string]string, error) {
	if len(classes) == 0 {
		return nil, errors.New("the list of classes is empty")
	}
	set := make(map[string]string, len(classes))
	for _, c := range classes {
		key := Canonical(c)
		if key == "" {
			return nil, fmt.Errorf("class name %q is empty", c)
		}
		if other, ok := set[key]; ok {
			return nil, fmt.Errorf("class %q is listed twice (as %q and %q)", key, other, c)
		}
		set[key] = c
	}
	return set, nil
}

// disjoint returns an error for a class that is in both lists.
func disjoint(trainClasses, testClasses []string) error {
	inTrain, err := classSet(trainClasses)
	if err != nil {
		return fmt.Errorf("training classes: %w", err)
	}
	for _, c := range testClasses {
		if _, ok := inTrain[Canonical(c)]; ok {
			return fmt.Errorf("class %q is among both the training and the test classes; zero-shot needs them disjoint", c)
		}
	}
	return nil
}

// normalPath returns a path with slashes, without "." and repeated slashes.
func normalPath(p string) string {
	return path.Clean(strings.ReplaceAll(strings.TrimSpace(p), `\`, "/"))
}

// pathKey returns the form in which paths in annotations are compared.
func pathKey(p string) string { return text.Key(normalPath(p)) }

// videoKey is pathKey without the extension of a video format: two paths with the same
// videoKey name the same video.
func videoKey(p string) string { return video.TrimExtension(pathKey(p)) }
