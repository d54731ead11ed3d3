package sentencepiece

import (
	"fmt"
	"strings"
	"testing"
)

func TestEachMerge(t *testing.T) {
	for list, want := range map[string]string{
		`["a b", "ab c"]`: "0 a b;1 ab c;", `[["a", "b"], ["ab", "c d"]]`: "0 a b;1 ab c d;", `[]`: "", `null`: "", "": "",
		`["ab"]`: "merge 0 has 1 tokens", `["a b", "a b c"]`: "merge 1 has 3 tokens", `[["a", "b", "c"]]`: "merge 0 has 3 tokens",
		`[1]`: "neither a text nor a list", `["a b"`: "the merges", `{}`: "not a list", `[["a", 1]]`: "the merges",
	} {
		var got strings.Builder
		err := eachMerge([]byte(list), func(rank int, left, right []byte) error {
			fmt.Fprintf(&got, "%d %s %s;", rank, left, right)
			return nil
		})
		if err == nil && got.String() != want || err != nil && (want == "" || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %q, %v, want %q", list, got.String(), err, want)
		}
	}
}
