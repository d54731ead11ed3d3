package video

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/clipcue/clipcue/internal/ffmpeg"
)

// Cut writes the part of a video from start to end, in seconds on a player's clock, to an
// MP4 file. It re-encodes the default video stream and the first audio stream, so that the
// part starts and ends exactly and not at a keyframe. The file is written completely or
// not at all, and replaces an existing one. A failure of the video is an [*Error].
func Cut(ctx context.Context, path string, start, end float64, to string) error {
	if !(start >= 0 && end > start) {
		return fmt.Errorf("start must be at least 0 s and before the end, got %v s to %v s", start, end)
	}
	info, err := Probe(ctx, path, Options{})
	if err != nil {
		return err
	}
	filters, err := info.filters(ctx)
	if err != nil {
		return err
	}
	temporary := filepath.Join(filepath.Dir(to), "."+filepath.Base(to)+"."+rand.Text()[:8]+".tmp")
	defer os.Remove(temporary)
	from := []string{"-ss", strconv.FormatFloat(start, 'f', 6, 64)}
	args := []string{"-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+error", "-progress", "pipe:1", "-y"}
	// In other containers seeking may be inexact, so ffmpeg decodes up to the start.
	seekable := strings.Contains(info.Container, "mp4") || strings.Contains(info.Container, "matroska")
	if seekable {
		args = append(args, from...)
	}
	args = append(args, input(path)...)
	if !seekable {
		args = append(args, from...)
	}
	args = append(args, "-t", strconv.FormatFloat(end-start, 'f', 6, 64),
		"-map", fmt.Sprintf("0:%d", info.index), "-map", "0:a:0?", "-map_metadata", "-1",
		// The codec accepts only even sizes.
		"-vf", strings.TrimPrefix(filters+",scale=trunc(iw/2)*2:trunc(ih/2)*2,format=yuv420p", ","),
		"-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-c:a", "aac", "-movflags", "+faststart", "-f", "mp4", "file:"+temporary)
	frames, err := cut(ctx, path, args)
	switch {
	case err != nil:
		return err
	case frames == 0:
		return &Error{Path: path, Kind: ErrNoFrames, Reason: fmt.Sprintf("none from %g s to %g s", start, end)}
	}
	return os.Rename(temporary, to)
}

// cut runs ffmpeg and returns the number of frames that it wrote.
func cut(ctx context.Context, path string, args []string) (frames int, err error) {
	g := newGuard(ctx, DefaultTimeout)
	defer g.stop()
	cmd, err := ffmpeg.Command(g.ctx, "ffmpeg", args...)
	if err != nil {
		return 0, err
	}
	var log ffmpeg.Head
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := ffmpeg.Start(ctx, cmd); err != nil {
		return 0, err
	}
	g.watch(cmd.Process.Pid)
	for lines := bufio.NewScanner(g.reader(out)); lines.Scan(); {
		if n, ok := strings.CutPrefix(lines.Text(), "frame="); ok {
			frames, _ = strconv.Atoi(strings.TrimSpace(n))
		}
	}
	err = cmd.Wait()
	switch fault := g.fault(path, frames); {
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case fault != nil:
		return 0, fault
	case err != nil:
		return 0, &Error{Path: path, Kind: errCut, Reason: ffmpeg.Reason(cmd, log.String(), err)}
	}
	return frames, nil
}

var errCut = errors.New("cannot be cut")
