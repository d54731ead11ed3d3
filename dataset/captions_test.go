package dataset

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// captioned writes files and reads captions from one of them or from their folder.
func captioned(t *testing.T, files map[string]string, path string, o CaptionOptions) (*Captions, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return LoadCaptions(filepath.Join(dir, path), o)
}

const msrvtt = `{"info": {}, "videos": [{"video_id": "video0", "split": "train", "url": "x"}, {"video_id": "video1", "split": "validate"},
 {"video_id": "video2", "split": "test"}],
 "sentences": [{"caption": "a car is shown", "video_id": "video0", "sen_id": 0}, {"caption": "a  red\tcar", "video_id": "video0", "sen_id": 1},
 {"caption": "a man talks", "video_id": "video2", "sen_id": 2}, {"caption": "a dog barks", "video_id": "video1", "sen_id": 3},
 {"caption": " ", "video_id": "video1", "sen_id": 4}, {"caption": "who?", "video_id": "video9", "sen_id": 5}]}`

func TestLoadCaptions(t *testing.T) {
	test := "key,vid_key,video_id,sentence\nret0,msr2,video2,a man is talking\n"
	for name, tt := range map[string]struct {
		files   map[string]string
		path    string
		options CaptionOptions
		format  string
		want    []Sample
		skipped int
	}{
		"table": {files: map[string]string{"x.csv": "video,caption\na.avi,a bird bathes\na.avi,\"a bird, in a sink\"\nb.avi,  \n"}, path: "x.csv", format: "csv",
			want: []Sample{{Path: "a.avi", Caption: "a bird bathes"}, {Path: "a.avi", Caption: "a bird, in a sink"}}, skipped: 1},
		"table protected from spreadsheets": {files: map[string]string{"x.csv": "video,caption\n'-a.avi,'=1 + 1\nb.avi,'twas night\n"}, path: "x.csv", format: "csv",
			want: []Sample{{Path: "-a.avi", Caption: "=1 + 1"}, {Path: "b.avi", Caption: "'twas night"}}},
		"table with splits, CRLF": {files: map[string]string{"x.csv": "split,caption,path,start,end\r\nVal,run,a.mp4,1,2.5\r\n"}, path: "x.csv", format: "csv",
			want: []Sample{{Path: "a.mp4", Caption: "run", Split: Val, Start: 1, End: 2.5}}},
		"objects, as synth writes them": {files: map[string]string{"x.jsonl": `{"path":"a.mp4","caption":"a star","label":"growing","split":"train"}` + "\n\n" + `{"video":"b","caption":"","split":"train"}` + "\n"},
			path: "x.jsonl", format: "jsonl", want: []Sample{{Path: "a.mp4", Caption: "a star", Split: Train}}, skipped: 1},
		"Hugging Face": {files: map[string]string{"metadata.jsonl": `{"file_name":"a.mp4","text":"a star","split":"train"}` + "\n" + `{"video":"b.mp4","caption":["a car","a bus"],"split":"test"}` + "\n"},
			format: "huggingface", want: []Sample{{Path: "a.mp4", Caption: "a star", Split: Train}, {Path: "b.mp4", Caption: "a car", Split: Test}, {Path: "b.mp4", Caption: "a bus", Split: Test}}},
		"MSR-VTT alone": {files: map[string]string{"MSRVTT_data.json": msrvtt}, path: "MSRVTT_data.json", format: "msrvtt", skipped: 2, want: []Sample{
			{Path: "video0", Caption: "a car is shown", Split: Train}, {Path: "video0", Caption: "a red car", Split: Train},
			{Path: "video2", Caption: "a man talks", Split: Test}, {Path: "video1", Caption: "a dog barks", Split: Val}}},
		"MSR-VTT 9k and 1k-A": {files: map[string]string{"MSRVTT_data.json": msrvtt, "MSRVTT_JSFUSION_test.csv": test, "MSRVTT_train.9k.csv": "video_id\nvideo0\nvideo1\n", "MSRVTT_train.7k.csv": "video_id\nvideo0\n"},
			format: "msrvtt", skipped: 2, want: []Sample{{Path: "video2", Caption: "a man is talking", Split: Test}, {Path: "video0", Caption: "a car is shown", Split: Train},
				{Path: "video0", Caption: "a red car", Split: Train}, {Path: "video1", Caption: "a dog barks", Split: Train}}},
		"MSR-VTT 7k, CRLF": {files: map[string]string{"MSRVTT_data.json": msrvtt, "MSRVTT_JSFUSION_test.csv": strings.ReplaceAll(test, "\n", "\r\n"), "MSRVTT_train.7k.csv": "video_id\r\nvideo0\r\nvideo7\r\n"},
			format: "msrvtt", options: CaptionOptions{TrainList: "7k"}, skipped: 3, want: []Sample{{Path: "video2", Caption: "a man is talking", Split: Test},
				{Path: "video0", Caption: "a car is shown", Split: Train}, {Path: "video0", Caption: "a red car", Split: Train}}},
		"DiDeMo": {files: map[string]string{"val_data.json": `[{"video":"x.mov","description":"a man bends. ","times":[[1,1]]},{"video":"y.mov","description":"a baby"},{"video":"x.mov","description":"he laughs"},{"video":"y.mov","description":""}]`},
			format: "didemo", skipped: 1, want: []Sample{{Path: "x.mov", Caption: "a man bends. he laughs.", Split: Val}, {Path: "y.mov", Caption: "a baby.", Split: Val}}},
		"LSMDC": {files: map[string]string{
			"LSMDC16_annos_training.csv":            "1_Film_00.01-00.02\t00:01\t00:02\t00:01\t00:02\tSOMEONE runs.\n1_Film_00.01-00.02\t00:01\t00:02\t00:01\t00:02\tHe falls.\n",
			"LSMDC16_challenge_1000_publictect.csv": "2_Film_00.03-00.04\t1\t2\t3\t4\tA door, closed.\r\n2_Film_00.05-00.06\t1\t2\t3\t4\t\r\n"},
			format: "lsmdc", skipped: 1, want: []Sample{{Path: "1_Film_00.01-00.02", Caption: "SOMEONE runs.", Split: Train},
				{Path: "1_Film_00.01-00.02", Caption: "He falls.", Split: Train}, {Path: "2_Film_00.03-00.04", Caption: "A door, closed.", Split: Test}}},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := captioned(t, tt.files, tt.path, tt.options)
			if err != nil {
				t.Fatal(err)
			}
			if c.Format != tt.format || !reflect.DeepEqual(c.Samples, tt.want) || len(c.Skipped) != tt.skipped {
				t.Errorf("%s: %+v\nskipped %v", c.Format, c.Samples, c.Skipped)
			}
		})
	}
}

func TestLoadCaptionsRefuses(t *testing.T) {
	lists := map[string]string{"MSRVTT_data.json": msrvtt, "MSRVTT_JSFUSION_test.csv": "key,vid_key,video_id,sentence\nret0,msr0,video0,a man\n", "MSRVTT_train.9k.csv": "video_id\nvideo0\n"}
	for name, tt := range map[string]struct {
		files   map[string]string
		path    string
		options CaptionOptions
		want    string
	}{
		"no video":               {map[string]string{"x.csv": "caption\na\n"}, "x.csv", CaptionOptions{}, "one column video (or path)"},
		"two columns of videos":  {map[string]string{"x.csv": "caption,video,path\na,b,c\n"}, "x.csv", CaptionOptions{}, "one column video (or path)"},
		"no captions":            {map[string]string{"x.csv": "video,caption\n"}, "x.csv", CaptionOptions{}, "no captions"},
		"empty captions alone":   {map[string]string{"x.csv": "video,caption\na,\nb, \n"}, "x.csv", CaptionOptions{}, `none of 2 captions can be used; the first, line 2: the caption of "a" is empty`},
		"empty path":             {map[string]string{"x.csv": "video,caption\n,a\n"}, "x.csv", CaptionOptions{}, "x.csv:2: path is empty"},
		"splits for some":        {map[string]string{"x.csv": "video,caption,split\na,b,train\nb,c,\n"}, "x.csv", CaptionOptions{}, "some captions have a split and some have none"},
		"unknown split":          {map[string]string{"x.jsonl": `{"video":"a","caption":"b","split":"best"}`}, "x.jsonl", CaptionOptions{}, `x.jsonl:1: split "best"`},
		"a number for a caption": {map[string]string{"x.jsonl": `{"video":"a","caption":1}`}, "x.jsonl", CaptionOptions{}, "caption cannot be a number"},
		"a video by two names":   {map[string]string{"x.jsonl": `{"video":"a","path":"b","caption":"c"}`}, "x.jsonl", CaptionOptions{}, "not both"},
		"a list of videos":       {map[string]string{"x.csv": "video_id\nvideo0\n"}, "x.csv", CaptionOptions{}, "a list of videos without captions"},
		"an empty folder":        {nil, "", CaptionOptions{}, "no files of MSR-VTT"},
		"learned and tested on":  {lists, "", CaptionOptions{}, "is also in the training list"},
		"no list of that name":   {lists, "", CaptionOptions{TrainList: "7k"}, "MSRVTT_train.7k.csv"},
		"LSMDC of another kind":  {map[string]string{"LSMDC.csv": "a\tb\n"}, "", CaptionOptions{}, "2 fields separated by tabs"},
		"DiDeMo that is cut off": {map[string]string{"val_data.json": `[{"num_segments":6,`}, "val_data.json", CaptionOptions{}, "expected DiDeMo's list"},
		"MSR-VTT that is a list": {map[string]string{"x.json": `[]`}, "x.json", CaptionOptions{}, "videos and sentences"},
		"a format nobody knows":  {map[string]string{"x.txt": "a"}, "x.txt", CaptionOptions{Format: "vatex"}, "unknown format"},
		"an ending nobody knows": {map[string]string{"x.txt": "a"}, "x.txt", CaptionOptions{}, "captions are a .csv"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := captioned(t, tt.files, tt.path, tt.options)
			wantError(t, err, tt.want)
		})
	}
}

// Captions without splits are divided by video, so each video is in one split.
func TestDivideCaptions(t *testing.T) {
	c := &Captions{}
	for i := range 60 {
		c.Samples = append(c.Samples, Sample{Path: fmt.Sprintf("%d.mp4", i/3), Caption: fmt.Sprint(i)})
	}
	d, err := c.Divide(0.2, 1)
	if err != nil {
		t.Fatal(err)
	}
	if n := d.Splits(); n[Train] != 48 || n[Test] != 12 {
		t.Errorf("%v", n)
	}
	for i := range d.Samples {
		if d.Samples[i].Split != d.Samples[i/3*3].Split {
			t.Errorf("%s is on both sides", d.Samples[i].Path)
		}
	}
}

func TestRealCaptions(t *testing.T) {
	dir := annotations(t)
	for _, tt := range []struct {
		path, split    string
		samples, words int
		first          Sample
	}{
		{"msrvtt/MSRVTT_JSFUSION_test.csv", Test, 1000, 9, Sample{Path: "video9770", Caption: "a person is connecting something to system", Split: Test}},
		{"msrvtt/MSRVTT_JSFUSION_test.crlf.csv", Test, 1000, 9, Sample{Path: "video9770", Caption: "a person is connecting something to system", Split: Test}},
		{"didemo/val_data.json", Val, 1094, 28, Sample{}},
	} {
		c, err := LoadCaptions(filepath.Join(dir, tt.path), CaptionOptions{})
		if err != nil {
			t.Fatal(err)
		}
		words, videos := 0, map[string]bool{}
		for _, s := range c.Samples {
			words += len(strings.Fields(s.Caption))
			videos[s.Path] = true
		}
		if len(c.Samples) != tt.samples || len(videos) != tt.samples || len(c.Skipped) > 0 || c.Splits()[tt.split] != tt.samples || words/len(c.Samples) != tt.words {
			t.Errorf("%s: %d captions of %d videos with %d words, %v, skipped %v", tt.path, len(c.Samples), len(videos), words, c.Splits(), c.Skipped)
		}
		if tt.first.Path != "" && c.Samples[0] != tt.first {
			t.Errorf("%s begins with %+v", tt.path, c.Samples[0])
		}
	}
	list, err := readFile(filepath.Join(dir, "msrvtt/MSRVTT_train.9k.csv"), parseVideoList)
	if err != nil || len(list) != 9000 {
		t.Errorf("%d training videos: %v", len(list), err)
	}
	_, err = LoadCaptions(filepath.Join(dir, "msrvtt"), CaptionOptions{TrainList: "7k"})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// fuzzCaptions is fuzz for captions.
func fuzzCaptions(f *testing.F, parse func(r io.Reader, name string, c *Captions) error, seeds ...string) {
	for _, s := range append(seeds, "", "\n", "\xef\xbb\xbf", "\x00", "\xff", "a", "{}", "[]", "\"") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := &Captions{}
		if err := parse(strings.NewReader(text), "file", c); err != nil {
			if !strings.HasPrefix(err.Error(), "file:") {
				t.Errorf("error %q", err)
			}
			return
		}
		for _, s := range c.Samples {
			if s.Path == "" || strings.TrimSpace(s.Caption) == "" || strings.ContainsAny(s.Caption, "\n\r\t\x00") {
				t.Errorf("%+v", s)
			}
			if split, ok := splitName(s.Split); s.Split != "" && (!ok || split != s.Split) {
				t.Errorf("%+v", s)
			}
			if !(s.Start >= 0 && (s.End == 0 || s.End > s.Start)) {
				t.Errorf("%+v", s)
			}
		}
	})
}

func FuzzCaptionCSV(f *testing.F) {
	fuzzCaptions(f, parseCaptionCSV, "video,caption\na,b\n", "path,caption,split,start,end\r\na,\"b,c\",val,1,2\r\n")
}

func FuzzCaptionJSONL(f *testing.F) {
	fuzzCaptions(f, parseCaptionJSONL, `{"video":"a","caption":"b"}`, `{"path":"a","caption":"b","end":1e999}`)
}

func FuzzMSRVTT(f *testing.F) {
	fuzzCaptions(f, parseMSRVTT, msrvtt, `{"sentences":[{"video_id":"a","caption":"b"}]}`)
}

func FuzzMSRVTTTest(f *testing.F) {
	fuzzCaptions(f, parseMSRVTTTest, "key,vid_key,video_id,sentence\nret0,msr0,video0,a\n")
}

func FuzzDiDeMo(f *testing.F) {
	fuzzCaptions(f, func(r io.Reader, name string, c *Captions) error { return parseDiDeMo(r, name, Val, c) },
		`[{"video":"a","description":"b."},{"video":"a","description":"c"}]`, `[{"video":"","description":"."}]`)
}

func FuzzLSMDC(f *testing.F) {
	fuzzCaptions(f, func(r io.Reader, name string, c *Captions) error { return parseLSMDC(r, name, Train, c) },
		"a\t1\t2\t3\t4\tSOMEONE runs.\n", "a\t1\t2\t3\t4\t\n", "\t\t\t\t\ta\n")
}
