package video

import (
	"path/filepath"
	"strings"
	"testing"
)

// What a file makes transparent is black, as players show it, and not the hidden color.
func TestTransparentPixelsAreBlack(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	const half = "color=red:s=96x96:r=10:d=0.5,format=rgba,geq=r=255:g=0:b=0:a='255*lt(X,48)'"
	for name, codec := range map[string][]string{
		"a.webm": {"-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p"}, "b.webm": {"-c:v", "libvpx", "-pix_fmt", "yuva420p", "-auto-alt-ref", "0"},
		"a.mov": {"-c:v", "qtrle"}, "a.mkv": {"-c:v", "ffv1"}, "b.mov": {"-c:v", "prores_ks", "-pix_fmt", "yuva444p10le"},
	} {
		path := filepath.Join(dir, name)
		run(t, append(append([]string{"-f", "lavfi", "-i", half}, codec...), path)...)
		info, err := Probe(t.Context(), path, Options{})
		if err != nil || !info.Alpha || !strings.Contains(info.Treatment(), "alpha on black") {
			t.Errorf("%s: %+v, error %v", name, info, err)
			continue
		}
		for f, err := range Frames(t.Context(), path, Options{}) {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			shown, hidden := f.Pix[3*(48*96+10)], f.Pix[3*(48*96+86)]
			if shown < 200 || hidden > 30 {
				t.Fatalf("%s: red is %d where it is opaque and %d where it is transparent", name, shown, hidden)
			}
		}
	}
}
