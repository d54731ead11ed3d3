// Package attachment names files that a browser saves.
package attachment

import (
	"mime"
	"strings"
	"unicode"
)

// Header returns the Content-Disposition for a file that a browser saves under a name.
func Header(name string) string {
	return mime.FormatMediaType("attachment", map[string]string{"filename": FileName(name)})
}

// FileName replaces what some system does not allow in names of files, and what could hide
// the true extension.
func FileName(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
}
