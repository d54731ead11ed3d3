package library_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/library"
)

func TestSplit(t *testing.T) {
	for query, want := range map[string][2]string{
		`a dog -leash`:             {"a dog", "leash"},
		`a dog -"a red leash"`:     {"a dog", "a red leash"},
		`a dog -“a red leash”`:     {"a dog", "a red leash"},
		`a dog -'a red leash'`:     {"a dog", "a red leash"},
		`a dog –«a red leash» now`: {"a dog now", "a red leash"},
		`a well-known dog`:         {"a well-known dog", ""},
		`rock 'n' roll`:            {"rock 'n' roll", ""},
		`a dog's "leash"`:          {`a dog's "leash"`, ""},
		`-leash a dog`:             {"a dog", "leash"},
	} {
		q, err := library.Query{Texts: []string{query}}.Split()
		if err != nil || !slices.Equal(q.Texts, []string{want[0]}) || want[1] == "" != (len(q.Without) == 0) || want[1] != "" && q.Without[0] != want[1] {
			t.Errorf("%s: %q without %q, error %v", query, q.Texts, q.Without, err)
		}
	}
	for _, query := range []string{"r\xf6d", "a dog -r\xf6d", "r\ufffdd", strings.Repeat("a", 1<<16+1), `a dog -"red leash`, `a dog -“red leash"`, `a dog -'red leash`} {
		if q, err := (library.Query{Texts: []string{query}}).Split(); !errors.Is(err, library.ErrQuery) {
			t.Errorf("%s: %q without %q, error %v", query, q.Texts, q.Without, err)
		}
	}
}
