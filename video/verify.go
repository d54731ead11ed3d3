package video

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clipcue/clipcue/internal/ffmpeg"
)

// A decoder with several threads reports damage at a random place in its log, and some
// damage only by chance. If such a decoder reports anything at all, the file is therefore
// decoded a second time, with one thread, where the report of a frame comes before the
// frame. This second pass alone decides whether the file is damaged.

// verify decodes a file, or a part of it, with one thread. It returns an error around
// ErrDamaged if one of the first n frames is damaged, or one of all frames if n is 0.
// Reports before the first keyframe do not count if the stream starts between keyframes.
func verify(ctx context.Context, path string, info *Info, timeout time.Duration, of *part, n int, midway bool) error {
	s := newStream(ctx, path, timeout)
	s.log.strict, s.log.waits, s.log.joined = true, midway, info.Container == "mpegts"
	args := append([]string{"-nostdin", "-hide_banner", "-nostats", "-loglevel", "repeat+level+info", "-copyts", "-threads", "1"}, seekTo(of)...)
	args = append(append(args, info.input(path)...), "-map", "0:"+strconv.Itoa(info.index), "-vf", "showinfo=checksum=0")
	version, err := ffmpeg.Version(ctx)
	if err != nil {
		return err
	}
	if err := s.start(append(append(args, passthrough(version)...), "-f", "null", "-"), nil); err != nil {
		return err
	}
	defer s.stop()
	for at := 0; n == 0 || at < n; at++ {
		st, ok := s.next()
		if !ok {
			break
		}
		if st.damaged {
			s.stop()
			return &Error{Path: path, Kind: ErrDamaged, Reason: s.log.reason, Frames: s.frames}
		}
		s.frames++
	}
	if n > 0 && s.frames == n {
		return nil
	}
	if err := s.finish(); err != nil {
		return err
	}
	if s.log.structural {
		return lost(ctx, path, info, timeout, s.log.fromKey)
	}
	return nil
}

// pictureUnits are the types of those units of a stream that hold parts of pictures, for
// ffmpeg's filter_units.
var pictureUnits = map[string]string{"h264": "1-5", "hevc": "0-31"}

// lost returns an error if a stream has more pictures than were decoded, counted from the
// first keyframe. A unit without a picture, such as a delimiter at the end, can make the
// decoder report an error although nothing is missing.
func lost(ctx context.Context, path string, info *Info, timeout time.Duration, decoded int) error {
	units, ok := pictureUnits[info.Codec]
	if !ok {
		return nil
	}
	guard := newGuard(ctx, timeout)
	defer guard.stop()
	args := append([]string{"-nostdin", "-v", "quiet"}, info.input(path)...)
	args = append(args, "-map", "0:"+strconv.Itoa(info.index), "-c", "copy", "-bsf:v", "filter_units=pass_types="+units, "-f", "framecrc", "-")
	cmd, err := ffmpeg.Command(guard.ctx, "ffmpeg", args...)
	if err != nil {
		return err
	}
	var lines lineCounter
	cmd.Stdout = &lines
	if err := ffmpeg.Start(ctx, cmd); err != nil {
		return err
	}
	guard.watch(cmd.Process.Pid)
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return nil // this ffmpeg lacks the filter
	}
	fields := 1
	if info.Interlaced {
		fields = 2 // each field of a frame may be a packet
	}
	if lines.n > fields*decoded {
		return &Error{Path: path, Kind: ErrDamaged, Reason: "frames could not be decoded", Frames: decoded}
	}
	return nil
}

// lineCounter counts the lines written to it that do not start with #.
type lineCounter struct {
	n      int
	inside bool // of a line
}

func (c *lineCounter) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		if !c.inside && line[0] != '#' {
			c.n++
		}
		c.inside = line[len(line)-1] != '\n'
	}
	return len(p), nil
}

// structural are parts of messages about a stream's structure that leave its pictures
// intact: metadata, and units that hold no picture. A picture that is missing because of
// them is found by counting.
var structural = []string{"SEI", "SPS", "PPS", "VPS", "VUI", "sps_id", "pps_id", "no frame", "missing picture in access unit", "access unit",
	"Header packet passed to frame decoder", "Invalid NAL unit"}

// failures are the messages of ffmpeg itself about a packet that its decoder rejected. The
// decoder's own message, before it, says why.
var failures = []string{"Error while decoding stream", "Error submitting packet to decoder"}

func mentions(message string, parts []string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(message, p) })
}

// endless are the containers that may end anywhere, as a recording that was stopped does.
var endless = []string{"mpegts", "mpeg", "h264", "hevc", "mpegvideo", "m4v", "vc1", "obu", "ivf"}

// tailSize is how many bytes of the end of a file [findTail] reads.
const tailSize = 16 << 20

// findTail sets info.end if the file may end anywhere and ends within a frame: reading then
// ends before that frame. The last group of frames is decoded with and without the last
// packet; if only the former causes a report, the packet is not whole.
func findTail(ctx context.Context, path string, info *Info, timeout time.Duration) error {
	if info.tailKnown {
		return nil
	}
	info.tailKnown = true
	size := fileSize(path)
	if info.Container == "gif" {
		if end := inFile(path, endOfGIF); end > 0 && end < size {
			info.end = end
		}
		return nil
	}
	if !slices.Contains(endless, info.Container) || size == 0 {
		return nil
	}
	region := *info
	region.from = max(0, size-tailSize)
	key, last, latest := int64(-1), int64(-1), int64(-1) // positions of packets; latest and key are keyframes
	_, err := region.list(ctx, path, timeout, func(l listed) bool {
		if pos, err := strconv.ParseInt(l.Position, 10, 64); err == nil && pos >= 0 {
			if latest >= 0 {
				key = latest
			}
			if l.key() {
				latest = pos
			}
			last = pos
		}
		return true
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil || key < 0 || last <= key {
		return nil // decoding decides
	}
	// Headers of a transport stream come up to a second before a keyframe.
	last += region.from
	region.from = max(0, region.from+key-1<<18)
	if info.Container != "mpegts" && info.Container != "mpeg" {
		region.from = 0 // headers may come only once
	}
	whole, err := region.reports(ctx, path, timeout)
	if err != nil || whole == 0 {
		return err
	}
	region.end = last
	without, err := region.reports(ctx, path, timeout)
	if err == nil && without < whole {
		info.end = last
	}
	return err
}

// reports returns how often a decoder with one thread complains about a part of a file.
func (i *Info) reports(ctx context.Context, path string, timeout time.Duration) (n int, err error) {
	s := newStream(ctx, path, timeout)
	args := append([]string{"-nostdin", "-hide_banner", "-nostats", "-loglevel", "repeat+level+info", "-threads", "1"}, i.input(path)...)
	if err := s.start(append(args, "-map", "0:V:0", "-f", "null", "-"), nil); err != nil {
		return 0, err
	}
	defer s.stop()
	_ = s.finish() // its errors are among the reports
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	return s.log.reports, nil
}
