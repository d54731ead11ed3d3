package feature

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/video"
)

// largest returns the largest difference of a block of 16×16 pixels: the mean of the absolute
// differences of its cells of 4×4 pixels, weighted by their number of pixels.
func largest(a, b []byte, size int) (most float64) {
	type place struct{ x, y, color int }
	cells := map[place]float64{}
	for i := range a {
		at := place{i / 3 % size / 4, i / 3 / size / 4, i % 3}
		cells[at] += float64(a[i]) - float64(b[i])
	}
	blocks, n := map[place]float64{}, map[place]float64{}
	for at, d := range cells {
		blocks[place{at.x / 4, at.y / 4, 0}] += max(d, -d)
	}
	for i := range a {
		n[place{i / 3 % size / 16, i / 3 / size / 16, 0}]++
	}
	for at, sum := range blocks {
		most = max(most, sum/n[at])
	}
	return most
}

func TestWithin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		size := 1 + r.IntN(50)
		a := make([]byte, 3*size*size)
		for i := range a {
			a[i] = byte(r.IntN(256))
		}
		b := slices.Clone(a)
		for range r.IntN(20) { // a small object
			b[r.IntN(len(b))] = byte(r.IntN(256))
		}
		d := largest(a, b, size)
		for _, eps := range []float64{0.1, 1, 5, d * (1 - 1e-9), d * (1 + 1e-9)} {
			if got := within(eps, a, b, size); got != (d <= eps) || got != within(eps, b, a, size) {
				t.Fatalf("size %d, difference %v: within(%v) = %v", size, d, eps, got)
			}
		}
	}
}

// Every feature is that of the frame itself or that of the last encoded frame, from which the
// frame differs by no more than the bound, however slowly the video changes.
func TestStillFramesAreNotEncoded(t *testing.T) {
	_, sources := folder(t, map[string]string{"a.mp4": "fading", "b.mp4": "two", "c.mp4": "still"})
	const size = 40
	for _, eps := range []float64{0, 0.5, 2, 6} {
		s, enc := create(t), newFake()
		enc.size = size
		r := extract(t, enc, sources, s, Options{Batch: 7, Sampling: video.AtRate(20), Still: eps})
		frames, repeated, reused, encoded := 0, 0, 0, 0
		for _, source := range sources {
			q, err := s.Get(source.ID)
			if err != nil {
				t.Fatal(err)
			}
			var last []byte
			row := 0
			for f, err := range video.Frames(t.Context(), source.Path, video.Options{Size: size, Sampling: video.AtRate(20)}) {
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case last == nil || largest(f.Pix, last, size) > eps:
					last = slices.Clone(f.Pix)
					encoded++
				case slices.Equal(f.Pix, last):
					repeated++
				default:
					reused++
				}
				one := &fake{size: size}
				if y, _ := one.EncodeImages(t.Context(), last); !slices.Equal(q.Row(row), y) {
					t.Fatalf("%g: %s: frame %d has another feature", eps, q.ID, row)
				}
				row++
			}
			frames += row
		}
		if r.Frames != frames || r.Repeated != repeated || r.Reused != reused || encoded+reused+repeated != frames || eps == 0 && reused > 0 || eps == 6 && reused < 10 {
			t.Errorf("%g: %+v; want %d frames, %d repeated, %d reused", eps, r, frames, repeated, reused)
		}
		n := 0
		for _, b := range enc.batches {
			n += b
		}
		if n != encoded {
			t.Errorf("%g: %d frames were encoded, want %d", eps, n, encoded)
		}
		if text := r.String(); strings.Contains(text, "nearly") != (reused > 0) {
			t.Error(text)
		}
	}
}

// The bound is a part of the recipe of a store.
func TestStillIsPartOfTheRecipe(t *testing.T) {
	_, sources := folder(t, map[string]string{"a.mp4": "fading"})
	s, o := create(t), Options{Sampling: video.AtRate(2)}
	extract(t, newFake(), sources, s, o)
	o.Still = 2
	_, err := Extract(t.Context(), newFake(), sources, s, o)
	if m, ok := errors.AsType[*MismatchError](err); !ok || m.What != "preprocessing" || m.Want != m.Have+", still 2" {
		t.Errorf("another bound: %v", err)
	}
	o.Force = true
	if r := extract(t, newFake(), sources, s, o); r.Done != 1 {
		t.Errorf("with Force: %+v", r)
	}
	o.Force = false
	if r := extract(t, newFake(), sources, s, o); r.Skipped != 1 {
		t.Errorf("the same bound: %+v", r)
	}
	if _, err := Extract(t.Context(), newFake(), sources, s, Options{Still: -1}); err == nil {
		t.Error("a negative bound is accepted")
	}
}
