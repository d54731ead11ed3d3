package video

import (
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// inParts is shown for a video that is decoded in parts, in reverse order. It returns an
// error if a part fails or two parts differ where they overlap.
func inParts(t *testing.T, path string, o Options, parts []Part) (all []string, err error) {
	t.Helper()
	var lead, tail []string // of the part behind
	for i, part := range slices.Backward(parts) {
		var own []string
		lead, tail, own = nil, lead, nil
		over := []string{}
		o.Part = part
		for f, err := range Frames(t.Context(), path, o) {
			if err != nil {
				return nil, fmt.Errorf("part %d: %w", i, err)
			}
			text := fmt.Sprintf("%d at %.6f: %dx%d %08x", f.Index, f.Time, f.Width, f.Height, crc32.ChecksumIEEE(f.Pix))
			if f.Index < part.Lead {
				lead = append(lead, text)
			}
			if f.Index < part.Last {
				own = append(own, text)
			} else {
				over = append(over, text)
			}
		}
		if !slices.Equal(over, tail) || i < len(parts)-1 && len(over) == 0 {
			return nil, fmt.Errorf("part %d continues with %q, the next one starts with %q", i, over, tail)
		}
		all = append(own, all...)
	}
	return all, nil
}

// The parts of a video have the frames of the whole.
func TestParts(t *testing.T) {
	whole := map[string]bool{"broken index": true, "intra refresh": true, "an edit list that cuts": true} // need not be divisible
	samplings := []Sampling{AtRate(2), EveryFrame()}
	if os.Getenv("CLIPCUE_SLOW") != "" {
		samplings = append(samplings, AtRate(40), Count(200))
	}
	for name, make := range longFilms() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := make(t)
			for _, s := range samplings {
				o := Options{Sampling: s, Size: 32}
				parts, err := Divide(t.Context(), path, o, 9)
				if err != nil {
					t.Fatal(err)
				}
				if len(parts) < 3 && !whole[name] {
					t.Errorf("%v: divided into %v", s, parts)
				}
				if len(parts) == 0 {
					continue
				}
				got, err := inParts(t, path, o, parts)
				if whole[name] && errors.Is(err, ErrIndivisible) {
					continue
				}
				if want := shown(t, path, o); err != nil || !slices.Equal(got, want) {
					t.Errorf("%v: %v gives\n%v, %v\ninstead of\n%v", s, parts, got, err, want)
				}
			}
		})
	}
}

// The parts of real clips have the frames of the whole.
func TestPartsOfRealClips(t *testing.T) {
	for _, name := range []string{"torchvision__R6llTwEh07w.mp4", "decord__flipping_a_pancake.mkv", "mmaction2__demo.mp4",
		"video-llama__skateboarding_dog.mp4", "media__vp9_bear-vp9-odd-dimensions.webm"} {
		t.Run(name, func(t *testing.T) {
			path := clipPath(t, name)
			t.Parallel()
			o := Options{Sampling: AtRate(8), Size: 64}
			parts, err := Divide(t.Context(), path, o, 1)
			if err != nil {
				t.Fatal(err)
			}
			if len(parts) == 0 {
				t.Skip("one keyframe")
			}
			got, err := inParts(t, path, o, parts)
			if want := shown(t, path, o); err != nil || !slices.Equal(got, want) {
				t.Errorf("%v gives\n%v, %v\ninstead of\n%v", parts, got, err, want)
			}
		})
	}
}

// Damage in a part, and a part that is not one, are errors.
func TestDamagedPart(t *testing.T) {
	path := film(t, "a.mp4", "testsrc2=s=96x64:r=25:d=40", "-c:v", "libx264", "-g", "100")
	o := Options{Sampling: AtRate(2)}
	parts, err := Divide(t.Context(), path, o, 9)
	if err != nil || len(parts) != 3 {
		t.Fatalf("%v, %v", parts, err)
	}
	for _, part := range []Part{{First: 1, Last: 100, Until: 100}, {First: 100, Last: 100, Until: 100}, {Last: 5000, Until: 5000}, {First: -1, Last: 3, Until: 3}} {
		o.Part = part
		if got := shown(t, path, o); len(got) != 1 {
			t.Errorf("%+v gives %v", part, got)
		}
	}
	o.Part = Part{}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	middle := len(data) / 2
	for i := range 3000 {
		data[middle+i] ^= byte(37 * i)
	}
	damaged := filepath.Join(t.TempDir(), "damaged.mp4")
	if err := os.WriteFile(damaged, data, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := inParts(t, damaged, o, parts); !errors.Is(err, ErrIndivisible) {
		t.Errorf("damage gives %v", err)
	}
}

// Each part has a wanted frame, and together they have each frame once.
func TestDivide(t *testing.T) {
	info := &Info{Container: "mov,mp4", Codec: "h264", Duration: 3600, FrameRate: 30, pixels: 1920 * 1080, tickNum: 1, tickDen: 30}
	x := &packetIndex{exact: true, seconds: 1. / 30}
	for i := range 3600 * 30 {
		x.packets = append(x.packets, packet{ticks: int64(i), key: i%120 == 0, timed: true, stamped: true})
	}
	for _, c := range []struct {
		s      Sampling
		length float64
		parts  int
	}{
		{AtRate(2), 600, 6},
		{AtRate(2), 500, 7},
		{AtRate(2), 700, 5},
		{EveryFrame(), 1800, 2},
		{EveryFrame(), 3000, 1},
		{AtRate(1. / 1000), 60, 4},
	} {
		p := &player{o: Options{Sampling: c.s}, info: info}
		wanted := p.samples(x)
		parts := x.divide(wanted, c.length)
		if max(1, len(parts)) != c.parts {
			t.Errorf("%v in parts of %v s: %v", c.s, c.length, parts)
		}
		at, lead := 0, 0
		for _, part := range parts {
			sum := int32(0)
			for _, n := range wanted[part.First:part.Last] {
				sum += n
			}
			if part.First != at || part.Lead != lead && part.First > 0 || sum == 0 || math.Mod(float64(part.First), 120) != 0 {
				t.Errorf("%v in parts of %v s: %+v has %d frames", c.s, c.length, part, sum)
			}
			at, lead = part.Last, part.Until
		}
		if len(parts) > 0 && (at != len(x.packets) || lead != at) {
			t.Errorf("%v in parts of %v s: the last part ends at %d", c.s, c.length, at)
		}
	}
}
