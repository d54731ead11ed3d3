package library

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipcue/clipcue/internal/text"
)

// WarningKind is what a [Warning] is about.
type WarningKind string

// The kinds of warnings.
const (
	WarnNegation WarningKind = "negation"  // the text query excludes something
	WarnScript   WarningKind = "script"    // the text query is not in Latin script
	WarnNoMatch  WarningKind = "no match"  // no result reaches MatchScore
	WarnEmpty    WarningKind = "empty"     // the library has no moments
	WarnPending  WarningKind = "pending"   // videos are waiting to be re-indexed
	WarnChanged  WarningKind = "changed"   // videos in the results have changed since they were indexed
	WarnReopen   WarningKind = "reindexed" // the library was re-indexed since it was opened
	WarnFilter   WarningKind = "filter"    // no moment passes the filter
)

// Warning is about a query or the library. It is a string in JSON.
type Warning struct {
	Kind WarningKind
	Text string
}

func (w Warning) String() string { return w.Text }

// MarshalJSON returns the text.
func (w Warning) MarshalJSON() ([]byte, error) { return json.Marshal(w.Text) }

// queryWarnings returns the warnings about a text query.
func queryWarnings(e Embedder, query string) (out []Warning) {
	reader, ok := e.(interface{ Reads(query string) bool })
	foreign := strings.ContainsFunc(query, func(r rune) bool { return unicode.IsLetter(r) && !unicode.Is(unicode.Latin, r) })
	if foreign && !(ok && reader.Reads(query)) {
		out = append(out, Warning{WarnScript, "the query has letters of another script; CLIP and its tokenizer learned from English captions"})
	}
	if word := negation(query); word != "" {
		out = append(out, Warning{WarnNegation, fmt.Sprintf("the query excludes something (%q), but text embeddings hardly represent negation: results can show what it excludes", word)})
	}
	return out
}

var (
	quoted   = regexp.MustCompile(`"[^"]*"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|(?:^|\s)'[^']*'(?:$|[\s,.;:!?])`)
	negative = regexp.MustCompile(`^(?:no|not|never|none|nobody|nothing|nowhere|neither|nor|without|lacking|except|excluding|exclude|excludes|cannot|minus|\pL+n't|(?:is|are|was|were|do|does|did|has|have|ca|wo|could|would|should)nt|non-\pL.*)$`)
	excluded = regexp.MustCompile(`^[-−–—]\pL`)
	phrases  = regexp.MustCompile(`(?i)\b(?:other than|anything but|everything but|all but|free of|absence of|lack of|rather than|instead of|devoid of)\b`)
)

// negation returns the word of a text query that excludes something, "" for none. Quoted
// text and titles are names; so is what a sign says ("a no parking sign").
func negation(query string) string {
	plain := quoted.ReplaceAllString(strings.ReplaceAll(text.Key(query), "’", "'"), " ")
	if phrase := phrases.FindString(plain); phrase != "" {
		return phrase
	}
	shout := strings.ToUpper(plain) == plain // all letters are capitals
	words := strings.Fields(plain)
	for i, word := range words {
		if excluded.MatchString(word) && (i > 0 || len(words) > 1) {
			return word
		}
		word = strings.TrimFunc(word, func(r rune) bool { return unicode.IsPunct(r) && r != '\'' })
		if !negative.MatchString(strings.ToLower(word)) {
			continue
		}
		rest := words[i+1:]
		if !shout && capital(word) && (i > 0 || len(rest) > 0 && capital(rest[0])) {
			continue // a name: Dr. No, Never Say Never Again
		}
		if strings.EqualFold(word, "no") && len(rest) > 0 && (unicode.IsDigit(first(rest[0])) || sign(rest)) {
			continue // no. 5
		}
		return word
	}
	return ""
}

// sign reports whether the words after "no" end in a sign within a few words.
func sign(words []string) bool {
	return slices.ContainsFunc(words[:min(4, len(words))], func(w string) bool {
		return strings.HasPrefix(strings.ToLower(w), "sign")
	})
}

func first(word string) rune {
	r, _ := utf8.DecodeRuneInString(word)
	return r
}

func capital(word string) bool { return unicode.IsUpper(first(word)) }
