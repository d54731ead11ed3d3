package video

import (
	"context"
	"fmt"
	"time"

	"github.com/dustin/go-humanize/english"
)

// Report is the result of [Check].
type Report struct {
	Info

	// Frames is the number of frames: of decoded ones if Decoded, and of packets
	// otherwise. It replaces Info.Frames, which is the number in the header.
	Frames  int  `json:"frames"`
	Decoded bool `json:"decoded"`

	// First and Last are the times of the first and the last frame, in seconds.
	First float64 `json:"first"`
	Last  float64 `json:"last"`

	// Notes lists what distinguishes the file from a plain video, such as
	// "rotated 90" or "variable frame rate".
	Notes []string `json:"notes"`
}

// CheckOptions configure [Check].
type CheckOptions struct {
	Stream  int           // number of the video stream, as in [Options]
	Timeout time.Duration // as in [Options]
	Decode  bool          // decode every frame, which finds all that [Frames] would find
}

// Check examines a file without returning its frames: it reads the headers and the
// timestamps of all packets, and with Decode also decodes every frame. The error is
// the one that [Frames] would end with, as far as it is known; the Report is valid
// even then and holds what was read.
func Check(ctx context.Context, path string, c CheckOptions) (*Report, error) {
	r := &Report{Info: Info{Path: path}, Notes: []string{}}
	o := Options{Stream: c.Stream, Timeout: c.Timeout}
	info, err := Probe(ctx, path, o)
	if err != nil {
		return r, err
	}
	if err = findTail(ctx, path, info, o.timeout()); err != nil {
		return r, err
	}
	r.Info = *info
	x, err := readIndex(ctx, path, info, o.timeout())
	if err != nil {
		return r, err
	}
	err = x.mergeFields(ctx, path, info, o.timeout())
	r.Info = *info
	if err != nil {
		return r, err
	}
	n := len(x.packets)
	r.Frames = n + x.untimed
	if n > 0 {
		r.First, r.Last = x.time(0), x.time(n-1)
	}
	if c.Decode {
		r.Decoded = true
		var d decoded
		d, err = decodeAll(ctx, path, info, x, o)
		r.Frames, r.First, r.Last, r.Interlaced = d.frames, d.first, d.last, info.Interlaced
		r.Changes = info.Changes
	} else if x.encrypted {
		err = &Error{Path: path, Kind: ErrEncrypted, Reason: protected}
	} else if r.Frames == 0 {
		err = &Error{Path: path, Kind: ErrNoFrames}
	} else {
		err = decodeOne(ctx, path, info, o)
	}
	r.Notes = append(r.Notes, info.notes()...)
	r.Notes = append(r.Notes, x.notes(r)...)
	switch {
	case err != nil:
	case x.end != "":
		err = &Error{Path: path, Kind: ErrDamaged, Reason: x.end}
	case truncated(path, info.Container):
		err = &Error{Path: path, Kind: ErrDamaged, Reason: endsEarly}
	}
	return r, err
}

// decodeOne decodes the first frame, which shows whether the installed ffmpeg can: it may
// lack the decoder or a filter.
func decodeOne(ctx context.Context, path string, info *Info, o Options) error {
	copied := *info
	for _, err := range Frames(ctx, path, Options{Stream: o.Stream, Timeout: o.Timeout, Info: &copied, route: sequential}) {
		return err
	}
	return nil
}

// decoded is what decoding all frames of a file shows.
type decoded struct {
	frames      int
	first, last float64 // times
}

func decodeAll(ctx context.Context, path string, info *Info, x *packetIndex, o Options) (d decoded, err error) {
	o = Options{Stream: o.Stream, Timeout: o.Timeout, Info: info, index: x, route: sequential}
	for f, err := range Frames(ctx, path, o) {
		if err != nil {
			return d, err
		}
		if d.frames == 0 {
			d.first = f.Time
		}
		d.last = f.Time
		d.frames++
	}
	return d, nil
}

// notes returns what the headers show.
func (i *Info) notes() (odd []string) {
	add := func(is bool, format string, args ...any) {
		if is {
			odd = append(odd, fmt.Sprintf(format, args...))
		}
	}
	add(i.Rotation != 0, "rotated %d", i.Rotation)
	add(i.Flipped, "flipped")
	add(i.crop != nil, "cropped")
	w, h := squared(1000, 1000, i.SampleAspectRatio)
	add(w != h, "non-square pixels %.4g", i.SampleAspectRatio)
	add(i.Interlaced, "interlaced")
	add(i.Alpha, "transparent, shown on black")
	add(i.BitDepth > 8, "%d-bit", i.BitDepth)
	add(i.HDR != "", "HDR %s", i.HDR)
	add(i.assumesBT709(), "color matrix not declared, BT.709 assumed")
	add(i.Streams > 1, "%d video streams, this is %d", i.Streams, i.Stream)
	add(i.Width%2 != 0 || i.Height%2 != 0, "odd size")
	return append(odd, i.Changes...)
}

// notes returns what the packets show.
func (x *packetIndex) notes(r *Report) (odd []string) {
	add := func(is bool, format string, args ...any) {
		if is {
			odd = append(odd, fmt.Sprintf(format, args...))
		}
	}
	missing, repeated := x.untimed, 0
	shortest, longest := int64(0), int64(0)
	for i, p := range x.packets {
		if !p.stamped {
			missing++
		}
		if i == 0 {
			continue
		}
		d := p.ticks - x.packets[i-1].ticks
		if d == 0 {
			repeated++
		}
		if i == 1 {
			shortest, longest = d, d
		}
		shortest, longest = min(shortest, d), max(longest, d)
	}
	// Clocks are coarse: at 30 frames per second, frames are 33 and 34 ms apart.
	variable := missing == 0 && longest-shortest > 2 && float64(longest-shortest) > 0.02*float64(longest)
	add(variable || missing > 0 && r.VariableRate, "variable frame rate")
	if variable {
		add(true, "frames %.3g to %.3g s apart", float64(shortest)*x.seconds, float64(longest)*x.seconds)
	}
	n := len(x.packets) + x.untimed
	add(n > 0 && missing == n, "no timestamps")
	add(missing > 0 && missing < n, "%d frames without a timestamp", missing)
	add(x.restarts > 0, "timestamps restart %d times", x.restarts)
	add(r.Outliers > 0, "%s corrected", english.Plural(r.Outliers, "wrong timestamp", ""))
	add(repeated > 0, "%d repeated timestamps", repeated)
	add(n > 0 && r.First > 0.5, "starts at %.3f s", r.First)
	add(n > 0 && r.First < 0, "starts at %.3f s", r.First)
	add(r.Info.Frames > 0 && r.Frames != r.Info.Frames, "the header declares %d frames", r.Info.Frames)
	length := x.span().end - min(r.First, 0) // some containers declare only the end of all streams, audio included
	add(n > 1 && x.restarts == 0 && r.Duration > 1.2*length+1, "the header declares %.1f s", r.Duration)
	add(x.undecodable > 0, "starts with %d undecodable frames", x.undecodable)
	add(r.Info.end > 0 && r.Container != "gif", "ends within a frame")
	add(r.Info.end > 0 && r.Container == "gif", "other data follows the end of the GIF")
	add(x.complaint != "" && x.complaint != x.end, "%s", x.complaint)
	return odd
}
