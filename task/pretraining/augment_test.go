package pretraining

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/clipcue/clipcue/video"
)

// A picture is mirrored about every other time, and never where its caption says
// which side something is on.
func TestFlipKeepsCaptionsTrue(t *testing.T) {
	pix := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12} // 2×2
	mirrored := []byte{4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9}
	c := small()
	c.Flip, c.Model.ImageSize = true, 2
	for caption, want := range map[string]bool{"a red circle": true, "a bright room": true, "a ring at the top Left": false, "a star right of a ring": false, "leftmost": false} {
		var r video.Resizer
		flips := 0
		for seed := range uint64(200) {
			f, err := augment(Pair{Image: video.Frame{Width: 2, Height: 2, Pix: pix}, Caption: caption}, c, rand.New(rand.NewPCG(seed, 1)), &r)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case bytes.Equal(f.Pix, mirrored):
				flips++
			case !bytes.Equal(f.Pix, pix):
				t.Fatalf("%v is neither the picture nor its mirror image", f.Pix)
			}
		}
		if want && (flips < 60 || flips > 140) || !want && flips > 0 {
			t.Errorf("%q: %d of 200 are mirrored", caption, flips)
		}
	}
}

// Crops lie in the picture, keep their share, and are not all the same.
func TestRandomCrop(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	seen := map[[4]int]bool{}
	for range 500 {
		x, y, w, h, ok := randomCrop(64, 48, 0.5, rng)
		if !ok {
			continue
		}
		if x < 0 || y < 0 || x+w > 64 || y+h > 48 || w*h < 64*48*45/100 {
			t.Errorf("%d×%d at %d, %d", w, h, x, y)
		}
		seen[[4]int{x, y, w, h}] = true
	}
	if len(seen) < 300 {
		t.Errorf("%d crops differ of 500", len(seen))
	}
	if _, _, _, _, ok := randomCrop(1000, 1, 0.9, rng); ok {
		t.Error("a line has a crop of a picture's shape")
	}
}
