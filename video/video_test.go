package video

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// encode writes a lossless video of the given RGB pictures with ffmpeg's output
// options args. They are shown at the given times in milliseconds, or 25 a
// second where times is nil.
func encode(t testing.TB, name string, w, h int, pictures [][]byte, times []int, args ...string) string {
	t.Helper()
	needFFmpeg(t)
	path := filepath.Join(t.TempDir(), name)
	pts := "PTS"
	if times != nil {
		pts = "0"
	}
	for i, at := range times {
		pts += fmt.Sprintf("+eq(N,%d)*%d", i, at)
	}
	cmd := exec.Command("ffmpeg", "-hide_banner", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24",
		"-s", fmt.Sprintf("%dx%d", w, h), "-r", "25", "-i", "pipe:0", "-vf", "settb=1/1000,setpts='"+pts+"'",
		"-vsync", "passthrough", "-enc_time_base", "1:1000", "-copyts")
	cmd.Args = append(cmd.Args, args...)
	cmd.Args = append(cmd.Args, "file:"+path)
	cmd.Stdin = bytes.NewReader(bytes.Join(pictures, nil))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// greys are n pictures of one grey each: frame i is of value i.
func greys(w, h, n int) [][]byte {
	pictures := make([][]byte, n)
	for i := range pictures {
		pictures[i] = bytes.Repeat([]byte{byte(i)}, 3*w*h)
	}
	return pictures
}

var mkv = []string{"-c:v", "png", "-f", "matroska"}

// vary is a video of five frames at uneven times.
func vary(t testing.TB) string {
	return encode(t, "vary.mkv", 16, 8, greys(16, 8, 5), []int{1000, 1100, 1500, 1600, 2300}, mkv...)
}

func TestSampling(t *testing.T) {
	path := vary(t)
	tests := []struct {
		name string
		o    Options
		want []int // the frame shown at each wanted time
	}{
		{"every", Options{}, []int{0, 1, 2, 3, 4}},
		{"every in window", Options{Start: 1.1, End: 1.6}, []int{1, 2}},
		{"rate 5", Options{Sampling: AtRate(5)}, []int{0, 1, 1, 3, 3, 3, 3, 4, 4, 4}},
		{"rate 1", Options{Sampling: AtRate(1)}, []int{0, 3}},
		{"rate 10 in window", Options{Sampling: AtRate(10), Start: 1.45, End: 1.76}, []int{1, 2, 3, 3}},
		{"rate 1 from before the start", Options{Sampling: AtRate(1), Start: 0.5}, []int{0, 3}},
		// The video lasts from 1.0 to 2.3 + 0.7 s.
		{"count 1", Options{Sampling: Count(1)}, []int{3}},
		{"count 4", Options{Sampling: Count(4)}, []int{1, 3, 3, 4}},
		{"count 2 in window", Options{Sampling: Count(2), Start: 1.4, End: 1.8}, []int{2, 3}},
		{"count 3 in open window", Options{Sampling: Count(3), Start: 2.1}, []int{3, 4, 4}},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			var got []int
			for f, err := range Frames(t.Context(), path, c.o) {
				if err != nil {
					t.Fatal(err)
				}
				if f.Pix[0] != byte(f.Index) {
					t.Errorf("frame %d has the pixels of frame %d", f.Index, f.Pix[0])
				}
				got = append(got, f.Index)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("frames %v, want %v", got, c.want)
			}
		})
	}
}

func TestParseSampling(t *testing.T) {
	for _, s := range []Sampling{EveryFrame(), AtRate(2), AtRate(29.97), Count(16)} {
		got, err := ParseSampling(s.String())
		if err != nil || got != s {
			t.Errorf("%v comes back as %v, %v", s, got, err)
		}
	}
	for _, bad := range []string{"", "fps", "fps=", "fps=x", "fps=-1", "fps=NaN", "frames=0", "frames=2.5", "every=2", "2"} {
		if s, err := ParseSampling(bad); err == nil {
			t.Errorf("%q is read as %v", bad, s)
		}
	}
}

func TestSingleFrame(t *testing.T) {
	path := encode(t, "one.mkv", 4, 4, greys(4, 4, 1), []int{0}, mkv...)
	for s, want := range map[Sampling]int{EveryFrame(): 1, AtRate(3): 1, Count(1): 1, Count(5): 5} {
		n := 0
		for _, err := range Frames(t.Context(), path, Options{Sampling: s}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != want {
			t.Errorf("%v: %d frames, want %d", s, n, want)
		}
	}
}

func TestSizeIsPILs(t *testing.T) {
	path := vary(t)
	for f, err := range Frames(t.Context(), path, Options{Size: 6}) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Width != 6 || f.Height != 6 || !bytes.Equal(f.Pix, bytes.Repeat([]byte{byte(f.Index)}, 3*6*6)) {
			t.Errorf("frame %d: %dx%d, %v", f.Index, f.Width, f.Height, f.Pix)
		}
	}
}

// All eight ways to hold a camera: what Probe says of the orientation is what
// Frames does to the stored picture.
func TestOrientation(t *testing.T) {
	t.Parallel()
	const w, h = 8, 6
	stored := make([]byte, 3*w*h)
	for i := range stored {
		stored[i] = byte(i)
	}
	path := encode(t, "turn.mov", w, h, [][]byte{stored, stored}, []int{0, 40}, "-c:v", "png")
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(file, []byte("tkhd")) + 4 + 40 // the display matrix: a b u c d v x y w
	for _, m := range []struct {
		a, b, c, d int32
		rotation   int
		flipped    bool
	}{
		{1, 0, 0, 1, 0, false}, {0, 1, -1, 0, 90, false}, {-1, 0, 0, -1, 180, false}, {0, -1, 1, 0, 270, false},
		{-1, 0, 0, 1, 0, true}, {0, -1, -1, 0, 90, true}, {1, 0, 0, -1, 180, true}, {0, 1, 1, 0, 270, true},
		{2, 1, -1, 2, 0, false}, {1, 2, -2, 1, 90, false}, // askew: the next quarter
	} {
		for i, v := range []int32{m.a, m.b, 0, m.c, m.d, 0} {
			binary.BigEndian.PutUint32(file[at+4*i:], uint32(v<<16))
		}
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		info, err := Probe(t.Context(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if info.Rotation != m.rotation || info.Flipped != m.flipped {
			t.Errorf("%+v: turned %d, flipped %v", m, info.Rotation, info.Flipped)
		}
		want, wantW, wantH := stored, w, h
		if info.Flipped {
			want = rearranged(want, w, h, w, h, func(x, y int) (int, int) { return w - 1 - x, y })
		}
		for range info.Rotation / 90 {
			// Clockwise: the left column, from below, becomes the top row.
			want = rearranged(want, wantW, wantH, wantH, wantW, func(x, y int) (int, int) { return y, wantH - 1 - x })
			wantW, wantH = wantH, wantW
		}
		for f, err := range Frames(t.Context(), path, Options{}) {
			if err != nil {
				t.Fatal(err)
			}
			if f.Width != wantW || f.Height != wantH || info.Width != wantW || info.Height != wantH || !bytes.Equal(f.Pix, want) {
				t.Errorf("%+v: the picture is not turned as Probe says", m)
			}
		}
	}
}

// rearranged returns a w×h picture whose pixel x, y is src's at from(x, y).
func rearranged(src []byte, srcW, _, w, h int, from func(x, y int) (int, int)) []byte {
	dst := make([]byte, 0, len(src))
	for y := range h {
		for x := range w {
			sx, sy := from(x, y)
			dst = append(dst, src[3*(sy*srcW+sx):][:3]...)
		}
	}
	return dst
}

func TestPixelsAreSquared(t *testing.T) {
	path := encode(t, "wide.mkv", 16, 8, greys(16, 8, 3), []int{0, 40, 80}, append([]string{"-aspect", "4:1"}, mkv...)...)
	info, err := Probe(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if info.Width != 32 || info.Height != 8 || info.SampleAspectRatio != 2 {
		t.Errorf("%+v", info)
	}
	for f, err := range Frames(t.Context(), path, Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Width != 32 || f.Height != 8 || !bytes.Equal(f.Pix, bytes.Repeat([]byte{byte(f.Index)}, 3*32*8)) {
			t.Errorf("frame %d is %dx%d", f.Index, f.Width, f.Height)
		}
	}
}

func TestFileNames(t *testing.T) {
	file, err := os.ReadFile(vary(t))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"-i.mkv", "a b.mkv", "it's.mkv", "50%d.mkv", "umlaut ä.mkv", "-"}
	if runtime.GOOS != "windows" {
		names = append(names, "a:b.mkv", "http:x.mkv", `qu"ote.mkv`, "line\nbreak.mkv", "\xff\xfe.mkv", `back\slash.mkv`, "pipe:0")
	}
	gif, err := os.ReadFile(encode(t, "a.gif", 4, 4, greys(4, 4, 5), nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, name := range append(names, "%03d.gif") {
		data := file
		if filepath.Ext(name) == ".gif" {
			data = gif
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Logf("%q: this file system cannot hold it", name)
			continue
		}
		if _, err := Probe(t.Context(), name, Options{}); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		n := 0
		for _, err := range Frames(t.Context(), name, Options{Sampling: Count(3)}) {
			if err != nil {
				t.Errorf("%q: %v", name, err)
			}
			n++
		}
		if n != 3 {
			t.Errorf("%q: %d frames", name, n)
		}
	}
}

func TestFailures(t *testing.T) {
	whole, err := os.ReadFile(encode(t, "long.mkv", 64, 48, greys(64, 48, 200), nil, mkv...))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		path   string
		want   error
		frames bool // some come before the error
	}{
		{filepath.Join(dir, "none.mp4"), fs.ErrNotExist, false},
		{dir, ErrFormat, false},
		{write("empty.mp4", nil), ErrFormat, false},
		{write("text.mp4", []byte(strings.Repeat("this is no video\n", 100))), ErrFormat, false},
		{write("short.mkv", whole[:len(whole)/2]), ErrDamaged, true},
		{write("stub.mkv", whole[:40]), ErrFormat, false},
	}
	for _, c := range tests {
		for _, s := range []Sampling{EveryFrame(), AtRate(1), Count(3)} {
			var got error
			n := 0
			for _, err := range Frames(t.Context(), c.path, Options{Sampling: s}) {
				if got = err; err == nil {
					n++
				}
			}
			var e *Error
			if !errors.Is(got, c.want) || !errors.As(got, &e) || (n > 0) != c.frames || (e.Frames > 0) != c.frames {
				t.Errorf("%s, %v: %d frames, then %v", c.path, s, n, got)
			} else if strings.Contains(got.Error(), "\n") || !strings.HasPrefix(got.Error(), c.path) {
				t.Errorf("not one line on the file: %q", got)
			}
		}
	}
}

func TestWindowWithoutFrames(t *testing.T) {
	path := vary(t)
	for _, s := range []Sampling{EveryFrame(), AtRate(2), Count(4)} {
		for _, o := range []Options{{Sampling: s, Start: 60}, {Sampling: s, Start: 60, End: 61}, {Sampling: s, End: 0.5}} {
			for _, err := range Frames(t.Context(), path, o) {
				if !errors.Is(err, ErrNoFrames) {
					t.Errorf("%+v: %v, want ErrNoFrames", o, err)
				}
			}
		}
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for _, o := range []Options{
		{Sampling: AtRate(0)}, {Sampling: AtRate(-1)}, {Sampling: AtRate(1e300)}, {Sampling: Count(0)}, {Sampling: Count(-3)},
		{Start: -1}, {Start: 3, End: 2}, {Start: 3, End: 3}, {Size: -1}, {Size: 1 << 30},
	} {
		if o.Check() == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func TestStopAndCancel(t *testing.T) {
	path := encode(t, "long.mkv", 320, 240, greys(320, 240, 200), nil, mkv...)
	before := runtime.NumGoroutine()
	for range Frames(t.Context(), path, Options{}) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got error
	n := 0
	for _, err := range Frames(ctx, path, Options{}) {
		if got = err; err == nil {
			n++
		}
		if n == 3 {
			cancel()
		}
	}
	if !errors.Is(got, context.Canceled) {
		t.Errorf("after %d frames: %v, want context.Canceled", n, got)
	}
	if _, err := Probe(ctx, path, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Probe: %v", err)
	}
	for i := 0; runtime.NumGoroutine() > before && i < 100; i++ {
		time.Sleep(10 * time.Millisecond)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines are left of %d", after, before)
	}
}

func TestFFmpegMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.mp4")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, set := range [][2]string{{"PATH", t.TempDir()}, {"CLIPCUE_FFMPEG", filepath.Join(t.TempDir(), "none")}} {
		t.Run(set[0], func(t *testing.T) {
			t.Setenv(set[0], set[1])
			for _, err := range Frames(t.Context(), path, Options{Info: fake}) {
				if !errors.Is(err, ErrNoFFmpeg) || !strings.Contains(err.Error(), "CLIPCUE_FFMPEG") {
					t.Error(err)
				}
			}
		})
	}
}

// fake is what a stand-in's file would be probed as.
var fake = &Info{Streams: 1, Stream: 1, SampleAspectRatio: 1}

// standIn makes a shell script pass for ffmpeg; it sees a version first.
func standIn(t *testing.T, script string) (video string) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no shell for a stand-in of ffmpeg")
	}
	dir := t.TempDir()
	program, video := filepath.Join(dir, "ffmpeg"), filepath.Join(dir, "a.mp4")
	script = "#!/bin/sh\n[ \"$1\" = -version ] && { echo ffmpeg version 9.9; exit; }\n" + script
	if err := errors.Join(os.WriteFile(program, []byte(script), 0o700), os.WriteFile(video, []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CLIPCUE_FFMPEG", program)
	return video
}

// A decoder that goes wrong is an error or a stop, never a wrong frame or a
// wait without end.
func TestDecoderGoesWrong(t *testing.T) {
	const header = `
echo "[info] Input #0, fake, from 'x':" >&2
echo "[Parsed_showinfo_0 @ 0x1] [info] config in time_base: 1/10, frame_rate: 10/1" >&2
frame() { echo "[Parsed_showinfo_0 @ 0x1] [info] n: $1 pts: $1 pts_time:0 sar:1/1 s:2x1 i:P" >&2; printf abcdef; }
`
	tests := []struct {
		name, script string
		frames       int
		want         error
		reason       string
	}{
		{"is whole", header + `frame 0; frame 1; frame 2`, 3, nil, ""},
		{"dies at once", `exit 3`, 0, ErrFormat, "ffmpeg failed: exit status 3"},
		{"crashes later", header + `frame 0; frame 1; kill -SEGV $$`, 2, ErrDamaged, "ffmpeg failed: signal: segmentation fault"},
		{"fails at the end", header + `frame 0; echo "[error] bad end." >&2; exit 1`, 1, ErrDamaged, "bad end"},
		{"breaks off in a picture", header + `frame 0; frame 1 | head -c 3`, 1, ErrDamaged, "differ in number"},
		{"has a stamp too many", header + `frame 0; frame 1 >/dev/null`, 1, ErrDamaged, "differ in number"},
		{"has a picture too many", header + `frame 0; printf abcdef`, 1, ErrDamaged, "differ in number"},
		{"has no stamps", header + `printf abcdef`, 0, ErrDamaged, "differ in number"},
		{"claims a huge picture", header + `echo "[Parsed_showinfo_0 @ 0x1] [info] n: 0 pts: 0 sar:1/1 s:99999999x99999999" >&2`, 0, ErrTooLarge, "99999999"},
		{"claims no picture", header + `echo "[Parsed_showinfo_0 @ 0x1] [info] n: 0 pts: 0 sar:1/1 s:0x-5" >&2`, 0, ErrTooLarge, "0x-5"},
		{"floods its log", header + `frame 0; yes "[error] noise, noise and more noise" | head -c 5000000 >&2; echo >&2; frame 1`, 2, ErrDamaged, "noise, noise"},
		{"writes one endless line", header + `frame 0; head -c 5000000 /dev/zero | tr '\0' x >&2; echo >&2; frame 1`, 2, nil, ""},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			path := standIn(t, c.script)
			var got error
			n := 0
			for f, err := range Frames(t.Context(), path, Options{Info: fake}) {
				if got = err; err != nil {
					break
				}
				n++
				if string(f.Pix) != "abcdef" {
					t.Errorf("frame %d is %q", f.Index, f.Pix)
				}
			}
			if n != c.frames || !errors.Is(got, c.want) || got != nil && !strings.Contains(got.Error(), c.reason) {
				t.Errorf("%d frames, then %v", n, got)
			}
		})
	}
}

// What is wrong beyond a window that was asked for is not seen, however far the decoder
// has come.
func TestDamageBeyondTheWindow(t *testing.T) {
	path := standIn(t, `
echo "[info] Input #0, fake, from 'x':" >&2
echo "[Parsed_showinfo_0 @ 0x1] [info] config in time_base: 1/10, frame_rate: 10/1" >&2
for n in 0 1 2 3; do echo "[Parsed_showinfo_0 @ 0x1] [info] n: $n pts: $n pts_time:0 sar:1/1 s:2x1 i:P" >&2; done
echo "[x @ 0x1] [error] broken" >&2
sleep 0.2; printf abcdefabcdefabcdefabcdef; sleep 300`)
	for _, c := range []struct {
		end    float64
		frames int
	}{{0.1, 1}, {0.2, 2}} {
		n := 0
		for _, err := range Frames(t.Context(), path, Options{Info: fake, End: c.end}) {
			if err != nil {
				t.Errorf("until %g: %v", c.end, err)
			}
			n++
		}
		if n != c.frames {
			t.Errorf("until %g: %d frames", c.end, n)
		}
	}
}

// The first picture of two fields, where none was expected, is where deinterlacing
// begins; each frame comes once.
func TestFieldsComeLater(t *testing.T) {
	path := standIn(t, `
echo "[info] Input #0, fake, from 'x':" >&2
echo "[Parsed_showinfo_0 @ 0x1] [info] config in time_base: 1/10, frame_rate: 10/1" >&2
frame() { echo "[Parsed_showinfo_0 @ 0x1] [info] n: $1 pts: $1 pts_time:0 sar:1/1 s:16x16 i:$2" >&2; head -c 768 /dev/zero | tr '\0' $3; }
case "$*" in
*-filters*) echo " bwdif ";;
*bwdif*) frame 0 P a; frame 1 P b; frame 2 T C; frame 3 P d;;
*) frame 0 P a; frame 1 P b; frame 2 T c; frame 3 P d;;
esac`)
	for codec, want := range map[string]string{"h264": "abCd", "hevc": "abcd"} {
		info := *fake
		info.Codec = codec
		got := ""
		for f, err := range Frames(t.Context(), path, Options{Info: &info}) {
			if err != nil {
				t.Fatal(err)
			}
			if f.Index != len(got) {
				t.Errorf("frame %d comes after %d", f.Index, len(got))
			}
			got += string(f.Pix[:1])
		}
		if got != want {
			t.Errorf("%s: %s, want %s", codec, got, want)
		}
	}
}

// A hanging decoder and what it started end with the context.
func TestHangingDecoder(t *testing.T) {
	path := standIn(t, "sleep 300 & sleep 300")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	for _, err := range Frames(ctx, path, Options{Info: fake}) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v to stop", took)
	}
}

func TestFramesReusesMemory(t *testing.T) {
	path := encode(t, "long.mkv", 64, 48, greys(64, 48, 100), nil, mkv...)
	var first *byte
	for f, err := range Frames(t.Context(), path, Options{Size: 32}) {
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = &f.Pix[0]
		} else if first != &f.Pix[0] {
			t.Fatal("a frame has memory of its own")
		}
	}
}

func TestVersion(t *testing.T) {
	needFFmpeg(t)
	v, err := DecoderVersion(t.Context())
	if err != nil || !strings.HasPrefix(v, "ffmpeg ") {
		t.Errorf("%q, %v", v, err)
	}
	tests := []struct{ version, want string }{
		{"ffmpeg 4.4.2-0ubuntu0.22.04.1", "-vsync"}, {"ffmpeg 5.0", "-vsync"}, {"ffmpeg 5.1.9-0+deb12u1", "-fps_mode"},
		{"ffmpeg n7.1", "-fps_mode"}, {"ffmpeg N-117770-g322b240cea", "-fps_mode"}, {"ffmpeg 8.0-full_build", "-fps_mode"},
	}
	for _, c := range tests {
		if got := passthrough(c.version)[0]; got != c.want {
			t.Errorf("%s: %s, want %s", c.version, got, c.want)
		}
	}
}

func TestErrorIsOneLine(t *testing.T) {
	err := &Error{Path: "a\nb.mp4", Kind: ErrDamaged, Reason: "File ended prematurely", Frames: 3}
	if diff := cmp.Diff(`a\nb.mp4`+": damaged: File ended prematurely (after 3 frames)", err.Error()); diff != "" {
		t.Error(diff)
	}
}
