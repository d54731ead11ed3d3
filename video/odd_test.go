package video

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const second = "testsrc2=s=64x48:r=10:d=1" // ten frames

// What Probe, Check and Frames make of files that are odd in one way each.
func TestOddFiles(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	make := func(name string, args ...string) string {
		run(t, append(args, at(name))...)
		return at(name)
	}
	source := func(args ...string) []string { return append([]string{"-f", "lavfi", "-i", second}, args...) }
	x264 := func(args ...string) []string { return source(append([]string{"-c:v", "libx264"}, args...)...) }
	cover := make("cover.png", source("-frames:v", "1")...)
	misnamed := at("no.gif")
	os.Rename(make("a.mp4", x264()...), misnamed)
	// Players do not show what the edit list leaves out, and need it for the rest.
	edited := at("edited.mp4")
	run(t, "-ss", "0.3", "-i", make("long.mp4", x264("-g", "100")...), "-c", "copy", edited)
	os.Mkdir(at("pictures"), 0o700)
	run(t, source("-start_number", "7", at("pictures/100%%-%03d.png"))...)

	tests := []struct {
		path        string
		w, h        int
		frames      int
		first, last float64
		odd         string // has to be among the notes
	}{
		{make("plain.mp4", x264()...), 64, 48, 10, 0, 0.9, ""},
		{make("late.mkv", x264("-output_ts_offset", "3.5")...), 64, 48, 10, 3.5, 4.4, "starts at 3.500 s"},
		{make("vfr.mkv", x264("-vf", "select='lt(n,5)+gt(n,7)'", "-vsync", "passthrough")...), 64, 48, 7, 0, 0.9, "variable frame rate"},
		{make("stream.ts", x264("-bf", "0", "-muxdelay", "0", "-muxpreload", "0")...), 64, 48, 10, 0, 0.9, ""},
		{make("raw.h264", x264("-bf", "0", "-r", "25")...), 64, 48, 25, 0, 0.96, ""},
		{make("wide.mkv", x264("-vf", "setsar=2")...), 128, 48, 10, 0, 0.9, "non-square pixels 2"},
		{make("tall.mkv", x264("-vf", "setsar=1/2")...), 64, 96, 10, 0, 0.9, "non-square pixels 0.5"},
		{make("interlaced.mp4", x264("-vf", "setfield=tff", "-flags", "+ildct+ilme", "-x264-params", "tff=1")...), 64, 48, 10, 0, 0.9, "interlaced"},
		{make("interlaced1.mp4", x264("-frames:v", "1", "-vf", "setfield=tff", "-flags", "+ildct+ilme", "-x264-params", "tff=1")...), 64, 48, 1, 0, 0, "interlaced"},
		{make("odd.mkv", source("-vf", "scale=63:47", "-c:v", "libx264", "-pix_fmt", "yuv444p")...), 63, 47, 10, 0, 0.9, "odd size"},
		{make("deep.mkv", source("-c:v", "ffv1", "-pix_fmt", "yuv422p10le")...), 64, 48, 10, 0, 0.9, "10-bit"},
		{make("full.mkv", source("-c:v", "ffv1", "-pix_fmt", "yuvj420p", "-strict", "-1")...), 64, 48, 10, 0, 0.9, ""},
		{make("matrix.mp4", x264("-vf", "scale=out_color_matrix=bt709", "-colorspace", "bt709")...), 64, 48, 10, 0, 0.9, ""},
		{make("moving.gif", source()...), 64, 48, 10, 0, 0.9, ""},
		{make("titled.mkv", x264("-metadata", "title=An [error] in a partial file")...), 64, 48, 10, 0, 0.9, ""},
		{make("wraps.mpg", source("-c:v", "mpeg2video", "-r", "25", "-output_ts_offset", "95442.7")...), 64, 48, 25, -1.017689, -0.057689, "starts at -1.018 s"},
		{make("stays.avi", source("-c:v", "mpeg4", "-vf", "select='lt(n,2)+gt(n,7)'", "-vsync", "vfr")...), 64, 48, 4, 0, 0.9, "variable frame rate"},
		{make("fields.avi", source("-c:v", "mpeg4", "-vf", "setfield=tff", "-flags", "+ildct+ilme")...), 64, 48, 10, 0, 0.9, "interlaced"},
		{make("flat.mkv", source("-c:v", "ffv1", "-vf", "scale=64:2,setsar=1,setfield=tff", "-field_order", "tt")...), 64, 2, 10, 0, 0.9, ""},
		{make("slow.mkv", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=1/60:d=180", "-c:v", "libx264"), 64, 48, 3, 0, 120, ""},
		{misnamed, 64, 48, 10, 0, 0.9, ""},
		{make("raw.y4m", source("-vf", "scale=63:47,format=yuv420p")...), 63, 47, 10, 0, 0.9, "odd size"},
		{make("raw10.y4m", source("-vf", "format=yuv422p10", "-strict", "-1")...), 64, 48, 10, 0, 0.9, "10-bit"},
		{edited, 64, 48, 7, 0, 0.6, "the header declares 10 frames"},
		{cover, 64, 48, 1, 0, 0, ""},
		{at("pictures/100%-%03d.png"), 64, 48, 0, 0, 0, ""}, // two per cent signs are no pattern
		{make("two.mkv", "-f", "lavfi", "-i", second, "-f", "lavfi", "-i", "testsrc2=s=32x48:r=10:d=2", "-map", "0", "-map", "1",
			"-c:v", "libx264", "-disposition:v:0", "0", "-disposition:v:1", "default"), 32, 48, 20, 0, 1.9, "2 video streams, this is 2"},
		{make("covered.mp4", "-f", "lavfi", "-i", second, "-i", cover, "-map", "1", "-map", "0", "-c:v:0", "copy",
			"-disposition:v:0", "attached_pic", "-c:v:1", "libx264"), 64, 48, 10, 0, 0.9, ""},
	}
	for _, c := range tests {
		t.Run(filepath.Base(c.path), func(t *testing.T) {
			if c.frames == 0 {
				if _, err := Probe(t.Context(), c.path, Options{}); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("error %v, want that there is no such file", err)
				}
				return
			}
			var times []float64
			for f, err := range Frames(t.Context(), c.path, Options{}) {
				if err != nil {
					t.Fatal(err)
				}
				if f.Width != c.w || f.Height != c.h {
					t.Fatalf("%dx%d, want %dx%d", f.Width, f.Height, c.w, c.h)
				}
				times = append(times, f.Time)
			}
			if n := len(times); n != c.frames || math.Abs(times[0]-c.first) > 1e-3 || math.Abs(times[n-1]-c.last) > 1e-3 {
				t.Errorf("frames at %v, want %d from %g to %g s", times, c.frames, c.first, c.last)
			}
			r, err := Check(t.Context(), c.path, CheckOptions{Decode: true})
			if err != nil || r.Frames != c.frames || math.Abs(r.First-c.first) > 1e-3 || math.Abs(r.Last-c.last) > 1e-3 {
				t.Errorf("Check: %v, %+v", err, r)
			}
			if c.odd != "" && !slices.ContainsFunc(r.Notes, func(s string) bool { return strings.HasPrefix(s, c.odd) }) {
				t.Errorf("notes are %q, want %q", r.Notes, c.odd)
			}
			if slices.ContainsFunc(r.Notes, func(s string) bool { return strings.HasPrefix(s, "the header declares") }) != slices.Contains([]string{"stays.avi", "edited.mp4"}, filepath.Base(c.path)) {
				t.Errorf("notes are %q", r.Notes)
			}
			if r, err := Check(t.Context(), c.path, CheckOptions{}); err != nil || r.Decoded || r.Frames != c.frames && !strings.HasSuffix(c.path, ".h264") {
				t.Errorf("Check without decoding: %v, %+v", err, r)
			}
			if strings.HasSuffix(c.path, "two.mkv") || strings.HasSuffix(c.path, ".h264") {
				return // ffprobeTimes is of the first stream; raw streams have no times
			}
			for i, want := range ffprobeTimes(t, c.path) {
				if !math.IsNaN(want) && math.Abs(times[i]-want) > 1e-6 {
					t.Errorf("frame %d at %f s, ffprobe says %f", i, times[i], want)
				}
			}
		})
	}
}

// Where headers do not tell that a stream is interlaced its pictures do, and all comes
// out as where they tell.
func TestFieldsAreToldByPictures(t *testing.T) {
	told := film(t, "told.mp4", "testsrc2=s=64x48:r=50:d=0.4,interlace", "-c:v", "libx264", "-flags", "+ildct+ilme", "-x264-params", "tff=1")
	untold := filepath.Join(t.TempDir(), "untold.mkv")
	run(t, "-i", told, "-c", "copy", untold)
	for _, o := range []Options{{}, {route: seeking, Sampling: Count(3)}} {
		want := shown(t, told, o)
		if got := shown(t, untold, o); !slices.Equal(got, want) || len(got) < 3 {
			t.Errorf("%v: got\n%v\nwant\n%v", o.Sampling, got, want)
		}
	}
	info, err := Probe(t.Context(), untold, Options{})
	if err != nil {
		t.Fatal(err)
	}
	shown(t, untold, Options{Info: info})
	if !strings.Contains(info.Treatment(), "bwdif") {
		t.Errorf("treatment %q", info.Treatment())
	}
}

// A stream that begins between keyframes has no frames before the first, and Check
// knows without decoding.
func TestCheckOfCutStream(t *testing.T) {
	path := film(t, "a.ts", "testsrc2=s=64x48:r=25:d=4", "-c:v", "libx264", "-bf", "3", "-x264-params", "open-gop=1:keyint=25:b-adapt=0:scenecut=0")
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, file[len(file)*2/5/188*188:], 0o600); err != nil {
		t.Fatal(err)
	}
	want, err := Check(t.Context(), path, CheckOptions{Decode: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Check(t.Context(), path, CheckOptions{})
	if err != nil || got.Frames != want.Frames || got.First != want.First || got.Last != want.Last {
		t.Errorf("%v, %+v, want %+v", err, got, want)
	}
	if !slices.ContainsFunc(got.Notes, func(s string) bool { return strings.Contains(s, "undecodable frames") }) {
		t.Errorf("notes are %q", got.Notes)
	}
}

func TestPictureSequence(t *testing.T) {
	needFFmpeg(t)
	dir := filepath.Join(t.TempDir(), "100% of them")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, "-f", "lavfi", "-i", second, "-start_number", "7", filepath.Join(strings.ReplaceAll(dir, "%", "%%"), "a%03d.png"))
	path := filepath.Join(dir, "a%03d.png")
	found, err := Discover([]string{path})
	if err != nil || len(found.Videos) != 1 {
		t.Fatal(found, err)
	}
	n := 0
	for f, err := range Frames(t.Context(), path, Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		if want := float64(n) / 25; math.Abs(f.Time-want) > 1e-6 {
			t.Errorf("frame %d at %g s", n, f.Time)
		}
		n++
	}
	if n != 10 {
		t.Errorf("%d frames", n)
	}
}

func TestStreams(t *testing.T) {
	needFFmpeg(t)
	path := filepath.Join(t.TempDir(), "two.mkv")
	run(t, "-f", "lavfi", "-i", second, "-f", "lavfi", "-i", "testsrc2=s=32x48:r=10:d=1", "-map", "0", "-map", "1", "-c:v", "libx264", path)
	for stream, width := range map[int]int{0: 64, 1: 64, 2: 32} {
		for f, err := range Frames(t.Context(), path, Options{Stream: stream, Sampling: Count(1)}) {
			if err != nil || f.Width != width {
				t.Errorf("stream %d is %d wide: %v", stream, f.Width, err)
			}
		}
	}
	if _, err := Probe(t.Context(), path, Options{Stream: 3}); !errors.Is(err, ErrNoVideo) || !strings.Contains(err.Error(), "there are 2") {
		t.Error(err)
	}
}

// HDR is brought down to what a common screen shows: white stays white.
func TestHDR(t *testing.T) {
	for _, transfer := range []string{"smpte2084", "arib-std-b67"} {
		path := film(t, "hdr.mkv", "color=white:s=66x48:r=10:d=0.3", "-vf", "format=yuv444p10le,scale=65:47", "-c:v", "ffv1",
			"-color_primaries", "bt2020", "-color_trc", transfer, "-colorspace", "bt2020nc", "-color_range", "tv")
		for f, err := range Frames(t.Context(), path, Options{}) {
			if errors.Is(err, ErrUnsupported) && strings.Contains(err.Error(), "tone-mapped") {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if f.Width != 65 || f.Height != 47 || slices.Min(f.Pix) < 200 {
				t.Errorf("%s: %dx%d, darkest %d", transfer, f.Width, f.Height, slices.Min(f.Pix))
			}
		}
		info, err := Probe(t.Context(), path, Options{})
		if err != nil || !strings.Contains(info.Treatment(), "hable from "+info.HDR) {
			t.Errorf("%v, %v", info, err)
		}
	}
}

// What names other files, only seems a video or cannot be shown is refused.
func TestRefusals(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	make := func(name string, args ...string) string {
		path := filepath.Join(dir, name)
		run(t, append(args, path)...)
		return path
	}
	part := make("part.ts", "-f", "lavfi", "-i", second, "-c:v", "libx264")
	cover := make("cover.png", "-f", "lavfi", "-i", second, "-frames:v", "1")
	locked := func(name string) string {
		return make(name, "-f", "lavfi", "-i", second, "-c:v", "libx264", "-encryption_scheme", "cenc-aes-ctr",
			"-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb", "-encryption_kid", "a7e61c373e219033c21091fa607bf3b8")
	}
	for _, c := range []struct {
		path   string
		kind   error
		reason string
	}{
		{write("list.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\npart.ts\n#EXT-X-ENDLIST\n"), ErrFormat, "playlist"},
		{write("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n"+part+"\n#EXT-X-ENDLIST\n"), ErrFormat, "playlist"},
		{write("list.mkv", "ffconcat version 1.0\nfile part.ts\n"), ErrFormat, "playlist"},
		{make("tune.mp3", "-f", "lavfi", "-i", "sine=d=1", "-i", cover, "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic"), ErrNoVideo, "only cover art"},
		{make("tune.m4a", "-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac"), ErrNoVideo, ""},
		{locked("locked.mp4"), ErrEncrypted, "protected"},
		{os.DevNull, ErrFormat, "device"},
	} {
		var err error
		for _, err = range Frames(t.Context(), c.path, Options{AllowPartial: true}) {
			// Noise may decode to a frame before the error, which comes last.
		}
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.reason) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.path, err)
		}
		if _, err := Check(t.Context(), c.path, CheckOptions{}); !errors.Is(err, c.kind) {
			t.Errorf("Check of %s: %v", c.path, err)
		}
	}
}

func TestPartial(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a.mp4", "a.avi", "a.mkv", "a.flv", "a.gif", "a.mpg", "a.ogv", "a.y4m"} {
		args := []string{"-c:v", "libx264", "-movflags", "faststart"}
		switch filepath.Ext(name) {
		case ".avi":
			args = []string{"-c:v", "mpeg4"}
		case ".gif", ".mpg", ".ogv", ".y4m":
			args = nil
		}
		path := film(t, name, "testsrc2=s=320x240:r=25:d=3", args...)
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, file[:len(file)*6/10], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Check(t.Context(), path, CheckOptions{}); !errors.Is(err, ErrDamaged) && name != "a.flv" && name != "a.mpg" {
			t.Errorf("%s: Check: %v", name, err)
		}
		var told *Error
		n, m := 0, 0
		for _, err = range Frames(t.Context(), path, Options{}) {
			n++
		}
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		for _, err := range Frames(t.Context(), path, Options{AllowPartial: true, OnDamaged: func(e *Error) { told = e }}) {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			m++
		}
		if m != n-1 || m < 20 || told == nil || !errors.Is(told, ErrDamaged) || strings.Contains(told.Error(), "\n") {
			t.Errorf("%s: %d frames, and %d if damage is allowed: %v", name, n-1, m, told)
		}
	}
}

// What comes after an AVI file's lists of pictures is not missed, and rubbish is no list.
func TestWholeAVI(t *testing.T) {
	list := func(name, kind string, length uint32, body ...byte) []byte {
		return append(append(binary.LittleEndian.AppendUint32([]byte(name), length), kind...), body...)
	}
	head := append(list("RIFF", "AVI ", 100), list("LIST", "hdrl", 4)...)
	path := filepath.Join(t.TempDir(), "a.avi")
	for i, c := range []struct {
		file  []byte
		whole bool
	}{
		{nil, true},
		{head, true},
		{slices.Concat(head, list("LIST", "movi", 6, 1, 2)), true},
		{slices.Concat(head, list("LIST", "movi", 7, 1, 2)), false},
		{slices.Concat(head, list("LIST", "movi", 7, 1, 2, 3, 0), list("idx1", "    ", 99)), true},
		{slices.Concat(head, list("LIST", "movi", 4), list("RIFF", "AVIX", 99), list("LIST", "movi", 9, 1)), false},
		{slices.Concat(head, make([]byte, 1<<20)), true},
		{slices.Concat(head, make([]byte, 80), list("LIST", "movi", 9, 1)), false},
		{slices.Concat(head, make([]byte, 88), list("LIST", "movi", 9, 1)), true}, // after the end
	} {
		if err := os.WriteFile(path, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		if truncated(path, "avi") == c.whole {
			t.Errorf("file %d: whole is %v", i, !c.whole)
		}
	}
}

// If the size changes within a stream, each frame has its own.
func TestSizeChanges(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	a, b, both := filepath.Join(dir, "a.ts"), filepath.Join(dir, "b.ts"), filepath.Join(dir, "both.ts")
	run(t, "-f", "lavfi", "-i", second, "-c:v", "libx264", a)
	run(t, "-f", "lavfi", "-i", "testsrc2=s=32x24:r=10:d=1", "-c:v", "libx264", "-output_ts_offset", "1", b)
	var joined []byte
	for _, part := range []string{a, b} {
		data, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		joined = append(joined, data...)
	}
	if err := os.WriteFile(both, joined, 0o600); err != nil {
		t.Fatal(err)
	}
	n := 0
	for f, err := range Frames(t.Context(), both, Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		if w, h := f.Width, f.Height; n < 10 && (w != 64 || h != 48) || n >= 10 && (w != 32 || h != 24) {
			t.Errorf("frame %d is %dx%d", n, w, h)
		}
		n++
	}
	if n != 20 {
		t.Errorf("%d frames", n)
	}
}

// Of recordings that were joined all is seen, and the gap between their clocks is not.
func TestJoinedRecordings(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	dir := t.TempDir()
	part := func(name string, offset string) []byte {
		path := filepath.Join(dir, name)
		run(t, "-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=4", "-c:v", "libx264", "-output_ts_offset", offset, path)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	first := part("a.ts", "100")
	for name, second := range map[string][]byte{"back": part("b.ts", "0"), "same": first, "leap": part("c.ts", "5000")} {
		path := filepath.Join(dir, name+".ts")
		if err := os.WriteFile(path, slices.Concat(first, second), 0o600); err != nil {
			t.Fatal(err)
		}
		for s, want := range map[Sampling][]int{AtRate(1): {0, 10, 20, 30, 40, 50, 60, 70}, Count(4): {10, 30, 50, 70}} {
			var got []int
			last := 0.
			for f, err := range Frames(t.Context(), path, Options{Sampling: s}) {
				if err != nil {
					t.Fatal(err)
				}
				if f.Time <= last || f.Time > 110 {
					t.Errorf("%s, %v: a frame at %g s after one at %g s", name, s, f.Time, last)
				}
				got, last = append(got, f.Index), f.Time
			}
			near := func(a, b int) bool { return a-b <= 1 && b-a <= 1 }
			if !slices.EqualFunc(got, want, near) {
				t.Errorf("%s, %v: frames %v, want %v", name, s, got, want)
			}
		}
		r, err := Check(t.Context(), path, CheckOptions{})
		if err != nil || r.Frames != 80 || !slices.Contains(r.Notes, "timestamps restart 1 times") {
			t.Errorf("%s: %v, %+v", name, err, r)
		}
	}
}

// A recording that an editor cut between keyframes, without encoding it again, starts with
// frames that are decoded but not shown.
func TestCutBetweenKeyframes(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		args []string
	}{
		{"a.mp4", []string{"-c:v", "libx264", "-g", "12", "-bf", "0"}},
		{"b.mp4", []string{"-c:v", "libx264", "-g", "12", "-bf", "2"}},
		{"a.mov", []string{"-c:v", "mpeg4", "-g", "12"}},
	} {
		whole, cut := filepath.Join(dir, "whole"+c.name), filepath.Join(dir, c.name)
		run(t, append(append([]string{"-f", "lavfi", "-i", "testsrc2=s=64x48:r=12:d=4"}, c.args...), whole)...)
		run(t, "-ss", "1.3", "-i", whole, "-c", "copy", cut)
		out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "frame=pts_time", "-of", "csv=p=0", cut).Output()
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Fields(string(out))
		var got []float64
		for f, err := range Frames(t.Context(), cut, Options{}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, f.Time)
		}
		if len(got) != len(want) || len(got) < 30 {
			t.Errorf("%s: %d frames from %v s, want %d from %v s", c.name, len(got), got[:min(1, len(got))], len(want), want[:min(1, len(want))])
		}
		if r, err := Check(t.Context(), cut, CheckOptions{Decode: true}); err != nil || r.Undecodable != 0 {
			t.Errorf("%s: check: %d frames are undecodable, error %v", c.name, r.Undecodable, err)
		}
	}
}

// The times of all frames continue where timestamps start again, and agree with sampled
// ones.
func TestEveryFrameOfJoinedRecordings(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	dir := t.TempDir()
	for _, name := range []string{"a.ts", "a.mpg", "a.m2ts"} {
		one, joined := filepath.Join(dir, name), filepath.Join(dir, "joined"+filepath.Ext(name))
		args := []string{"-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=3"}
		if filepath.Ext(name) != ".mpg" {
			args = append(args, "-c:v", "libx264")
		}
		run(t, append(args, one)...)
		data, err := os.ReadFile(one)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(joined, slices.Concat(data, data, data), 0o600); err != nil {
			t.Fatal(err)
		}
		var times []float64
		for f, err := range Frames(t.Context(), joined, Options{AllowPartial: true}) {
			if err != nil {
				t.Fatal(err)
			}
			times = append(times, f.Time)
		}
		if n := len(times); n < 220 || !slices.IsSorted(times) || math.Abs(times[n-1]-times[0]-9) > 0.3 {
			t.Errorf("%s: %d frames over %g s, sorted: %v", name, n, times[n-1]-times[0], slices.IsSorted(times))
		}
		if r, err := Check(t.Context(), joined, CheckOptions{}); errors.Is(err, ErrDamaged) || math.Abs(r.Duration-9) > 0.3 {
			t.Errorf("%s: check: %g s, error %v", name, r.Duration, err)
		}
	}
}

// A decoder that stops giving anything is ended, and so is one that eats memory.
func TestDecoderIsStopped(t *testing.T) {
	const frame = `
echo "[info] Input #0, fake, from 'x':" >&2
echo "[Parsed_showinfo_0 @ 0x1] [info] config in time_base: 1/10, frame_rate: 10/1" >&2
echo "[Parsed_showinfo_0 @ 0x1] [info] n: 0 pts: 0 pts_time:0 sar:1/1 s:2x1 i:P" >&2; printf abcdef
`
	old := memoryLimit
	defer func() { memoryLimit = old }()
	for name, c := range map[string]struct {
		script string
		limit  int64
		want   error
	}{
		"hangs at once":      {"sleep 300 & sleep 300", 0, ErrTimeout},
		"hangs after one":    {frame + "sleep 300", 0, ErrTimeout},
		"floods and hangs":   {frame + "yes '[error] noise' >&2", 0, ErrTimeout},
		"floods with pixels": {frame + "cat /dev/zero", 0, ErrTimeout},
		"eats memory":        {frame + "x=$(head -c 100000000 /dev/zero | tr '\\0' x); sleep 300", 50 << 20, ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			if c.limit > 0 && old() == 0 {
				t.Skip("memory cannot be told here")
			}
			memoryLimit = func() int64 { return c.limit }
			path := standIn(t, c.script)
			o := Options{Info: fake, AllowPartial: true, Timeout: time.Second}
			if c.limit > 0 {
				o.Timeout = 20 * time.Second
			}
			began := time.Now()
			var got error
			for _, err := range Frames(t.Context(), path, o) {
				got = err
			}
			if !errors.Is(got, c.want) || time.Since(began) > 15*time.Second {
				t.Errorf("after %v: %v", time.Since(began), got)
			}
		})
	}
}
