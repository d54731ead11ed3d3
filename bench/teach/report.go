package main

import (
	"fmt"
	"io"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// groups are the kinds of labels that are reported separately.
var groups = []string{"objects", "rare objects", motions}

const motions = "motions"

// report prints tables in Markdown.
func report(w io.Writer, all []result) error {
	fmt.Fprintln(w, "\n| labels | ranking |", "0 marks | 1 | 5 | 10 | 20 | 50 |\n|---|---|---|---|---|---|---|---|")
	for _, g := range groups {
		rows := slices.DeleteFunc(slices.Clone(all), func(r result) bool { return r.Group != g })
		if len(rows) == 0 {
			continue
		}
		line(w, g, "suggested marks", rows, func(r result, n int) float64 { return r.Head[n] })
		line(w, g, "random marks", rows, func(r result, n int) float64 { return r.Random[n] })
		fmt.Fprintf(w, "| %s | text query, best of %d | %.3f | | | | | |\n", g, len(templates), mean(rows, func(r result) float64 { return r.Best }))
		fmt.Fprintf(w, "| %s | up to 400 marks of half the videos, in the other half | | | | | | %.3f |\n", g, mean(rows, func(r result) float64 { return r.Most }))
	}
	for _, n := range []int{20, 50} {
		covered, safe, estimated, worse := 0, 0, 0, 0
		for _, r := range all {
			if i, ok := r.Estimated[n]; ok {
				estimated++
				if i.Low <= r.Precision[n] {
					safe++
				}
				if i.Low <= r.Precision[n] && r.Precision[n] <= i.High {
					covered++
				}
			}
			if r.Head[n] < r.Text {
				worse++
			}
		}
		fmt.Fprintf(w, "\nAfter %d marks: %d of %d intervals cover the true precision, %d have a lower end that is not above it; %d of %d heads are worse than their text query.\n", n, covered, estimated, safe, worse, len(all))
		for _, g := range groups {
			rows := slices.DeleteFunc(slices.Clone(all), func(r result) bool { return r.Group != g })
			if len(rows) > 0 {
				fmt.Fprintf(w, "%s: average precision of a trained head: %.3f; better in %d of %d, and chosen in %d; with the choice: %.3f; %.1f s\n", g,
					mean(rows, func(r result) float64 { return r.Trained[n] }), count(rows, func(r result) bool { return r.Trained[n] > r.Head[n] }), len(rows),
					count(rows, func(r result) bool { return r.Better[n] }), mean(rows, func(r result) float64 {
						if r.Better[n] {
							return r.Trained[n]
						}
						return r.Head[n]
					}), mean(rows, func(r result) float64 { return r.Seconds[n] }))
				fmt.Fprintf(w, "%s: average precision of segments at tIoU 0.5: %.3f; share of moments %.2f %%\n", g,
					mean(rows, func(r result) float64 { return r.Segments[n] }), 100*mean(rows, func(r result) float64 { return r.Share }))
			}
		}
	}
	for _, n := range []int{20, 50} {
		reportRecognizers(w, all, n)
	}
	return nil
}

// reportRecognizers prints what recognizers add to motions after n marks.
func reportRecognizers(w io.Writer, all []result, n int) {
	rows := slices.DeleteFunc(slices.Clone(all), func(r result) bool { return r.Recognized[n].Seconds == 0 })
	if len(rows) == 0 {
		return
	}
	of := func(value func(recognized) float64) float64 {
		return mean(rows, func(r result) float64 { return value(r.Recognized[n]) })
	}
	fmt.Fprintf(w, "\nRecognizers of motions after %d marks: average precision %.3f alone, %.3f as evidence, %.3f without; better in %d of %d, and chosen in %d; with the choice: %.3f; %.0f s\n", n,
		of(func(x recognized) float64 { return x.Alone }), of(func(x recognized) float64 { return x.With }), mean(rows, func(r result) float64 { return r.Head[n] }),
		count(rows, func(r result) bool { return r.Recognized[n].With > r.Head[n] }), len(rows), count(rows, func(r result) bool { return r.Recognized[n].Better }),
		mean(rows, func(r result) float64 {
			if r.Recognized[n].Better {
				return r.Recognized[n].With
			}
			return r.Head[n]
		}), of(func(x recognized) float64 { return x.Seconds }))
}

func line(w io.Writer, group, what string, rows []result, value func(result, int) float64) {
	fmt.Fprintf(w, "| %s | %s |", group, what)
	for _, n := range budgets {
		fmt.Fprintf(w, " %.3f |", mean(rows, func(r result) float64 { return value(r, n) }))
	}
	fmt.Fprintln(w)
}

func count(rows []result, holds func(result) bool) (n int) {
	for _, r := range rows {
		if holds(r) {
			n++
		}
	}
	return n
}

func mean[R any](rows []R, value func(R) float64) float64 {
	x := make([]float64, len(rows))
	for i, r := range rows {
		x[i] = value(r)
	}
	return stat.Mean(x, nil)
}
