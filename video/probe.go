package video

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/clipcue/clipcue/internal/ffmpeg"
)

// Info is what a file's headers say of its first video stream.
type Info struct {
	Path        string `json:"path"`
	Container   string `json:"container"` // ffmpeg's name, such as "mov,mp4,m4a,3gp,3g2,mj2"
	Codec       string `json:"codec"`
	PixelFormat string `json:"pixel_format"`

	// Width and Height are those of the frames: turned, with square pixels.
	Width  int `json:"width"`
	Height int `json:"height"`

	// A stored picture is shown mirrored left to right, if Mirrored, and then
	// turned clockwise by Rotation degrees.
	Rotation int  `json:"rotation"`
	Mirrored bool `json:"mirrored"`

	// SampleAspect is the width of a stored pixel over its height; 1 where the
	// file does not say. Frames have square pixels: where that makes a
	// difference of more than a pixel, the picture is stretched along one side.
	SampleAspect float64 `json:"sample_aspect"`

	Interlaced bool    `json:"interlaced"`
	StartTime  float64 `json:"start_time"` // of the file, seconds: what players call 0:00
	Duration   float64 `json:"duration"`   // as declared, seconds; 0 = unknown
	FrameRate  float64 `json:"frame_rate"` // average, frames a second; 0 = unknown
	Frames     int     `json:"frames"`     // as declared; 0 = unknown
	HasAudio   bool    `json:"has_audio"`
}

// Probe reads a file's headers. Its errors are those of [Frames]; since
// nothing is decoded, a file that Probe understands may still have no frame.
func Probe(ctx context.Context, path string) (*Info, error) {
	if err := checkFile(path); err != nil {
		return nil, err
	}
	var out []byte
	err := ffprobe(ctx, path, func(r io.Reader) (err error) {
		out, err = io.ReadAll(io.LimitReader(r, 1<<24))
		return err
	}, "-show_format", "-show_streams", "-of", "json")
	if err != nil {
		return nil, err
	}
	return parseProbe(path, out)
}

// ffprobe runs the program on a file and lets read have what it prints.
func ffprobe(ctx context.Context, path string, read func(io.Reader) error, args ...string) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	args = append([]string{"-hide_banner", "-loglevel", "level+error"}, args...)
	cmd, err := ffmpeg.Command(inner, "ffprobe", append(args, input(path)...)...)
	if err != nil {
		return err
	}
	var log ffmpeg.Head
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := ffmpeg.Start(ctx, cmd); err != nil {
		return err
	}
	readErr := read(out)
	if readErr != nil {
		cancel() // whatever it still has to say is not wanted
	}
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case readErr != nil:
		return &Error{Path: path, Kind: ErrFormat, Reason: readErr.Error()}
	case err != nil:
		return &Error{Path: path, Kind: ErrFormat, Reason: ffmpeg.Reason(cmd, log.String(), err)}
	}
	return nil
}

// input is how a file is named to ffmpeg: as a file whatever its name looks
// like, from which nothing but files may be opened.
func input(path string) []string {
	args := []string{"-protocol_whitelist", "file,pipe"}
	if strings.EqualFold(filepath.Ext(path), ".gif") {
		// Otherwise a % in the name would stand for the numbers of a sequence.
		args = append(args, "-f", "gif")
	}
	return append(args, "-i", "file:"+path)
}

// parseProbe reads ffprobe's JSON.
func parseProbe(path string, out []byte) (*Info, error) {
	type stream struct {
		Type         string `json:"codec_type"`
		Codec        string `json:"codec_name"`
		PixelFormat  string `json:"pix_fmt"`
		Width        int
		Height       int
		SampleAspect string `json:"sample_aspect_ratio"`
		FieldOrder   string `json:"field_order"`
		StartTime    string `json:"start_time"`
		Duration     string `json:"duration"`
		FrameRate    string `json:"avg_frame_rate"`
		Frames       string `json:"nb_frames"`
		Disposition  struct {
			Cover int `json:"attached_pic"`
			Still int `json:"timed_thumbnails"`
		}
		SideData []struct {
			Matrix string `json:"displaymatrix"`
		} `json:"side_data_list"`
	}
	var doc struct {
		Streams []stream
		Format  struct {
			Name      string `json:"format_name"`
			StartTime string `json:"start_time"`
			Duration  string `json:"duration"`
		}
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		return nil, &Error{Path: path, Kind: ErrFormat, Reason: "ffprobe printed no JSON: " + ffmpeg.OneLine(err.Error())}
	}
	var v *stream
	audio := false
	for i := range doc.Streams {
		s := &doc.Streams[i]
		audio = audio || s.Type == "audio"
		if v == nil && s.Type == "video" && s.Disposition.Cover == 0 && s.Disposition.Still == 0 {
			v = s
		}
	}
	if v == nil {
		return nil, &Error{Path: path, Kind: ErrNoVideo}
	}
	info := &Info{
		Path: path, Container: doc.Format.Name, Codec: v.Codec, PixelFormat: v.PixelFormat,
		SampleAspect: ratio(v.SampleAspect, ":"),
		Interlaced:   v.FieldOrder != "" && v.FieldOrder != "progressive" && v.FieldOrder != "unknown",
		StartTime:    seconds(doc.Format.StartTime), Duration: seconds(v.Duration),
		FrameRate: ratio(v.FrameRate, "/"),
		HasAudio:  audio,
	}
	if info.SampleAspect == 0 {
		info.SampleAspect = 1
	}
	if doc.Format.StartTime == "" {
		info.StartTime = seconds(v.StartTime)
	}
	if v.Duration == "" {
		info.Duration = seconds(doc.Format.Duration)
	}
	if n, err := strconv.Atoi(v.Frames); err == nil && n > 0 {
		info.Frames = n
	}
	info.Width, info.Height = squared(v.Width, v.Height, info.SampleAspect)
	for _, d := range v.SideData {
		if d.Matrix != "" {
			info.Rotation, info.Mirrored = orientation(d.Matrix)
		}
	}
	if info.Rotation == 90 || info.Rotation == 270 {
		info.Width, info.Height = info.Height, info.Width
	}
	return info, nil
}

// ratio reads "a:b" or "a/b"; 0 where it is none or not above zero.
func ratio(s, sep string) float64 {
	a, b, _ := strings.Cut(s, sep)
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	if r := x / y; err1 == nil && err2 == nil && r > 0 && !math.IsInf(r, 0) {
		return r
	}
	return 0
}

// seconds reads a time; 0 where it is none.
func seconds(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

// orientation reads a display matrix as ffprobe prints it: three lines of an
// offset and three numbers. The matrix takes a stored position to a shown one:
// x' = a·x + c·y, y' = b·x + d·y, where a b and c d begin the first two lines.
func orientation(matrix string) (rotation int, mirrored bool) {
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
	if mirrored = a*d-b*c < 0; mirrored {
		a, b = -a, -b // take the mirror image out: it turns x round
	}
	turn := math.Atan2(b, a) / (math.Pi / 2)
	return (int(math.Round(turn))*90 + 360) % 360, mirrored
}

// scanSpan reads the time stamps of all packets, without decoding any.
func scanSpan(ctx context.Context, path string) (timeSpan, error) {
	first, last, before := math.Inf(1), math.Inf(-1), math.Inf(-1)
	err := ffprobe(ctx, path, func(r io.Reader) error {
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			t, ok := packetTime(lines.Text())
			if !ok {
				continue
			}
			first = min(first, t)
			if t > last {
				last, before = t, last
			} else if t < last {
				before = max(before, t)
			}
		}
		return lines.Err()
	}, "-select_streams", "V:0", "-show_entries", "packet=pts_time,dts_time,flags", "-of", "compact=p=0")
	switch {
	case err != nil:
		return timeSpan{}, err
	case math.IsInf(first, 0):
		return timeSpan{}, nil // for the decoder to say what is wrong
	case math.IsInf(before, 0):
		return timeSpan{first, last}, nil
	}
	return timeSpan{first, last + (last - before)}, nil
}

// packetTime reads "pts_time=0.066667|dts_time=0.033333|flags=K_". A packet
// that is there to be thrown away has none.
func packetTime(line string) (float64, bool) {
	var pts, dts string
	for field := range strings.SplitSeq(strings.TrimSpace(line), "|") {
		switch key, value, _ := strings.Cut(field, "="); key {
		case "pts_time":
			pts = value
		case "dts_time":
			dts = value
		case "flags":
			if strings.Contains(value, "D") {
				return 0, false
			}
		}
	}
	for _, s := range []string{pts, dts} {
		if v, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v, true
		}
	}
	return 0, false
}
