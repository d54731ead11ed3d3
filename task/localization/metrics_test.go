package localization

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/internal/fixture"
	"github.com/clipcue/clipcue/task/proposal"
	"github.com/clipcue/clipcue/video"
)

// mAP is that of ActivityNet's own evaluation.
func TestReferenceMAP(t *testing.T) {
	text, err := os.ReadFile(fixture.Path(t, "metrics/expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Detection struct {
			Truth       string    `json:"ground_truth"`
			Predictions string    `json:"predictions"`
			MAP         []float64 `json:"map"`
			Average     float64   `json:"average_map"`
		} `json:"detection"`
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	truth, err := dataset.LoadSegments(fixture.Path(t, "metrics/"+want.Detection.Truth), "")
	if err != nil {
		t.Fatal(err)
	}
	results, err := ReadResults(fixture.Path(t, "metrics/"+want.Detection.Predictions))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Score(truth, results, proposal.ActivityNetThresholds)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(s.Average-want.Detection.Average) > 1e-6 {
		t.Errorf("average mAP %v instead of %v", s.Average, want.Detection.Average)
	}
	for i, v := range want.Detection.MAP {
		if math.Abs(s.MAP[i]-v) > 1e-6 {
			t.Errorf("mAP %v instead of %v at %v", s.MAP[i], v, s.TIoU[i])
		}
	}
	if s.UnknownClasses != 0 || s.Segments != 4 || s.Videos != 2 || s.Detections != 14 {
		t.Errorf("%+v", s)
	}
}

// annotated makes annotations of videos "a", "b" …
func annotated(videos ...[]dataset.Segment) *dataset.Segments {
	s := &dataset.Segments{Source: "truth.csv", Format: "csv"}
	for i, x := range videos {
		s.Videos = append(s.Videos, dataset.Untrimmed{Path: string(rune('a' + i)), Segments: x})
	}
	return s
}

func score(t *testing.T, truth *dataset.Segments, r Results, tIoUs ...float64) *Scores {
	t.Helper()
	s, err := Score(truth, r, tIoUs)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAveragePrecisionByHand(t *testing.T) {
	truth := annotated([]dataset.Segment{{Span: video.Span{Start: 0, End: 10}, Label: "run"}, {Span: video.Span{Start: 20, End: 30}, Label: "run"}}, []dataset.Segment{{Span: video.Span{Start: 0, End: 4}, Label: "Sit_Down"}})
	r := Results{
		"a": {{"run", 0.9, video.Span{Start: 0, End: 10}}, {"run", 0.8, video.Span{Start: 40, End: 50}}, {"run", 0.7, video.Span{Start: 21, End: 29}}, {"swim", 0.9, video.Span{Start: 0, End: 10}}},
		"b": {{"sit down", 0.5, video.Span{Start: 0, End: 3}}},
	}
	// run: right, wrong, right: precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1. At 0.9
	// the last overlaps too little. sit down has a tIoU of 3/4.
	s := score(t, truth, r, 0.5, 0.78, 0.9)
	for i, want := range []float64{(0.5 + 0.5*2/3 + 1) / 2, (0.5 + 0.5*2/3) / 2, 0.5 / 2} {
		if math.Abs(s.MAP[i]-want) > 1e-12 {
			t.Errorf("mAP %v instead of %v at %v", s.MAP[i], want, s.TIoU[i])
		}
	}
	if s.UnknownClasses != 1 || s.Classes[1].Label != "Sit_Down" || s.Classes[1].Segments != 1 {
		t.Errorf("%+v", s)
	}
	// A second detection of what is found already is wrong, unless another is near.
	one := annotated([]dataset.Segment{{Span: video.Span{Start: 0, End: 10}, Label: "run"}})
	twice := Results{"a": {{"run", 0.9, video.Span{Start: 0, End: 9}}, {"run", 0.95, video.Span{Start: 0, End: 10}}}}
	if s := score(t, one, twice, 0.5); s.MAP[0] != 1 || s.Errors.Duplicate != 0 {
		t.Errorf("%+v", s)
	}
	near := annotated([]dataset.Segment{{Span: video.Span{Start: 0, End: 10}, Label: "run"}, {Span: video.Span{Start: 1, End: 10}, Label: "run"}})
	if s := score(t, near, twice, 0.5); s.MAP[0] != 1 {
		t.Errorf("the second does not take the second: %+v", s)
	}
	// Detections in a video that is not annotated are wrong.
	elsewhere := Results{"a": {{"run", 0.5, video.Span{Start: 0, End: 10}}}, "z": {{"run", 0.9, video.Span{Start: 0, End: 10}}}}
	if s := score(t, one, elsewhere, 0.5); s.MAP[0] != 0.5 || s.UnknownVideos != 1 {
		t.Errorf("%+v", s)
	}
	// Results may name a video by another path. If no video matches, it is an error.
	if s := score(t, one, Results{"videos/a.mp4": {{"run", 0.5, video.Span{Start: 0, End: 10}}}}, 0.5); s.MAP[0] != 1 || s.UnknownVideos != 0 {
		t.Errorf("%+v", s)
	}
	one.Format = "activitynet" // files' names begin with v_
	if s := score(t, one, Results{"videos/v_a.mp4": {{"run", 0.5, video.Span{Start: 0, End: 10}}}}, 0.5); s.MAP[0] != 1 || s.UnknownVideos != 0 {
		t.Errorf("%+v", s)
	}
	if _, err := Score(one, Results{"z": {{"run", 0.5, video.Span{Start: 0, End: 10}}}}, THUMOSThresholds); err == nil {
		t.Error("results of other videos are measured")
	}
	if s := score(t, one, Results{}, 0.5); s.MAP[0] != 0 || s.Errors.Missed != 1 {
		t.Errorf("nothing was found: %+v", s)
	}
}

// random returns random annotations and detections with many equal scores.
func random(rng *rand.Rand) (*dataset.Segments, Results) {
	segment := func() (float64, float64) {
		start := float64(rng.IntN(20))
		return start, start + 1 + float64(rng.IntN(6))
	}
	truth, r := annotated(nil, nil, nil), Results{}
	for i := range truth.Videos {
		v := &truth.Videos[i]
		for range 1 + rng.IntN(6) {
			start, end := segment()
			v.Segments = append(v.Segments, dataset.Segment{Span: video.Span{Start: start, End: end}, Label: []string{"run", "sit"}[rng.IntN(2)]})
		}
		for range rng.IntN(30) {
			start, end := segment()
			r[v.Path] = append(r[v.Path], Detection{[]string{"run", "sit"}[rng.IntN(2)], float64(rng.IntN(4)) / 4, video.Span{Start: start, End: end}})
		}
	}
	return truth, r
}

// The result depends neither on the order of annotations and detections nor on the names of
// videos, even with many equal scores.
func TestOrderDoesNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		truth, r := random(rng)
		want := score(t, truth, r, 0.3, 0.5, 0.7)
		mixed, again := annotated(nil, nil, nil), Results{}
		for i, j := range rng.Perm(3) {
			mixed.Videos[i] = truth.Videos[j]
			mixed.Videos[i].Path = fmt.Sprintf("other %d", i)
			s := slices.Clone(truth.Videos[j].Segments)
			rng.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
			mixed.Videos[i].Segments = s
			d := slices.Clone(r[truth.Videos[j].Path])
			rng.Shuffle(len(d), func(i, j int) { d[i], d[j] = d[j], d[i] })
			again[mixed.Videos[i].Path] = d
		}
		got := score(t, mixed, again, 0.3, 0.5, 0.7)
		for i := range want.MAP {
			if math.Abs(got.MAP[i]-want.MAP[i]) > 1e-12 {
				t.Fatalf("mAP %v instead of %v", got.MAP, want.MAP)
			}
		}
	}
}

// For distinct scores, the average precision equals that of a direct implementation of the
// definition.
func TestAveragePrecisionAgainstDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		truth, r := random(rng)
		for _, d := range r {
			for i := range d {
				d[i].Score = rng.Float64()
			}
		}
		s := score(t, truth, r, 0.5)
		for _, c := range s.Classes {
			if want := plainAP(truth, r, c.Label, 0.5); math.Abs(c.AP[0]-want) > 1e-12 {
				t.Fatalf("%s: AP %v instead of %v", c.Label, c.AP[0], want)
			}
		}
	}
}

// plainAP returns the area under the interpolated curve as a sum over the segments: the k-th
// correct detection adds the best precision at recall k or more.
func plainAP(truth *dataset.Segments, r Results, label string, threshold float64) float64 {
	type found struct {
		video string
		Detection
	}
	var all []found
	segments := map[string][]dataset.Segment{}
	n := 0
	for _, v := range truth.Videos {
		for _, x := range v.Segments {
			if x.Label == label {
				segments[v.Path] = append(segments[v.Path], x)
				n++
			}
		}
		for _, d := range r[v.Path] {
			if d.Label == label {
				all = append(all, found{v.Path, d})
			}
		}
	}
	for _, s := range segments {
		slices.SortFunc(s, func(a, b dataset.Segment) int {
			return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
		})
	}
	slices.SortFunc(all, func(a, b found) int { return a.compare(b.Detection) })
	taken := map[string]map[int]bool{}
	hits := 0
	precisionAt := make([]float64, n+1) // best precision with so many hits
	for k, f := range all {
		best, which := 0.0, -1
		for i, x := range segments[f.video] {
			if o := f.TIoU(video.Span{Start: x.Start, End: x.End}); o >= threshold && o > best && !taken[f.video][i] {
				best, which = o, i
			}
		}
		if which >= 0 {
			if taken[f.video] == nil {
				taken[f.video] = map[int]bool{}
			}
			taken[f.video][which] = true
			hits++
		}
		precisionAt[hits] = max(precisionAt[hits], float64(hits)/float64(k+1))
	}
	ap := 0.0
	for k := 1; k <= n; k++ {
		ap += slices.Max(precisionAt[k:]) / float64(n)
	}
	return ap
}

func TestWhatIsWrong(t *testing.T) {
	truth := annotated([]dataset.Segment{{Span: video.Span{Start: 0, End: 10}, Label: "run"}, {Span: video.Span{Start: 20, End: 30}, Label: "sit"}, {Span: video.Span{Start: 40, End: 50}, Label: "run"},
		{Span: video.Span{Start: 60, End: 70}, Label: "sit"}, {Span: video.Span{Start: 80, End: 90}, Label: "run"}, {Span: video.Span{Start: 100, End: 110}, Label: "run"}, {Span: video.Span{Start: 120, End: 130}, Label: "run"}})
	s := score(t, truth, Results{"a": {
		{"run", 0.9, video.Span{Start: 0, End: 10}},    // right
		{"run", 0.8, video.Span{Start: 1, End: 10}},    // double
		{"run", 0.7, video.Span{Start: 20, End: 29}},   // wrong class
		{"run", 0.6, video.Span{Start: 46, End: 56}},   // misplaced
		{"run", 0.5, video.Span{Start: 66, End: 76}},   // both
		{"run", 0.4, video.Span{Start: 200, End: 210}}, // background
		{"run", 0.3, video.Span{Start: 80, End: 88}},   // right
		{"run", 0.2, video.Span{Start: 100, End: 110}}, // more than there are segments
	}}, 0.3, 0.5)
	if want := (Errors{0.5, 2, 1, 1, 1, 1, 1, 5}); s.Errors != want {
		t.Errorf("%+v instead of %+v", s.Errors, want)
	}
}

func TestNothingToMeasure(t *testing.T) {
	if _, err := Score(annotated(nil, nil), Results{}, THUMOSThresholds); err == nil {
		t.Error("without any segment there is a score")
	}
	some := annotated([]dataset.Segment{{Span: video.Span{Start: 0, End: 1}, Label: "run"}})
	for _, bad := range [][]float64{nil, {0}, {1.1}, {math.NaN()}} {
		if _, err := Score(some, Results{}, bad); err == nil {
			t.Errorf("tIoUs %v are taken", bad)
		}
	}
}

func TestRecall(t *testing.T) {
	s := &Set{}
	for _, x := range [][]dataset.Segment{{{Span: video.Span{Start: 0, End: 10}, Label: "run"}, {Span: video.Span{Start: 20, End: 30}, Label: "sit"}}, {}, {{Span: video.Span{Start: 0, End: 10}, Label: "run"}, {Span: video.Span{Start: 0, End: 10}, Label: "sit"}}} {
		s.Videos = append(s.Videos, dataset.MatchedVideo{Untrimmed: dataset.Untrimmed{Segments: x}})
	}
	p := func(start, end float64) proposal.Proposal {
		return proposal.Proposal{Span: video.Span{Start: start, End: end}}
	}
	// An exact detection, one in a video without segments, and one with a tIoU of 0.72, which
	// counts at five of the ten thresholds.
	r, err := s.recall(Proposals{{p(50, 60), p(0, 10)}, {p(0, 1)}, {p(0, 7.2)}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.AR) != 100 || math.Abs(r.At(1)-0.25) > 1e-9 || math.Abs(r.At(2)-0.5) > 1e-9 || math.Abs(r.At(100)-0.5) > 1e-9 {
		t.Errorf("recall %v, %v … %v", r.At(1), r.At(2), r.At(100))
	}
	if want := (0.375 + 98*0.5) / 100; math.Abs(r.AUC-want) > 1e-9 {
		t.Errorf("area %v instead of %v", r.AUC, want)
	}
}
