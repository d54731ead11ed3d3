package dataset

import (
	"fmt"
	"strings"
	"unicode"
)

// Words turns a folder name or code into words: underscores become spaces,
// CamelCase is split, blanks are folded. "ApplyEyeMakeup" gives "Apply Eye
// Makeup", "brush_hair" gives "brush hair".
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

// underscores makes spaces of underscores and folds blanks.
func underscores(name string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(name, "_", " ")), " ")
}

// Canonical is the form in which class names are compared: its Words in lower
// case. Names that differ in it are different classes ("pushup", "push up").
func Canonical(name string) string { return strings.ToLower(Words(name)) }

// classSet maps canonical names to the spelling given. Two classes with one
// canonical name, or a class without one, are an error.
func classSet(classes []string) (map[string]string, error) {
	if len(classes) == 0 {
		return nil, fmt.Errorf("the list of classes is empty")
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
