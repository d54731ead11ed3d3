package video

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/ffmpeg"
	files "github.com/clipcue/clipcue/internal/input"
)

// Cut writes the part of a video from start to end, in seconds on a player's clock, to an
// MP4 file. It re-encodes the default video stream and the first audio stream, so that the
// part starts and ends exactly and not at a keyframe. The file is written completely or
// not at all, and replaces only a file that Cut wrote; others are kept, with an *fs.PathError.
// A failure of the video is an [*Error].
func Cut(ctx context.Context, path string, start, end float64, to string) error {
	if err := (Span{start, end}).check(); err != nil {
		return err
	}
	if err := checkCut(to); err != nil {
		return err
	}
	info, err := Probe(ctx, path, Options{})
	if err != nil {
		return err
	}
	return info.encode(ctx, encoding{start: start, end: end, shape: evenSize + ",format=yuv420p",
		output: []string{"-map", "0:a:0?", "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-c:a", "aac", "-movflags", "+faststart",
			"-metadata", "comment=" + cutComment, "-f", "mp4"}}, to)
}

// cutComment is in the header of files that Cut wrote.
const cutComment = "cut by clipcue"

// maxCutHeader is how many bytes of a file are searched for cutComment. The header of three hours
// is smaller.
const maxCutHeader = 16 << 20

// checkCut returns an error if there is anything else at path than a file that Cut wrote.
func checkCut(path string) error {
	if err := atomicfile.CheckRegular(path); err != nil {
		return err
	}
	f, err := files.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, maxCutHeader))
	if err == nil && len(head) > 0 && !bytes.Contains(head, []byte(cutComment)) {
		err = &fs.PathError{Op: "write", Path: path, Err: atomicfile.ErrOtherKind}
	}
	return err
}

// evenSize is the filter for codecs that accept only even sizes.
const evenSize = ",scale=trunc(iw/2)*2:trunc(ih/2)*2"

func (s Span) check() error {
	if !(s.Start >= 0 && s.End > s.Start) {
		return fmt.Errorf("start must be at least 0 s and before the end, got %v s to %v s", s.Start, s.End)
	}
	return nil
}

// encoding is how a part of a video is encoded.
type encoding struct {
	start, end float64  // seconds on a player's clock
	lead       float64  // seconds before the start that are decoded where seeking may be inexact; 0 = all
	shape      string   // filters after those that make frames as a player shows them
	output     []string // arguments for ffmpeg
}

// inexact are the containers with timestamps in which seeking may be inexact.
var inexact = []string{"mpegts", "avi", "mpeg", "asf", "flv", "mxf", "ogg"}

// seek returns the arguments that skip what is before the start: before the input and after it.
func (e encoding) seek(container string) (before, after []string) {
	to := func(t float64) []string { return []string{"-ss", strconv.FormatFloat(t, 'f', 6, 64)} }
	switch {
	case strings.Contains(container, "mp4"), strings.Contains(container, "matroska"):
		return to(e.start), nil
	case e.lead > 0 && e.start > e.lead && slices.Contains(inexact, container):
		return to(e.start - e.lead), to(e.lead)
	}
	return nil, to(e.start) // ffmpeg decodes up to the start
}

// encode writes a part of a video to a file, completely or not at all.
func (i *Info) encode(ctx context.Context, e encoding, to string) error {
	filters, err := i.filters(ctx)
	if err != nil {
		return err
	}
	temporary := filepath.Join(filepath.Dir(to), "."+filepath.Base(to)+"."+rand.Text()[:8]+".tmp")
	defer os.Remove(temporary)
	before, after := e.seek(i.Container)
	args := append([]string{"-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+error", "-progress", "pipe:1", "-y"}, before...)
	args = append(append(args, input(i.Path)...), after...)
	args = append(args, "-t", strconv.FormatFloat(e.end-e.start, 'f', 6, 64), "-map", fmt.Sprintf("0:%d", i.index), "-map_metadata", "-1",
		"-vf", strings.TrimPrefix(filters+i.crop.filter()+e.shape, ","))
	frames, err := cut(ctx, i.Path, to, append(append(args, e.output...), "file:"+temporary))
	switch {
	case err != nil:
		return err
	case frames == 0:
		return &Error{Path: i.Path, Kind: ErrNoFrames, Reason: fmt.Sprintf("none from %g s to %g s", e.start, e.end)}
	}
	return atomicfile.Rename(temporary, to)
}

// cut runs ffmpeg, which writes a part of a video to a file, and returns the number of frames
// that it wrote.
func cut(ctx context.Context, path, to string, args []string) (frames int, err error) {
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
	case err != nil && strings.Contains(log.String(), noSpace):
		return 0, &fs.PathError{Op: "write", Path: to, Err: syscall.ENOSPC}
	case err != nil:
		return 0, &Error{Path: path, Kind: errCut, Reason: ffmpeg.Reason(cmd, log.String(), err)}
	}
	return frames, nil
}

// noSpace is how ffmpeg reports a full disk.
const noSpace = "No space left on device"

var errCut = errors.New("cannot be cut")
