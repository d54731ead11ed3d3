package video

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clipcue/clipcue/internal/ffmpeg"
)

// Info describes a video stream, as read from the headers of its file.
type Info struct {
	Path        string `json:"path"`
	Container   string `json:"container"` // ffmpeg's name, such as "mov,mp4,m4a,3gp,3g2,mj2"
	Codec       string `json:"codec"`
	PixelFormat string `json:"pixel_format"`

	Stream  int `json:"stream"`  // number among the video streams, from 1
	Streams int `json:"streams"` // number of video streams, without cover art

	// Width and Height are the size of the frames, after rotation and with square pixels.
	Width  int `json:"width"`
	Height int `json:"height"`

	// A stored frame is shown flipped left to right if Flipped, and then rotated
	// clockwise by Rotation degrees.
	Rotation int  `json:"rotation"`
	Flipped  bool `json:"flipped"`

	// SampleAspectRatio is the width of a stored pixel divided by its height, or 1 if the
	// file does not declare it. Frames have square pixels: if that changes the size
	// by more than a pixel, the frame is stretched along one side.
	SampleAspectRatio float64 `json:"sample_aspect_ratio"`

	Interlaced   bool    `json:"interlaced"`    // according to the headers; see [Options.Info]
	BitDepth     int     `json:"bit_depth"`     // of a stored sample; 0 = unknown
	HDR          string  `json:"hdr"`           // "PQ", "HLG" or ""
	Alpha        bool    `json:"alpha"`         // frames are partly transparent, and shown on black
	Matrix       string  `json:"matrix"`        // of YUV, such as "bt709"; "" = unknown
	FullRange    bool    `json:"full_range"`    // of YUV: 0 to 255
	StartTime    float64 `json:"start_time"`    // time that players show as 0:00, seconds
	Duration     float64 `json:"duration"`      // as declared, seconds; 0 = unknown
	FrameRate    float64 `json:"frame_rate"`    // average, frames per second; 0 = unknown
	VariableRate bool    `json:"variable_rate"` // the frame rate varies, according to the headers
	Frames       int     `json:"frames"`        // as declared; 0 = unknown
	HasAudio     bool    `json:"has_audio"`

	// Undecodable is the number of packets before the first keyframe, if the stream starts
	// between keyframes and decoding or Check found it out. Their frames are left out.
	Undecodable int `json:"undecodable,omitempty"`

	// Changes lists the properties of frames that change within the stream, such as "the rotation
	// changes from 0 to 90 at 4.000 s", as far as decoding found any. Each frame is processed
	// by its own properties.
	Changes []string `json:"changes,omitempty"`

	// Outliers is the number of frames whose timestamps contradict those of their neighbors
	// and were corrected. Frames and Check set it, and then also correct StartTime and
	// Duration.
	Outliers int `json:"outliers"`

	// Timecode is that of the file's timecode track or tags; the zero value if it has none.
	Timecode Timecode `json:"timecode"`

	index     int    // of the stream among all streams of the file
	track     uint32 // number of the stream within its container; 0 = unknown
	tickNum   int64  // a tick of the stream's clock, in seconds, is tickNum/tickDen
	tickDen   int64  //
	primaries string // of the colors, such as "bt2020"
	angle     int    // by which the header's display matrix rotates counterclockwise, 0 to 270, as showinfo prints it
	pixels    int    // of a stored frame
	hd        bool   // a stored frame has the size of HD video
	crop      *crop  // the part of it that is shown; nil = all
	start     float64
	audio     []string // codecs of the audio streams

	// from and end limit the bytes of the file that are read, see findTail; an end of 0
	// means the end of the file.
	from, end int64
	tailKnown bool

	packets []listed // of the stream, if they were read with the headers
}

// Probe reads the headers of a file. Of the options it uses Stream and Timeout. Errors
// are those of [Frames]. Probe decodes nothing, so a file that it accepts may still
// have no frames.
func Probe(ctx context.Context, path string, o Options) (*Info, error) {
	if err := checkFile(path); err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, &Error{Path: path, Kind: ErrFormat, Reason: "a pipe or a device, not a file"}
	}
	out, err := readHeaders(ctx, path, o.timeout())
	var info *Info
	if err == nil {
		info, err = parseProbe(path, out, o.Stream)
	}
	switch {
	case ctx.Err() != nil:
	case err == nil && declaresEncryption(path, info), err != nil && scrambled(path, 0):
		return info, &Error{Path: path, Kind: ErrEncrypted, Reason: protected}
	case err == nil && strings.Contains(info.Container, "matroska"):
		info.cropTo(readMatroska(path, info.index).part())
	}
	return info, err
}

// readHeaders returns what ffprobe prints about a file and its streams. For a small file it
// includes the packets, which saves a process, unless ffprobe then reports anything: that
// may concern a stream that is not decoded.
func readHeaders(ctx context.Context, path string, timeout time.Duration) (out []byte, err error) {
	read := func(r io.Reader) (err error) {
		out, err = io.ReadAll(io.LimitReader(r, 1<<24))
		return err
	}
	args := []string{"-show_format", "-show_streams", "-of", "json=compact=1"}
	if size := fileSize(path); size > 0 && size <= smallFile {
		complaints, err := ffprobe(ctx, path, timeout, read, append(args, "-show_entries", packetEntries)...)
		switch {
		case ctx.Err() != nil || errors.Is(err, ErrTimeout):
			return nil, err
		case err == nil && len(complaints) == 0 && json.Valid(out):
			return out, nil
		}
	}
	_, err = ffprobe(ctx, path, timeout, read, args...)
	return out, err
}

// smallFile is the size in bytes up to which packets are read with the headers.
const smallFile = 1 << 20

// cropTo limits the frames to a part of the stored ones.
func (i *Info) cropTo(c *crop) {
	if c == nil || c.stored[0]*c.stored[1] != i.pixels {
		return
	}
	i.crop, i.SampleAspectRatio = c, c.aspect(i.SampleAspectRatio)
	if i.Width, i.Height = squared(c.width(), c.height(), i.SampleAspectRatio); i.Rotation%180 != 0 {
		i.Width, i.Height = i.Height, i.Width
	}
}

// IsImage reports whether the file is an image or a numbered sequence of images.
func (i *Info) IsImage() bool {
	return i.Container == "image2" || strings.HasSuffix(i.Container, "_pipe")
}

// seconds returns a time of the stream's clock in seconds.
func (i *Info) seconds(ticks int64) float64 {
	return float64(ticks) * float64(i.tickNum) / float64(i.tickDen)
}

// ffprobe runs ffprobe on a file and calls read with its output. It returns the errors
// that ffprobe logged, which do not all make it fail.
func ffprobe(ctx context.Context, path string, timeout time.Duration, read func(io.Reader) error, args ...string) (complaints []string, err error) {
	return probeInput(ctx, path, timeout, input(path), read, args...)
}

// probeInput is ffprobe for the file that the arguments in name.
func probeInput(ctx context.Context, path string, timeout time.Duration, in []string, read func(io.Reader) error, args ...string) (complaints []string, err error) {
	guard := newGuard(ctx, timeout)
	defer guard.stop()
	args = append([]string{"-hide_banner", "-loglevel", "level+error"}, args...)
	cmd, err := ffmpeg.Command(guard.ctx, "ffprobe", append(args, in...)...)
	if err != nil {
		return nil, err
	}
	var log ffmpeg.Head
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := ffmpeg.Start(ctx, cmd); err != nil {
		return nil, err
	}
	guard.watch(cmd.Process.Pid)
	readErr := read(guard.reader(out))
	if readErr != nil {
		guard.cancel(nil) // the rest of the output is not needed
	}
	guard.arm()
	err = cmd.Wait()
	guard.disarm()
	for line := range strings.Lines(log.String()) {
		if message, ok := ffmpeg.ErrorIn(line); ok {
			complaints = append(complaints, message)
		}
	}
	if fault := guard.fault(path, 0); fault != nil {
		return nil, fault
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case readErr != nil:
		return nil, &Error{Path: path, Kind: ErrFormat, Reason: readErr.Error()}
	case err != nil:
		return nil, &Error{Path: path, Kind: ErrFormat, Reason: plain(ffmpeg.Reason(cmd, log.String(), err))}
	}
	return complaints, nil
}

// plain shortens an error of ffmpeg that would list the names of all formats.
func plain(reason string) string {
	if strings.Contains(reason, "Format not on whitelist") {
		return "a playlist, which names other files, or another format without video"
	}
	return reason
}

// probed is a stream in the JSON output of ffprobe.
type probed struct {
	Index             int
	ID                string // within the container, such as "0x1"
	Type              string `json:"codec_type"`
	Codec             string `json:"codec_name"`
	Tag               string `json:"codec_tag_string"`
	PixelFormat       string `json:"pix_fmt"`
	Width             int
	Height            int
	SampleAspectRatio string `json:"sample_aspect_ratio"`
	FieldOrder        string `json:"field_order"`
	StartTime         string `json:"start_time"`
	Duration          string `json:"duration"`
	TimeBase          string `json:"time_base"`
	FrameRate         string `json:"avg_frame_rate"`
	LeastRate         string `json:"r_frame_rate"`
	Frames            string `json:"nb_frames"`
	RawBits           string `json:"bits_per_raw_sample"`
	Range             string `json:"color_range"`
	Matrix            string `json:"color_space"`
	Transfer          string `json:"color_transfer"`
	Primaries         string `json:"color_primaries"`
	Tags              tags
	Disposition       struct {
		Default int
		Cover   int `json:"attached_pic"`
		Still   int `json:"timed_thumbnails"`
	}
	SideData []struct {
		Type    string `json:"side_data_type"`
		Matrix  string `json:"displaymatrix"`
		Profile int    `json:"dv_profile"`
		Compat  int    `json:"dv_bl_signal_compatibility_id"`
	} `json:"side_data_list"`
}

// tags are those of a stream or a file.
type tags struct {
	Timecode  string
	AlphaMode string `json:"alpha_mode"`
}

// timecode returns the timecode of a video stream, from its own tag, from that of the file
// or from a track of timecodes, which may count at a rate of its own.
func timecode(file tags, streams []probed, v *probed) Timecode {
	candidates := append([]probed{*v, {Tags: file}}, streams...)
	for _, s := range candidates {
		rate := ratio(v.FrameRate, "/")
		if s.Type == "data" {
			rate = cmp.Or(ratio(s.FrameRate, "/"), rate)
		}
		if t, ok := parseTimecode(s.Tags.Timecode, rate); ok {
			return t
		}
	}
	return Timecode{}
}

// probedFile is the JSON output of ffprobe.
type probedFile struct {
	Packets []listed
	Streams []probed
	Format  struct {
		Name      string `json:"format_name"`
		StartTime string `json:"start_time"`
		Duration  string `json:"duration"`
		Tags      tags
	}
}

// parseProbe parses the JSON output of ffprobe. The number of the stream counts from 1;
// 0 means the default stream.
func parseProbe(path string, out []byte, number int) (*Info, error) {
	var doc probedFile
	if err := json.Unmarshal(out, &doc); err != nil {
		return nil, &Error{Path: path, Kind: ErrFormat, Reason: "ffprobe did not print JSON: " + ffmpeg.OneLine(err.Error())}
	}
	info := &Info{Path: path, Container: doc.Format.Name, Stream: number}
	v, err := doc.choose(info)
	if err != nil {
		return nil, err
	}
	info.describe(v, doc.Format.Name)
	info.Timecode = timecode(doc.Format.Tags, doc.Streams, v)
	info.setTimes(v, &doc)
	if doc.Packets != nil {
		info.packets = packetsOf(doc.Packets, v.Index)
	}
	if err := info.setShape(v); err != nil {
		return nil, err
	}
	return info, nil
}

// choose returns the video stream with the number info.Stream, and sets what info says
// about the streams.
func (f *probedFile) choose(info *Info) (*probed, error) {
	var videos []*probed
	covers := 0
	for i := range f.Streams {
		s := &f.Streams[i]
		switch {
		case s.Type == "audio":
			info.HasAudio, info.audio = true, append(info.audio, s.Codec)
		case s.Type != "video":
		case s.Disposition.Cover != 0 || s.Disposition.Still != 0:
			covers++
		default:
			videos = append(videos, s)
		}
	}
	number := info.Stream
	switch {
	case len(videos) == 0 && covers > 0:
		return nil, &Error{Path: info.Path, Kind: ErrNoVideo, Reason: "only cover art"}
	case len(videos) == 0:
		return nil, &Error{Path: info.Path, Kind: ErrNoVideo}
	case number > len(videos):
		return nil, &Error{Path: info.Path, Kind: ErrNoVideo, Reason: fmt.Sprintf("stream %d was requested, and there are %d", number, len(videos))}
	case number == 0:
		number = 1 + max(0, slices.IndexFunc(videos, func(s *probed) bool { return s.Disposition.Default != 0 }))
	}
	info.Stream, info.Streams = number, len(videos)
	return videos[number-1], nil
}

// describe sets what the stream says about its codec and its colors.
func (i *Info) describe(v *probed, container string) {
	i.Codec, i.PixelFormat, i.index = v.Codec, v.PixelFormat, v.Index
	i.Interlaced = slices.Contains([]string{"tt", "bb", "tb", "bt"}, v.FieldOrder) && min(v.Width, v.Height) >= minInterlaced
	i.BitDepth, i.HDR, i.Alpha = bitDepth(v), hdr[v.Transfer], transparent(v, container)
	i.Matrix, i.primaries = known(v.Matrix), known(v.Primaries)
	i.FullRange = v.Range == "pc" || strings.HasPrefix(v.PixelFormat, "yuvj")
	if n, err := strconv.ParseUint(v.ID, 0, 32); err == nil {
		i.track = uint32(n)
	}
}

// setTimes sets the clock of the stream and what the headers say about its length.
func (i *Info) setTimes(v *probed, doc *probedFile) {
	i.StartTime, i.Duration = seconds(doc.Format.StartTime), seconds(v.Duration)
	i.FrameRate, i.start = ratio(v.FrameRate, "/"), seconds(v.StartTime)
	if least := ratio(v.LeastRate, "/"); least > 0 && i.FrameRate > 0 {
		i.VariableRate = math.Abs(least-i.FrameRate) > 0.01*i.FrameRate
	}
	if n, d, ok := strings.Cut(v.TimeBase, "/"); ok {
		a, err1 := strconv.ParseInt(n, 10, 32)
		b, err2 := strconv.ParseInt(d, 10, 32)
		if err1 == nil && err2 == nil && a > 0 && b > 0 {
			i.tickNum, i.tickDen = a, b
		}
	}
	if doc.Format.StartTime == "" {
		i.StartTime = seconds(v.StartTime)
	}
	if v.Duration == "" {
		i.Duration = seconds(doc.Format.Duration)
	}
	if n, err := strconv.Atoi(v.Frames); err == nil && n > 0 {
		i.Frames = n
	}
}

// setShape sets the size and the orientation of the frames. It returns an error for frames
// that are too large or cannot be shown.
func (i *Info) setShape(v *probed) error {
	i.SampleAspectRatio = cmp.Or(ratio(v.SampleAspectRatio, ":"), 1)
	if v.Width > 0 && v.Height > 0 {
		if v.Width > maxFrame/v.Height {
			return &Error{Path: i.Path, Kind: ErrTooLarge,
				Reason: fmt.Sprintf("frames of %dx%d pixels; the limit is %d million", v.Width, v.Height, maxFrame>>20)}
		}
		i.pixels = v.Width * v.Height
		if i.stored() > maxStored {
			return &Error{Path: i.Path, Kind: ErrTooLarge,
				Reason: fmt.Sprintf("frames of %dx%d pixels in %s need %d MB each; the limit is %d", v.Width, v.Height, v.PixelFormat, i.stored()>>20, maxStored>>20)}
		}
		i.hd = v.Width >= 1280 || v.Height >= 720
	}
	i.Width, i.Height = squared(v.Width, v.Height, i.SampleAspectRatio)
	for _, d := range v.SideData {
		if d.Matrix != "" {
			i.Rotation, i.Flipped, i.angle = orientation(d.Matrix)
		}
		if strings.HasPrefix(d.Type, "DOVI") && d.Profile == 5 && d.Compat == 0 {
			return &Error{Path: i.Path, Kind: ErrUnsupported, Reason: "Dolby Vision profile 5, whose colors other formats cannot represent"}
		}
	}
	if i.Rotation == 90 || i.Rotation == 270 {
		i.Width, i.Height = i.Height, i.Width
	}
	switch v.Tag {
	case "encv", "drmi", "ENCV":
		return &Error{Path: i.Path, Kind: ErrEncrypted, Reason: protected + " (" + v.Tag + ")"}
	}
	return nil
}

// hdr has the names of the transfer characteristics that need tone mapping.
var hdr = map[string]string{"smpte2084": "PQ", "arib-std-b67": "HLG"}

// known returns a value that ffprobe printed, or "" if it means that there is none.
func known(s string) string {
	if s == "unknown" || s == "unspecified" || s == "reserved" {
		return ""
	}
	return s
}

// bitDepth returns the bits per sample. If the stream does not declare them they follow
// from the name of the pixel format: yuv420p10le has 10, p010le 10, rgb48be 16, yuv420p 8.
func bitDepth(s *probed) int {
	if n, err := strconv.Atoi(s.RawBits); err == nil && n > 0 && n <= 64 {
		return n
	}
	name := strings.TrimSuffix(strings.TrimSuffix(s.PixelFormat, "le"), "be")
	for _, n := range []int{9, 10, 12, 14, 16} {
		if strings.HasSuffix(name, fmt.Sprintf("p%d", n)) || strings.HasSuffix(name, fmt.Sprintf("p0%d", n)) || strings.HasSuffix(name, fmt.Sprintf("gray%d", n)) {
			return n
		}
	}
	switch {
	case s.PixelFormat == "":
		return 0
	case strings.HasSuffix(name, "48") || strings.HasSuffix(name, "64") || name == "ya16":
		return 16
	}
	return 8
}

// ratio parses "a:b" or "a/b". It returns 0 for anything else and for values not above 0.
func ratio(s, sep string) float64 {
	a, b, _ := strings.Cut(s, sep)
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	if r := x / y; err1 == nil && err2 == nil && r > 0 && !math.IsInf(r, 0) {
		return r
	}
	return 0
}

// seconds parses a time. It returns 0 for anything else.
func seconds(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

// orientation parses a display matrix as ffprobe prints it: three lines of an offset and
// three numbers. The matrix maps a stored position to a displayed one:
// x' = a·x + c·y, y' = b·x + d·y, where a b and c d start the first two lines. The angle is
// what ffmpeg prints for the matrix: counterclockwise, and regardless of a flip.
func orientation(matrix string) (rotation int, flipped bool, angle int) {
	var m [2][2]float64
	row := 0
	for line := range strings.Lines(matrix) {
		words := strings.Fields(line)
		if len(words) != 4 || row == 2 {
			continue
		}
		for i := range m[row] {
			m[row][i] = seconds(words[i+1])
		}
		row++
	}
	a, b, c, d := m[0][0], m[0][1], m[1][0], m[1][1]
	angle = quarter(-math.Atan2(b, a) * 180 / math.Pi)
	if flipped = a*d-b*c < 0; flipped {
		a, b = -a, -b // undo the flip, which negates x
	}
	return quarter(math.Atan2(b, a) * 180 / math.Pi), flipped, angle
}

// quarter rounds an angle to a multiple of 90 from 0 to 270.
func quarter(degrees float64) int { return (int(math.Round(degrees/90))%4 + 4) % 4 * 90 }

// transparent reports whether a stream has an alpha channel. That of VP8 and VP9 is in
// additional data of each packet, which a tag announces. Image files are no videos, and the
// decoder of GIF itself replaces transparent pixels.
func transparent(s *probed, container string) bool {
	if container == "gif" || container == "image2" || strings.HasSuffix(container, "_pipe") {
		return false
	}
	for _, part := range []string{"yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16"} {
		if strings.HasPrefix(s.PixelFormat, part) {
			return true
		}
	}
	return s.Tags.AlphaMode == "1" && alphaDecoders[s.Codec] != ""
}

// alphaDecoders are the decoders of codecs whose native decoder ignores transparency.
var alphaDecoders = map[string]string{"vp8": "libvpx", "vp9": "libvpx-vp9"}
