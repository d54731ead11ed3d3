package localization

import (
	"cmp"
	"slices"
)

// Errors classifies the n best detections, where n is the number of annotated segments,
// after Alwassel et al. (ECCV 2018):
//
//   - Correct: the best detection of a segment of its class, with at least the tIoU.
//   - Duplicate: the same, but a better detection has the segment.
//   - WrongClass: overlaps a segment of another class with at least the tIoU.
//   - Misplaced: overlaps a segment of its class with at least 0.1.
//   - WrongClassAndMisplaced: overlaps a segment of another class with at least 0.1.
//   - Background: overlaps no segment with 0.1 or more.
//
// Missed counts the segments without a correct detection, so Correct + Missed = Segments.
type Errors struct {
	TIoU                   float64 `json:"tiou"`
	Correct                int     `json:"correct"`
	Duplicate              int     `json:"duplicate"`
	WrongClass             int     `json:"wrong_class"`
	Misplaced              int     `json:"misplaced"`
	WrongClassAndMisplaced int     `json:"wrong_class_and_misplaced"`
	Background             int     `json:"background"`
	Missed                 int     `json:"missed"`
}

// barely is the lowest tIoU at which a detection counts as meant for a segment.
const barely = 0.1

// diagnose counts the errors of the best detections of all classes.
func diagnose(real, found []finding, tIoU float64) Errors {
	found = slices.Clone(found)
	truth := byVideo(real)
	best := func(f finding) float64 {
		if o := overlapping(f, truth[f.video]); len(o) > 0 {
			return o[0].tIoU
		}
		return 0
	}
	slices.SortFunc(found, func(a, b finding) int {
		if a.score != b.score {
			return cmp.Compare(b.score, a.score)
		}
		return cmp.Or(cmp.Compare(best(b), best(a)), a.compare(b), cmp.Compare(a.class, b.class), cmp.Compare(a.video, b.video))
	})
	e := Errors{TIoU: tIoU, Missed: len(real)}
	taken := map[[2]int]bool{}
	for _, f := range found[:min(len(found), len(real))] {
		correct, duplicate := false, false
		same, other := 0.0, 0.0
		for _, o := range overlapping(f, truth[f.video]) {
			switch {
			case truth[f.video][o.segment].class != f.class:
				other = max(other, o.tIoU)
			case o.tIoU >= tIoU && taken[[2]int{f.video, o.segment}]:
				duplicate = true
			case o.tIoU >= tIoU && !correct:
				correct = true
				taken[[2]int{f.video, o.segment}] = true
			default:
				same = max(same, o.tIoU)
			}
		}
		switch {
		case correct:
			e.Correct++
			e.Missed--
		case duplicate:
			e.Duplicate++
		case other >= tIoU:
			e.WrongClass++
		case same >= barely:
			e.Misplaced++
		case other >= barely:
			e.WrongClassAndMisplaced++
		default:
			e.Background++
		}
	}
	return e
}
