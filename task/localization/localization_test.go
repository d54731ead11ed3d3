package localization

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/task/internal/vocabulary"
	"github.com/clipcue/clipcue/task/proposal"
	"github.com/clipcue/clipcue/train"
	"github.com/clipcue/clipcue/video"
)

func backbone(t testing.TB) *clip.Model {
	c := clip.Config{Embed: 32, ImageSize: 16, PatchSize: 8, VisionWidth: 32, VisionLayers: 1, VisionHeads: 1,
		Context: 24, Vocab: 700, TextWidth: 32, TextLayers: 2, TextHeads: 2, Activation: "quick_gelu", Eps: 1e-5}
	m, err := clip.New(clip.RandomWeights(c, 1), clip.Options{Towers: clip.TextTower})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var names = []string{"moving left", "moving right", "growing", "shrinking"}

// sequence returns the features of a video of n frames at the given rate. Each segment adds a
// pattern of its class to noise. The player's clock starts at zero of the stream's.
func sequence(m *clip.Model, id string, n int, rate, zero float64, segments []dataset.Segment, rng *rand.Rand) *feature.Sequence {
	e := m.Config().Embed
	q := &feature.Sequence{ID: id, Width: e, Provenance: feature.Provenance{Backbone: m.Fingerprint(), Sampling: fmt.Sprintf("fps=%g", rate), StartTime: zero, Duration: float64(n) / rate}}
	for f := range n {
		at := float64(f) / rate
		q.Timestamps = append(q.Timestamps, at+zero)
		row := make([]float32, e)
		for j := range row {
			row[j] = float32(0.15 * rng.NormFloat64())
		}
		row[e-1]++ // as in CLIP's space, where all features share a direction
		for _, s := range segments {
			if at >= s.Start && at < s.End {
				row[e-2] += 1
				row[slices.Index(names, s.Label)] += 1.5
			}
		}
		q.Features = append(q.Features, row...)
	}
	return q
}

// world writes a store and annotations of artificial videos.
func world(t testing.TB, m *clip.Model, videos int) (store, data string) {
	dir := t.TempDir()
	s, err := feature.Create(filepath.Join(dir, "features"))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 5))
	var rows strings.Builder
	rows.WriteString("video,start,end,label,split\n")
	for i := range videos {
		id := fmt.Sprintf("v%03d.mp4", i)
		split := map[bool]string{true: "test", false: "train"}[i%4 == 0]
		var segments []dataset.Segment
		label := names[rng.IntN(len(names))]
		for at := 1 + 2*rng.Float64(); i%8 != 7; { // in one of eight nothing happens
			length := 1 + 5*rng.Float64()
			if at+length > 23 {
				break
			}
			segments = append(segments, dataset.Segment{Span: video.Span{Start: at, End: at + length}, Label: label})
			at += length + 1 + 3*rng.Float64()
		}
		for _, x := range segments {
			fmt.Fprintf(&rows, "%s,%.3f,%.3f,%s,%s\n", id, x.Start, x.End, x.Label, split)
		}
		if segments == nil {
			fmt.Fprintf(&rows, "%s,,,,%s\n", id, split)
		}
		if err := s.Put(sequence(m, id, 96, 4, float64(i%3), segments, rng)); err != nil {
			t.Fatal(err)
		}
	}
	data = filepath.Join(dir, "segments.csv")
	if err := os.WriteFile(data, []byte(rows.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return s.Dir(), data
}

func quick() Config {
	c, err := Preset(adapter.PresetPaper)
	if err != nil {
		panic(err)
	}
	c.Adapter.Prefix, c.Adapter.Postfix, c.Adapter.Frames = 2, 2, 8
	c.Batch, c.Train.Steps, c.Train.LearningRate, c.BackgroundWeight = 16, 8, 3e-3, 0.5
	c.Train.EvalEvery, c.Train.SaveEvery = 4, 3
	c.Detector.Width, c.Detector.Heads, c.Detector.Levels, c.Detector.Frames, c.Detector.Overlap, c.Detector.Window = 16, 2, 4, 64, 16, 16
	c.Detector.MaxProposals = 50
	c.DetectorTrain.Steps, c.DetectorTrain.Warmup, c.DetectorTrain.EvalEvery, c.DetectorTrain.SaveEvery = 6, 2, 3, 2
	return c
}

// open prepares a run over artificial data.
func open(t testing.TB, m *clip.Model, d Data) (*Source, Run) {
	t.Helper()
	if d.TrainSplit == "" {
		d.TrainSplit, d.EvalSplit = dataset.Train, dataset.Test
	}
	o, err := d.Open(feature.BackboneOf(m))
	if err != nil {
		t.Fatal(err)
	}
	r := Run{Run: train.Run{Dir: filepath.Join(t.TempDir(), "run"), Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, Backbone: m, BackbonePath: "backbone.pt"}
	if r.Sets, _, err = d.Sets(o); err != nil {
		t.Fatal(err)
	}
	return o, r
}

func localizer(t testing.TB, r Run) *Localizer {
	t.Helper()
	f, err := adapter.ReadFile(filepath.Join(r.Dir, train.BestFile))
	if err != nil {
		t.Fatal(err)
	}
	l, err := New(f, r.Backbone)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func evaluate(t testing.TB, l *Localizer, s *Set, p Proposals) *Result {
	t.Helper()
	r, err := l.Evaluate(t.Context(), s, p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Both stages learn: detections are far better than classified windows, and classified true
// segments are better still. The model file has the metrics of the run.
func TestLearnsWhatHappensWhen(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, 64)
	_, r := open(t, m, Data{Path: path, Features: store})
	c := quick()
	c.Train.Steps, c.Train.EvalEvery, c.Train.SaveEvery = 120, 60, 120
	c.DetectorTrain = proposal.DefaultTrainConfig()
	c.DetectorTrain.Steps, c.DetectorTrain.Warmup = 250, 10
	res, err := Train(t.Context(), c, r)
	if err != nil {
		t.Fatal(err)
	}
	l := localizer(t, r)
	own, err := r.Test.Propose(t.Context(), l.Detector(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := evaluate(t, l, r.Test, own)
	if ap := res.Metrics["average_map"].(float64); math.Abs(ap-got.Average) > 1e-6 || ap < 0.6 {
		t.Errorf("average mAP %v in the run, %v by the file", ap, got.Average)
	}
	windows, err := r.Test.Windows(50)
	if err != nil {
		t.Fatal(err)
	}
	blind := evaluate(t, l, r.Test, windows)
	if blind.Average > got.Average-0.2 {
		t.Errorf("windows have an average mAP of %v, proposals %v", blind.Average, got.Average)
	}
	if w, err := r.Test.WindowRecall(); err != nil || w.At(10) > got.Recall.At(10)-0.2 {
		t.Errorf("windows have a recall of %v, proposals %v (%v)", w.At(10), got.Recall.At(10), err)
	}
	if best := evaluate(t, l, r.Test, r.Test.TrueProposals()); best.Average < got.Average-0.02 || best.Recall.At(100) < 1-1e-9 {
		t.Errorf("with true segments the average mAP is %v, with proposals %v", best.Average, got.Average)
	}
	// The errors account for every segment, and at least half of the segments are found.
	if e := got.Errors; e.Correct+e.Missed != got.Segments || e.Correct < got.Segments/2 {
		t.Errorf("%+v of %d segments", e, got.Segments)
	}

	// Features of another rate give similar results; too low a rate is an error.
	rng := rand.New(rand.NewPCG(8, 8))
	truth := []dataset.Segment{{Span: video.Span{Start: 4, End: 9}, Label: "growing"}, {Span: video.Span{Start: 14, End: 17}, Label: "growing"}}
	for _, rate := range []float64{4, 2.5, 16} {
		found, err := l.Localize(t.Context(), sequence(m, "other.mp4", int(24*rate), rate, 2, truth, rng))
		if err != nil {
			t.Fatal(err)
		}
		seen := map[int]bool{}
		for _, d := range found[:5] {
			middle := (d.Start + d.End) / 2
			i := slices.IndexFunc(truth, func(x dataset.Segment) bool { return middle > x.Start-0.5 && middle < x.End+0.5 })
			if seen[i] = true; i < 0 || d.Label != truth[i].Label {
				t.Errorf("at %v frames a second it finds %+v", rate, d)
			}
		}
		if len(seen) != len(truth) {
			t.Errorf("at %v frames a second it finds some of the segments: %+v", rate, found[:5])
		}
	}
	if _, err := l.Localize(t.Context(), sequence(m, "coarse.mp4", 20, 0.5, 0, nil, rng)); err == nil || !strings.Contains(err.Error(), "coarse.mp4") || !strings.Contains(err.Error(), "too few to resample to 4") {
		t.Errorf("two seconds from frame to frame: %v", err)
	}
	// With other limits, only the proposals change.
	before := l.Detector().Config()
	if err := l.SetLimits(before.Sigma, before.MinScore, 3); err != nil {
		t.Fatal(err)
	}
	if few, err := r.Test.Propose(t.Context(), l.Detector(), nil); err != nil || len(few[0]) != 3 || few[0][2] != own[0][2] {
		t.Errorf("%+v instead of the first of %+v (%v)", few[0], own[0], err)
	}
	if err := l.SetLimits(0, 0.1, 3); err == nil {
		t.Error("soft-NMS without a width is taken")
	}
	// A video of one frame, and one that is shorter than a window.
	for _, n := range []int{1, 3} {
		if _, err := l.Localize(t.Context(), sequence(m, "short.mp4", n, 4, 0, nil, rng)); err != nil {
			t.Errorf("a video of %d frames: %v", n, err)
		}
	}
}

// stopping cancels a context at a message of the log.
type stopping struct {
	slog.Handler
	at   string
	stop context.CancelFunc
}

func (s stopping) Handle(ctx context.Context, r slog.Record) error {
	if strings.Contains(r.Message, s.at) {
		s.stop()
	}
	return s.Handler.Handle(ctx, r)
}

// A run that is interrupted in either stage, or between them, ends bitwise like an
// uninterrupted one.
func TestResumingIsExact(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, 12)
	data := Data{Path: path, Features: store}
	_, whole := open(t, m, data)
	if _, err := Train(t.Context(), quick(), whole); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(whole.Dir, train.LastFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"evaluated", "training examples"} {
		_, r := open(t, m, data)
		ctx, cancel := context.WithCancel(t.Context())
		r.Log = slog.New(stopping{slog.NewTextHandler(io.Discard, nil), at, cancel})
		if _, err := Train(ctx, quick(), r); !errors.Is(err, context.Canceled) || !errors.As(err, new(*train.InterruptedError)) {
			t.Errorf("%s: %v", at, err)
		}
		if _, err := os.Stat(filepath.Join(r.Dir, train.LastFile)); err == nil {
			if _, err := Train(t.Context(), quick(), r); !errors.As(err, new(*train.ExistsError)) {
				t.Errorf("without --resume: %v", err)
			}
		}
		r.Resume, r.Log = true, slog.New(slog.NewTextHandler(io.Discard, nil))
		if _, err := Train(t.Context(), quick(), r); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(r.Dir, train.LastFile)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("interrupted at %q it ends elsewhere (%v)", at, err)
		}
	}
}

// Proposals from a file replace the detector, in training and afterwards.
func TestProposalsOfOthers(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, 12)
	_, r := open(t, m, Data{Path: path, Features: store})
	file := filepath.Join(t.TempDir(), "proposals.json")
	given := r.Train.results(r.Train.TrueProposals())
	for id, p := range r.Test.results(r.Test.TrueProposals()) {
		given[strings.TrimSuffix(id, ".mp4")] = p // by its id alone
	}
	if err := given.WriteFile(file); err != nil {
		t.Fatal(err)
	}
	var err error
	if r.Proposals, err = ReadResults(file); err != nil {
		t.Fatal(err)
	}
	if _, err := Train(t.Context(), quick(), r); err != nil {
		t.Fatal(err)
	}
	l := localizer(t, r)
	if _, err := os.Stat(filepath.Join(r.Dir, DetectorDir)); err == nil || l.Detector() != nil {
		t.Error("there is a detector")
	}
	q, err := r.Test.Load(r.Test.Videos[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Localize(t.Context(), q); !errors.Is(err, ErrNoDetector) {
		t.Errorf("without proposals: %v", err)
	}
	p, unnamed, err := r.Test.MatchProposals(r.Proposals)
	if unnamed != 0 || err != nil {
		t.Errorf("%d of %d videos have no proposals", unnamed, len(p))
	}
	if got := evaluate(t, l, r.Test, p); got.Recall.At(100) < 1-1e-9 {
		t.Errorf("recall %v", got.Recall.At(100))
	}
	if _, unnamed, err := r.Test.MatchProposals(Results{"v000": nil}); unnamed != len(r.Test.Videos)-1 || err != nil {
		t.Errorf("%d unnamed (%v)", unnamed, err)
	}
	// A name that matches two videos is an error.
	twins := &Set{Videos: []dataset.MatchedVideo{{Untrimmed: dataset.Untrimmed{Path: "a/x.mp4"}}, {Untrimmed: dataset.Untrimmed{Path: "b/x.mp4"}}}}
	if _, _, err := twins.MatchProposals(Results{"x": nil}); err == nil || !strings.Contains(err.Error(), `"a/x.mp4"`) {
		t.Errorf("one name for two videos: %v", err)
	}
}

// Zero-shot: no training video has the test classes; the localizer distinguishes them by their
// names.
func TestNewClasses(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, 24)
	data := Data{Path: path, Features: store, TrainSplit: dataset.Train, EvalSplit: dataset.Test, TrainClasses: names[:3], TestClasses: names[3:]}
	o, r := open(t, m, data)
	for _, v := range r.Train.Videos {
		if slices.ContainsFunc(v.Segments, func(s dataset.Segment) bool { return s.Label == names[3] }) {
			t.Errorf("%s shows a test class", v.Path)
		}
	}
	for _, v := range r.Test.Videos {
		if len(v.Segments) == 0 {
			t.Errorf("%s shows no test class", v.Path)
		}
	}
	if _, leftOut, err := data.Sets(o); err != nil || leftOut == 0 {
		t.Errorf("%d videos are left out (%v)", leftOut, err)
	}
	if _, err := Train(t.Context(), quick(), r); err != nil {
		t.Fatal(err)
	}
	l := localizer(t, r)
	q, err := r.Test.Load(r.Test.Videos[0])
	if err != nil {
		t.Fatal(err)
	}
	p := []proposal.Proposal{{Span: video.Span{Start: 1, End: 3}, Score: 0.5}, {Span: video.Span{Start: 50, End: 60}, Score: 0.9}}
	if err := l.SetClasses(t.Context(), []string{"SittingDown", "shrinking"}); err != nil {
		t.Fatal(err)
	}
	found, err := l.Classify(t.Context(), q, p)
	if err != nil {
		t.Fatal(err)
	}
	// The second proposal is outside the video; the scores of the other one's detections sum to
	// its own.
	if len(found) != 2 || math.Abs(found[0].Score+found[1].Score-0.5) > 1e-5 || found[0].Span != (video.Span{Start: 1, End: 3}) {
		t.Errorf("%+v", found)
	}
	// The name is encoded as words, and returned as it was given.
	again := localizer(t, r)
	if err := again.SetClasses(t.Context(), []string{"sitting_down", "shrinking"}); err != nil {
		t.Fatal(err)
	}
	if other, err := again.Classify(t.Context(), q, p); err != nil || !slices.ContainsFunc(other, func(d Detection) bool { return d.Label == "sitting_down" }) {
		t.Errorf("%+v, %v", other, err)
	}
	bare := clip.Bare(m.Config(), m.Fingerprint(), 1)
	f, err := adapter.ReadFile(filepath.Join(r.Dir, train.BestFile))
	if err != nil {
		t.Fatal(err)
	}
	known, err := New(f, bare)
	if err != nil {
		t.Fatal(err)
	}
	if err := known.SetClasses(t.Context(), []string{"shrinking"}); err != nil {
		t.Errorf("the file knows the test classes: %v", err)
	}
	if err := known.SetClasses(t.Context(), []string{"flying"}); !errors.As(err, new(*adapter.UnknownClassError)) {
		t.Errorf("a new name without the text tower: %v", err)
	}
	if err := known.SetClasses(t.Context(), nil); err == nil {
		t.Error("no classes are taken")
	}
}

func TestLikeliest(t *testing.T) {
	p := []float32{0.1, 0.3, 0.1, 0.4, 0.1}
	for k, want := range [][]int{1: {3}, 2: {3, 1}, 3: {3, 1, 0}, 4: {3, 1, 0, 2}, 5: {3, 1, 0, 2, 4}, 6: {3, 1, 0, 2, 4}} {
		if k > 0 && !slices.Equal(likeliest(p, k), want) {
			t.Errorf("%d of them: %v", k, likeliest(p, k))
		}
	}
}

// The best detections are returned; the limit of a long video applies to every ten minutes.
func TestLimitsGrowWithTheVideo(t *testing.T) {
	m := backbone(t)
	a, err := adapter.New(m, quick().Adapter, 1)
	if err != nil {
		t.Fatal(err)
	}
	l := &Localizer{Eval: Evaluation{ClassesPerProposal: 1, MaxDetections: 3}, adapter: a, rate: 1, vocabulary: vocabulary.New(m, readably(a.EncodeClasses))}
	if err := l.SetClasses(t.Context(), names); err != nil {
		t.Fatal(err)
	}
	var p []proposal.Proposal
	for i := range 100 {
		p = append(p, proposal.Proposal{Span: video.Span{Start: float64(i), End: float64(i + 2)}, Score: 0.5})
	}
	for n, want := range map[int]int{120: 3, 600: 3, 1300: 9} {
		if found, err := l.Classify(t.Context(), sequence(m, "x.mp4", n, 1, 0, nil, rand.New(rand.NewPCG(1, 1))), p); err != nil || len(found) != want {
			t.Errorf("%d s have %d detections instead of %d (%v)", n, len(found), want, err)
		}
	}
}

// Background lowers the scores of all classes, by a cross entropy whose gradient matches
// central differences.
func TestUniformLoss(t *testing.T) {
	const n, c, weight = 3, 4, 0.7
	d := compute.NewCPU(1)
	values := make([]float32, n*c)
	for i := range values {
		values[i] = float32(math.Sin(float64(3 * i)))
	}
	x, dx := d.New(n, c), d.New(n, c)
	loss := func() float64 {
		d.Upload(x, values)
		return nn.UniformLoss(d, dx, x, weight)
	}
	want := 0.0
	for i := range n {
		sum := 0.0
		for _, v := range values[i*c : (i+1)*c] {
			sum += math.Exp(float64(v))
		}
		for _, v := range values[i*c : (i+1)*c] {
			want += weight * (math.Log(sum) - float64(v)) / (n * c)
		}
	}
	if got := loss(); math.Abs(got-want) > 1e-6 {
		t.Errorf("loss %v instead of %v", got, want)
	}
	grad := make([]float32, n*c)
	d.Download(grad, dx)
	for i := range values {
		const h = 1e-2
		old := values[i]
		values[i] = old + h
		up := loss()
		values[i] = old - h
		slope := (up - loss()) / (2 * h)
		values[i] = old
		if math.Abs(slope-float64(grad[i])) > 1e-4 {
			t.Errorf("entry %d: slope %v, gradient %v", i, slope, grad[i])
		}
	}
	// The loss is lowest if all classes are equal.
	clear(values)
	if low := loss(); math.Abs(low-weight*math.Log(c)) > 1e-6 || low >= want {
		t.Errorf("even logits have a loss of %v", low)
	}
}

// A step draws equal numbers of true segments and proposals, and background that overlaps no
// segment. A window contains its example, or is inside it.
func TestExamples(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, 16)
	_, r := open(t, m, Data{Path: path, Features: store})
	c := quick()
	p, err := r.Train.Windows(60)
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLearner(m, c, r.Train, 4)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.gather(p); err != nil {
		t.Fatal(err)
	}
	if len(l.real) != r.Train.Truth().Count() || len(l.overlapping) == 0 || len(l.background) == 0 {
		t.Fatalf("%d true, %d overlapping, %d of background", len(l.real), len(l.overlapping), len(l.background))
	}
	tIoU := func(x example) (best float64, class string) {
		for _, s := range l.set.Videos[x.video].Segments {
			if t := (video.Span{Start: s.Start * 4, End: s.End * 4}).TIoU(video.Span{Start: float64(x.rows.From), End: float64(x.rows.To)}); t > best {
				best, class = t, s.Label
			}
		}
		return best, class
	}
	e := m.Config().Embed
	for step := range 20 {
		labeled, background, rng := l.draw(step)
		again, _, _ := l.draw(step)
		if !slices.Equal(labeled, again) || len(labeled) != c.Batch || len(background) != c.Batch/4 {
			t.Fatalf("step %d: %d and %d examples", step, len(labeled), len(background))
		}
		for _, x := range labeled {
			// Times are rounded to frames, so the overlap may be slightly less.
			if o, class := tIoU(x); o < c.Positive-0.25 || class != r.Train.Classes[x.class] {
				t.Errorf("an example of %q overlaps %q by %v", r.Train.Classes[x.class], class, o)
			}
		}
		for _, x := range append(labeled, background...) {
			f, rows, err := l.window(nil, x, rng)
			if err != nil {
				t.Fatal(err)
			}
			q, _ := l.load(x.video)
			if len(f) != c.Adapter.Frames*e || rows.From < 0 || rows.To > c.Adapter.Frames || rows.From >= rows.To {
				t.Fatalf("rows %+v of %d values", rows, len(f))
			}
			inside := func(want []float32) bool { return slices.Equal(f[rows.From*e:(rows.From+1)*e], want) }
			if long := x.rows.To-x.rows.From >= c.Adapter.Frames; !long && !inside(q.Row(x.rows.From)) || long && rows.To-rows.From != c.Adapter.Frames {
				t.Errorf("example %+v is rows %+v of its window", x, rows)
			}
		}
	}
	for _, x := range l.background {
		inside, frames := 0, x.rows.To-x.rows.From
		for _, s := range l.set.Videos[x.video].Segments {
			for i := range frames {
				if at := float64(x.rows.From+i) / 4; at >= s.Start && at < s.End {
					inside++
				}
			}
		}
		// Times are rounded to frames, so one more may be inside.
		if float64(inside) > c.Negative*float64(frames)+1 {
			t.Errorf("of background of %d frames %d are in true segments", frames, inside)
		}
	}
	if b := l.Batch(3); !strings.Contains(b, ".mp4") {
		t.Errorf("batch %q", b)
	}
}

// Invalid data is an error that names it.
func TestBadData(t *testing.T) {
	m := backbone(t)
	store, path := world(t, m, 8)
	dir := t.TempDir()
	file := func(name, text string) Data {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return Data{Path: p, Features: store, TrainSplit: dataset.Train, EvalSplit: dataset.Test, TestShare: 0.2}
	}
	sets := func(d Data) (*Set, *Set, error) {
		o, err := d.Open(feature.BackboneOf(m))
		if err != nil {
			return nil, nil, err
		}
		s, _, err := d.Sets(o)
		return s.Train, s.Test, err
	}
	for _, x := range []struct {
		name, text, want string
	}{
		{"some splits.csv", "video,start,end,label,split\nv001,1,2,run,train\nv002,1,2,sit,\n", "1 of 2 videos have no split"},
		{"no features.csv", "video,start,end,label,split\nx001,1,2,run,train\n", "none of the 1 videos has features"},
		{"no training.csv", "video,start,end,label,split\nv001,1,2,run,test\n", `no videos in split "train"`},
		{"results.json", `{"results": {}}`, "results, not annotations"},
	} {
		if _, _, err := sets(file(x.name, x.text)); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", x.name, err)
		}
	}
	run := func(text string) error {
		d := file("data.csv", text)
		a, b, err := sets(d)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Train(t.Context(), quick(), Run{Run: train.Run{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}, Backbone: m, Sets: Sets{Train: a, Test: b}, Proposals: Results{}})
		return err
	}
	if err := run("video,start,end,label,split\nv001,1,2,run,train\n"); err == nil || !strings.Contains(err.Error(), "at least two classes") {
		t.Errorf("one class: %v", err)
	}
	if err := run("video,start,end,label,split\nv001,500,600,run,train\nv002,500,600,sit,train\n"); err == nil || !strings.Contains(err.Error(), "no training segments") {
		t.Errorf("all segments beyond the videos: %v", err)
	}
	// Missing videos, and segments beyond the features, are reported.
	d := file("more.csv", "video,start,end,label,split\nv001,1,2,run,train\nv002,23,40,sit,train\nv003,30,31,sit,train\nx.mp4,1,2,sit,train\n")
	a, _, err := sets(d)
	if err != nil {
		t.Fatal(err)
	}
	beyond, err := a.OutOfRange()
	if err != nil || len(beyond) != 2 || beyond[0].Path != "v002" || beyond[0].Dropped || beyond[1].Path != "v003" || !beyond[1].Dropped || len(a.Missing) != 1 || a.Missing[0].Path != "x.mp4" {
		t.Errorf("beyond: %+v, missing: %+v, %v", beyond, a.Missing, err)
	}
	// Features of another backbone.
	other := Data{Path: path, Features: store, TrainSplit: dataset.Train, EvalSplit: dataset.Test}
	o, err := other.Open(feature.Backbone{Fingerprint: "another"})
	if err != nil {
		t.Fatal(err)
	}
	var mismatch *feature.MismatchError
	if _, _, err := other.Sets(o); !errors.As(err, &mismatch) {
		t.Errorf("another backbone: %v", err)
	}
}

// Invalid data of the second stage is found before the first stage is trained.
func TestNothingIsTrainedInVain(t *testing.T) {
	m := backbone(t)
	store, _ := world(t, m, 8)
	f, err := feature.Open(store)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	if err := f.Put(sequence(m, "coarse", 10, 0.5, 0, nil, rng)); err != nil {
		t.Fatal(err)
	}
	const header, some = "video,start,end,label,split\n", "v001,1,2,run,train\nv002,1,2,sit,train\n"
	run := func(text string) (Run, error) {
		path := filepath.Join(t.TempDir(), "x.csv")
		if err := os.WriteFile(path, []byte(header+text), 0o666); err != nil {
			t.Fatal(err)
		}
		_, r := open(t, m, Data{Path: path, Features: store})
		_, err := Train(t.Context(), quick(), r)
		return r, err
	}
	for text, want := range map[string]string{
		"v001,1,2,run,train\n": "at least two classes",
		"v001,,,,train\n":      "no training segments",
		"v001,1,2," + strings.Repeat("long ", 30) + ",train\nv002,1,2,sit,train\n": "long long",
		some + "coarse,1,2,run,test\n":                                             "features of coarse have 0.5 frames per second",
	} {
		r, err := run(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := os.Stat(r.Dir); err == nil {
			t.Errorf("%q: something was trained", text)
		}
	}
	// Without segments there is nothing to evaluate, and no set selects the best step.
	r, err := run(some + "v003,,,,test\n")
	if err != nil || r.Test != nil {
		t.Errorf("a test video in which nothing happens: %v", err)
	}
	// A single video with another rate does not determine the model's rate, even if it is the
	// first.
	if _, err := run("coarse,1,2,run,train\n" + some + "v003,1,2,sit,train\n"); err == nil || !strings.Contains(err.Error(), "features of coarse have 0.5 frames per second") {
		t.Errorf("one odd video: %v", err)
	}
}

func TestSettingsThatMakeNoSense(t *testing.T) {
	for what, change := range map[string]func(*Config){
		"batch":      func(c *Config) { c.Batch = 0 },
		"contrast":   func(c *Config) { c.ClassesPerStep = 1 },
		"positive":   func(c *Config) { c.Positive = c.Negative },
		"negative":   func(c *Config) { c.Negative = math.NaN() },
		"background": func(c *Config) { c.BackgroundWeight = -1 },
		"steps":      func(c *Config) { c.Train.Steps = 0 },
		"classes":    func(c *Config) { c.Eval.ClassesPerProposal = 0 },
		"detections": func(c *Config) { c.Eval.MaxDetections = 0 },
	} {
		c := DefaultConfig()
		change(&c)
		if err := c.check(); err == nil {
			t.Errorf("%s: it is taken", what)
		}
	}
	if _, err := Preset("best"); err == nil {
		t.Error("a preset that there is not")
	}
}
