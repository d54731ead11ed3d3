package localization

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/video"
)

// THUMOSThresholds are the tIoU thresholds of THUMOS14, 0.3 to 0.7. Those of ActivityNet
// are [proposal.ActivityNetThresholds].
var THUMOSThresholds = []float64{0.3, 0.4, 0.5, 0.6, 0.7}

// Scores holds the metrics of detections by the protocol of ActivityNet. For each class, the
// detections by decreasing score each match the annotated segment that they overlap most,
// among those that are not matched yet and overlap by at least a tIoU. The average precision
// is the area under the interpolated curve. Detections with equal scores count together, so
// the order of the input has no effect.
type Scores struct {
	TIoU    []float64 `json:"tiou"`
	MAP     []float64 `json:"map"` // at each tIoU, the mean over the classes that occur
	Average float64   `json:"average_map"`
	Classes []ClassAP `json:"per_class"`
	// Errors counts the kinds of errors at the tIoU nearest to 0.5.
	Errors Errors `json:"errors"`

	Videos     int `json:"videos"`
	Segments   int `json:"segments"`
	Detections int `json:"detections"`
	// UnknownClasses counts the detections of classes that do not occur in the
	// annotations. They are ignored.
	UnknownClasses int `json:"unknown_classes"`
	// UnknownVideos counts the videos with detections that are not annotated. All their
	// detections count as wrong.
	UnknownVideos int `json:"unknown_videos"`
}

// ClassAP is the average precision of a class.
type ClassAP struct {
	Label    string    `json:"label"`
	Segments int       `json:"segments"`
	AP       []float64 `json:"ap"` // at each tIoU
	Average  float64   `json:"average"`
}

// finding is a detection or an annotated segment, with the numbers of its video and class.
type finding struct {
	video, class int
	at           video.Span
	score        float64
}

// compare orders findings of one video by time.
func (f finding) compare(g finding) int {
	return cmp.Or(cmp.Compare(f.at.Start, g.at.Start), cmp.Compare(f.at.End, g.at.End))
}

// Score returns the metrics of results at tIoU thresholds. Video names may have more or
// fewer folders in the results than in the truth; see [dataset.Resolver]. Detections in
// videos that are not in the truth count as wrong.
func Score(truth *dataset.Segments, results Results, tIoUs []float64) (*Scores, error) {
	for _, t := range tIoUs {
		if !(t > 0 && t <= 1) {
			return nil, fmt.Errorf("tIoU threshold must be above 0 and at most 1, got %v", t)
		}
	}
	if len(tIoUs) == 0 {
		return nil, errors.New("no tIoU thresholds")
	}
	for id, found := range results {
		for _, d := range found {
			if err := d.checkNumbers(); err != nil {
				return nil, fmt.Errorf("video %q: detection: %w", id, err)
			}
		}
	}
	s := &Scores{TIoU: tIoUs, MAP: make([]float64, len(tIoUs)), Videos: len(truth.Videos)}
	real, found, classes := s.gather(truth, results)
	if s.UnknownVideos > 0 && s.UnknownVideos == len(results) {
		return nil, fmt.Errorf("%s: none of the %d videos in the results is annotated", truth.Source, len(results))
	}
	if s.Segments == 0 {
		return nil, fmt.Errorf("%s: no segments to evaluate on", truth.Source)
	}
	for c, label := range classes {
		ap := averagePrecision(real[c], found[c], tIoUs)
		s.Classes = append(s.Classes, ClassAP{label, len(real[c]), ap, mean(ap)})
		for i := range ap {
			s.MAP[i] += ap[i] / float64(len(classes))
		}
	}
	s.Average = mean(s.MAP)
	at := slices.MinFunc(tIoUs, func(a, b float64) int { return cmp.Compare(math.Abs(a-0.5), math.Abs(b-0.5)) })
	s.Errors = diagnose(slices.Concat(real...), slices.Concat(found...), at)
	return s, nil
}

// gather numbers the videos and the classes that occur, and groups segments and detections
// by class.
func (s *Scores) gather(truth *dataset.Segments, results Results) (real, found [][]finding, classes []string) {
	class := map[string]int{}
	for i, v := range truth.Videos {
		for _, x := range v.Segments {
			c, ok := class[dataset.Canonical(x.Label)]
			if !ok {
				c = len(classes)
				class[dataset.Canonical(x.Label)] = c
				classes = append(classes, x.Label)
				real, found = append(real, nil), append(found, nil)
			}
			real[c] = append(real[c], finding{i, c, video.Span{Start: x.Start, End: x.End}, 0})
			s.Segments++
		}
	}
	find := finder(truth)
	for id, detections := range results {
		n := find(id)
		if n < 0 {
			s.UnknownVideos++
			n = len(truth.Videos) + s.UnknownVideos
		}
		for _, d := range detections {
			s.Detections++
			c, ok := class[dataset.Canonical(d.Label)]
			if !ok {
				s.UnknownClasses++
				continue
			}
			found[c] = append(found[c], finding{n, c, d.Span, d.Score})
		}
	}
	return real, found, classes
}

// finder returns a function that finds the number of the annotated video with a name in
// results, or -1.
func finder(truth *dataset.Segments) func(id string) int {
	video, names := map[string]int{}, make([]string, len(truth.Videos))
	for i, v := range truth.Videos {
		video[v.Path], names[i] = i, v.Path
	}
	resolver := dataset.NewResolver(names)
	resolve := resolver.Resolve
	if truth.Format == "activitynet" {
		resolve = resolver.ResolveID
	}
	return func(id string) int {
		if n, ok := video[id]; ok {
			return n
		}
		if name, err := resolve(id); err == nil {
			return video[name]
		}
		return -1
	}
}

// InSplit returns the results without those of videos that the annotations assign to
// another split.
func (r Results) InSplit(truth *dataset.Segments, split string) Results {
	find, out := finder(truth), Results{}
	for id, found := range r {
		if n := find(id); n < 0 || truth.Videos[n].Split == split {
			out[id] = found
		}
	}
	return out
}

// byVideo groups findings by video, sorted by time.
func byVideo(f []finding) map[int][]finding {
	m := map[int][]finding{}
	for _, x := range f {
		m[x.video] = append(m[x.video], x)
	}
	for _, x := range m {
		slices.SortFunc(x, finding.compare)
	}
	return m
}

// averagePrecision returns the AP of a class at each tIoU.
func averagePrecision(real, found []finding, tIoUs []float64) []float64 {
	truth := byVideo(real)
	overlaps := make([][]overlap, len(found))
	best := func(i int) float64 {
		if len(overlaps[i]) == 0 {
			return 0
		}
		return overlaps[i][0].tIoU
	}
	order := make([]int, len(found))
	for i, f := range found {
		order[i], overlaps[i] = i, overlapping(f, truth[f.video])
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(found[b].score, found[a].score), cmp.Compare(best(b), best(a)), found[a].compare(found[b]))
	})
	ap := make([]float64, len(tIoUs))
	for k, threshold := range tIoUs {
		taken := map[[2]int]bool{} // video and number of the segment there
		var recall, precision []float64
		hits := 0
		for n, i := range order {
			for _, o := range overlaps[i] {
				if o.tIoU < threshold {
					break
				}
				if key := [2]int{found[i].video, o.segment}; !taken[key] {
					taken[key] = true
					hits++
					break
				}
			}
			if n+1 == len(order) || found[order[n+1]].score != found[i].score {
				recall = append(recall, float64(hits)/float64(len(real)))
				precision = append(precision, float64(hits)/float64(n+1))
			}
		}
		ap[k] = interpolated(recall, precision)
	}
	return ap
}

// overlap is the tIoU of a detection with a segment of its video.
type overlap struct {
	segment int
	tIoU    float64
}

// overlapping returns the segments that a detection overlaps, by decreasing tIoU.
func overlapping(f finding, truth []finding) []overlap {
	var out []overlap
	for j, g := range truth {
		if t := f.at.TIoU(g.at); t > 0 {
			out = append(out, overlap{j, t})
		}
	}
	slices.SortStableFunc(out, func(a, b overlap) int { return cmp.Compare(b.tIoU, a.tIoU) })
	return out
}

// interpolated returns the area under the precision-recall curve in which each precision is
// the highest at this recall or more.
func interpolated(recall, precision []float64) float64 {
	area, highest := 0.0, 0.0
	for i := len(recall) - 1; i >= 0; i-- {
		highest = max(highest, precision[i])
		before := 0.0
		if i > 0 {
			before = recall[i-1]
		}
		area += (recall[i] - before) * highest
	}
	return area
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(max(len(x), 1))
}
