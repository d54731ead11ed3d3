package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/ffmpeg"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/task/recognition"
	"github.com/clipcue/clipcue/train"
	"github.com/clipcue/clipcue/video"
)

func TestMain(m *testing.M) {
	decodeLimit, stripsLimit = time.Hour, time.Hour
	os.Exit(m.Run())
}

func render(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// loads finds whatever could make a browser fetch something.
var loads = regexp.MustCompile(`(?i)(src|href|srcset|action)\s*=\s*"[^"d]|https?://|url\(|@import|<script|<link|<iframe`)

func selfContained(t *testing.T, page string) {
	t.Helper()
	if at := loads.FindStringIndex(page); at != nil {
		t.Errorf("the page may load something: %s", page[max(0, at[0]-40):min(len(page), at[1]+40)])
	}
}

// noise is a picture that compresses badly.
func noise(seed uint64) image.Image {
	rng := rand.New(rand.NewPCG(seed, 1))
	m := image.NewRGBA(image.Rect(0, 0, frameSide, frameSide))
	for i := range m.Pix {
		m.Pix[i] = byte(rng.Uint32())
	}
	return m
}

const hostile = `"><script>alert(1)</script><img src=http://x.example/a.png onerror='x()'>&{{.}}</style>`

// full is a report with every part, all its texts being s.
func full(t *testing.T, s string) *Report {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, noise(1), nil); err != nil {
		t.Fatal(err)
	}
	many := &Confusion{}
	var classes []Class
	for i := range 40 {
		many.Classes = append(many.Classes, fmt.Sprint(s, i))
		many.Cells = append(many.Cells, Cell{fmt.Sprint(s, i), fmt.Sprint(s, (i+1)%40), 3})
		classes = append(classes, Class{fmt.Sprint(s, i), 3, 0.5, s})
	}
	return &Report{Title: s, Verdict: s, Footer: s, Sections: []Section{{
		Title: s, Text: s, Figures: []Figure{{s, s, s}},
		Charts:    []Chart{{Title: s, X: s, Series: []Series{{Name: s, Points: []Point{{0, 1}, {1, 2}}}}}},
		Table:     &Table{Columns: []string{s, s}, Rows: []Row{{Cells: []string{s}}, {Cells: []string{s, s}, Strong: true}}},
		Confusion: &Confusion{Classes: []string{s, "b"}, Cells: []Cell{{s, s, 2}, {s, "b", 1}}}, Classes: classes,
		Strips: []Strip{{Title: s, Label: s, Note: s, Frames: []Frame{{1, b.Bytes()}}, Predictions: []Prediction{{s, 0.5}}}},
		Values: []Value{{s, s}},
	}, {Title: "many", Confusion: many, Folded: true}}}
}

func TestTextIsText(t *testing.T) {
	page := render(t, full(t, hostile))
	for _, bad := range []string{"<script", "<img src=http", "</style>&", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if n := strings.Count(page, "</style>"); n != 1 {
		t.Errorf("the style ends %d times", n)
	}
	if !strings.Contains(page, "&lt;script&gt;") {
		t.Error("the text itself does not show")
	}
	selfContained(t, render(t, full(t, "plain")))
}

func TestLongTextIsCut(t *testing.T) {
	page := render(t, full(t, strings.Repeat("ä", 100_000)))
	if !strings.Contains(page, strings.Repeat("ä", 239)+"…") {
		t.Error("a long text is not cut after 240 letters")
	}
}

func TestManyClassesFold(t *testing.T) {
	page := render(t, full(t, "class "))
	if !strings.Contains(page, "<summary>All 40 classes") {
		t.Error("40 classes are not folded")
	}
	if n := strings.Count(page, `class="matrix"`); n != 1 {
		t.Errorf("%d matrices: that of 2 classes is to be shown and that of 40 not", n)
	}
	if got := len((&Confusion{Classes: make([]string, 100), Cells: full(t, "x").Sections[1].Confusion.Cells}).Worst()); got != mostConfused {
		t.Errorf("%d pairs are shown", got)
	}
}

func TestMatrix(t *testing.T) {
	c := Confusion{Classes: []string{"a", "b"}, Cells: []Cell{{"a", "a", 3}, {"a", "b", 1}, {"b", "b", 2}}}
	m := c.Matrix()
	if m[0][0].Share != 0.75 || m[0][1].Videos != 1 || m[1][0].Videos != 0 || m[1][1].Share != 1 || !m[1][1].Right || m[0][1].Right {
		t.Errorf("%+v", m)
	}
	if w := c.Worst(); len(w) != 1 || w[0].Cell != (Cell{"a", "b", 1}) || w[0].Share != 0.25 {
		t.Errorf("worst: %+v", w)
	}
}

// Values by R's prop.test(k, n, correct = FALSE).
func TestInterval(t *testing.T) {
	for _, x := range []struct {
		k, n      int
		low, high float64
	}{{8, 10, 0.4901625, 0.9433178}, {0, 10, 0, 0.2775328}, {10, 10, 0.7224672, 1}, {0, 0, 0, 1}} {
		low, high := Interval(x.k, x.n)
		if math.Abs(low-x.low) > 1e-6 || math.Abs(high-x.high) > 1e-6 {
			t.Errorf("%d of %d: %v to %v, not %v to %v", x.k, x.n, low, high, x.low, x.high)
		}
	}
}

func TestChartTakesItsColorsFromThePage(t *testing.T) {
	var series []Series
	for i := range palette + 1 {
		series = append(series, Series{Name: "s", Dots: i == 0, Faint: i == 1, Points: []Point{{1, float64(i)}, {2, math.NaN()}, {3, math.Inf(1)}, {4, 1}}})
	}
	svg, err := Chart{Series: series}.SVG()
	if err != nil {
		t.Fatal(err)
	}
	if at := regexp.MustCompile(`(stroke|fill):#`).FindString(string(svg)); at != "" {
		t.Errorf("a color of its own: %s", svg)
	}
	for _, want := range []string{"var(--s0)", "var(--s5)", "var(--rule)"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("%s is not in the drawing", want)
		}
	}
	for i := range palette {
		if !strings.Contains(styleCSS, fmt.Sprintf(".s%d {", i)) {
			t.Errorf("the style lacks color %d", i)
		}
	}
}

func TestChartOfLittle(t *testing.T) {
	for _, p := range [][]Point{nil, {{0, 0}}, {{100, 0.5}}, {{5, math.NaN()}}, {{1, -3}, {2, -4}}} {
		for _, percent := range []bool{true, false} {
			if svg, err := (Chart{Percent: percent, Series: []Series{{Points: p}}}).SVG(); err != nil || strings.Contains(string(svg), "NaN") {
				t.Errorf("%v: %v %s", p, err, svg)
			}
		}
	}
}

// Steps are whole, and their axis says 250, not 250.00.
func TestTicksHaveNoEmptyZeros(t *testing.T) {
	for high, want := range map[float64]string{598.5: "0 250 500", 2.7: "0 2.5", 10: "0 5 10", 0.31: "0 0.1 0.2 0.3"} {
		var labels []string
		for _, tick := range (majorTicks{}).Ticks(0, high) {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, " "); got != want {
			t.Errorf("up to %v: %s instead of %s", high, got, want)
		}
	}
}

func TestLongCurvesAreThinned(t *testing.T) {
	var p []Point
	for i := range 100_000 {
		p = append(p, Point{float64(i), 7})
	}
	got := thin(p)
	if len(got) > mostPoints || got[0].Y != 7 && math.Abs(got[0].Y-7) > 1e-9 {
		t.Errorf("%d points, the first %v", len(got), got[0])
	}
}

func TestCurvesPassOverAnUnfinishedLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	text := `{"step":1,"loss":2.5}
{"step":2,"loss":2}
{"step":2,"evaluation":{"top1":0.5,"videos":3}}
{"step":3,"lo`
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	c, err := Curves(path, "on test videos")
	if err != nil {
		t.Fatal(err)
	}
	if len(c) != 2 || len(c[0].Series[0].Points) != 2 || c[1].Title != "Accuracy on test videos" || len(c[1].Series) != 1 || c[1].Series[0].Points[0] != (Point{2, 0.5}) {
		t.Errorf("%+v", c)
	}
}

func TestPretraining(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"config.json":   `{"pairs": 1234, "batch": 32, "data": {"path": "some/pairs.jsonl"}}`,
		"metrics.jsonl": `{"step":1,"loss":2.5}` + "\n" + `{"step":1,"evaluation":{"image_to_text":0.5,"unseen_zero_shot":0.25,"logit_scale":14.3}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Pretraining(dir, "Done.", map[string]any{"image_to_text": 0.5, "group": 50, "pairs": 800,
		"unseen_zero_shot": 0.25, "labels": 72, "test_text_to_image": 0.75, "test_group": 9})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1234 pairs", "captions found", "50.0 %", "right one of 50<", "800", "unseen naming", "25.0 %", "72 labels",
		"test pictures found", "75.0 %", "right one of 9<", "some/pairs.jsonl", "Accuracy on held-out pairs", "Done."} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(b.String(), "logit_scale") {
		t.Error("the page shows as an accuracy what is none")
	}
}

func TestStripsStaySmall(t *testing.T) {
	frames, pictures := make([]Frame, stripFrames), make([]image.Image, stripFrames)
	for i := range pictures {
		pictures[i] = noise(uint64(i))
	}
	if err := encode(frames, pictures); err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, f := range frames {
		sum += len(f.Picture)
	}
	if sum > stripBytes {
		t.Errorf("eight pictures of noise take %d bytes", sum)
	}
}

func TestPictureKeepsColors(t *testing.T) {
	m := picture(video.Frame{Width: 2, Height: 1, Pix: []byte{1, 2, 3, 250, 251, 252}})
	if m.At(0, 0) != (color.RGBA{1, 2, 3, 255}) || m.At(1, 0) != (color.RGBA{250, 251, 252, 255}) {
		t.Error(m)
	}
}

// TestRun renders videos, extracts, trains and reports; of the videos one is
// gone by then and one has changed.
func TestRun(t *testing.T) {
	for _, name := range []string{"ffmpeg", "ffprobe"} {
		if _, err := ffmpeg.Command(t.Context(), name); err != nil {
			t.Skip(err)
		}
	}
	ctx, dir := context.Background(), t.TempDir()
	m, err := clip.New(clip.RandomWeights(clip.Config{Embed: 32, ImageSize: 16, PatchSize: 8, VisionWidth: 32, VisionLayers: 1, VisionHeads: 1,
		Context: 24, Vocab: 700, TextWidth: 32, TextLayers: 1, TextHeads: 1, Activation: "quick_gelu", Eps: 1e-5}, 1), clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	videos, features, run := filepath.Join(dir, "videos"), filepath.Join(dir, "features"), filepath.Join(dir, "run")
	manifest, err := synth.Generate(ctx, videos, synth.Options{PerClass: 5, Classes: []string{"growing", "shrinking"}, TestShare: 0.8}, nil)
	if err != nil {
		t.Fatal(err)
	}
	found, err := video.Discover([]string{videos})
	if err != nil {
		t.Fatal(err)
	}
	store, err := feature.Create(features)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := feature.Extract(ctx, m, found.Videos, store, feature.Options{Sampling: video.AtRate(8)}); err != nil {
		t.Fatal(err)
	}
	data := recognition.Data{Path: manifest, Features: features}
	opened, err := data.Open(feature.BackboneOf(m))
	if err != nil {
		t.Fatal(err)
	}
	r := recognition.Run{Run: train.Run{Dir: run, Note: data, Log: slog.New(slog.DiscardHandler)}, Backbone: m}
	if r.Sets, err = data.Sets(opened); err != nil {
		t.Fatal(err)
	}
	c := recognition.DefaultConfig()
	c.Train.Steps, c.Batch, c.Adapter.Frames, c.Adapter.Prefix, c.Adapter.Postfix = 4, 2, 8, 2, 2
	if _, err := recognition.Train(ctx, c, r); err != nil {
		t.Fatal(err)
	}
	f, err := adapter.ReadFile(filepath.Join(run, train.BestFile))
	if err != nil {
		t.Fatal(err)
	}
	model, err := recognition.New(f, m)
	if err != nil {
		t.Fatal(err)
	}
	result, err := model.Evaluate(ctx, r.Test, c.Eval)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(videos, filepath.FromSlash(r.Test.Videos[0].ID))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(videos, filepath.FromSlash(r.Test.Videos[1].ID)), []byte("no video"), 0o666); err != nil {
		t.Fatal(err)
	}

	measured := &Measured{Result: result, Set: r.Test, Eval: c.Eval, Frames: 8, On: "test videos"}
	report, err := Run(ctx, run, measured, "on test videos")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(run, FileName)
	if err := report.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	selfContained(t, page)
	if len(page) > 500_000 {
		t.Errorf("the report has %d bytes", len(page))
	}
	for _, want := range []string{percent(result.Top1), fmt.Sprintf("Measured on %d test videos", len(r.Test.Videos)), "Training loss", "Accuracy on test videos",
		`class="matrix"`, `class="classes"`, "data:image/jpeg;base64,", "was not found", "The video cannot be shown",
		m.Fingerprint(), manifest, "fps=8", "temporal_layers", "clipcue "} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if n := strings.Count(page, `<article`); n != len(r.Test.Videos) {
		t.Errorf("%d of %d videos are shown", n, len(r.Test.Videos))
	}
	if n, most := strings.Count(page, "<img"), stripFrames*(len(r.Test.Videos)-2); n != most {
		t.Errorf("%d pictures instead of %d", n, most)
	}
	if i, j := strings.Index(page, "✓ right"), strings.LastIndex(page, "✗ wrong"); i >= 0 && i < j {
		t.Error("a video that is right comes before one that is wrong")
	}

	// A run that was interrupted has no measurement; one that began has all else.
	if report, err = Run(ctx, run, nil, ""); err != nil {
		t.Fatal(err)
	}
	if page := render(t, report); !strings.Contains(page, "Training loss") || strings.Contains(page, "<article") {
		t.Error("the report of an interrupted run is not its curves and settings")
	}
	// Nor does a context that is done keep a report from being written.
	done, cancel := context.WithCancel(ctx)
	cancel()
	if report, err = Run(done, run, measured, ""); err != nil {
		t.Fatal(err)
	}
	if page := render(t, report); strings.Contains(page, "<img") {
		t.Error("pictures were decoded after the end")
	}
}

func TestFewShot(t *testing.T) {
	if _, err := FewShot(t.TempDir(), &recognition.FewShotResult{}, nil); err == nil {
		t.Error("a report of nothing")
	}
}

// Names cannot leave their place in a page, hide or reorder what follows, or lose bytes.
func TestHostileNamesInPages(t *testing.T) {
	for name, want := range map[string]string{
		"<script>alert(1)</script>": "&lt;script&gt;",
		"a\u202egpj.exe":            `a\u202egpj.exe`,
		"a\u200bb":                  `a\u200bb`,
		"\x1b[2J":                   `\x1b[2J`,
		"gr\xf6\xdfe":               `gr\xf6\xdfe`,
		"a\nb":                      `a\nb`,
	} {
		r := &Report{Title: name, Verdict: name, Sections: []Section{{Title: name, Strips: []Strip{{Title: name, Label: name}}, Timelines: []Timeline{{Title: name, Rows: []TimelineRow{{Label: name}}}},
			Classes: []Class{{Label: name, Confusion: name}}, Values: []Value{{name, name}}, Table: &Table{Columns: []string{name}, Rows: []Row{{Cells: []string{name}}}}}}}
		var b bytes.Buffer
		if err := r.Write(&b); err != nil {
			t.Fatal(err)
		}
		page := b.String()
		if n := strings.Count(page, want); n < 10 || strings.Contains(page, name) || !utf8.ValidString(page) {
			t.Errorf("%q: %d times %q", name, n, want)
		}
	}
}

// A pipe or device in the place of a file of a run does not block a report.
func TestSpecialFilesOfRuns(t *testing.T) {
	for _, path := range []string{"/dev/zero", t.TempDir()} {
		if _, err := os.Stat(path); err != nil {
			t.Skip(err)
		}
		_, settings := Settings(path)
		_, curves := Curves(path, "")
		for _, err := range []error{settings, curves} {
			if !errors.Is(err, input.ErrNotRegular) {
				t.Errorf("%s: error %v", path, err)
			}
		}
	}
	large := filepath.Join(t.TempDir(), "config.json")
	if err := errors.Join(os.WriteFile(large, nil, 0o666), os.Truncate(large, train.MaxConfig+1)); err != nil {
		t.Fatal(err)
	}
	if _, err := Settings(large); !errors.Is(err, input.ErrTooLarge) {
		t.Errorf("a large file: error %v", err)
	}
}
