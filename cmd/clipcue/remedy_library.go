package main

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipcue/clipcue/library"
)

// libraryMismatch returns the command that re-indexes a library with other settings, or
// the flags of the model with which it can be searched.
func libraryMismatch(e *library.MismatchError) string {
	index := "clipcue index --library " + shellArg(e.Dir) + " --reindex"
	s := e.Given
	if s.Window == 0 { // a search
		return fmt.Sprintf("the model of the library (%s), or re-index it: %s --model MODEL, or --run RUN", modelFlags(e.Library), index)
	}
	fps, _ := strings.CutPrefix(s.Sampling, "fps=")
	option := map[string]string{
		"model":     modelFlags(s),
		"precision": "--precision " + cmp.Or(s.Precision, "float32"),
		"sampling":  "--fps " + fps,
		"still":     fmt.Sprintf("--still %v", s.Still),
		"window":    fmt.Sprintf("--window %gs", s.Window),
		"hop":       fmt.Sprintf("--hop %gs", s.Hop),
		"server":    "--server " + shellArg(s.Server),
		"captions":  "--background-captions FILE",
	}
	for _, field := range e.Different {
		index += " " + option[field]
	}
	return "without the option; or re-index everything: " + index
}

// changedModel returns what to do about a library whose own model has changed.
func changedModel(dir string, s library.Settings) string {
	return fmt.Sprintf("the files of the model as they were when the library was made (%s), or re-index it: clipcue index --library %s --reindex %s",
		cmp.Or(s.Run, s.Model, "clipcue-tiny"), shellArg(dir), modelFlags(s))
}

// modelFlags returns the flags that load the model of a library.
func modelFlags(s library.Settings) string {
	flags := "--model " + shellArg(cmp.Or(s.Model, "clipcue-tiny"))
	if s.Run != "" {
		flags += " --run " + shellArg(s.Run)
	}
	return flags
}

// damageRemedy returns what to do about damage in a library.
func damageRemedy(dir string, d library.Damage) string {
	index := "clipcue index --library " + shellArg(dir)
	switch d.Kind {
	case library.DamagedGraph:
		return "build it again with: " + index
	case library.DamagedVectors:
		return "delete this folder, then update the library, which re-indexes the videos: " + index
	case library.MissingVectors:
		return "update the library, which re-indexes the video: " + index
	case library.DamagedThumbnail:
		return "make it again with: " + index + " --reindex " + shellArg(d.Video)
	}
	return "restore the library from a copy, or delete its folder and index again"
}

// warningAdvice says what to do about a warning of a search.
var warningAdvice = map[library.WarningKind]string{
	library.WarnNegation: "a query with only what is visible, and --without TEXT for what to exclude",
	library.WarnScript:   "a query in English",
	library.WarnEmpty:    "clipcue index --library LIBRARY VIDEOS",
	library.WarnPending:  "clipcue index --library LIBRARY, to continue",
	library.WarnChanged:  "clipcue index --library LIBRARY",
	library.WarnFilter:   "clipcue library info --library LIBRARY, for what it holds; or another filter",
	library.WarnReopen:   "the same command again",
}

// warn logs a warning of a search in a library, with advice if there is any.
func (a *app) warn(w library.Warning, dir string) {
	if advice := warningAdvice[w.Kind]; advice != "" {
		a.log.Warn(w.Text, "try", strings.Replace(advice, "LIBRARY", shellArg(dir), 1))
		return
	}
	a.log.Warn(w.Text)
}

// shellArg returns an argument as it has to be typed in a POSIX shell.
func shellArg(s string) string {
	plain := func(r rune) bool {
		return r >= utf8.RuneSelf && unicode.IsPrint(r) || r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_./:@%+=,-", r))
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
