package markfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// readText reads a file with the given content, and returns what was lost.
func readText(t *testing.T, name, content string) ([]Row, map[string]int, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	lost := map[string]int{}
	rows, err := Read(file, "", Options{Rate: 25, Lost: func(what string, n int) { lost[what] += n }})
	return rows, lost, err
}

const elanFile = `<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-01-01T00:00:00+01:00" FORMAT="3.0" VERSION="3.0">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/talks/a%20b.mp4" MIME_TYPE="video/mp4" RELATIVE_MEDIA_URL="../talks/a%20b.mp4"/></HEADER>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="500"/><TIME_SLOT TIME_SLOT_ID="ts2"/><TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="1500"/></TIME_ORDER>
<TIER LINGUISTIC_TYPE_REF="default" TIER_ID="hands">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts3"><ANNOTATION_VALUE>point &amp; hold</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts3"><ANNOTATION_VALUE></ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2"><ANNOTATION_VALUE>x</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
</TIER>
<TIER LINGUISTIC_TYPE_REF="note" TIER_ID="notes" PARENT_REF="hands"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a4" ANNOTATION_REF="a1"><ANNOTATION_VALUE>n</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER>
</ANNOTATION_DOCUMENT>`

const longGrid = "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = 0 \nxmax = 2 \ntiers? <exists> \nsize = 2 \nitem []: \n    item [1]:\n        class = \"IntervalTier\" \n        name = \"hands\" \n        xmin = 0 \n        xmax = 2 \n        intervals: size = 2 \n        intervals [1]:\n            xmin = 0 \n            xmax = 0.5 \n            text = \"\" \n        intervals [2]:\n            xmin = 0.5 \n            xmax = 2 \n            text = \"a \"\"b\"\"\" \n    item [2]:\n        class = \"TextTier\" \n        name = \"beats\" \n        xmin = 0 \n        xmax = 2 \n        points: size = 1 \n        points [1]:\n            number = 1 \n            mark = \"x\" \n"

const shortGrid = "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\n0\n2\n<exists>\n2\n\"IntervalTier\"\n\"hands\"\n0\n2\n2\n0\n0.5\n\"\"\n0.5\n2\n\"a \"\"b\"\"\"\n\"TextTier\"\n\"beats\"\n0\n2\n1\n1\n\"x\"\n"

const viaFile3 = `{"project":{"pid":"x","created":1609459200000,"vid_list":["1"]},"config":{"file":{}},
"attribute":{"1":{"aname":"Activity","anchor_id":"FILE1_Z2_XY0","type":4,"options":{"1":"Break Egg","2":"Mix"}},"2":{"aname":"note","anchor_id":"FILE1_Z2_XY0","type":1,"options":{}},"3":{"aname":"tools","anchor_id":"FILE1_Z2_XY0","type":2,"options":{"0":"bowl","1":"whisk"}}},
"file":{"1":{"fid":1,"fname":"cake.mp4","type":4,"loc":1,"src":""}},
"metadata":{"1_a":{"vid":"1","flg":0,"z":[1.5,3],"xy":[],"av":{"1":"2","2":"","3":"0,1"}},"1_b":{"vid":"1","flg":0,"z":[2],"xy":[2,1,1,5,5],"av":{}}},
"view":{"1":{"fid_list":[1]}}}`

const borisFile = "Observation id\tobs\nMedia file(s)\n\nTime\tMedia file path\tSubject\tBehavior\tStatus\n1\tv.mp4\tA\twalk\tSTART\n2\tv.mp4\tB\twalk\tSTART\n3\tv.mp4\tA\twalk\tSTOP\n"

const cvatFile = `<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><size>100</size><mode>interpolation</mode><labels><label><name>car</name></label></labels></task><dumped>2024</dumped><source>road.mp4</source></meta>
  <track id="0" label="car" source="manual">
    <box frame="10" outside="0" occluded="1" keyframe="1" xtl="1" ytl="1" xbr="2" ybr="2"><attribute name="model">1</attribute></box>
    <box frame="11" outside="0" occluded="0" keyframe="0" xtl="1" ytl="1" xbr="2" ybr="2"/>
    <box frame="20" outside="1" occluded="0" keyframe="1" xtl="1" ytl="1" xbr="2" ybr="2"/>
    <box frame="30" outside="0" occluded="0" keyframe="1" xtl="1" ytl="1" xbr="2" ybr="2"/>
  </track>
  <track id="1" label="way"><skeleton frame="0" outside="0"><points label="1" points="1,1"/></skeleton><skeleton frame="5" outside="1"/></track>
  <tag label="rain" frame="2"/><tag label="rain" frame="1"/><tag label="rain" frame="4"></tag><tag label="rain" frame="6"/>
  <image id="0" name="frame_000003"><tag label="rain"/><box label="bus" xtl="1" ytl="1" xbr="2" ybr="2"/></image>
  <image id="1" name="cat.jpg"><tag label="cat"/></image>
</annotations>`

const datumaroFile = `{"dm_format_version":"1.0","media_type":4,"infos":{},"categories":{"label":{"labels":[{"name":"run","parent":"","attributes":[]},{"name":"sit","parent":"","attributes":[]}],"label_groups":[],"attributes":["occluded"]}},
"items":[{"id":"a","annotations":[{"id":0,"type":"label","attributes":{"score":0.5},"group":0,"label_id":0}],"attr":{},"video":{"path":"a.mp4","step":1,"start_frame":25,"end_frame":49}},
{"id":"b","annotations":[{"id":0,"type":"bbox","attributes":{"occluded":false},"group":0,"label_id":1,"bbox":[0,0,1,1]}],"attr":{"frame":0},"image":{"path":"frame_0.png"}},
{"id":"c","annotations":[{"id":0,"type":"caption","attributes":{},"group":0,"caption":"x"},{"id":1,"type":"label","attributes":{},"group":0,"label_id":1}],"attr":{"frame":1}},
{"id":"d","annotations":[{"id":0,"type":"label","attributes":{},"group":0,"label_id":1}],"attr":{},"video_frame":{"video_path":"a.mp4","frame_index":50}},
{"id":"e","annotations":[{"id":0,"type":"label","attributes":{},"group":0,"label_id":1}],"attr":{}}]}`

const fiftyOneFile = `{"classes":["cat","dog"],"labels":{"film":[{"label":1,"support":[26,50],"confidence":0.9,"attributes":{"x":1}},{"label":"bird","timestamps":[0.5,2]}],"none":null}}`

const cocoFile = `{"info":{},"videos":[{"id":7,"name":"seven.mp4"}],"categories":[{"id":3,"name":"car"}],"images":[{"id":1,"video_id":7,"frame_id":0},{"id":2,"video_id":7,"frame_id":1},{"id":3,"video_id":7}],
"annotations":[{"id":1,"image_id":1,"video_id":7,"category_id":3,"bbox":[0,0,1,1]},{"id":2,"image_id":2,"category_id":3},{"id":3,"image_id":3,"category_id":3},{"id":4,"video_id":7,"category_id":3,"segment":[1,2.5],"score":0.25}]}`

func TestFilesOfNeighbors(t *testing.T) {
	grid := []Row{{Video: "g.mp4", Start: 0.5, End: 2, Label: `a "b"`}}
	half, quarter, nine := 0.5, 0.25, 0.9
	point := map[string]int{"points without a duration": 1}
	for _, c := range []struct {
		name, content string
		want          []Row
		lost          map[string]int
	}{
		{"session.eaf", elanFile, []Row{{Video: "talks/a b.mp4", Start: 0.5, End: 1.5, Label: "point & hold"}, {Video: "talks/a b.mp4", Start: 0.5, End: 1.5, Label: "hands"}}, map[string]int{"annotations without times of their own": 2}},
		{"g.mp4.TextGrid", longGrid, grid, point},
		{"g.mp4.TextGrid", shortGrid, grid, point},
		{"g.mp4.TextGrid", utf16(longGrid), grid, point},
		{"via.json", viaFile3, []Row{{Video: "cake.mp4", Start: 1.5, End: 3, Label: "Mix"}, {Video: "cake.mp4", Start: 1.5, End: 3, Label: "bowl"}, {Video: "cake.mp4", Start: 1.5, End: 3, Label: "whisk"}},
			map[string]int{"regions, and annotations of times and files": 1}},
		{"aggregated.csv", "Observation id,Subject,Behavior,Behavioral category,Behavior type,Start (s),Stop (s),Duration (s),Media file name\no,rat,rear,posture,STATE,1.25,2.75,1.5,trial.mp4\no,rat,bite,,POINT,3,3,0,trial.mp4\n",
			[]Row{{Video: "trial.mp4", Start: 1.25, End: 2.75, Label: "rear"}}, map[string]int{"point events": 1}},
		{"road.xml", cvatFile, []Row{
			{Video: "road.mp4", Start: 0.04, End: 0.2, Label: "rain"}, {Video: "road.mp4", Start: 0.12, End: 0.16, Label: "bus"}, {Video: "road.mp4", Start: 0.24, End: 0.28, Label: "rain"},
			{Video: "road.mp4", Start: 0.4, End: 0.8, Label: "car"}, {Video: "road.mp4", Start: 1.2, End: 1.24, Label: "car"}, {Video: "road.mp4", Start: 0, End: 0.2, Label: "way"},
		}, map[string]int{"attributes": 1, "images that are not frames of a video": 1}},
		{"seat.mp4.json", datumaroFile, []Row{{Video: "a.mp4", Start: 1, End: 2, Label: "run", Score: &half}, {Video: "seat.mp4", Start: 0, End: 0.08, Label: "sit"}, {Video: "a.mp4", Start: 2, End: 2.04, Label: "sit"}},
			map[string]int{"annotations without a label": 1, "labels of whole videos and images": 1}},
		{"labels.json", fiftyOneFile, []Row{{Video: "film", Start: 1, End: 2, Label: "dog", Score: &nine}, {Video: "film", Start: 0.5, End: 2, Label: "bird"}}, map[string]int{}},
		{"coco.json", cocoFile, []Row{{Video: "seven.mp4", Start: 1, End: 2.5, Label: "car", Score: &quarter}, {Video: "seven.mp4", Start: 0, End: 0.08, Label: "car"}}, map[string]int{"annotations without a time": 1}},
		{"tabular.tsv", borisFile,
			[]Row{{Video: "v.mp4", Start: 1, End: 3, Label: "walk"}}, map[string]int{"state events without an end": 1}},
	} {
		got, lost, err := readText(t, c.name, c.content)
		if d := cmp.Diff(c.want, got) + cmp.Diff(c.lost, lost); d != "" || err != nil {
			t.Errorf("%s: error %v\n%s", c.name, err, d)
		}
	}
}

func TestScoresAndOverlapsReadBack(t *testing.T) {
	score, other := 1.25, -0.5
	want := []Row{
		{Video: "v.mp4", Start: 1, End: 3, Label: "x", Score: &score},
		{Video: "v.mp4", Start: 2, End: 4, Label: "x", Score: &other},
		{Video: "v.mp4", Start: 5, End: 6, Label: "x (2)"},
	}
	for _, f := range []Format{CSV, JSONL, ActivityNet, LabelStudio, ELAN, BORIS, Parquet, FiftyOne, COCO, Datumaro, HuggingFace} {
		files, err := Write(filepath.Join(t.TempDir(), "out"), f, want, Options{Rate: 25})
		if err != nil {
			t.Fatal(err)
		}
		got, err := Read(files[0], f, Options{Rate: 25})
		less := cmp.Transformer("sort", func(rows []Row) map[float64]Row {
			out := map[float64]Row{}
			for _, r := range rows {
				out[r.Start] = r
			}
			return out
		})
		if d := cmp.Diff(want, got, less, cmpopts.IgnoreFields(Row{}, "Split")); d != "" || err != nil {
			t.Errorf("%s: error %v\n%s", f, err, d)
		}
	}
}

func TestWrittenChapters(t *testing.T) {
	half := 0.5
	all := []Row{{Video: "/a,b.mp4", Start: 1.5, End: 3661.25, Label: "x = <1>; #2", Score: &half}}
	for f, want := range map[Format]string{
		FFMetadata: ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=1500\nEND=3661250\ntitle=x \\= <1>\\; \\#2\n",
		Matroska:   "<ChapterTimeEnd>01:01:01.250000000</ChapterTimeEnd>\n      <ChapterDisplay>\n        <ChapterString>x = &lt;1&gt;; #2</ChapterString>",
		Premiere:   "Marker Name\tDescription\tIn\tOut\tDuration\tMarker Type\nx = <1>; #2\tscore 0.5\t00:00:01:13\t01:01:01:06\t01:00:59:18\tComment\n",
		Resolve:    "00:00:01:13 00:00:01:14 00:00:01:13 00:00:01:14  \nscore 0.5 |C:ResolveColorBlue |M:x = <1>; #2 |D:91493\n",
		FCPXML:     `<asset-clip ref="a1" name="x = &lt;1&gt;; #2" offset="0s" start="38000/25000s" duration="91493000/25000s" format="f1">`,
		MPV:        "# mpv EDL v0\n%8%/a,b.mp4,1.5,3659.75,title=%11%x = <1>; #2\n",
	} {
		var b bytes.Buffer
		if err := f.codec().write(&b, all, Options{Rate: 25}); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%s: error %v\n%s", f, err, b.String())
		}
		if _, err := Read("formats.go", f, Options{}); err == nil {
			t.Errorf("%s: no error", f)
		}
	}
}

func TestNegativeMarksAreReported(t *testing.T) {
	lost := map[string]int{}
	o := Options{Lost: func(what string, n int) { lost[what] += n }}
	negative := Row{Video: "v.mp4", Start: 1, End: 2, Label: "x", Negative: true}
	for _, f := range Formats() {
		if _, err := Write(filepath.Join(t.TempDir(), "out"), f, []Row{negative}, o); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
	if want := map[string]int{"negative marks": len(Formats()) - 3}; !cmp.Equal(want, lost) {
		t.Error(cmp.Diff(want, lost))
	}
}

func TestHostileFilesOfNeighbors(t *testing.T) {
	deep := strings.Repeat("<a>", 100_000)
	for name, content := range map[string]string{
		"entity.eaf":      `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><ANNOTATION_DOCUMENT AUTHOR="&b;"/>`,
		"file.eaf":        `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><ANNOTATION_DOCUMENT><HEADER>&a;</HEADER></ANNOTATION_DOCUMENT>`,
		"deep.eaf":        "<ANNOTATION_DOCUMENT>" + deep,
		"root.eaf":        "<svg/>",
		"frames.eaf":      `<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="NTSC-frames"/></ANNOTATION_DOCUMENT>`,
		"size.TextGrid":   "\"ooTextFile\" \"TextGrid\" 0 1 <exists> 1e300",
		"size2.TextGrid":  "\"ooTextFile\" \"TextGrid\" 0 1 <exists> 1 \"IntervalTier\" \"x\" 0 1 1e300 0 1 \"a\"",
		"quote.TextGrid":  "\"ooTextFile\" \"TextGrid",
		"binary.TextGrid": "ooBinaryFile\x08TextGrid",
		"view.json":       `{"view":{},"metadata":{"a":{"vid":"1","z":[0,1],"av":{"1":"x"}}}}`,
		"header.tsv":      "a\tb\n1\t2\n",
		"number.tsv":      "Behavior\tStart (s)\tStop (s)\nx\t1\tNA\n",
		"order.tsv":       "Behavior\tTime\tBehavior type\nx\t1\tSTOP\n",
		"deep.xml":        "<annotations>" + deep,
		"root.xml":        "<a/>",
		"frame.xml":       `<annotations><tag label="x" frame="-1"/></annotations>`,
		"order.xml":       `<annotations><track label="x"><box frame="2"/><box frame="1"/></track></annotations>`,
		"end.xml":         `<annotations><track label="x"></tag></annotations>`,
		"cut.xml":         `<annotations><track label="x">`,
		"label.json":      `{"categories":{"label":{"labels":[]}},"items":[{"id":"a","annotations":[{"label_id":3}]}]}`,
		"class.json":      `{"classes":["a"],"labels":{"v":[{"label":7,"timestamps":[0,1]}]}}`,
		"time.json":       `{"labels":{"v":[{"label":"a"}]}}`,
		"key.jsonl":       `{"file_name":"a.mp4","label":"x"}`,
		"category.json":   `{"videos":[{"id":1}],"categories":[],"annotations":[{"video_id":1,"category_id":1}]}`,
		"novideo.tsv":     "Behavior\tStart (s)\tStop (s)\nx\t1\t2\n",
	} {
		if rows, _, err := readText(t, name, content); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %d spans, error %v", name, len(rows), err)
		}
	}
}

func TestTooManySpans(t *testing.T) {
	n := 10 * maxRows
	grid := fmt.Sprintf("\"ooTextFile\" \"TextGrid\" 0 1 <exists> 1 \"IntervalTier\" \"x\" 0 1 %d", n) + strings.Repeat(" 0 1 \"a\"", n)
	if _, err := readTextGrid([]byte(grid), Options{}); !errors.Is(err, errRows) {
		t.Error(err)
	}
	table := "Behavior,Start (s),Stop (s)\n" + strings.Repeat("a,0,1\n", n)
	if _, err := readBORIS([]byte(table), Options{}); !errors.Is(err, errRows) {
		t.Error(err)
	}
}

// Every format has a description that formats.md and `clipcue formats` show.
func TestEveryFormatIsDescribed(t *testing.T) {
	for _, i := range List() {
		if i.Program == "" || len(i.Extensions) == 0 || !i.Import && !i.Export {
			t.Errorf("%+v", i)
		}
		for _, e := range i.Extensions {
			if e[0] != '.' || !i.has(strings.ToLower(e)) {
				t.Errorf("%s: extension %q", i.Name, e)
			}
		}
	}
}

// Readers that infer the columns and their types from the first rows see all of them: polars ignores keys
// that only later lines have, and refuses 2.5 in a column that starts with 0.
func TestFirstRowTellsColumns(t *testing.T) {
	score := 1.0
	marks := []Row{{Video: "a", Start: 0, End: 1, Label: "x"}, {Video: "b", Start: 0.5, End: 2.5, Label: "x", Negative: true, Author: "me", Time: time.Unix(9, 0).UTC()}}
	found := []Row{{Video: "a", Start: 0, End: 1, Label: "x", Score: &score}}
	mixed := []Row{{Video: "a", Start: 0, End: 1, Label: "x"}, {Video: "b", Start: 0.5, End: 1, Label: "x", Score: &score}}
	for _, c := range []struct {
		f     Format
		rows  []Row
		first string // a line of the file
	}{
		{JSONL, marks, `{"video":"a","start":0.0,"end":1.0,"label":"x","negative":false,"author":"","time":""}`},
		{JSONL, marks[:1], `{"video":"a","start":0.0,"end":1.0,"label":"x"}`},
		{JSONL, found, `{"video":"a","start":0.0,"end":1.0,"label":"x","score":1.0}`},
		{JSONL, mixed, `{"video":"a","start":0.0,"end":1.0,"label":"x","score":null}`},
		{CSV, marks, "a,0.0,1.0,x,false,,"},
		{CSV, found, "a,0.0,1.0,x,1.0"},
	} {
		name := filepath.Join(t.TempDir(), "m."+string(c.f))
		if _, err := Write(name, c.f, c.rows, Options{}); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(data), c.first+"\n") {
			t.Errorf("%s, error %v; no line %s", data, err, c.first)
		}
		got, err := Read(name, "", Options{})
		if d := cmp.Diff(c.rows, got); err != nil || d != "" {
			t.Errorf("%s: error %v\n%s", data, err, d)
		}
	}
}
