package synth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/video"
)

// reader parses the words of a caption.
type reader struct{ words []string }

// take removes one of the given phrases if it is next.
func (p *reader) take(phrases ...string) string {
	for _, phrase := range phrases {
		words := strings.Fields(phrase)
		if len(words) <= len(p.words) && slices.Equal(words, p.words[:len(words)]) {
			p.words = p.words[len(words):]
			return phrase
		}
	}
	return ""
}

// article removes "a" or "an", whichever fits the next word.
func (p *reader) article() error {
	got := p.take("an", "a")
	if got == "" || len(p.words) == 0 || (got == "an") != strings.Contains("aeiou", p.words[0][:1]) {
		return fmt.Errorf("article %q before %q", got, p.words)
	}
	return nil
}

// object parses a phrase such as "a small striped red circle" or "two red circles", and returns
// the actors that it does not describe.
func (p *reader) object(actors []Actor) error {
	count := slices.Index([]string{"", "one", "two", "three", "four"}, p.take("two", "three", "four"))
	if count == 0 {
		count = 1
		if err := p.article(); err != nil {
			return err
		}
	}
	size, texture, color := p.take("small", "large"), p.take(Textures...), p.take(Colors()...)
	shape := p.words[0]
	p.words = p.words[1:]
	if count > 1 {
		shape = strings.TrimSuffix(shape, "s")
		if !slices.Contains(Shapes, shape) {
			shape = strings.TrimSuffix(shape, "e")
		}
	}
	n := 0
	for _, a := range actors {
		if a.Color != color || a.Shape != shape {
			continue
		}
		n++
		if texture != "" && texture != a.Texture || size == "small" && a.Size > 0.155 || size == "large" && a.Size < 0.26 {
			return fmt.Errorf("%s %s, but it is %+v", size, texture, a)
		}
	}
	if n != count {
		return fmt.Errorf("%d of %s %s, but there are %d", count, color, shape, n)
	}
	return nil
}

func (p *reader) ground(g Ground) error {
	if err := p.article(); err != nil {
		return err
	}
	if kind := p.take(Grounds...); kind != "" && kind != g.Kind {
		return fmt.Errorf("%s, but the ground is %s", kind, g.Kind)
	}
	if c := p.take(Colors()...); c != "" && c != g.Color {
		return fmt.Errorf("%s, but the ground is %q", c, g.Color)
	}
	if p.take("ground") == "" {
		return fmt.Errorf("no ground in %q", p.words)
	}
	return nil
}

// lie returns the part of a caption that is not true of a scene, or nil.
func lie(caption string, s *Scene) error {
	p := reader{strings.Fields(caption)}
	act := s.Acts[0]
	p.take("a picture of", "a video of", "there is", "there are")
	seen := act.Actors
	last := seen[len(seen)-1]
	if act.Class != "" { // one speaks of who does it
		seen = seen[len(seen)-1:]
		if slices.Contains([]string{"coming together", "moving apart", "swapping places"}, act.Class) {
			seen = act.Actors
		}
	}
	if err := p.object(seen); err != nil {
		return err
	}
	if r := p.take("and", "above", "below", "left of", "right of"); r != "" {
		d := last.At.minus(act.Actors[0].At)
		if ok := map[string]bool{"and": true, "above": d.Y < -0.1, "below": d.Y > 0.1, "left of": d.X < -0.1, "right of": d.X > 0.1}[r]; !ok {
			return fmt.Errorf("%s, but it is %v away", r, d)
		}
		if err := p.object(seen); err != nil {
			return err
		}
	} else if len(seen) > 1 && seen[0].Object != seen[1].Object {
		return fmt.Errorf("not a word of the %s", seen[0].Object)
	}
	if act.Class != "" {
		if got := p.take(Classes()...); got != act.Class {
			return fmt.Errorf("it is %s, but the act is %s", got, act.Class)
		}
		if p.take("then") != "" {
			if got := p.take(Classes()...); got != s.Acts[1].Class {
				return fmt.Errorf("it is then %s, but the act is %s", got, s.Acts[1].Class)
			}
		}
	}
	if p.take("in the middle") != "" && last.At.length() > 0.13 {
		return fmt.Errorf("in the middle, but it is at %v", last.At)
	}
	if p.take("at the") != "" {
		row, column := p.take("top", "bottom"), p.take("left", "right")
		for want, v := range map[string]float64{"top": -last.At.Y, "bottom": last.At.Y, "left": -last.At.X, "right": last.At.X} {
			if said := want == row || want == column; said != (v > 0.12) {
				return fmt.Errorf("at the %s %s, but it is at %v", row, column, last.At)
			}
		}
	}
	if p.take("on") != "" {
		if err := p.ground(s.Ground); err != nil {
			return err
		}
	}
	if len(p.words) > 0 {
		return fmt.Errorf("who is to understand %q?", p.words)
	}
	return nil
}

// Captions are true, short, and have a small vocabulary.
func TestCaptionsAreTrue(t *testing.T) {
	tokens, err := bpe.New(49408)
	if err != nil {
		t.Fatal(err)
	}
	words, different := map[string]bool{}, map[string]bool{}
	check := func(caption string, s *Scene) {
		if err := lie(caption, s); err != nil {
			t.Errorf("%q: %v", caption, err)
		}
		for word := range strings.FieldsSeq(caption) {
			words[word] = true
		}
		different[caption] = true
		if n := len(tokens.Encode(caption)); n >= 20 {
			t.Errorf("%q: %d tokens", caption, n)
		}
	}
	w := World{Seed: 3}
	const pictures = 20000
	for n := range uint64(pictures) {
		s, caption := w.scene(n)
		check(caption, s)
	}
	if len(different) < pictures/4 {
		t.Errorf("only %d captions for %d pictures", len(different), pictures)
	}
	t.Log(len(words), "words in the captions of pictures, and", len(different), "captions")
	for _, kind := range Kinds[:3] {
		o, err := Options{Kind: kind, PerClass: 20, Total: 500}.complete()
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range o.jobs() {
			s, caption, err := o.scene(j, 0)
			if err != nil {
				t.Fatal(err)
			}
			check(caption, s)
		}
	}
	if len(words) > 90 {
		t.Errorf("%d words", len(words))
	}
}

// The checker of captions detects false ones.
func TestLiesAreFound(t *testing.T) {
	s := &Scene{Ground: Ground{Kind: "striped"}, Acts: []Act{{Actors: []Actor{
		{Object: Object{"blue", "square"}, Texture: "plain", At: Vec{0, 0.2}, Size: 0.15},
		{Object: Object{"orange", "ring"}, Texture: "dotted", At: Vec{0, -0.2}, Size: 0.1},
	}}}}
	for caption, fine := range map[string]bool{
		"an orange ring above a blue square":                                  true,
		"a picture of a small dotted orange ring and a blue square":           true,
		"an orange ring above a blue square on a striped ground":              true,
		"a orange ring above a blue square":                                   false,
		"an orange ring below a blue square":                                  false,
		"an orange ring":                                                      false,
		"an orange ring and a red square":                                     false,
		"two orange rings and a blue square":                                  false,
		"a large orange ring and a blue square":                               false,
		"an orange ring and a striped blue square":                            false,
		"an orange ring and a blue square on a dotted ground":                 false,
		"an orange ring and a blue square on a striped green ground":          false,
		"an orange ring and a blue square moving left":                        false,
		"there is an orange ring and a blue square on a striped striped lawn": false,
	} {
		if err := lie(caption, s); (err == nil) != fine {
			t.Errorf("%q: %v", caption, err)
		}
	}
}

func TestUnseenCombinations(t *testing.T) {
	if len(Objects(All)) != 72 || len(Objects(Seen)) != 60 || len(Objects(Unseen)) != 12 {
		t.Fatalf("%d combinations, %d seen, %d unseen", len(Objects(All)), len(Objects(Seen)), len(Objects(Unseen)))
	}
	for set, want := range map[Set]map[Object]bool{Seen: {}, Unseen: {}, All: {}} {
		parts := map[string]bool{}
		for _, o := range Objects(set) {
			want[o] = true
			parts[o.Color], parts[o.Shape] = true, true
		}
		if len(parts) != len(Colors())+len(Shapes) {
			t.Errorf("%s: %d colors and shapes in all", set, len(parts))
		}
		for _, single := range []bool{true, false} {
			shown := map[Object]bool{}
			w := World{Seed: 9, Set: set, Single: single}
			for n := range uint64(4000) {
				s, _ := w.scene(n)
				for _, a := range s.Acts[0].Actors {
					shown[a.Object] = true
					if !want[a.Object] {
						t.Fatalf("%s: picture %d shows a %s", set, n, a.Object)
					}
				}
				if single && len(s.Acts[0].Actors) != 1 {
					t.Fatalf("%d shapes instead of one", len(s.Acts[0].Actors))
				}
			}
			if len(shown) != len(want) {
				t.Errorf("%s: %d of %d combinations are shown", set, len(shown), len(want))
			}
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a set that there is not is drawn from")
		}
	}()
	World{Set: "some"}.Picture(0)
}

// An image depends only on its world and number.
func TestPicturesAreRepeatable(t *testing.T) {
	const n = 60
	w := World{Seed: 4}
	draw := func(threads int) []Picture {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
		pictures := make([]Picture, n)
		var wg sync.WaitGroup
		for worker := range 3 {
			wg.Go(func() {
				for i := worker; i < n; i += 3 {
					pictures[n-1-i] = w.Picture(uint64(n - 1 - i))
				}
			})
		}
		wg.Wait()
		return pictures
	}
	one, more := draw(1), draw(4)
	for i := range n {
		alone := w.Picture(uint64(i))
		for _, p := range []Picture{one[i], more[i]} {
			if !bytes.Equal(p.Pix, alone.Pix) || p.Caption != alone.Caption || p.Labels != alone.Labels {
				t.Errorf("picture %d is another one now", i)
			}
		}
		if len(alone.Pix) != 3*64*64 || bytes.Equal(alone.Pix, w.Picture(uint64(i+1)).Pix) ||
			bytes.Equal(alone.Pix, World{Seed: 5}.Picture(uint64(i)).Pix) {
			t.Errorf("picture %d: size %d, or the same as another", i, len(alone.Pix))
		}
	}
	if got := (World{Side: 96}).Picture(0); len(got.Pix) != 3*96*96 {
		t.Errorf("%d bytes of 96x96 pixels", len(got.Pix))
	}
}

// No color, shape, texture, size, place, ground or number is rare.
func TestPicturesAreBalanced(t *testing.T) {
	const n = 12000
	seen := map[string]float64{}
	for i := range uint64(n) {
		s, _ := World{Seed: 6}.scene(i)
		l := s.Labels(0)
		seen["a "+l.Object.Color]++
		for _, of := range []string{l.Object.Shape, l.Texture, l.Size, l.Place, l.Relation, "on " + l.Ground, "on " + l.GroundColor, strconv.Itoa(l.Count)} {
			seen[of]++
		}
	}
	least := map[float64][]string{
		0.7 / 12: {"a red", "a green", "a blue", "a yellow", "a orange", "a purple", "a pink", "a cyan", "a white", "a black", "a brown", "a grey"},
		0.9 / 6:  Shapes,
		0.1:      {"small", "large", "dotted", "striped", "plain", "on plain", "on shaded", "on striped", "on dotted", "on checkered", "on noisy"},
		0.05:     {"2", "3", "4", "left of", "right of", "above", "below"},
		0.02:     {"at the top", "at the left", "at the bottom", "at the right", "at the top left", "at the bottom right", "in the middle", "on red", "on grey", "on black"},
	}
	for share, names := range least {
		for _, name := range names {
			if seen[name]/n < share {
				t.Errorf("%q: %.4f of the pictures, less than %.4f", name, seen[name]/n, share)
			}
		}
	}
}

// The object, its size, its angle and the ground do not depend on the motion. Objects that turn
// have a random angle, which reveals that they turn but not the direction; all others stand
// nearly upright.
func TestLooksAreIndependentOfMotions(t *testing.T) {
	const n = 1200
	for _, class := range Classes() {
		seen := map[string]float64{}
		for seed := range uint64(n) {
			s := scene(t, class, seed)
			a := s.Acts[0].Actors[1]
			seen[a.Color]++
			seen[a.Shape]++
			seen["on "+s.Ground.Kind]++
			if class != "growing" && class != "shrinking" { // which are so half-way
				seen["size "+sizeName(a.Size)]++
			}
			if a.Motion.Spin == 0 {
				if math.Abs(a.Angle) > 0.35 {
					t.Errorf("%s: turned by %v", class, a.Angle)
				}
				continue
			}
			for _, at := range []float64{0, 0.4, 1.9} {
				seen[fmt.Sprintf("quarter %.0f at %v", math.Floor(wrap(a.pose(at).angle, 2*math.Pi)/math.Pi*2), at)]++
			}
		}
		for name, k := range seen {
			want := 1 / 12.
			if slices.Contains(Shapes, name) {
				want = 1 / 6.
			} else if strings.HasPrefix(name, "quarter ") || name == "size small" || name == "size large" {
				want = 1 / 4.
			} else if name == "size " {
				want = 1 / 2.
			} else if strings.HasPrefix(name, "on ") {
				want = 1 / 6.
			}
			if math.Abs(k/n-want) > 5*math.Sqrt(want/n) {
				t.Errorf("%s: %s in %.3f instead of %.3f", class, name, k/n, want)
			}
		}
	}
}

// The acts of an untrimmed video continue each other without a jump. Between acts nothing
// moves; during them something always does.
func TestUntrimmed(t *testing.T) {
	const total, fps = 150, 50.0
	frame := Vec{1.5, 1}
	count, acts := map[string]int{}, map[int]int{}
	for seed := range uint64(total) {
		s := untrimmed(names(false), Objects(All), random(seed), 12, frame)
		acts[len(s.Acts)]++
		end := 0.0
		for i, a := range s.Acts {
			count[a.Class]++
			if a.Start <= end || a.End > 12 || a.End-a.Start < 0.5 {
				t.Errorf("seed %d, act %d: from %v to %v s", seed, i, a.Start, a.End)
			}
			end = a.End
			if i == 0 {
				continue
			}
			before := s.Acts[i-1]
			p, q := before.Actors[1].pose(before.End-before.Start), a.Actors[1].pose(0)
			if before.Actors[1].Motion.Wrap {
				p = p.within(frame)
			}
			if p.at.minus(q.at).length() > 1e-9 || math.Abs(p.size-q.size) > 1e-9 || math.Abs(p.angle-q.angle) > 1e-9 || p.opacity != q.opacity ||
				before.Actors[1].Object != a.Actors[1].Object {
				t.Errorf("seed %d, act %d: %+v becomes %+v", seed, i, p, q)
			}
		}
		for i := 1.0; i < 12*fps; i++ {
			was, wasAt := s.now((i - 1) / fps)
			act, at := s.now(i / fps)
			p, q := was.Actors[1].pose(wasAt), act.Actors[1].pose(at)
			inside, outside := false, true
			for _, a := range s.Acts {
				inside = inside || (i-1)/fps >= a.Start && i/fps <= a.End
				outside = outside && (i/fps <= a.Start || (i-1)/fps >= a.End)
			}
			if inside && p == q || outside && act == was && p != q {
				t.Fatalf("seed %d at %v s: from %+v to %+v", seed, i/fps, p, q)
			}
		}
	}
	for _, class := range names(false) {
		if count[class] < 4 {
			t.Errorf("%s only %d times", class, count[class])
		}
	}
	for n := 1; n <= 4; n++ {
		if acts[n] < total/10 {
			t.Errorf("%d videos with %d acts", acts[n], n)
		}
	}
	// The angle of an object does not reveal in which direction it turns, even after an act in
	// which it grew.
	sum, n := 0.0, 0.0
	for seed := range uint64(600) {
		acts := untrimmed([]string{"growing", "turning clockwise"}, Objects(All), random(seed), 12, frame).Acts
		for _, a := range acts {
			if acts[0].Class == "growing" && a.Class == "turning clockwise" && n < 200 {
				sum += math.Sin(a.Actors[1].pose((a.End - a.Start) / 4).angle)
				n++
			}
		}
	}
	if n < 200 || math.Abs(sum) > 4*math.Sqrt(n) {
		t.Errorf("%v shapes that turn clockwise are turned by a sine of %v", n, sum/n)
	}
	// A video with a single class is possible, although some classes can occur only once.
	for _, class := range names(false) {
		for seed := range uint64(50) {
			s := untrimmed([]string{class}, Objects(All), random(seed), 12, Vec{1, 1})
			if a := s.Acts[0]; a.Class != class || !a.Actors[1].seen(a.End-a.Start, Vec{1, 1}) {
				t.Errorf("seed %d: %s is not in sight", seed, class)
			}
		}
	}
}

// The manifests of every kind load as annotations and match the rendered content.
func TestKinds(t *testing.T) {
	for kind, o := range map[Kind]Options{
		KindObjects:   {Kind: KindObjects, Classes: []string{"red circle", "orange ring"}, PerClass: 4, Width: 32, Height: 32, FPS: 4, Seconds: 1},
		KindUntrimmed: {Kind: KindUntrimmed, Total: 4, Width: 48, Height: 32, FPS: 4, Seconds: 6},
		KindPictures:  {Kind: KindPictures, Total: 8, Width: 32, Height: 32, Set: Unseen},
	} {
		t.Run(string(kind), func(t *testing.T) {
			if kind != KindPictures {
				needFFmpeg(t)
			}
			dir := t.TempDir()
			manifest, err := Generate(t.Context(), dir, o, nil)
			if err != nil {
				t.Fatal(err)
			}
			before := contents(t, dir)
			complete, _ := o.complete()
			jobs := complete.jobs()
			lines := strings.Split(strings.TrimSpace(before["captions.jsonl"]), "\n")
			if len(lines) != len(jobs) {
				t.Fatalf("%d captions for %d", len(lines), len(jobs))
			}
			for i, j := range jobs {
				var line captioned
				if err := json.Unmarshal([]byte(lines[i]), &line); err != nil {
					t.Fatal(err)
				}
				s, _, err := complete.scene(j, 0)
				if err != nil {
					t.Fatal(err)
				}
				if err := lie(line.Caption, s); err != nil || line.Path != j.path || line.Split == "" || before[j.path] == "" {
					t.Errorf("%+v: %v", line, err)
				}
				if kind == KindPictures {
					img, err := png.Decode(strings.NewReader(before[j.path]))
					if err != nil || img.Bounds().Dx() != 32 || img.Bounds().Dy() != 32 {
						t.Errorf("%s: %v", j.path, err)
					}
					a := s.Acts[0].Actors
					if want := a[0].Object.String(); a[0].Object == a[len(a)-1].Object && line.Label != want || a[0].Object != a[len(a)-1].Object && line.Label != "" {
						t.Errorf("%+v of %s", line, want)
					}
				}
			}
			if kind != KindPictures {
				d, err := dataset.Load(manifest, dataset.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := d.Validate(); err != nil {
					t.Error(err)
				}
				if n := d.Splits(); n[dataset.Train] == 0 || n[dataset.Test] == 0 {
					t.Error(n)
				}
				if kind == KindUntrimmed {
					segments := strings.Split(strings.TrimSpace(before["segments.csv"]), "\n")
					if segments[0] != "video,start,end,label" || len(segments) != len(d.Samples)+1 {
						t.Errorf("%q", segments)
					}
					for i, s := range d.Samples {
						if want := fmt.Sprintf("%s,%v,%v,%s", s.Path, s.Start, s.End, s.Label); segments[i+1] != want {
							t.Errorf("%q instead of %q", segments[i+1], want)
						}
					}
				}
			}

			// A second run adds missing files, equal to those of the first.
			if err := os.Remove(filepath.Join(dir, filepath.FromSlash(jobs[1].path))); err != nil {
				t.Fatal(err)
			}
			if _, err := Generate(t.Context(), dir, o, nil); err != nil {
				t.Fatal(err)
			}
			after := contents(t, dir)
			for name, data := range before {
				if after[name] != data {
					t.Errorf("%s is another file now", name)
				}
			}
			if len(after) != len(before) {
				t.Errorf("%d files instead of %d", len(after), len(before))
			}
			o.Seed++
			if _, err := Generate(t.Context(), dir, o, nil); err == nil || !strings.Contains(err.Error(), "other options") {
				t.Errorf("another seed in the same folder: %v", err)
			}
		})
	}
}

// The takes of a video are different scenes. The label and caption of each take describe the
// frames between its start and end.
func TestTakes(t *testing.T) {
	needFFmpeg(t)
	for kind, class := range map[Kind]string{KindMotions: "moving left", KindObjects: "red circle"} {
		o := Options{Kind: kind, Classes: []string{class}, PerClass: 2, Takes: 3, Width: 32, Height: 32, FPS: 7, Seconds: 1.5, TestShare: 0.5}
		dir := t.TempDir()
		manifest, err := Generate(t.Context(), dir, o, nil)
		if err != nil {
			t.Fatal(err)
		}
		d, err := dataset.Load(manifest, dataset.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Samples) != 6 || d.Splits()[dataset.Train] != 3 || d.Splits()[dataset.Test] != 3 {
			t.Fatalf("%+v", d.Samples)
		}
		var times []float64
		for frame, err := range video.Frames(t.Context(), filepath.Join(dir, d.Samples[0].Path), video.Options{}) {
			if err != nil {
				t.Fatal(err)
			}
			times = append(times, frame.Time)
		}
		o, err = o.complete()
		if err != nil {
			t.Fatal(err)
		}
		n := o.frames()
		if len(times) != 3*n {
			t.Errorf("%d frames", len(times))
		}
		lines := strings.Split(strings.TrimSpace(contents(t, dir)["captions.jsonl"]), "\n")
		captions := map[string]bool{}
		for i, s := range d.Samples {
			take := i % 3
			if s.Label != class || take < 2 && s.End != d.Samples[i+1].Start {
				t.Errorf("%+v", s)
			}
			for k, at := range times {
				if inside := at >= s.Start && at < s.End; inside != (k/n == take) {
					t.Errorf("take %d from %v to %v: frame %d at %v", take, s.Start, s.End, k, at)
				}
			}
			var line captioned
			if err := json.Unmarshal([]byte(lines[i]), &line); err != nil {
				t.Fatal(err)
			}
			shown, _, err := o.scene(o.jobs()[i/3], take)
			if err != nil {
				t.Fatal(err)
			}
			if err := lie(line.Caption, shown); err != nil || line.Start != s.Start || line.End != s.End || line.Path != s.Path {
				t.Errorf("%+v of %+v: %v", line, s, err)
			}
			captions[line.Caption] = true
		}
		if len(captions) < 3 {
			t.Errorf("the takes are alike: %v", captions)
		}
	}
}

func BenchmarkPicture(b *testing.B) {
	w := World{Seed: 1}
	n := uint64(0)
	for b.Loop() {
		w.Picture(n)
		n++
	}
}
