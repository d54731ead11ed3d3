package synth

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clipcue/clipcue/internal/ffmpeg"
	"github.com/clipcue/clipcue/video"
)

func needFFmpeg(t testing.TB) {
	t.Helper()
	if _, err := ffmpeg.Command(t.Context(), "ffmpeg"); err != nil {
		t.Skip(err)
	}
}

// tiny are options for videos that render quickly.
var tiny = Options{Seed: 7, Classes: []string{"moving left", "turning counter-clockwise"}, PerClass: 4, Width: 32, Height: 24, FPS: 8, Seconds: 1}

// contents returns the content of every file below dir.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		below, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(below)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestGenerate(t *testing.T) {
	needFFmpeg(t)
	dir := filepath.Join(t.TempDir(), "videos")
	var told []int
	manifest, err := Generate(t.Context(), dir, tiny, func(done, total int) {
		if total != 8 {
			t.Errorf("%d videos in all", total)
		}
		told = append(told, done)
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(told) || told[len(told)-1] != 8 {
		t.Errorf("progress: %v", told)
	}
	f, err := os.Open(manifest)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"path", "label", "split"}}
	for _, class := range tiny.Classes {
		for n, split := range []string{"train", "train", "train", "test"} {
			want = append(want, []string{fmt.Sprintf("%s/%03d.mp4", strings.ReplaceAll(class, " ", "_"), n), class, split})
		}
	}
	if !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("labels.csv: %v", rows)
	}
	for _, row := range rows[1:] {
		n := 0
		for frame, err := range video.Frames(t.Context(), filepath.Join(dir, row[0]), video.Options{}) {
			if err != nil {
				t.Fatal(err)
			}
			if frame.Width != 32 || frame.Height != 24 || math.Abs(frame.Time-float64(n)/8) > 1e-6 {
				t.Errorf("%s: frame %d of %dx%d at %v s", row[0], n, frame.Width, frame.Height, frame.Time)
			}
			n++
		}
		if n != 8 {
			t.Errorf("%s: %d frames", row[0], n)
		}
	}
}

// A second run adds missing files, equal to those of the first, and does not change others.
// Another seed gives other videos.
func TestGenerateCompletes(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	if _, err := Generate(t.Context(), dir, tiny, nil); err != nil {
		t.Fatal(err)
	}
	before := contents(t, dir)
	if len(before) != 8+3 {
		t.Errorf("%d files", len(before))
	}
	kept := filepath.Join(dir, "moving_left", "001.mp4")
	if err := errors.Join(os.Remove(filepath.Join(dir, "moving_left", "002.mp4")), os.WriteFile(kept, []byte("mine"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := Generate(t.Context(), dir, tiny, nil); err != nil {
		t.Fatal(err)
	}
	after := contents(t, dir)
	if after["moving_left/001.mp4"] != "mine" {
		t.Error("a video that was there has been rendered again")
	}
	delete(before, "moving_left/001.mp4")
	for name, data := range before {
		if after[name] != data {
			t.Errorf("%s is another file now", name)
		}
	}

	o := tiny
	o.Seed++
	if _, err := Generate(t.Context(), dir, o, nil); err == nil || !strings.Contains(err.Error(), "other options") {
		t.Errorf("other options in the same folder: %v", err)
	}
	o.Classes = o.Classes[:1]
	other := t.TempDir()
	if _, err := Generate(t.Context(), other, o, nil); err != nil {
		t.Fatal(err)
	}
	if contents(t, other)["moving_left/000.mp4"] == before["moving_left/000.mp4"] {
		t.Error("another seed gives the same video")
	}
}

func TestGenerateCancel(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := tiny
	o.PerClass = 40
	_, err := Generate(ctx, dir, o, func(done, total int) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	files := contents(t, dir)
	if len(files) >= 80 {
		t.Error("it went on to the end")
	}
	for name := range files {
		if !strings.HasSuffix(name, ".mp4") && name != "synth.json" {
			t.Errorf("%s is left", name)
		}
	}
	if _, err := Generate(t.Context(), dir, o, nil); err != nil {
		t.Error(err)
	}
}

func TestGenerateRefuses(t *testing.T) {
	tests := []Options{
		{Classes: []string{"flying"}}, {Classes: []string{}}, {Classes: []string{"growing", "growing"}}, {PerClass: -1},
		{Width: 33}, {Width: 8}, {Height: 1 << 20}, {FPS: -1}, {FPS: math.NaN()}, {FPS: 1e9}, {Seconds: -1}, {Seconds: 0.1}, {Seconds: 1e9}, {TestShare: 1},
		{Kind: "songs"}, {Set: "some"}, {Total: -1, Kind: KindPictures}, {Kind: KindPictures, Classes: []string{"red circle"}},
		{Kind: KindObjects, Classes: []string{"growing"}}, {Kind: KindUntrimmed, Classes: []string{"swapping places"}},
		{Takes: -1}, {Takes: 1001}, {Kind: KindUntrimmed, Takes: 2}, {Kind: KindPictures, Takes: 2},
		{Kind: KindObjects, Set: Seen, Classes: []string{Objects(Unseen)[0].String()}},
	}
	for _, o := range tests {
		dir := filepath.Join(t.TempDir(), "none")
		if _, err := Generate(t.Context(), dir, o, nil); err == nil {
			t.Errorf("%+v is taken", o)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%+v: a folder was made", o)
		}
	}
}

func TestEncoderFails(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "ffmpeg"), []byte("#!/bin/sh\necho no encoder >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	dir := t.TempDir()
	_, err := Generate(t.Context(), dir, tiny, nil)
	if err == nil || !strings.Contains(err.Error(), "000.mp4") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}

// What a killed run left is removed by the next, as soon as it is old enough to be a leftover.
func TestLeftoversOfRendering(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	left := filepath.Join(dir, ".rendering-1")
	if err := os.MkdirAll(filepath.Join(left, "batch-1"), 0o700); err != nil {
		t.Fatal(err)
	}
	old := time.Now().AddDate(0, -1, 0)
	if err := os.Chtimes(left, old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := Generate(t.Context(), dir, tiny, nil); err != nil {
		t.Fatal(err)
	}
	if hidden, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(hidden) > 0 {
		t.Errorf("%v, error %v", hidden, err)
	}
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func scene(t testing.TB, class string, seed uint64) *Scene {
	t.Helper()
	s, err := NewScene(class, Objects(All), random(seed), 2)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDrawIsPure(t *testing.T) {
	for _, class := range Classes() {
		s := scene(t, class, 5)
		a, b := make([]byte, 3*40*30), bytes.Repeat([]byte{99}, 3*40*30)
		s.Draw(a, 40, 30, 1.25)
		s.Draw(b, 40, 30, 0.5)
		s.Draw(b, 40, 30, 1.25)
		if !bytes.Equal(a, b) {
			t.Errorf("%s: a frame depends on those before it", class)
		}
		s.Draw(b, 40, 30, 1.5)
		if bytes.Equal(a, b) {
			t.Errorf("%s: nothing happens", class)
		}
	}
}

// Each class performs the motion in its name, for every seed.
func TestClassesAreTrue(t *testing.T) {
	type poses = [2]pose // of the second actor, a moment apart
	checks := map[string]func(s *Scene, p poses) bool{
		"moving left":                func(_ *Scene, p poses) bool { return p[1].at.X < p[0].at.X && p[1].at.Y == p[0].at.Y },
		"moving right":               func(_ *Scene, p poses) bool { return p[1].at.X > p[0].at.X && p[1].at.Y == p[0].at.Y },
		"moving up":                  func(_ *Scene, p poses) bool { return p[1].at.Y < p[0].at.Y && p[1].at.X == p[0].at.X },
		"moving down":                func(_ *Scene, p poses) bool { return p[1].at.Y > p[0].at.Y && p[1].at.X == p[0].at.X },
		"growing":                    func(_ *Scene, p poses) bool { return p[1].size > p[0].size },
		"shrinking":                  func(_ *Scene, p poses) bool { return p[1].size < p[0].size },
		"turning clockwise":          func(_ *Scene, p poses) bool { return p[1].angle > p[0].angle },
		"turning counter-clockwise":  func(_ *Scene, p poses) bool { return p[1].angle < p[0].angle },
		"circling clockwise":         func(s *Scene, p poses) bool { return around(s, p) > 0 },
		"circling counter-clockwise": func(s *Scene, p poses) bool { return around(s, p) < 0 },
	}
	for class, check := range checks {
		for seed := range uint64(50) {
			s := scene(t, class, seed)
			for at := 0.0; at < 1.9; at += 0.1 {
				if p := (poses{s.Acts[0].Actors[1].pose(at), s.Acts[0].Actors[1].pose(at + 0.02)}); !check(s, p) {
					t.Errorf("%s, seed %d: from %+v to %+v", class, seed, p[0], p[1])
				}
			}
		}
	}
	for seed := range uint64(50) {
		for class, want := range map[string][2]float64{"appearing": {0, 1}, "vanishing": {1, 0}} {
			a := scene(t, class, seed).Acts[0].Actors[1]
			if got := [2]float64{a.pose(0.4).opacity, a.pose(1.6).opacity}; got != want {
				t.Errorf("%s, seed %d: opacity from %v to %v", class, seed, got[0], got[1])
			}
		}
		if s := scene(t, "swapping places", seed); s.Acts[0].Actors[0].pose(0).at.minus(s.Acts[0].Actors[1].pose(2).at).length() > 1e-9 ||
			s.Acts[0].Actors[1].pose(0).at.minus(s.Acts[0].Actors[0].pose(2).at).length() > 1e-9 {
			t.Errorf("swapping places, seed %d: neither is where the other was", seed)
		}
		for class, sign := range map[string]float64{"coming together": -1, "moving apart": 1} {
			s := scene(t, class, seed)
			if (gap(s, 1.9)-gap(s, 0.1))*sign < 0.2 {
				t.Errorf("%s, seed %d: from %v to %v apart", class, seed, gap(s, 0.1), gap(s, 1.9))
			}
		}
	}
}

// around is positive if an actor moves clockwise around its position.
func around(s *Scene, p [2]pose) float64 {
	a, b := p[0].at.minus(s.Acts[0].Actors[1].At), p[1].at.minus(s.Acts[0].Actors[1].At)
	return a.X*b.Y - a.Y*b.X // y points down
}

func gap(s *Scene, t float64) float64 {
	a, b := s.Acts[0].Actors[0].pose(t).at, s.Acts[0].Actors[1].pose(t).at
	return a.minus(b).length()
}

// Single frames do not reveal which class of a pair they show: the mean frame over many scenes
// is about the same. For moving, turning and circling this holds at every time, for the others
// over the whole video.
func TestFramesDoNotTellPairsApart(t *testing.T) {
	const scenes, w, h = 400, 12, 12
	mean := func(class string, times ...float64) []float64 {
		sum := make([]float64, 3*w*h)
		pix := make([]byte, 3*w*h)
		for seed := range uint64(scenes) {
			s := scene(t, class, seed)
			// White on black, so that only the actor counts.
			s.Ground.A, s.Ground.B = RGB{}, RGB{}
			s.Noise, s.Specks = 0, nil
			s.Light, s.Slope = 1, Vec{}
			s.Acts[0].Actors[1].Color, s.Acts[0].Actors[1].Shade = "white", 1
			if class != "coming together" && class != "moving apart" {
				s.Acts[0].Actors = s.Acts[0].Actors[1:]
			}
			for _, at := range times {
				s.Draw(pix, w, h, at)
				for i, v := range pix {
					sum[i] += float64(v) / float64(scenes*len(times))
				}
			}
		}
		return sum
	}
	whole := make([]float64, 24)
	for i := range whole {
		whole[i] = 2 * float64(i) / 23
	}
	tests := []struct {
		a, b  string
		times []float64
	}{
		{"moving left", "moving right", []float64{0}},
		{"moving left", "moving right", []float64{1.9}},
		{"moving up", "moving down", []float64{0}},
		{"turning clockwise", "turning counter-clockwise", []float64{1.9}},
		{"circling clockwise", "circling counter-clockwise", []float64{0}},
		{"circling clockwise", "circling counter-clockwise", []float64{1.9}},
		{"growing", "shrinking", whole},
		{"appearing", "vanishing", whole},
		{"coming together", "moving apart", whole},
	}
	for _, c := range tests {
		a, b := mean(c.a, c.times...), mean(c.b, c.times...)
		worst := 0.0
		for i := range a {
			worst = max(worst, math.Abs(a[i]-b[i]))
		}
		// The mean of 400 pixels, most of them 0 and the others 255, varies by 5.
		if worst > 20 {
			t.Errorf("%s and %s at %d times: the mean pictures differ by %.1f of 255", c.a, c.b, len(c.times), worst)
		}
	}
}

// Everything contrasts with what is behind it, in every light.
func TestActorsStandOut(t *testing.T) {
	for n := range uint64(3000) {
		p := World{Seed: 2}.Picture(n)
		for _, a := range p.Scene.Acts[0].Actors {
			if !p.Scene.Ground.shows(a.Color) {
				t.Fatalf("picture %d: %s on %+v", n, a.Object, p.Scene.Ground)
			}
		}
	}
}

func TestTablesAgree(t *testing.T) {
	for _, name := range Shapes {
		if outlines[name] == nil {
			t.Errorf("shape %s has no outline", name)
		}
	}
	for _, name := range Grounds {
		if textures[name] == nil {
			t.Errorf("ground %s has no texture", name)
		}
	}
	if len(Shapes)+1 != len(outlines) || len(Grounds) != len(textures) {
		t.Error("a shape or ground has no name")
	}
	for name, outline := range outlines {
		// The center of the dot is inside, a distant point is outside.
		if outline(mark) >= 0 || outline(Vec{0, -2}) <= 0 {
			t.Errorf("%s: wrong way round", name)
		}
	}
}

func BenchmarkDraw(b *testing.B) {
	s := scene(b, "moving left", 1)
	pix := make([]byte, 3*96*96)
	for b.Loop() {
		s.Draw(pix, 96, 96, 0.5)
	}
}

func TestUnlisted(t *testing.T) {
	for _, l := range LabelNames {
		o := Options{Kind: KindUntrimmed, Label: l, Total: 4}
		shown, err := Unlisted(o)
		if err != nil || len(shown) != o.Total {
			t.Fatalf("%v %v", shown, err)
		}
		for path, visits := range shown {
			for _, v := range visits {
				_, isObject := object(v.Class)
				if isObject != (l == LabelMotions) || !isObject && !slices.Contains(Classes(), v.Class) || v.Start >= v.End {
					t.Errorf("%s videos: %s shows %+v", l, path, v)
				}
			}
		}
	}
}
