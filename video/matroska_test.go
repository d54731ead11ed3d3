package video

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The part of the frames that a Matroska file shows is that part, whatever the version of
// ffmpeg.
func TestMatroskaCrop(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole.mkv")
	// For this pixel aspect ratio ffmpeg writes three elements of 4 bytes.
	run(t, "-f", "lavfi", "-i", second+",setsar=9", "-c:v", "libvpx", "-b:v", "1M", whole)
	file, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	const width, height, unit = "\x54\xb0\x81\x0c", "\x54\xba\x81\x01", "\x54\xb2\x81\x03"
	const top, bottom, left, right, none = "\x54\xbb\x81", "\x54\xaa\x81", "\x54\xcc\x81", "\x54\xdd\x81", "\xec\x82\x00\x00"
	tests := map[string]struct {
		width, height, unit string // what replaces these elements
		x, y, w, h          int    // of the part
	}{
		"left":                 {left + "\x14", none, none, 20, 0, 44, 48},
		"right and bottom":     {right + "\x08", bottom + "\x07", none, 0, 0, 56, 41},
		"all odd":              {left + "\x05", top + "\x03", right + "\x01", 5, 3, 58, 45},
		"more than there is":   {top + "\x30", none, none, 0, 0, 64, 48},
		"none":                 {none, none, none, 0, 0, 64, 48},
		"with its own display": {"\x54\xb0\x81\x40", "\x54\xba\x81\x20", bottom + "\x10", 0, 0, 64, 32},
	}
	replace := func(by ...string) []byte {
		file := slices.Clone(file)
		for i, id := range []string{width, height, unit} {
			at := bytes.Index(file, []byte(id))
			if at < 0 {
				t.Skipf("this ffmpeg does not write element %x", id)
			}
			copy(file[at:], by[i])
		}
		return file
	}
	path := filepath.Join(dir, "plain.mkv")
	os.WriteFile(path, replace(none, none, none), 0o600)
	plain := pictures(t, path, Options{})
	for name, c := range tests {
		path := filepath.Join(dir, "cropped.mkv")
		os.WriteFile(path, replace(c.width, c.height, c.unit), 0o600)
		var want []picture
		for _, p := range plain {
			part := picture{width: c.w, height: c.h}
			for y := c.y; y < c.y+c.h; y++ {
				part.pix = append(part.pix, p.pix[3*(y*p.width+c.x):3*(y*p.width+c.x+c.w)]...)
			}
			want = append(want, part)
		}
		t.Run(name, func(t *testing.T) {
			same(t, pictures(t, path, Options{}), want)
			same(t, pictures(t, path, Options{Sampling: Count(2), route: seeking}), pictures(t, path, Options{Sampling: Count(2), route: sequential}))
			r, err := Check(t.Context(), path, CheckOptions{})
			cropped := c.w*c.h < 64*48
			if err != nil || strings.Contains(strings.Join(r.Notes, "; "), "cropped") != cropped || strings.Contains(r.Treatment(), "cropped") != cropped || r.Width != c.w || r.Height != c.h {
				t.Errorf("check: %+v, error %v", r, err)
			}
		})
	}
}

func FuzzMatroskaCrop(f *testing.F) {
	f.Add([]byte("\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff\x16\x54\xae\x6b\x90\xae\x8e\x83\x81\x01\xe0\x89\xb0\x81\x40\xba\x81\x40\x54\xbb\x81\x10"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "a.mkv")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		readMatroska(path, 0).part()
	})
}
