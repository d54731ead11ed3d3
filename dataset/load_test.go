package dataset

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// tree writes files below a new folder and returns the folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestLoad(t *testing.T) {
	tests := map[string]struct {
		files   map[string]string
		path    string // below the folder
		options Options
		format  string
		samples []Sample
		classes []string
	}{
		"class folders": {
			files: map[string]string{
				"wave/b.mp4": "", "wave/A.AVI": "", "wave/notes.txt": "", "wave/.DS_Store": "", "wave/._b.mp4": "",
				"brush_hair/deep/er/c.mkv": "", "README.md": "",
			},
			format:  "folder",
			samples: []Sample{{Path: "brush_hair/deep/er/c.mkv", Label: "brush hair"}, {Path: "wave/A.AVI", Label: "wave"}, {Path: "wave/b.mp4", Label: "wave"}},
			classes: []string{"brush hair", "wave"},
		},
		"split folders": {
			files:  map[string]string{"Train/wave/a.mp4": "", "Train/run/b.mp4": "", "validation/run/c.mp4": "", "test/wave/d.mp4": ""},
			format: "folder",
			samples: []Sample{
				{Path: "Train/run/b.mp4", Label: "run", Split: "train"}, {Path: "Train/wave/a.mp4", Label: "wave", Split: "train"},
				{Path: "test/wave/d.mp4", Label: "wave", Split: "test"}, {Path: "validation/run/c.mp4", Label: "run", Split: "val"},
			},
			classes: []string{"run", "wave"},
		},
		"a class called train": {
			files:   map[string]string{"train/a.mp4": "", "plane/b.mp4": ""},
			format:  "folder",
			samples: []Sample{{Path: "plane/b.mp4", Label: "plane"}, {Path: "train/a.mp4", Label: "train"}},
			classes: []string{"plane", "train"},
		},
		"csv": {
			files: map[string]string{"x.csv": "\xef\xbb\xbfsplit, Label ,path,end,start\r\ntraining,wave,a.mp4,,\r\n\r\n\"test\",\"run, fast\",\"b, c.mp4\",2.5,1\r\nval, Wave ,d.mp4,0,3\r\n"},
			path:  "x.csv", format: "csv",
			samples: []Sample{
				{Path: "a.mp4", Label: "wave", Split: "train"},
				{Path: "b, c.mp4", Label: "run, fast", Split: "test", Start: 1, End: 2.5},
				{Path: "d.mp4", Label: "wave", Split: "val", Start: 3},
			},
			classes: []string{"run, fast", "wave"},
		},
		"csv with readable names and an order": {
			files: map[string]string{"x.csv": "path,label\na.mp4,c1\nb.mp4,C2\n"},
			path:  "x.csv", format: "csv",
			options: Options{ClassNames: map[string]string{"c1": "waving", "c2": "running"}, Classes: []string{"Waving", "jumping", "running"}},
			samples: []Sample{{Path: "a.mp4", Label: "Waving"}, {Path: "b.mp4", Label: "running"}},
			classes: []string{"Waving", "jumping", "running"},
		},
		"jsonl": {
			files: map[string]string{"x.jsonl": `{"path": "a.mp4", "label": "wave"}` + "\n\n" + `{"label":"run","split":"test","start":1,"end":2,"path":"b/c.mp4"}` + "\r\n"},
			path:  "x.jsonl", format: "jsonl",
			samples: []Sample{{Path: "a.mp4", Label: "wave"}, {Path: "b/c.mp4", Label: "run", Split: "test", Start: 1, End: 2}},
			classes: []string{"run", "wave"},
		},
		"hmdb51 official lists, fold 2": {
			files: map[string]string{
				"brush_hair_test_split1.txt": "x.avi 1 \n",
				"brush_hair_test_split2.txt": "a.avi 1 \n#20 two words.avi 2 \nunused.avi 0 \n",
				"wave_test_split2.txt":       "c.avi 2\n",
			},
			options: Options{Fold: 2}, format: "hmdb51",
			samples: []Sample{
				{Path: "brush_hair/a.avi", Label: "brush hair", Split: "train"},
				{Path: "brush_hair/#20 two words.avi", Label: "brush hair", Split: "test"},
				{Path: "wave/c.avi", Label: "wave", Split: "test"},
			},
			classes: []string{"brush hair", "wave"},
		},
		"the authors' hmdb51 lists with their names and order": {
			files: map[string]string{
				"train_split01.txt": "brush_hair/a.avi\nwave/b.avi\n", "test_split01.txt": "wave/c.avi\n",
				"HMDB51_clsname.json": `{"brush_hair": "brush hairs", "wave": "wave", "run": "run"}`,
				"HMDB51_action.list":  "wave\nrun\nbrush hairs\n",
			},
			format: "list",
			samples: []Sample{
				{Path: "wave/c.avi", Label: "wave", Split: "test"},
				{Path: "brush_hair/a.avi", Label: "brush hairs", Split: "train"}, {Path: "wave/b.avi", Label: "wave", Split: "train"},
			},
			classes: []string{"wave", "brush hairs"},
		},
		"an episode list": {
			files: map[string]string{
				"splits/few/test/split_0.list": "kick ball/a_1\r\nbrush_hair/b\r\n",
				"HMDB51_clsname.json":          `{"brush_hair": "brush hairs", "kick_ball": "kick ball"}`,
			},
			path: "splits/few/test/split_0.list", format: "list",
			samples: []Sample{{Path: "kick ball/a_1", Label: "kick ball", Split: "test"}, {Path: "brush_hair/b", Label: "brush hairs", Split: "test"}},
			classes: []string{"brush hairs", "kick ball"},
		},
		"ucf101": {
			files: map[string]string{
				"classInd.txt":    "1 YoYo\r\n2 ApplyEyeMakeup\r\n3 Archery\r\n",
				"trainlist01.txt": "ApplyEyeMakeup/v_a.avi 2\r\nYoYo/v_b.avi 1\r\n", "testlist01.txt": "YoYo/v_c.avi\r\n", "testlist02.txt": "Archery/v_d.avi\r\n",
			},
			format: "ucf101",
			samples: []Sample{
				{Path: "YoYo/v_c.avi", Label: "Yo Yo", Split: "test"},
				{Path: "ApplyEyeMakeup/v_a.avi", Label: "Apply Eye Makeup", Split: "train"}, {Path: "YoYo/v_b.avi", Label: "Yo Yo", Split: "train"},
			},
			classes: []string{"Yo Yo", "Apply Eye Makeup"},
		},
		"one ucf101 list": {
			files: map[string]string{"testlist02.txt": "Archery/v_d.avi\n"},
			path:  "testlist02.txt", format: "ucf101",
			samples: []Sample{{Path: "Archery/v_d.avi", Label: "Archery", Split: "test"}},
			classes: []string{"Archery"},
		},
		"kinetics": {
			files: map[string]string{"val.csv": "label,youtube_id,time_start,time_end,split,is_cc\n\"air drumming\",--nQbRBEz2s,104,114,validate,0\nzumba,_x,0,10,val,1\n"},
			path:  "val.csv", format: "kinetics",
			samples: []Sample{{Path: "--nQbRBEz2s_000104_000114", Label: "air drumming", Split: "val"}, {Path: "_x_000000_000010", Label: "zumba", Split: "val"}},
			classes: []string{"air drumming", "zumba"},
		},
		"mmaction2": {
			files: map[string]string{"hmdb51_val_split_1_videos.txt": "my videos/a.mp4 1\nb.mp4 0\n", "label_map_k2.txt": "zumba\nabseiling\nyoga\n"},
			path:  "hmdb51_val_split_1_videos.txt", format: "mmaction2",
			samples: []Sample{{Path: "my videos/a.mp4", Label: "abseiling", Split: "val"}, {Path: "b.mp4", Label: "zumba", Split: "val"}},
			classes: []string{"zumba", "abseiling"},
		},
		"Hugging Face, a file for each split": {
			files: map[string]string{
				"train/metadata.jsonl": `{"file_name":"b/x.mp4","label":"wave","fps":25,"tags":["a"]}` + "\n", "README.md": "x",
				"validation/metadata.csv": "file_name,label,start,end,more\ny.mp4,run,1,2.5,z\n",
			},
			format:  "huggingface",
			samples: []Sample{{Path: "train/b/x.mp4", Label: "wave", Split: "train"}, {Path: "validation/y.mp4", Label: "run", Split: "val", Start: 1, End: 2.5}},
			classes: []string{"run", "wave"},
		},
		"labels with one canonical form": {
			files: map[string]string{"x.csv": "path,label\na,BrushHair\nb,brush_hair\nc,brush  hair\nd,run\n"},
			path:  "x.csv", format: "csv",
			samples: []Sample{{Path: "a", Label: "BrushHair"}, {Path: "b", Label: "BrushHair"}, {Path: "c", Label: "BrushHair"}, {Path: "d", Label: "run"}},
			classes: []string{"BrushHair", "run"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(tree(t, tt.files), filepath.FromSlash(tt.path))
			got, err := Load(path, tt.options)
			if err != nil {
				t.Fatal(err)
			}
			want := &Dataset{Samples: tt.samples, Classes: tt.classes, Source: path, Format: tt.format}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Dataset{})); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestLoadErrors(t *testing.T) {
	tests := map[string]struct {
		files   map[string]string
		path    string
		options Options
		want    string // in the message
	}{
		"no such file":            {path: "x.csv", want: "x.csv: no such file or folder"},
		"unknown kind":            {files: map[string]string{"x.mp4": ""}, path: "x.mp4", want: "annotations are a folder or a .csv"},
		"unknown format":          {options: Options{Format: "dance"}, want: `unknown format "dance"; known: folder`},
		"negative fold":           {options: Options{Fold: -1}, want: "fold must be at least 1, got -1"},
		"empty folder":            {want: "no class folders with videos"},
		"video outside classes":   {files: map[string]string{"a.mp4": "", "wave/b.mp4": ""}, want: `video "a.mp4" is outside of any class folder`},
		"class without videos":    {files: map[string]string{"wave/a.mp4": "", "run/frame_0001.jpg": ""}, want: `class folder "run" has no video`},
		"mixed layouts":           {files: map[string]string{"train/wave/a.mp4": "", "run/b.mp4": ""}, want: "two layouts"},
		"forced folder on a file": {files: map[string]string{"x.csv": ""}, path: "x.csv", options: Options{Format: "folder"}, want: "not a folder"},

		"csv empty":            {files: map[string]string{"x.csv": ""}, path: "x.csv", want: "x.csv: empty file; the first line has to name the columns path,label and may add split,start,end"},
		"csv header only":      {files: map[string]string{"x.csv": "path,label\n"}, path: "x.csv", want: "no samples"},
		"csv unknown column":   {files: map[string]string{"x.csv": "path,label,fps\n"}, path: "x.csv", want: `x.csv:1: unknown column "fps"; the first line has to name the columns path,label`},
		"csv semicolons":       {files: map[string]string{"x.csv": "path;label\na.mp4;run;3\n"}, path: "x.csv", want: "3 fields where the header has 2; a field with a ';' needs"},
		"csv path and video":   {files: map[string]string{"x.csv": "path,video,label\n"}, path: "x.csv", want: "one column video (or path)"},
		"csv negative":         {files: map[string]string{"x.csv": "path,label,negative\na.mp4,run,maybe\n"}, path: "x.csv", want: `x.csv:2: negative "maybe" is neither true nor false`},
		"csv missing column":   {files: map[string]string{"x.csv": "path,split\n"}, path: "x.csv", want: `x.csv:1: column "label" is missing`},
		"csv column twice":     {files: map[string]string{"x.csv": "path,label,path\n"}, path: "x.csv", want: `two columns "path"`},
		"csv too few fields":   {files: map[string]string{"x.csv": "path,label\na.mp4,wave\nb.mp4\n"}, path: "x.csv", want: "x.csv:3: 1 fields where the header has 2"},
		"csv empty path":       {files: map[string]string{"x.csv": "path,label\n ,wave\n"}, path: "x.csv", want: "x.csv:2: path is empty"},
		"csv empty label":      {files: map[string]string{"x.csv": "path,label\na.mp4,_\n"}, path: "x.csv", want: `x.csv:2: "a.mp4": label is empty`},
		"csv label of lines":   {files: map[string]string{"x.csv": "path,label\na.mp4,\"x\ny\"\n"}, path: "x.csv", want: "x.csv:2: \"a.mp4\": label \"x\\ny\" is not plain text"},
		"csv bad quote":        {files: map[string]string{"x.csv": "path,label\na.mp4,\"wave\n"}, path: "x.csv", want: "x.csv:2: column"},
		"csv unknown split":    {files: map[string]string{"x.csv": "path,label,split\na,b,holdout\n"}, path: "x.csv", want: `x.csv:2: split "holdout" is none of train, val, test`},
		"csv time":             {files: map[string]string{"x.csv": "path,label,start\na,b,0:12\n"}, path: "x.csv", want: `x.csv:2: start "0:12" is not a number of seconds`},
		"csv negative time":    {files: map[string]string{"x.csv": "path,label,start\na,b,-1\n"}, path: "x.csv", want: "x.csv:2: time -1 of"},
		"csv not a time":       {files: map[string]string{"x.csv": "path,label,end\na,b,NaN\n"}, path: "x.csv", want: "x.csv:2: time NaN of"},
		"csv backwards":        {files: map[string]string{"x.csv": "path,label,start,end\na,b,2,2\n"}, path: "x.csv", want: "x.csv:2: start 2 of \"a\" is not before its end 2"},
		"csv latin-1":          {files: map[string]string{"x.csv": "path,label\na,caf\xe9\n"}, path: "x.csv", want: "x.csv:2: not a text file: not UTF-8"},
		"csv binary":           {files: map[string]string{"x.csv": "\x00\x00\x00\x20ftypisom"}, path: "x.csv", want: "x.csv:1: not a text file"},
		"class list too short": {files: map[string]string{"x.csv": "path,label\na.mp4,run\n"}, path: "x.csv", options: Options{Classes: []string{"wave"}}, want: `label "run" of "a.mp4" is not among the 1 classes given`},
		"readable name empty":  {files: map[string]string{"x.csv": "path,label\na.mp4,run\n"}, path: "x.csv", options: Options{ClassNames: map[string]string{"run": " "}}, want: `readable name of class "run" is empty`},

		"jsonl unknown key":  {files: map[string]string{"x.jsonl": "\n{\"path\":\"a\",\"label\":\"b\",\"fps\":3}\n"}, path: "x.jsonl", want: `x.jsonl:2: json: unknown field "fps"; expected an object with the keys path, label, split, start, end`},
		"jsonl wrong type":   {files: map[string]string{"x.jsonl": `{"path":"a","label":7}`}, path: "x.jsonl", want: "x.jsonl:1: label cannot be a number"},
		"jsonl no label":     {files: map[string]string{"x.jsonl": `{"path":"a"}`}, path: "x.jsonl", want: "x.jsonl:1: \"a\": label is empty"},
		"jsonl two in one":   {files: map[string]string{"x.jsonl": `{"path":"a","label":"b"}{}`}, path: "x.jsonl", want: "x.jsonl:1: more than one object in a line"},
		"jsonl null":         {files: map[string]string{"x.jsonl": `{"path":"a","label":"b","negative":null}`}, path: "x.jsonl", want: "x.jsonl:1: a value is null instead of true or false"},
		"jsonl is an array":  {files: map[string]string{"x.jsonl": "[\n"}, path: "x.jsonl", want: "x.jsonl:1:"},
		"jsonl control":      {files: map[string]string{"x.jsonl": `{"path":"a\u0000","label":"b"}`}, path: "x.jsonl", want: "control character"},
		"jsonl endless line": {files: map[string]string{"x.jsonl": strings.Repeat(" ", maxLine+1)}, path: "x.jsonl", want: "x.jsonl:1: not an annotation file: line longer than"},

		"hmdb51 no number":      {files: map[string]string{"wave_test_split1.txt": "a.avi 1\nb.avi\n"}, want: `wave_test_split1.txt:2: "b.avi" has to be a file name and 0, 1 or 2`},
		"hmdb51 wrong number":   {files: map[string]string{"wave_test_split1.txt": "a.avi 3\n"}, want: `ends in "3"`},
		"hmdb51 no such fold":   {files: map[string]string{"wave_test_split1.txt": "a.avi 1\n"}, options: Options{Fold: 3}, want: "no lists of fold 3; folds there: 1"},
		"hmdb51 names not json": {files: map[string]string{"train_split01.txt": "wave/a.avi\n", "HMDB51_clsname.json": "[]"}, want: "HMDB51_clsname.json: not a JSON object of names"},
		"class list as data":    {files: map[string]string{"train.list": "abseiling\nzumba\n"}, path: "train.list", want: "train.list:1: \"abseiling\" is not class/video, but may be from a list of classes"},
		"class list as text":    {files: map[string]string{"x.txt": "abseiling\n"}, path: "x.txt", want: "is neither class/video nor"},
		"empty text":            {files: map[string]string{"x.txt": "\n"}, path: "x.txt", want: "empty file"},
		"a control character":   {files: map[string]string{"x.list": "wave/a\bwave/b\n"}, path: "x.list", want: `x.list:1: not an annotation file: the line has the control character '\b'`},
		"list without a class":  {files: map[string]string{"x.list": "/a.avi\n"}, path: "x.list", want: "has to be class/video"},

		"ucf101 unknown class": {files: map[string]string{"classInd.txt": "1 YoYo\n2 Archery\n", "testlist01.txt": "Diving/a.avi\n"}, want: `testlist01.txt:1: class "Diving" is not in classInd.txt`},
		"ucf101 wrong number":  {files: map[string]string{"classInd.txt": "1 YoYo\n2 Archery\n", "trainlist01.txt": "YoYo/a.avi 2\n"}, want: "number 2 here and 1 in classInd.txt"},
		"ucf101 no class":      {files: map[string]string{"trainlist01.txt": "a.avi 2\n"}, want: "has to be Class/video.avi"},

		"Hugging Face without a path":  {files: map[string]string{"metadata.jsonl": `{"label":"a"}`}, want: "metadata.jsonl:1: the row has no path"},
		"Hugging Face without a label": {files: map[string]string{"metadata.csv": "file_name,x\na.mp4,1\n"}, want: "metadata.csv:2: the row has no label"},
		"Hugging Face, no Parquet":     {files: map[string]string{"metadata.parquet": "PAR1 and more PAR1"}, want: "metadata.parquet: damaged Parquet file"},

		"kinetics without labels": {files: map[string]string{"x.csv": "youtube_id,time_start,time_end,split\n"}, path: "x.csv", want: `x.csv:1: column "label" is missing`},
		"kinetics path as id":     {files: map[string]string{"x.csv": "label,youtube_id,time_start,time_end\nzumba,../x,0,10\n"}, path: "x.csv", want: "x.csv:2: youtube_id"},
		"kinetics times":          {files: map[string]string{"x.csv": "label,youtube_id,time_start,time_end\nzumba,x,10,10\n"}, path: "x.csv", want: "x.csv:2: time_start 10 is not before"},
		"kinetics no time":        {files: map[string]string{"x.csv": "label,youtube_id,time_start,time_end\nzumba,x,,10\n"}, path: "x.csv", want: `x.csv:2: time_start "" is not a whole number`},

		"mmaction2 several labels":   {files: map[string]string{"x.txt": "test.mp4 0 3\n"}, path: "x.txt", options: Options{Classes: []string{"a"}}, want: "x.txt:1: \"test.mp4 0 3\" has 2 numbers; lists with several labels or with raw frames are not supported"},
		"mmaction2 without names":    {files: map[string]string{"x.txt": "test.mp4 0\n"}, path: "x.txt", want: "its class numbers need names"},
		"mmaction2 number too large": {files: map[string]string{"x.txt": "test.mp4 1\n"}, path: "x.txt", options: Options{Classes: []string{"a"}}, want: "x.txt:1: class number 1: there are 1 class names"},
		"mmaction2 endless number":   {files: map[string]string{"x.txt": "test.mp4 99999999999999999999\n"}, path: "x.txt", options: Options{Classes: []string{"a"}}, want: "x.txt:1: class number 9999"},
		"mmaction2 no number":        {files: map[string]string{"x.txt": "test.mp4 0\nb.mp4\n"}, path: "x.txt", options: Options{Classes: []string{"a"}}, want: "x.txt:2:"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := Load(filepath.Join(tree(t, tt.files), tt.path), tt.options)
			if err == nil {
				t.Fatalf("loaded %+v", d)
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want %q in it", err, tt.want)
			}
		})
	}
}

func TestFolderLinks(t *testing.T) {
	root := tree(t, map[string]string{"data/wave/a.mp4": "", "elsewhere/b.mp4": ""})
	data := filepath.Join(root, "data")
	if err := os.Symlink(filepath.Join(root, "elsewhere"), filepath.Join(data, "run")); err != nil {
		t.Skip("no symbolic links:", err)
	}
	if err := os.Symlink("gone.mp4", filepath.Join(data, "wave", "dead.mp4")); err != nil {
		t.Fatal(err)
	}
	d, err := Load(data, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Sample{{Path: "run/b.mp4", Label: "run"}, {Path: "wave/a.mp4", Label: "wave"}, {Path: "wave/dead.mp4", Label: "wave"}}
	if diff := cmp.Diff(want, d.Samples); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if err := os.Symlink(data, filepath.Join(data, "wave", "loop")); err != nil {
		t.Fatal(err)
	}
	if d, err = Load(data, Options{}); err != nil || !cmp.Equal(want, d.Samples) {
		t.Errorf("with a loop of links: %+v, error %v", d, err)
	}
}
