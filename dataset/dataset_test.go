package dataset

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var small = &Dataset{
	Source: "small",
	Samples: []Sample{
		{Path: "r/a.mp4", Label: "run", Split: Train},
		{Path: "w/b.mp4", Label: "wave", Split: Train},
		{Path: "w/c.mp4", Label: "wave", Split: Test},
		{Path: "j/d.mp4", Label: "jump up", Split: Train},
	},
	Classes: []string{"jump up", "run", "wave"},
}

func wantError(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v, want %q in it", err, part)
	}
}

func TestSplit(t *testing.T) {
	test, err := small.Split(Test)
	if err != nil {
		t.Fatal(err)
	}
	want := &Dataset{Source: "small", Samples: small.Samples[2:3], Classes: small.Classes}
	if diff := cmp.Diff(want, test, cmpopts.IgnoreUnexported(Dataset{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	_, err = small.Split(Val)
	wantError(t, err, `small has no samples in split "val"; it has train (3), test (1)`)
}

func TestWithClasses(t *testing.T) {
	d, err := small.WithClasses([]string{"Wave", "swim", "JumpUp", "Run"})
	if err != nil {
		t.Fatal(err)
	}
	labels := []string{"Run", "Wave", "Wave", "JumpUp"}
	for i, s := range d.Samples {
		if s.Label != labels[i] {
			t.Errorf("sample %d has label %q, want %q", i, s.Label, labels[i])
		}
	}
	if diff := cmp.Diff(map[string]int{"Wave": 0, "swim": 1, "JumpUp": 2, "Run": 3}, d.ClassIndex()); diff != "" {
		t.Error(diff)
	}
	if small.Samples[0].Label != "run" {
		t.Error("the samples of the first dataset were changed")
	}
	_, err = small.WithClasses([]string{"wave", "run"})
	wantError(t, err, `label "jump up" of "j/d.mp4" is not among the 2 classes given`)
	_, err = small.WithClasses([]string{"wave", "Wave"})
	wantError(t, err, "listed twice")
	_, err = small.WithClasses(nil)
	wantError(t, err, "empty")
}

func TestSplitClasses(t *testing.T) {
	train, test, err := SplitClasses(small, []string{"wave", "RUN"}, []string{"jump_up"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"wave", "RUN"}, train.Classes); diff != "" {
		t.Error(diff)
	}
	if len(train.Samples) != 3 || len(test.Samples) != 1 || test.Samples[0].Label != "jump_up" {
		t.Errorf("train %v, test %v", train.Samples, test.Samples)
	}
	_, _, err = SplitClasses(small, []string{"wave", "run"}, []string{"Run"})
	wantError(t, err, `class "Run" is among both`)
	_, _, err = SplitClasses(small, []string{"wave"}, []string{"swim"})
	wantError(t, err, `test classes: small has no samples of class "swim"`)
	_, _, err = SplitClasses(small, []string{"wave"}, nil)
	wantError(t, err, "test classes: the list of classes is empty")
}

func TestValidate(t *testing.T) {
	two := []string{"run", "wave"}
	tests := map[string]struct {
		d        Dataset
		warnings []string
		err      string
	}{
		"good":      {d: *small},
		"empty":     {d: Dataset{Source: "x"}, err: "x: no samples"},
		"one class": {d: Dataset{Source: "x", Samples: []Sample{{Path: "a", Label: "run"}}, Classes: two[:1]}, err: `x: there is only one class, "run"`},
		"two labels": {
			d:   Dataset{Source: "x", Samples: []Sample{{Path: "a.mp4", Label: "run", Start: 1, End: 2}, {Path: "./a.mp4", Label: "wave", Start: 1, End: 2}}, Classes: two},
			err: `x: "./a.mp4" from 1s to 2s is labeled both "run" and "wave"`,
		},
		"two labels at two times": {d: Dataset{Samples: []Sample{{Path: "a", Label: "run", End: 2}, {Path: "a", Label: "wave", Start: 2}}, Classes: two}},
		"split for some": {
			d:   Dataset{Source: "x", Samples: []Sample{{Path: "a", Label: "run", Split: Train}, {Path: "b", Label: "wave"}}, Classes: two},
			err: "x: some samples have a split and some have none: train (1), 1 without a split",
		},
		"duplicates": {
			d:        Dataset{Source: "x", Samples: []Sample{{Path: "a", Label: "run"}, {Path: "a", Label: "run"}, {Path: "b", Label: "wave"}}, Classes: two},
			warnings: []string{`x: repeated samples: 1 ("a")`},
		},
		"in training and test": {
			d: Dataset{Source: "x", Samples: []Sample{
				{Path: "a", Label: "run", Split: Train}, {Path: "a", Label: "run", Split: Test}, {Path: "b", Label: "run", Split: Train},
			}, Classes: []string{"run", "1", "2", "3", "4"}},
			warnings: []string{`x: videos in more than one split: 1 ("a")`, `x: classes without samples: 4 ("1", "2", "3", ...)`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			warnings, err := tt.d.Validate()
			if tt.err != "" {
				wantError(t, err, tt.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.warnings, warnings); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
