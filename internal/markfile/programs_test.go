package markfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// cvatProject returns a file of a project with two tasks. The arguments are its annotations.
func cvatProject(annotations ...string) string {
	return `<annotations><meta><project><id>1</id><tasks>
<task><id>5</id><labels><label><name>a</name></label></labels><frame_filter>step=5</frame_filter><source>five.mp4</source></task>
<task><id>6</id><segments><segment><id>9</id></segment></segments><source>six.mp4</source></task>
</tasks></project></meta>` + strings.Join(annotations, "") + `</annotations>`
}

// cvatTrack returns a track of the frames 25 to 49. The argument is an attribute.
func cvatTrack(task string) string {
	return `<track id="0" ` + task + ` label="man"><box frame="25"/><box frame="50" outside="1"/></track>`
}

const cvatFrame25 = `<image name="frame_000025" task_id="%s"><tag label="man"/></image>`

// event returns an event of an EDL, with lines below it.
func event(channel string, lines ...string) string {
	return "001  AX  " + channel + "  C  00:00:01:00 00:00:02:00 01:00:00:00 01:00:01:00\n* FROM CLIP NAME: v.mp4\n" + strings.Join(lines, "\n") + "\n"
}

// elanOf returns a file with an annotation of 1 to 2 s, and the given media and time slots.
func elanOf(media, slots string) string {
	return `<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="milliseconds">` + media + `</HEADER><TIME_ORDER><TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="1000"/><TIME_SLOT TIME_SLOT_ID="b" TIME_VALUE="2000"/>` + slots +
		`</TIME_ORDER><TIER TIER_ID="t"><ANNOTATION><ALIGNABLE_ANNOTATION TIME_SLOT_REF1="a" TIME_SLOT_REF2="b"><ANNOTATION_VALUE>x</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>` +
		`<ANNOTATION><ALIGNABLE_ANNOTATION TIME_SLOT_REF1="c" TIME_SLOT_REF2="b"><ANNOTATION_VALUE>y</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>`
}

func medium(name, mime string) string {
	return `<MEDIA_DESCRIPTOR MEDIA_URL="` + name + `" MIME_TYPE="` + mime + `"/>`
}

// timeline returns a task of Label Studio with the frames 26 to 50.
func timeline(data string) string {
	return `[{"data":{` + data + `},"annotations":[{"result":[{"type":"timelinelabels","value":{"ranges":[{"start":26,"end":50}],"timelinelabels":["x"]}}]}]}]`
}

// cocoFrames returns a file with the frames 25 to 26 of a video.
func cocoFrames(videos, categories string) string {
	return `{"videos":[` + videos + `],"categories":[` + categories + `],"images":[{"id":1,"video_id":1,"frame_id":25},{"id":2,"video_id":1,"frame_id":26}],
"annotations":[{"id":1,"image_id":1,"category_id":1},{"id":2,"image_id":2,"category_id":1}]}`
}

func TestDetailsOfOtherPrograms(t *testing.T) {
	const slot, category = `<TIME_SLOT TIME_SLOT_ID="c"/>`, `{"id":1,"name":"x"}`
	one := func(video string, start, end float64, label string) []Row {
		return []Row{{Video: video, Start: start, End: end, Label: label}}
	}
	none := map[string]int{}
	untimed := map[string]int{"annotations without times of their own": 1}
	for _, c := range []struct {
		name, content string
		want          []Row
		lost          map[string]int
	}{
		// Of a project, the task of the annotations names the video and the step between frames.
		{"first.xml", cvatProject(cvatTrack(`task_id="5"`)), one("five.mp4", 1, 2, "man"), none},
		{"second.xml", cvatProject(cvatTrack(`task_id="6"`), cvatTrack(`task_id="6"`)), append(one("six.mp4", 1, 2, "man"), one("six.mp4", 1, 2, "man")...), none},
		{"image.xml", cvatProject(fmt.Sprintf(cvatFrame25, "5")), one("five.mp4", 1, 1.2, "man"), none},
		{"single.xml", `<annotations><meta><project><tasks><task><id>5</id><source>v.mp4</source></task></tasks></project></meta>` + cvatTrack("") + `</annotations>`, one("v.mp4", 1, 2, "man"), none},

		{"comments.edl", event("V", "M2   AX       050.0                00:00:01:00", "* COMMENT: wave", "* COMMENT: fast", "* COMMENT: left"), one("v.mp4", 1, 2, "wave"), map[string]int{"comments after the first of an event": 2}},
		{"sound.edl", event("A", "* COMMENT: a") + event("V", "* COMMENT: b") + event("A2", "* COMMENT: c") + event("AA", "* COMMENT: d", "* COMMENT: e"), one("v.mp4", 1, 2, "b"), map[string]int{"events on audio tracks": 3}},
		{"both.edl", event("B", "* COMMENT: a") + event("AA/V", "* COMMENT: b") + event("VA1", "* COMMENT: c"),
			append(append(one("v.mp4", 1, 2, "a"), one("v.mp4", 1, 2, "b")...), one("v.mp4", 1, 2, "c")...), none},

		{"tags.srt", "1\n00:00:01,000 --> 00:00:02,000\n{\\an8}<i>a <FONT color=\"#fff\">dog</Font>\n{\\i1}runs</I> <s></s> off\n", one("tags", 1, 2, "a dog runs off"), none},
		{"brackets.srt", "1\n00:00:01,000 --> 00:00:02,000\n<laughs> 1 < 2 {x} <in> <fontana>\n", one("brackets", 1, 2, "<laughs> 1 < 2 {x} <in> <fontana>"), none},
		{"dense.srt", "1\n00:00:01,000 --> 00:00:02,000\nwave\n2\n00:00:03,000 --> 00:00:04,000\n42\n43\n\n3\n00:00:05,000 --> 00:00:06,000\n44\n",
			append(append(one("dense", 1, 2, "wave"), one("dense", 3, 4, "42 43")...), one("dense", 5, 6, "44")...), none},

		{"empty.eaf", elanOf(medium("v.mp4", "video/mp4"), `<TIME_SLOT TIME_SLOT_ID="c" TIME_VALUE=""/>`), one("v.mp4", 1, 2, "x"), untimed},
		{"mime.eaf", elanOf(medium("a.wav", "audio/x-wav")+medium("b.bin", "unknown")+medium("c.mp4", "video/mp4"), slot), one("c.mp4", 1, 2, "x"), untimed},
		{"wrong.eaf", elanOf(medium("a.wav", "video/mp4")+medium("b.mp4", "video/mp4"), slot), one("b.mp4", 1, 2, "x"), untimed},
		{"ogg.eaf", elanOf(medium("a.wav", "audio/x-wav")+medium("b.ogg", "video/ogg"), slot), one("b.ogg", 1, 2, "x"), untimed},
		{"extension.eaf", elanOf(medium("a.WAV", "")+medium("b.mp4", ""), slot), one("b.mp4", 1, 2, "x"), untimed},
		{"sounds.eaf", elanOf(medium("a.wav", "audio/x-wav")+medium("b.mp3", ""), slot), one("a.wav", 1, 2, "x"), untimed},
		{"videos.eaf", elanOf(medium("a.wav", "audio/x-wav")+medium("b.mp4", "video/mp4")+medium("c.mpg", "video/mpeg"), slot), one("b.mp4", 1, 2, "x"),
			map[string]int{"annotations without times of their own": 1, "further videos of a file": 1}},

		{"rate.json", timeline(`"video":"v.mp4"`), one("v.mp4", 1, 2, "x"), none},
		{"fps.json", timeline(`"video":"v.mp4","fps":50`), one("v.mp4", 0.5, 1, "x"), none},
		{"text.json", timeline(`"video":"v.mp4","fps":"12.5"`), one("v.mp4", 2, 4, "x"), none},
		{"other.json", timeline(`"video":"v.mp4","fps":["?"]`), one("v.mp4", 1, 2, "x"), none},
		{"upload.json", timeline(`"video":"/data/upload/1/ab12cd34-a-b.mp4"`), one("a-b.mp4", 1, 2, "x"), none},
		{"folder.json", timeline(`"video":"/data/upload/ab12cd34-a.mp4"`), one("/data/upload/ab12cd34-a.mp4", 1, 2, "x"), none},

		{"boxes.json", `[{"data":{"video":"v.mp4"},"annotations":[{"result":[{"type":"videorectangle","value":{"framesCount":50,"sequence":[{"frame":1,"enabled":true,"x":1}],"labels":["car"]}},{"type":"choices","value":{"choices":["good"]}},{"type":"labels","value":{"start":1,"end":2,"labels":["x"]}}]}]}]`,
			one("v.mp4", 1, 2, "x"), map[string]int{"boxes of objects, and results for whole videos": 2}},

		{"coco.json", cocoFrames(`{"id":1,"name":"v.mp4"}`, category), one("v.mp4", 1, 1.08, "x"), none},
		{"slow.json", cocoFrames(`{"id":1,"name":"v.mp4","fps":5},{"id":2,"name":"w.mp4","fps":10}`, category), one("v.mp4", 5, 5.4, "x"), none},

		{"class.json", `{"classes":["a","b"],"labels":{"v":[{"label":1,"timestamps":[1,2]}]}}`, one("v", 1, 2, "b"), none},
	} {
		got, lost, err := readText(t, c.name, c.content)
		if d := cmp.Diff(c.want, got, cmpopts.EquateApprox(0, 1e-9)) + cmp.Diff(c.lost, lost); d != "" || err != nil {
			t.Errorf("%s: error %v\n%s", c.name, err, d)
		}
	}
}

func TestAmbiguousFilesOfOtherPrograms(t *testing.T) {
	const video, category = `{"id":1,"name":"v.mp4"}`, `{"id":1,"name":"x"}`
	for _, c := range []struct{ name, content, want string }{
		{"tracks.xml", cvatProject(cvatTrack(`task_id="5"`), cvatTrack(`task_id="6"`)), "export each task"},
		{"images.xml", cvatProject(fmt.Sprintf(cvatFrame25, "5"), fmt.Sprintf(cvatFrame25, "6")), "export each task"},
		{"unknown.xml", cvatProject(cvatTrack("")), "export each task"},
		{"sound.edl", event("A", "* COMMENT: a"), ErrNothing.Error()},
		{"twice.eaf", elanOf("", `<TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="5000"/>`), `"a" is defined twice`},
		{"time.eaf", elanOf("", `<TIME_SLOT TIME_SLOT_ID="c" TIME_VALUE="1.5"/>`), `"1.5", not a whole number`},
		{"videos.json", cocoFrames(video+","+video, category), "two videos have the id 1"},
		{"categories.json", cocoFrames(video, category+","+category), "two categories have the id 1"},
		{"index.json", `{"classes":["a","b"],"labels":{"v":[{"label":1.7,"timestamps":[1,2]}]}}`, "the label is 1.7"},
		{"negative.json", `{"classes":["a","b"],"labels":{"v":[{"label":-1,"timestamps":[1,2]}]}}`, "the label is -1"},
	} {
		if rows, _, err := readText(t, c.name, c.content); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, error %v, want %s", c.name, rows, err, c.want)
		}
	}
}

// Frames of timelines are those of the video, if the task does not say a rate.
func TestTimelinesCountFramesOfTheVideo(t *testing.T) {
	o := Options{Clock: func(video string) (float64, Clock, error) {
		if video == "v.mp4" {
			return 50, plainClock(50), nil
		}
		return 0, nil, nil
	}}
	for data, start := range map[string]float64{
		`"video":"v.mp4"`:                         0.5,
		`"video":"/data/upload/3/0123abcd-v.mp4"`: 0.5,
		`"video":"v.mp4","fps":25`:                1,
		`"video":"w.mp4","fps":25`:                1,
	} {
		if got, err := readLabelStudio([]byte(timeline(data)), o); err != nil || len(got) != 1 || got[0].Start != start {
			t.Errorf("%s: %v, error %v", data, got, err)
		}
	}
	if got, err := readLabelStudio([]byte(timeline(`"video":"w.mp4"`)), o); !errors.Is(err, ErrRate) {
		t.Errorf("a video that is missing: %v, error %v", got, err)
	}
}

func TestHiddenFilesAreSkipped(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"a.srt": "00:00:01,000 --> 00:00:02,000\nx\n", "._a.srt": "\x00\x05\x16\x07", ".b.srt": ""} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []Format{"", SRT} {
		if got, err := Read(folder, f, Options{}); err != nil || len(got) != 1 || got[0].Video != "a" {
			t.Errorf("%q: %v, error %v", f, got, err)
		}
	}
}

func TestFormattingTagsAreReported(t *testing.T) {
	lost := map[string]int{}
	_, err := Write(t.TempDir(), SRT, []Row{{Video: "v.mp4", End: 1, Label: "<b>a</b> <c>"}}, Options{Lost: func(what string, n int) { lost[what] += n }})
	if want := map[string]int{"the text of formatting tags": 2}; err != nil || !cmp.Equal(want, lost) {
		t.Errorf("%v, error %v", lost, err)
	}
}

// Programs that read a written file find what they need: an edit decision list has no overlaps on its track, a
// frame has one marker, an asset has a file, a task has an ID.
func TestWrittenFilesOfOtherPrograms(t *testing.T) {
	spans := []Row{{Video: "/a b.mp4", Start: 1, End: 3, Label: "x"}, {Video: "/a b.mp4", Start: 1.01, End: 1.03, Label: "y"}, {Video: "/a b.mp4", Start: 2, End: 4, Label: "z"}}
	apart := []Row{spans[0], {Video: "/a b.mp4", Start: 5, End: 6, Label: "y"}}
	for _, c := range []struct {
		f    Format
		rows []Row
		want []string
		lost int
	}{
		{EDL, apart, []string{"00:00:01:00 00:00:03:00 00:00:01:00 00:00:03:00", "00:00:05:00 00:00:06:00 00:00:05:00 00:00:06:00"}, 0},
		{EDL, spans, []string{"00:00:01:00 00:00:03:00 00:00:00:00 00:00:02:00", "00:00:01:00 00:00:01:01 00:00:02:00 00:00:02:01", "00:00:02:00 00:00:04:00 00:00:02:01 00:00:04:01"}, 0},
		{Resolve, spans, []string{"00:00:01:00 00:00:01:01 ", "|M:x |D:50", "00:00:01:01 00:00:01:02 ", "|M:y |D:1", "00:00:02:00 00:00:02:01 ", "|M:z |D:50"}, 1},
		{FCPXML, spans, []string{`<fcpxml version="1.8">`, `src="file:///a%20b.mp4"`}, 0},
		{LabelStudio, spans, []string{`"id": 1,`}, 0},
	} {
		out := filepath.Join(t.TempDir(), "out"+c.f.Info().Extensions[0])
		lost := 0
		files, err := Write(out, c.f, c.rows, Options{Rate: 25, Lost: func(_ string, n int) { lost += n }})
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(files[0])
		if err != nil || lost != c.lost {
			t.Errorf("%s: error %v, lost %d", c.f, err, lost)
		}
		rest := string(data)
		for _, want := range c.want {
			_, after, ok := strings.Cut(rest, want)
			if !ok {
				t.Fatalf("%s: no %q in order in\n%s", c.f, want, data)
			}
			rest = after
		}
	}
	if got, _, err := readText(t, "tasks.json", `[{"id":"a-1","data":{"video":"v.mp4"},"annotations":[{"result":[{"value":{"start":1,"end":2,"labels":["x"]}}]}]}]`); err != nil || len(got) != 1 {
		t.Errorf("%+v, error %v", got, err)
	}
}
