package video

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseProbe(t *testing.T) {
	got, err := parseProbe("a.mkv", []byte(`{
		"streams": [
			{"codec_type": "audio", "codec_name": "aac"},
			{"codec_type": "video", "codec_name": "png", "disposition": {"attached_pic": 1}},
			{"codec_type": "video", "codec_name": "h264", "pix_fmt": "yuv420p10le", "width": 720, "height": 576,
			 "sample_aspect_ratio": "16:15", "field_order": "tt", "avg_frame_rate": "25/1", "nb_frames": "17",
			 "index": 2, "time_base": "1/1000", "color_transfer": "smpte2084", "color_space": "bt2020nc", "color_primaries": "bt2020", "color_range": "pc",
			 "side_data_list": [{"side_data_type": "other"},
				{"displaymatrix": "\n00000000:            0       65536           0\n00000001:       -65536           0           0\n00000002:            0           0  1073741824\n"}]},
			{"codec_type": "video", "codec_name": "second"}],
		"format": {"format_name": "matroska,webm", "start_time": "1.5", "duration": "12.25"}}`), 0)
	if err != nil {
		t.Fatal(err)
	}
	want := &Info{Path: "a.mkv", Container: "matroska,webm", Codec: "h264", PixelFormat: "yuv420p10le",
		Stream: 1, Streams: 2, BitDepth: 10, HDR: "PQ", Matrix: "bt2020nc", FullRange: true,
		index: 2, tickNum: 1, tickDen: 1000, primaries: "bt2020", angle: 270, pixels: 720 * 576,
		Width: 576, Height: 768, Rotation: 90, SampleAspectRatio: 16. / 15, Interlaced: true,
		StartTime: 1.5, Duration: 12.25, FrameRate: 25, Frames: 17, HasAudio: true, audio: []string{"aac"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Info{})); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseProbe(f *testing.F) {
	f.Add(`{"streams": [{"codec_type": "video", "width": 1, "height": -2, "sample_aspect_ratio": "0:0",
		"avg_frame_rate": "1e400/1", "start_time": "NaN", "nb_frames": "-1", "side_data_list": [{"displaymatrix": "0: 1 2 3\n"}]}]}`)
	f.Add(`{"streams": [], "format": {}}`)
	f.Add(`[`)
	f.Fuzz(func(t *testing.T, text string) {
		info, err := parseProbe("a", []byte(text), 0)
		if err != nil {
			return
		}
		for _, v := range []float64{info.SampleAspectRatio, info.StartTime, info.Duration, info.FrameRate} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("%+v", info)
			}
		}
		if info.Rotation%90 != 0 || info.Rotation < 0 || info.Rotation >= 360 || info.Frames < 0 || info.SampleAspectRatio <= 0 {
			t.Errorf("%+v", info)
		}
	})
}

func TestParsePacket(t *testing.T) {
	tests := []struct {
		line string
		want packet
		ok   bool
	}{
		{"pts=512|dts=-512|duration=40|flags=K_", packet{ticks: 512, duration: 40, key: true, timed: true, stamped: true}, true},
		{"pts=N/A|dts=33|flags=__\r", packet{ticks: 33, timed: true}, true},
		{"pts=-5|flags=KD_", packet{}, false},
		{"pts=N/A|dts=N/A|flags=K_", packet{key: true}, true},
		{"pts=9223372036854775807|dts=NaN", packet{}, false},
		{"", packet{}, false},
	}
	for _, c := range tests {
		if got, _, ok := parseListed(c.line).packet(); got != c.want || ok != c.ok {
			t.Errorf("%q: %v, %v", c.line, got, ok)
		}
	}
}

// Fields make one frame of two packets, frames one of one.
func TestPair(t *testing.T) {
	for _, c := range []struct{ ticks, want []int64 }{
		{nil, nil},
		{[]int64{0, 1, 2, 3, 4, 5}, []int64{0, 2, 4}},
		{[]int64{0, 2, 3, 4, 6, 8, 9}, []int64{0, 2, 4, 6, 8}},
		{[]int64{0, 2, 4, 9}, []int64{0, 2, 4, 9}},
	} {
		x := &packetIndex{}
		for _, v := range c.ticks {
			x.packets = append(x.packets, packet{ticks: v})
		}
		paired := x.pair(2)
		var got []int64
		for _, p := range x.packets {
			got = append(got, p.ticks)
		}
		if !slices.Equal(got, c.want) || paired != (len(c.want) < len(c.ticks)) {
			t.Errorf("%v: %v, %v", c.ticks, got, paired)
		}
	}
}

func FuzzParsePacket(f *testing.F) {
	f.Add("pts=512|dts=-512|flags=K_")
	f.Add("pts=|pts=1|flags=KD|dts")
	f.Fuzz(func(t *testing.T, line string) {
		p, dts, ok := parseListed(line).packet()
		if dts != noTimestamp && (dts <= -1<<62 || dts >= 1<<62) || !ok && p != (packet{}) || p.ticks <= -1<<62 || p.ticks >= 1<<62 {
			t.Errorf("%v, %v", p, ok)
		}
	})
}

// stamps reads a log and returns the frames' stamps.
func stamps(text string) (ffmpegLog, []stamp) {
	log := ffmpegLog{strict: true, joined: strings.Contains(text, "mpegts")}
	var all []stamp
	log.read(strings.NewReader(text), func(s stamp) { all = append(all, s) })
	return log, all
}

func TestLog(t *testing.T) {
	const head = "[info] Input #0, matroska,webm, from 'file:a.mkv':\n" +
		"[Parsed_showinfo_0 @ 0x5] [info] config in time_base: 1/90000, frame_rate: 30/1\n"
	log, got := stamps(head +
		"[Parsed_showinfo_0 @ 0x5] [info] n:   0 pts:  90000 pts_time:1 pos: 56 fmt:yuv420p sar:4/3 s:1920x1080 i:T iskey:1 type:I \n" +
		"[Parsed_showinfo_0 @ 0x5] [info] n:   1 pts: 135000 pts_time:1.5 duration: 5 fmt:yuv420p cl:left sar:0/1 s:8x4 i:P\n" +
		"[Parsed_showinfo_0 @ 0x5] [info]   side data - pts: none\n" +
		"[Parsed_showinfo_0 @ 0x5] [info] n:   2 pts:NOPTS pts_time:NOPTS fmt:yuv420p sar:1/1 s:8x4 i:P\n" +
		"[Parsed_showinfo_0 @ 0x5] [info] n:   3 pts:-45000 pts_time:-0.5 fmt:yuv420p sar:1/1 s:8x4 i:P\n")
	want := []stamp{
		{time: 1, ticks: 90000, timed: true, key: true, interlaced: true, width: 1920, height: 1080, aspect: 4. / 3},
		{number: 1, time: 1.5, ticks: 135000, timed: true, width: 8, height: 4, aspect: 1},
		{number: 2, time: 2, width: 8, height: 4, aspect: 1},
		{number: 3, time: -0.5, ticks: -45000, timed: true, width: 8, height: 4, aspect: 1}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(stamp{}, colorimetry{})); diff != "" {
		t.Error(diff)
	}
	if !log.opened || log.damage || log.reason != "" {
		t.Errorf("%+v", log)
	}
}

func TestLogErrors(t *testing.T) {
	const frame = "[Parsed_showinfo_0 @ 0x5] [info] config in time_base: 1/10, frame_rate: 30/1\n" +
		"[Parsed_showinfo_0 @ 0x5] [info] n: 0 pts: 0 sar:1/1 s:8x4\n"
	const opened = "[info] Input #0, matroska,webm, from 'file:a.mkv':\n"
	tests := []struct {
		name, text, reason string
		damage             bool
	}{
		{"first one is the cause", "[x @ 0x1] [error] moov atom not found\n[error] file:a: Invalid data\n", "moov atom not found", false},
		{"while searching streams", "[h264 @ 0x1] [error] no PPS\n" + frame, "no PPS", false},
		{"in the first frame", opened + "[h264 @ 0x1] [error] broken\n" + frame, "broken", true},
		{"concealed, and reported", opened + frame + "[h264 @ 0x1] [info] concealing 28 DC errors\n[warning] a.mkv: corrupt decoded frame in stream 0\n", "a.mkv: corrupt decoded frame in stream 0", true},
		{"reported by a newer version", opened + frame + "[vist#0:0/h264 @ 0x1] [dec:h264 @ 0x2] [warning] corrupt decoded frame\n", "corrupt decoded frame", true},
		{"a unit without a picture", opened + frame + "[h264 @ 0x1] [error] no frame!\n[error] Error while decoding stream #0:0: Invalid data\n", "", false},
		{"a packet that was rejected", opened + frame + "[vp9 @ 0x1] [error] Invalid sync code\n[error] Error while decoding stream #0:0: Invalid data\n", "Invalid sync code", true},
		{"parts joined, in a newer version", "[in#0/mpegts @ 0x1] [warning] Packet corrupt (stream = 0, dts = 1)\n[in#0/mpegts @ 0x1] [warning] corrupt input packet in stream 0\n" + frame, "", false},
		{"the rest passed over before it", "[matroska,webm @ 0x1] [error] Element at 0x5 ending at 0x9 exceeds containing master element ending at 0x8\n" + frame,
			"Element at 0x5 ending at 0x9 exceeds containing master element ending at 0x8", true},
		{"a packet cut before it", "[warning] a.ivf: Packet corrupt (stream = 0, dts = 1)\n" + frame, "a.ivf: Packet corrupt (stream = 0, dts = 1)", true},
		{"parts joined", "[mpegts @ 0x1] [warning] Packet corrupt (stream = 0, dts = 1)\n" + frame, "", false},
		{"after it", frame + "[h264 @ 0x1] [fatal] broken.\n[error] more\n", "broken", true},
		{"within another line", opened + frame + "[Parsed_showinfo_0 @ 0x5] [info] color_range:tverror while decoding MB 3 2\n[Parsed_showinfo_0 @ 0x5] [info]  color_space:bt709\n", "error while decoding MB 3 2", true},
		{"harmless within another line", opened + frame + "[Parsed_showinfo_0 @ 0x5] [info] color_range:tvApplication provided invalid, non monotonically increasing dts to muxer in stream 0: 86 >= 39\n", "", false},
		{"parts joined, within another line", strings.Replace(opened, "matroska,webm", "mpegts", 1) + frame + "[Parsed_showinfo_0 @ 0x5] [info] color_range:tvPacket corrupt (stream = 0, dts = 302400).\n", "", false},
		{"a unit without a picture, within another line", opened + frame + "[Parsed_showinfo_0 @ 0x5] [info] color_range:tvSEI type 5: invalid size\n", "", false},
		{"cut, within another line", opened + frame + "[Parsed_showinfo_0 @ 0x5] [info] color_range:tvFile ended prematurely at 9\n", "ended prematurely at 9", true},
		{"warnings are none", frame + "[h264 @ 0x1] [warning] hm\n[info] error\n", "", false},
		{"cut to a length", "[error] " + strings.Repeat("x", 5000) + "\n", strings.Repeat("x", 200) + "...", false},
	}
	for _, c := range tests {
		if log, _ := stamps(c.text); log.reason != c.reason || log.damage != c.damage {
			t.Errorf("%s: %q, damage %v", c.name, log.reason, log.damage)
		}
	}
}

func FuzzLog(f *testing.F) {
	f.Add("[Parsed_showinfo_0 @ 0x5] [info] config in time_base: 1/0\n[Parsed_showinfo_0 @ 0x5] [info] n: 0 pts: 1 sar:0/0 s:1x1")
	f.Add("[Parsed_showinfo_0 @ 0x5] [info] config in time_base: NaN/1e999\n[Parsed_showinfo_0] n: pts:99999999999999999999 s:x")
	f.Fuzz(func(t *testing.T, text string) {
		_, all := stamps(text)
		for _, s := range all {
			if math.IsNaN(s.time) || math.IsInf(s.time, 0) || !(s.aspect > 0) || math.IsInf(s.aspect, 0) {
				t.Errorf("%+v", s)
			}
		}
	})
}
