package fleet

import (
	"io/fs"
	"testing"

	"github.com/clipcue/clipcue/video"
)

// The reason of a failure is a sentence of its own: the path is next to it.
func TestExplain(t *testing.T) {
	reason, ofVideo := explain(&video.Error{Path: "a.mp4", Kind: fs.ErrNotExist})
	if reason != "file does not exist" || !ofVideo {
		t.Errorf("%q, %v", reason, ofVideo)
	}
}
