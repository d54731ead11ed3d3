package video

import (
	"errors"
	"path/filepath"
	"testing"
)

func TestTimecodeLabels(t *testing.T) {
	const ntsc = 30000. / 1001
	for _, c := range []struct {
		text  string
		rate  float64
		frame int64
		want  string
	}{
		{"14:09:42:00", ntsc, 0, "14:09:42:00"},
		{"14:09:42:00", ntsc, 45, "14:09:43:15"},
		{"23:59:59:24", 25, 1, "00:00:00:00"},
		// Frame 1800 of drop-frame notation is the first of its minute, with number 2.
		{"00:00:00;00", ntsc, 1799, "00:00:59;29"},
		{"00:00:00;00", ntsc, 1800, "00:01:00;02"},
		{"00:00:00;00", ntsc, 3597, "00:01:59;29"},
		{"00:00:00;00", ntsc, 3598, "00:02:00;02"},
		{"00:00:00;00", ntsc, 17981, "00:09:59;29"},
		{"00:00:00;00", ntsc, 17982, "00:10:00;00"},
		{"00:00:00;00", ntsc, 107892, "01:00:00;00"},
		{"00:00:00;00", 2 * ntsc, 3600, "00:01:00;04"},
		{"00;59;59;29", ntsc, 1, "01:00:00;00"},
		{"23:59:59;29", ntsc, 1, "00:00:00;00"},
		{"01:00:00;00", 25, 1, "01:00:00:01"}, // no numbers are dropped of 25
	} {
		tc, ok := parseTimecode(c.text, c.rate)
		if got := tc.Label(c.frame); !ok || got != c.want {
			t.Errorf("frame %d from %s at %.4g: %s, want %s", c.frame, c.text, c.rate, got, c.want)
		}
	}
	for _, bad := range []string{"", "x", "1:2:3", "24:00:00:00", "00:60:00:00", "00:00:00:30", "-1:00:00:00"} {
		if tc, ok := parseTimecode(bad, 30); ok {
			t.Errorf("%q is read as %v", bad, tc)
		}
	}
	if _, ok := parseTimecode("00:00:00:00", 0); ok {
		t.Error("a timecode without a rate")
	}
}

// Each label of a day of drop-frame notation is read as the frame that has it.
func TestTimecodeRoundTrip(t *testing.T) {
	for _, rate := range []float64{24000. / 1001, 25, 30000. / 1001, 60000. / 1001} {
		for _, text := range []string{"00:00:00:00", "00:00:00;00"} {
			zero, _ := parseTimecode(text, rate)
			for n := int64(0); n < 20*60*60; n += 7 {
				if tc, ok := parseTimecode(zero.Label(n), rate); !ok || tc.First != n {
					t.Fatalf("frame %d at %.4g has label %s, which is read as frame %d", n, rate, zero.Label(n), tc.First)
				}
			}
		}
	}
}

// Containers keep the timecode in a track, in a tag of the stream or in one of the file.
func TestTimecodeOfFiles(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	for name, c := range map[string]struct{ timecode, want string }{
		"a.mov": {"14:09:42:00", "14:09:42:00"},
		"b.mp4": {"01:00:00;02", "01:00:00;02"},
		"c.mxf": {"10:11:12:13", "10:11:12:13"},
		"d.mkv": {"00:59:59;29", "00:59:59;29"},
		"e.mov": {"", ""},
	} {
		path := filepath.Join(dir, name)
		codec := "mpeg4"
		if name == "c.mxf" {
			codec = "mpeg2video"
		}
		args := []string{"-f", "lavfi", "-i", "testsrc2=s=64x48:r=30000/1001:d=1", "-c:v", codec}
		if c.timecode != "" {
			args = append(args, "-timecode", c.timecode, "-metadata", "timecode="+c.timecode)
		}
		run(t, append(args, path)...)
		info, err := Probe(t.Context(), path, Options{})
		if err != nil || info.Timecode.String() != c.want {
			t.Errorf("%s: timecode %q, want %q (%v)", name, info.Timecode, c.want, err)
		}
	}
}

// Frame numbers of a video with a variable rate are no times.
func TestFrameClock(t *testing.T) {
	const source = "testsrc2=s=64x48:r=25:d=8"
	for _, c := range []struct {
		path string
		want error
	}{
		{film(t, "constant.mp4", source, "-c:v", "libx264"), nil},
		{film(t, "constant.mkv", "testsrc2=s=64x48:r=30000/1001:d=8", "-c:v", "libx264", "-bf", "2"), nil},
		{film(t, "variable.mkv", source, "-vf", "select='if(lt(t,4),not(mod(n,5)),1)'", "-vsync", "passthrough", "-c:v", "libx264"), ErrVariableRate},
		{film(t, "variable.mp4", source, "-vf", "select='if(lt(t,4),not(mod(n,5)),1)'", "-vsync", "passthrough", "-c:v", "libx264"), ErrVariableRate},
	} {
		rate, _, err := FrameClock(t.Context(), c.path)
		if !errors.Is(err, c.want) || (rate > 0) != (c.want == nil) {
			t.Errorf("%s: %g frames per second, error %v", c.path, rate, err)
		}
	}
}
