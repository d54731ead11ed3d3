package feature

import (
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/fixture"
)

// A folder of a store that cannot be read is a failure of its own: the rest is read, exported
// and imported.
func TestUnreadableFolderOfStore(t *testing.T) {
	s := create(t)
	put(t, s, sequence("a.mp4", 0, 0.5))
	folder := fixture.UnreadableFolder(t, s.Dir())
	names := func(what string, failed []Failure) {
		t.Helper()
		if len(failed) != 1 || failed[0].Path != folder || !strings.Contains(failed[0].Reason, "cannot read the folder") {
			t.Errorf("%s: failures %v", what, failed)
		}
	}
	if sum, err := s.Summary(); err != nil || sum.Sequences != 1 {
		t.Errorf("summary: %+v, error %v", sum, err)
	} else {
		names("summary", sum.Damaged)
	}
	exported := t.TempDir()
	r, err := Export(t.Context(), s, exported, NPY, nil)
	if err != nil || r.Done != 1 || r.Videos != 2 {
		t.Errorf("export: %+v, error %v", r, err)
	}
	names("export", r.Failed)
	if ids, err := s.IDs(); err == nil || len(ids) != 1 {
		t.Errorf("IDs: %q, error %v", ids, err)
	}
	if err := s.Put(sequence("b/c.mp4", 0)); err != nil {
		t.Error(err)
	}
	folder = fixture.UnreadableFolder(t, exported)
	r, err = Import(t.Context(), exported, s, ImportOptions{})
	if err != nil || r.Skipped != 1 || r.Videos != 2 {
		t.Errorf("import: %+v, error %v", r, err)
	}
	names("import", r.Failed)
}
