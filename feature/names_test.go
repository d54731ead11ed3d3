package feature

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/clipcue/clipcue/internal/safetensors"
)

// A sequence that is stored under another Unicode form of its name is found.
func TestStoredForm(t *testing.T) {
	nfc, nfd, wide := "caf\u00e9.mp4", "cafe\u0301.mp4", "ca\u200bf\u00e9.mp4"
	for _, c := range []struct{ stored, ids, want []string }{
		{[]string{nfd}, []string{nfc, "b.mp4"}, []string{nfd, "b.mp4"}},
		{[]string{nfc}, []string{wide}, []string{nfc}},
		{[]string{nfc}, []string{nfc, nfd}, []string{nfc, nfd}},
		{[]string{wide}, []string{nfc, nfd}, []string{wide, nfd}},
		{nil, []string{nfd}, []string{nfd}},
	} {
		if got := storedForm(c.stored, c.ids); !slices.Equal(got, c.want) {
			t.Errorf("%+q in %+q: %+q, want %+q", c.ids, c.stored, got, c.want)
		}
	}
	s := create(t)
	for i, name := range []string{nfc, nfd, wide} {
		dir := t.TempDir()
		array(t, filepath.Join(dir, name), safetensors.FromFloat32s([]float32{1, 2}, 1, 2), `{"timestamps": [7]}`)
		if r, err := Import(t.Context(), dir, s, ImportOptions{Backbone: "clip-1", Force: true}); err != nil || r.Done+r.Skipped != 1 {
			t.Errorf("%d: %+v, error %v", i, r, err)
		}
	}
	if ids, err := s.IDs(); err != nil || !slices.Equal(ids, []string{nfc}) {
		t.Errorf("%+q, error %v", ids, err)
	}
	if err := s.writeFailures([]Failure{{ID: nfc, Path: "x/" + nfc}}, nil); err != nil {
		t.Fatal(err)
	}
}
