package localization

import (
	"cmp"
	"slices"
)

// Errors tells what is right and wrong about as many of the best detections as
// there are segments to find, after Alwassel et al. (ECCV 2018). Each detection is
// one of them:
//
//   - Right: it takes a segment of its class that it overlaps by the tIoU.
//   - Double: such a segment is there, but a better detection has it.
//   - WrongClass: it overlaps a segment of another class by the tIoU.
//   - Misplaced: it overlaps one of its class by at least 0.1.
//   - Both: it overlaps one of another class by at least 0.1.
//   - Background: it overlaps nothing so much.
//
// Missed are the segments that no detection takes: Right + Missed = Segments.
type Errors struct {
	TIoU       float64 `json:"tiou"`
	Right      int     `json:"right"`
	Double     int     `json:"double"`
	WrongClass int     `json:"wrong_class"`
	Misplaced  int     `json:"misplaced"`
	Both       int     `json:"wrong_class_and_misplaced"`
	Background int     `json:"background"`
	Missed     int     `json:"missed"`
}

// barely is the tIoU from which a detection is taken to mean a segment.
const barely = 0.1

// diagnose sorts the best detections of all classes by what is wrong with them.
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
		right, double := false, false
		same, other := 0.0, 0.0
		for _, o := range overlapping(f, truth[f.video]) {
			switch {
			case truth[f.video][o.segment].class != f.class:
				other = max(other, o.tIoU)
			case o.tIoU >= tIoU && taken[[2]int{f.video, o.segment}]:
				double = true
			case o.tIoU >= tIoU && !right:
				right = true
				taken[[2]int{f.video, o.segment}] = true
			default:
				same = max(same, o.tIoU)
			}
		}
		switch {
		case right:
			e.Right++
			e.Missed--
		case double:
			e.Double++
		case other >= tIoU:
			e.WrongClass++
		case same >= barely:
			e.Misplaced++
		case other >= barely:
			e.Both++
		default:
			e.Background++
		}
	}
	return e
}
