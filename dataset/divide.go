package dataset

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
)

// Divide assigns splits to the samples of a dataset that has none. Of the videos of each
// class, or of all videos in [Captions], the share test becomes the test split, at least one
// video and not all of them, and the rest the training split. The choice depends only on
// the seed and the paths, so most videos keep their split when others are added. A dataset
// with splits is returned unchanged.
func (d *Dataset) Divide(test float64, seed uint64) (*Dataset, error) {
	if d.Splits()[""] < len(d.Samples) {
		return d, nil
	}
	if !(test > 0 && test < 1) {
		return nil, fmt.Errorf("test share must be between 0 and 1, got %v", test)
	}
	place := func(path string) uint64 {
		h := fnv.New64a()
		fmt.Fprintf(h, "%d\x00%s", seed, videoKey(path))
		// FNV's high bits barely depend on the last bytes.
		x := h.Sum64()
		x = (x ^ x>>33) * 0xff51afd7ed558ccd
		return x ^ x>>33
	}
	videos := map[string][]string{} // by class
	seen := map[[2]string]bool{}
	for _, s := range d.Samples {
		if key := [2]string{s.Label, pathKey(s.Path)}; !seen[key] {
			seen[key] = true
			videos[s.Label] = append(videos[s.Label], s.Path)
		}
	}
	testPaths := map[string]bool{}
	for _, paths := range videos {
		slices.SortFunc(paths, func(a, b string) int {
			return cmp.Or(cmp.Compare(place(a), place(b)), strings.Compare(a, b))
		})
		n := min(max(1, int(math.Round(test*float64(len(paths))))), len(paths)-1)
		for _, p := range paths[:max(n, 0)] {
			testPaths[pathKey(p)] = true
		}
	}
	out := *d
	out.Samples = slices.Clone(d.Samples)
	for i := range out.Samples {
		out.Samples[i].Split = Train
		if testPaths[pathKey(out.Samples[i].Path)] {
			out.Samples[i].Split = Test
		}
	}
	return &out, nil
}
