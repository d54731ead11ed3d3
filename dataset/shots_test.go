package dataset

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// grid returns n videos in each split of each class.
func grid(classes, n int, splits ...string) *Dataset {
	d := &Dataset{Source: "grid"}
	for c := range classes {
		class := fmt.Sprintf("class %02d", c)
		d.Classes = append(d.Classes, class)
		for _, split := range splits {
			for i := range n {
				d.Samples = append(d.Samples, Sample{Path: fmt.Sprintf("%s/%s%d.mp4", class, split, i), Label: class, Split: split})
			}
		}
	}
	return d
}

func paths(d *Dataset) []string {
	var out []string
	for _, s := range d.Samples {
		out = append(out, s.Path)
	}
	return out
}

func TestShots(t *testing.T) {
	// The draw for a seed must not change between releases.
	got, err := takeShots(grid(2, 9, Train, Test), 3, 7)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"class 00/train1.mp4", "class 00/train4.mp4", "class 00/train8.mp4",
		"class 01/train4.mp4", "class 01/train1.mp4", "class 01/train6.mp4",
	}
	if diff := cmp.Diff(want, paths(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	other, err := takeShots(grid(2, 9, Train, Test), 3, 8)
	if err != nil {
		t.Fatal(err)
	}
	if cmp.Equal(paths(got), paths(other)) {
		t.Error("two seeds gave one draw")
	}

	_, err = takeShots(grid(2, 2, Train, Test), 3, 0)
	wantError(t, err, `grid: class "class 00" has 2 training videos, too few for 3 shots`)
	_, err = takeShots(grid(2, 2, Test), 1, 0)
	wantError(t, err, `no samples in split "train"`)
	_, err = takeShots(grid(2, 2, ""), 0, 0)
	wantError(t, err, "must be at least 1")
}

func TestShotsTakeEachVideoOnce(t *testing.T) {
	d := &Dataset{Source: "x", Classes: []string{"run"}}
	for i := range 8 {
		d.Samples = append(d.Samples, Sample{Path: fmt.Sprint("v", i/4), Label: "run", Start: float64(i)})
	}
	got, err := takeShots(d, 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got.Samples[0].Path == got.Samples[1].Path {
		t.Errorf("one video twice: %v", got.Samples)
	}
	_, err = takeShots(d, 3, 0)
	wantError(t, err, "has 2 training videos")
}

func TestShotsDependOnSeedAndClassOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := grid(rapid.IntRange(1, 6).Draw(t, "classes"), rapid.IntRange(3, 9).Draw(t, "videos"), Train, Test)
		k := rapid.IntRange(1, 3).Draw(t, "k")
		seed := rapid.Uint64().Draw(t, "seed")
		want, err := takeShots(d, k, seed)
		if err != nil {
			t.Fatal(err)
		}
		more := grid(8, 0)
		more.Samples = rapid.Permutation(append(grid(8, 9, Test).Samples, d.Samples...)).Draw(t, "order")
		for _, c := range more.Classes[len(d.Classes):] {
			for i := range k {
				more.Samples = append(more.Samples, Sample{Path: fmt.Sprint(c, i), Label: c, Split: Train})
			}
		}
		got, err := takeShots(more, k, seed)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Samples, got.Samples[:len(want.Samples)]); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

func TestEpisodes(t *testing.T) {
	d := grid(10, 6, Train, Test)
	got, err := Episodes(d, 5, 2, 20, 1)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Episodes(d, 5, 2, 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got[:3], again, cmpopts.IgnoreUnexported(Dataset{})); diff != "" {
		t.Error("an episode depends on how many are drawn:", diff)
	}
	picks := map[string]bool{}
	for _, e := range got {
		picks[strings.Join(e.Classes, ",")] = true
		if len(e.Classes) != 5 || !slices.IsSorted(e.Classes) || len(e.Train.Samples) != 10 || len(e.Test.Samples) != 30 {
			t.Errorf("classes %v, %d training and %d test samples", e.Classes, len(e.Train.Samples), len(e.Test.Samples))
		}
		if e.Train.Splits()[Train] != 10 || e.Test.Splits()[Test] != 30 {
			t.Error("samples of another split")
		}
	}
	if len(picks) < 15 {
		t.Errorf("20 episodes picked only %d sets of classes", len(picks))
	}

	t.Run("without splits", func(t *testing.T) {
		got, err := Episodes(grid(4, 6, ""), 2, 2, 4, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range got {
			all := append(paths(e.Train), paths(e.Test)...)
			slices.Sort(all)
			if len(e.Train.Samples) != 4 || len(e.Test.Samples) != 8 || len(slices.Compact(all)) != 12 {
				t.Errorf("train %v, test %v", paths(e.Train), paths(e.Test))
			}
		}
	})
	t.Run("errors", func(t *testing.T) {
		_, err := Episodes(d, 11, 1, 1, 0)
		wantError(t, err, "11-way episodes cannot be drawn from 10 classes")
		_, err = Episodes(d, 1, 1, 1, 0)
		wantError(t, err, "1-way")
		_, err = Episodes(d, 2, 7, 1, 0)
		wantError(t, err, `class "class 00" has 6 training videos`)
		_, err = Episodes(d, 2, 1, 0, 0)
		wantError(t, err, "must be at least 1")
		leaky := grid(2, 2, Train)
		for _, s := range leaky.Samples {
			s.Split = Test
			leaky.Samples = append(leaky.Samples, s)
		}
		_, err = Episodes(leaky, 2, 1, 1, 0)
		wantError(t, err, "is in both training")
	})
}

func TestLoadEpisodes(t *testing.T) {
	files := map[string]string{
		"few/train/split_10.list": "kick ball/a\nwave/b\n", "few/test/split_10.list": "wave/c\nkick_ball/d\n",
		"few/train/split_2.list": "brush_hair/e\nwave/f\n", "few/test/split_2.list": "brush hair/g\nwave/h\n",
		"lists/train_split01.txt": "kick_ball/a.avi\n", "lists/test_split01.txt": "wave/x.avi\nkick_ball/y.avi\nbrush_hair/z.avi\n",
		"few/HMDB51_clsname.json": `{"brush_hair": "brush hairs"}`,
		"bad/train/split_1.list":  "kick ball/a\nwave/b\n", "bad/test/split_1.list": "wave/c\nkick ball/d\nrun/e\n",
		"leak/train/split_0.list": "kick ball/a\nwave/b\n", "leak/test/split_0.list": "wave/b.avi\nkick ball/d\n",
	}
	dir := tree(t, files)
	want := []struct {
		classes     []string
		train, test []string
	}{
		{[]string{"brush hairs", "wave"}, []string{"brush_hair/e", "wave/f"}, []string{"brush hair/g", "wave/h"}},
		{[]string{"kick ball", "wave"}, []string{"kick ball/a", "wave/b"}, []string{"wave/c", "kick_ball/d"}},
	}
	check := func(got []Episode, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d episodes, want %d", len(got), len(want))
		}
		for i, e := range got {
			if diff := cmp.Diff(want[i].classes, e.Classes); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(want[i].train, paths(e.Train)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(want[i].test, paths(e.Test)); diff != "" {
				t.Error(diff)
			}
			for _, s := range append(e.Train.Samples, e.Test.Samples...) {
				if !slices.Contains(e.Classes, s.Label) {
					t.Errorf("label %q is not in %q", s.Label, e.Classes)
				}
			}
		}
	}
	check(LoadEpisodes(dir+"/few/train", dir+"/few/test", Options{}))

	want[0].test = []string{"wave/x.avi", "brush_hair/z.avi"}
	want[1].test = []string{"wave/x.avi", "kick_ball/y.avi"}
	check(LoadEpisodes(dir+"/few/train", dir+"/lists", Options{}))

	want = want[1:]
	want[0].test = []string{"wave/c", "kick_ball/d"}
	check(LoadEpisodes(dir+"/few/train/split_10.list", dir+"/few/test/split_10.list", Options{}))

	for _, tt := range [][3]string{
		{"lists", "few/test", "no files split_<N>.list"},
		{"gone", "few/test", "no such file or folder"},
		{"few/train", "gone", "no such file or folder"},
		{"few/train", "bad/test", "no test list with this number"},
		{"bad/train", "bad/test", `label "run" of "run/e" is not among the 2 classes given in`},
		{"leak/train", "leak/test", `video "wave/b.avi" is in both`},
		{"few/train/split_2.list", "bad/test/split_1.list", "no test list with this number"},
	} {
		_, err := LoadEpisodes(dir+"/"+tt[0], dir+"/"+tt[1], Options{})
		wantError(t, err, tt[2])
	}
}
