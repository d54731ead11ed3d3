package video

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// A part begins and ends at the frames that a player shows at these times, whatever
// the container and wherever its keyframes are.
func TestCut(t *testing.T) {
	pictures := make([][]byte, 50) // two seconds, each frame 4 levels brighter
	for i := range pictures {
		pictures[i] = bytes.Repeat([]byte{byte(20 + 4*i)}, 3*34*21)
	}
	for name, args := range map[string][]string{
		"one keyframe.mp4": {"-c:v", "libx264", "-crf", "5", "-pix_fmt", "yuv444p", "-g", "250"},
		"keyframes.mkv":    {"-c:v", "libx264", "-crf", "5", "-pix_fmt", "yuv444p", "-g", "10", "-bf", "3"},
		"index at end.avi": {"-c:v", "ffv1"},
		"late.mkv":         {"-c:v", "png", "-output_ts_offset", "7"},
		"transport.ts":     {"-c:v", "libx264", "-crf", "5", "-pix_fmt", "yuv444p", "-g", "250"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := encode(t, name, 34, 21, pictures, nil, args...)
			to := filepath.Join(t.TempDir(), "part.mp4")
			if err := Cut(t.Context(), path, 0.48, 1.2, to); err != nil {
				t.Fatal(err)
			}
			var got []float64
			for f, err := range Frames(t.Context(), to, Options{}) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, (float64(f.Pix[len(f.Pix)/2])-20)/4)
			}
			if len(got) != 18 || math.Abs(got[0]-12) > 0.8 || math.Abs(got[17]-29) > 0.8 {
				t.Errorf("%d frames: %.1f", len(got), got)
			}
		})
	}
}

// What cannot be cut is named, and leaves nothing.
func TestCutErrors(t *testing.T) {
	good := encode(t, "good.mp4", 16, 16, greys(16, 16, 25), nil, "-c:v", "libx264", "-pix_fmt", "yuv420p")
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.mp4")
	if err := os.WriteFile(bad, []byte("no video"), 0o666); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for name, c := range map[string]struct {
		ctx        context.Context
		path       string
		start, end float64
		want       error
	}{
		"beyond the end": {t.Context(), good, 5, 6, ErrNoFrames},
		"no video":       {t.Context(), bad, 0, 1, ErrFormat},
		"not there":      {t.Context(), filepath.Join(dir, "x.mp4"), 0, 1, os.ErrNotExist},
		"stopped":        {stopped, good, 0, 1, context.Canceled},
	} {
		err := Cut(c.ctx, c.path, c.start, c.end, filepath.Join(out, "part.mp4"))
		_, fault := errors.AsType[*Error](err)
		if !errors.Is(err, c.want) || fault == (c.want == context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, part := range [][2]float64{{1, 1}, {2, 1}, {-1, 1}, {math.NaN(), 1}} {
		if err := Cut(t.Context(), good, part[0], part[1], filepath.Join(out, "part.mp4")); err == nil {
			t.Errorf("%v was cut", part)
		}
	}
	if left, err := os.ReadDir(out); err != nil || len(left) != 0 {
		t.Errorf("%v %v", left, err)
	}
}

// A cut replaces an earlier cut, also a private one, and no other file or link.
func TestCutKeepsForeignFiles(t *testing.T) {
	source := encode(t, "source.mp4", 16, 16, greys(16, 16, 25), nil, "-c:v", "libx264", "-pix_fmt", "yuv420p")
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	video, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"video": video, "notes": []byte("notes"), "empty": nil} {
		if err := os.WriteFile(at(name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("empty", at("link")); err != nil {
		t.Skip(err)
	}
	for name, ok := range map[string]bool{"video": false, "notes": false, "link": false, "empty": true, "new": true, ".": false} {
		before, _ := os.Lstat(at(name))
		for range 2 {
			if err := Cut(t.Context(), source, 0, 0.5, at(name)); (err == nil) != ok {
				t.Errorf("%s: error %v", name, err)
			}
		}
		after, err := os.Lstat(at(name))
		if err != nil || before != nil && (after.Mode() != before.Mode() || !ok && !os.SameFile(before, after)) {
			t.Errorf("%s: was %v, is %v, error %v", name, before, after, err)
		}
	}
}
