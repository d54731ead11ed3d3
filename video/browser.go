package video

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/ffmpeg"
	files "github.com/clipcue/clipcue/internal/input"
)

// BrowserType returns the media type of a file that common browsers play as it is, at the
// times that [Cut] uses, or "" if it has to be converted, as by [Preview].
func (i *Info) BrowserType() string {
	for _, f := range browserFormats {
		plays := strings.Contains(i.Container, f.container) && slices.Contains(strings.Fields(f.pixels[i.Codec]), i.PixelFormat)
		plays = plays && (len(i.audio) == 0 || slices.Contains(f.audio, i.audio[0]))
		// Browsers show other streams than the default one, and count from other start times.
		if plays && i.Streams == 1 && math.Abs(i.StartTime) < 0.2 && i.HDR == "" && f.check(i.Path) {
			return f.media
		}
	}
	return ""
}

var browserFormats = []struct {
	container, media string
	pixels           map[string]string // pixel formats by codec
	audio            []string
	check            func(path string) bool
}{
	{"mp4", "video/mp4", map[string]string{"h264": "yuv420p yuvj420p", "av1": "yuv420p yuv420p10le", "vp9": "yuv420p"},
		[]string{"aac", "mp3", "opus"}, func(string) bool { return true }},
	{"webm", "video/webm", map[string]string{"vp8": "yuv420p", "av1": "yuv420p yuv420p10le", "vp9": "yuv420p"},
		[]string{"opus", "vorbis"}, isWebM},
}

// isWebM reports whether a Matroska file declares that it is WebM. ffprobe does not.
func isWebM(path string) bool {
	f, err := files.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 64)
	n, _ := io.ReadFull(f, head)
	return bytes.Contains(head[:n], []byte("webm"))
}

// Preview writes the part of a video from start to end, as [Cut] does, in a form that every
// browser plays: at most 720p, BT.709, stereo. info is the result of Probe. Time 0 of the
// preview is the start, also between two frames.
func Preview(ctx context.Context, info *Info, start, end float64, to string) error {
	if err := (Span{start, end}).check(); err != nil {
		return err
	}
	version, err := ffmpeg.Version(ctx)
	if err != nil {
		return err
	}
	// Frames keep their times instead of those of a constant rate.
	times := append(frameMode(version, "vfr"), "-enc_time_base:v", "1:90000")
	w, h := info.within(1280, 720)
	shape := fmt.Sprintf(",scale=%d:%d:out_color_matrix=bt709:out_range=tv,format=yuv420p,setsar=1,"+
		"setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709", w, h)
	return info.encode(ctx, encoding{start: start, end: end, lead: 15, shape: shape,
		output: append(times, "-map", "0:a:0?", "-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-c:a", "aac", "-ac", "2",
			"-movflags", "+faststart", "-f", "mp4")}, to)
}

// Still writes the frame that a player shows at a time to a JPEG file that is at most 480
// pixels wide or high. info is the result of Probe.
func Still(ctx context.Context, info *Info, at float64, to string) error {
	if !(at >= 0) {
		return fmt.Errorf("time must be at least 0 s, got %v s", at)
	}
	if info.FrameRate > 0 { // the frame may have begun earlier
		at = max(0, at-0.9/info.FrameRate)
	}
	w, h := info.within(480, 480)
	shape := fmt.Sprintf(",scale=%d:%d:out_color_matrix=bt601:out_range=pc,format=yuvj420p,setsar=1", w, h)
	return info.encode(ctx, encoding{start: at, end: at + 10, lead: 4, shape: shape,
		output: []string{"-frames:v", "1", "-c:v", "mjpeg", "-q:v", "4", "-f", "mjpeg"}}, to)
}

// within returns the even size of frames that are reduced until the longer side is at most
// long and the shorter one at most short.
func (i *Info) within(long, short float64) (w, h int) {
	a, b := float64(max(i.Width, 2)), float64(max(i.Height, 2))
	f := min(1, long/max(a, b), short/min(a, b))
	even := func(x float64) int { return max(2, 2*int(math.Round(f*x/2))) }
	return even(a), even(b)
}
