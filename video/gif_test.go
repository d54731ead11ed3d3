package video

import (
	"os"
	"path/filepath"
	"testing"
)

// What follows the trailer of a GIF is no part of it.
func TestGIFWithDataAfterItsEnd(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	path := film(t, "a.gif", "testsrc2=s=64x48:r=10:d=2")
	whole := pictures(t, path, Options{})
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, tail := range map[string][]byte{"zeros": make([]byte, 1000), "text": []byte("hello, !,;"), "another": file} {
		path := filepath.Join(t.TempDir(), name+".gif")
		if err := os.WriteFile(path, append(file[:len(file):len(file)], tail...), 0o600); err != nil {
			t.Fatal(err)
		}
		same(t, pictures(t, path, Options{}), whole)
		for _, decode := range []bool{false, true} {
			if r, err := Check(t.Context(), path, CheckOptions{Decode: decode}); err != nil || r.Frames != len(whole) {
				t.Errorf("%s: check: %d frames, error %v", name, r.Frames, err)
			}
		}
	}
}
