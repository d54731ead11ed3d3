package dataset

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// annotations is the folder of real annotation files; tests without it skip.
func annotations(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("CLIPCUE_ANNOTATIONS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "annotations")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no real annotation files: set CLIPCUE_ANNOTATIONS (%v)", err)
	}
	return dir
}

func TestRealAnnotations(t *testing.T) {
	dir := annotations(t)
	k400, err := ReadClasses(filepath.Join(dir, "kinetics/label_map_k400.txt"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		path          string
		options       Options
		format        string
		train, val    int
		test, classes int
		first         Sample // the first of the samples
		firstClass    string
		duplicates    bool
	}{
		{
			path: "hmdb51", format: "hmdb51", train: 210, test: 90, classes: 3, firstClass: "brush hair",
			first: Sample{Path: "brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0.avi", Label: "brush hair", Split: Train},
		},
		{
			path: "ucf101", format: "ucf101", train: 9537, test: 3783, classes: 101, firstClass: "Apply Eye Makeup",
			first: Sample{Path: "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi", Label: "Apply Eye Makeup", Split: Test},
		},
		{
			path: "ucf101/trainlist01.txt", format: "ucf101", train: 9537, classes: 101, firstClass: "Apply Eye Makeup",
			first: Sample{Path: "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi", Label: "Apply Eye Makeup", Split: Train},
		},
		{
			path: "kinetics/kinetics-400_val.csv", options: Options{Classes: k400}, format: "kinetics", val: 19906, classes: 400, firstClass: "abseiling",
			first: Sample{Path: "0wR5jVB-WPk_000417_000427", Label: "abseiling", Split: Val},
		},
		{
			path: "efficient_prompt", format: "list", train: 3570, test: 1530, classes: 51, firstClass: "brush hairs",
			first: Sample{Path: "brush_hair/Aussie_Brunette_Brushing_Long_Hair_brush_hair_u_nm_np1_ba_med_3.avi", Label: "brush hairs", Split: Test},
		},
		{
			path: "efficient_prompt/splits/few_shot_Cway/train/split_1.list", format: "list", train: 255, classes: 51, firstClass: "brush hairs",
			first: Sample{Path: "brush_hair/Brunette_Foxyanya_ultra_silky_long_hair_brushing_hairjob_brush_hair_h_nm_np2_ri_goo_5", Label: "brush hairs", Split: Train},
		},
		{
			path: "mmaction2/video_test_list.txt", options: Options{Classes: k400}, format: "mmaction2", test: 2, classes: 400, firstClass: "abseiling",
			first: Sample{Path: "test.mp4", Label: "abseiling", Split: Test}, duplicates: true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			d, err := Load(filepath.Join(dir, tt.path), tt.options)
			if err != nil {
				t.Fatal(err)
			}
			n := d.Splits()
			if d.Format != tt.format || n[Train] != tt.train || n[Val] != tt.val || n[Test] != tt.test || n[""] != 0 || len(d.Classes) != tt.classes {
				t.Errorf("%s: splits %v, %d classes", d.Format, n, len(d.Classes))
			}
			if d.Samples[0] != tt.first || d.Classes[0] != tt.firstClass {
				t.Errorf("first sample %+v, first class %q", d.Samples[0], d.Classes[0])
			}
			warnings, err := d.Validate()
			if err != nil || (len(warnings) > 0) != tt.duplicates {
				t.Errorf("warnings %q, error %v", warnings, err)
			}
		})
	}
	for path, want := range map[string]string{
		"mmaction2/video_test_list_multi_label.txt":        "multi_label.txt:1: \"test.mp4 0 3\" has 2 numbers; lists with several labels",
		"mmaction2/rawframe_test_list.txt":                 "raw frames",
		"mmaction2/video_text_test_list.json":              "annotations are a folder or",
		"efficient_prompt/splits/zero_shot_k700/test.list": "is not class/video, but may be from a list of classes",
	} {
		_, err := Load(filepath.Join(dir, path), Options{Classes: k400})
		wantError(t, err, want)
	}
}

func TestRealEpisodes(t *testing.T) {
	dir := filepath.Join(annotations(t), "efficient_prompt")
	all, err := Load(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	// Stored videos are in folders with underscores and have extensions.
	store := NewResolver(paths(all))
	for _, tt := range []struct {
		train, test string
		way, tests  int
	}{
		{"splits/few_shot_5way/train", "splits/few_shot_5way/test", 5, 475},
		{"splits/few_shot_Cway/train", "", 51, 1530},
	} {
		episodes, err := LoadEpisodes(filepath.Join(dir, tt.train), filepath.Join(dir, tt.test), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(episodes) != 3 {
			t.Errorf("%s: %d episodes", tt.train, len(episodes))
		}
		for _, e := range episodes {
			if len(e.Classes) != tt.way || len(e.Train.Samples) != 5*tt.way || len(e.Test.Samples) != tt.tests {
				t.Errorf("%s: %d classes, %d for training, %d for testing", e.Train.Source, len(e.Classes), len(e.Train.Samples), len(e.Test.Samples))
			}
			for _, d := range []*Dataset{e.Train, e.Test} {
				if _, missing := d.Match(store); len(missing) > 0 {
					t.Errorf("%s: %d missing: %v", d.Source, len(missing), missing[0].Err)
				}
			}
		}
	}
}

func TestRealClassLists(t *testing.T) {
	dir := annotations(t)
	read := func(path string) []string {
		t.Helper()
		classes, err := ReadClasses(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		return classes
	}
	k700 := read("kinetics/label_map_k700.txt")
	d := &Dataset{Source: "k700", Classes: k700}
	for _, c := range k700 {
		d.Samples = append(d.Samples, Sample{Path: c, Label: c})
	}
	train, test, err := SplitClasses(d, read("efficient_prompt/splits/zero_shot_k700/train.list"), read("efficient_prompt/splits/zero_shot_k700/test.list"))
	if err != nil {
		t.Fatal(err)
	}
	if len(train.Classes) != 400 || len(test.Classes) != 300 || len(train.Samples)+len(test.Samples) != 700 {
		t.Errorf("%d training and %d test classes", len(train.Classes), len(test.Classes))
	}
	// The THUMOS names in these lists are those of UCF101: BaseballPitch, Baseball Pitch.
	ucf, err := Load(filepath.Join(dir, "ucf101"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range read("efficient_prompt/splits/localization_75_25/train/split_0.list") {
		if _, err := ucf.only([]string{c}); err != nil {
			t.Error(err)
		}
	}
	if got := strings.Join(read("ucf101/classInd.txt")[:2], ","); got != "Apply Eye Makeup,Apply Lipstick" {
		t.Error(got)
	}
}
