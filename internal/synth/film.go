package synth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/clipcue/clipcue/internal/ffmpeg"
)

// encode writes the scenes of a film to mp4 files, the same number to each.
func encode(ctx context.Context, paths []string, f *film) error {
	args := []string{"-hide_banner", "-loglevel", "level+error", "-y",
		"-f", "rawvideo", "-pix_fmt", "rgb24", "-s", fmt.Sprintf("%dx%d", f.o.Width, f.o.Height),
		"-r", strconv.FormatFloat(f.o.FPS, 'f', -1, 64), "-i", "pipe:0"}
	n := f.o.frames() * len(f.scenes) / len(paths)
	for i, path := range paths {
		args = append(args, "-vf", fmt.Sprintf("trim=start_frame=%d:end_frame=%d,setpts=PTS-STARTPTS", i*n, (i+1)*n),
			"-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-bf", "0", "-pix_fmt", "yuv420p",
			"-threads", "1", "-bitexact", "-f", "mp4", "file:"+path)
	}
	cmd, err := ffmpeg.Command(ctx, "ffmpeg", args...)
	if err != nil {
		return err
	}
	var log ffmpeg.Head
	cmd.Stderr = &log
	cmd.Stdin = f
	if err := ffmpeg.Start(ctx, cmd); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return errors.New(ffmpeg.Reason(cmd, log.String(), err))
	}
	return nil
}

// film is an io.Reader of the raw frames of scenes in order.
type film struct {
	o      Options
	scenes []*Scene
	next   int    // index of the next frame to draw
	pix    []byte // pixels of the last frame drawn
	rest   []byte // unread part of pix
}

func (f *film) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		scene, frame := f.next/f.o.frames(), f.next%f.o.frames()
		if scene == len(f.scenes) {
			return 0, io.EOF
		}
		if f.pix == nil {
			f.pix = make([]byte, 3*f.o.Width*f.o.Height)
		}
		f.scenes[scene].Draw(f.pix, f.o.Width, f.o.Height, float64(frame)/f.o.FPS)
		f.next++
		f.rest = f.pix
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}
