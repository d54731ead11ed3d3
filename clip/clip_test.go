package clip_test

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/internal/fixture"
)

// near fails unless got equals want within tol times the largest entry of want.
func near(t *testing.T, what string, got, want []float32, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values instead of %d", what, len(got), len(want))
	}
	var most, worst float64
	for i, w := range want {
		most = max(most, math.Abs(float64(w)))
		worst = max(worst, math.Abs(float64(got[i]-w)))
	}
	if !(worst <= tol*most) {
		t.Errorf("%s: differs by %g, %g of the largest entry", what, worst, worst/most)
	}
}

// Every kind of weight file gives the features of the reference.
func TestFeaturesOfEveryFile(t *testing.T) {
	want := fixture.Load(t, "clip/expected.safetensors")
	floats := func(name string) []float32 {
		v, err := want.Tensors[name].Float32s()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	ids, err := want.Tensors["ids"].Int64s()
	if err != nil {
		t.Fatal(err)
	}
	for file, half := range map[string]string{
		"openai_archive.pt": "_from_half", "openai_state_dict.pt": "_from_half",
		"openclip.safetensors": "", "openclip_training.pt": "", "hf": "",
	} {
		t.Run(file, func(t *testing.T) {
			m, err := clip.Load(filepath.Join(fixture.Dir(t), "clip", file), clip.Options{})
			if err != nil {
				t.Fatal(err)
			}
			images, err := m.EncodePixels(t.Context(), floats("pixels"))
			if err != nil {
				t.Fatal(err)
			}
			near(t, "image features", images, floats("image_features"+half), 2e-5)
			texts, err := m.EncodeTokens(t.Context(), rows(ids, m.Config().Context))
			if err != nil {
				t.Fatal(err)
			}
			near(t, "text features", texts, floats("text_features"+half), 2e-5)
		})
	}
}

// rows cuts padded token ids into sequences that end with EOT, which has the highest id.
func rows(ids []int64, context int) [][]int {
	var out [][]int
	for ; len(ids) > 0; ids = ids[context:] {
		eot := 0
		for i, id := range ids[:context] {
			if id > ids[eot] {
				eot = i
			}
		}
		var row []int
		for _, id := range ids[:eot+1] {
			row = append(row, int(id))
		}
		out = append(out, row)
	}
	return out
}

func small() clip.Config {
	return clip.Config{Embed: 32, ImageSize: 16, PatchSize: 8, VisionWidth: 64, VisionLayers: 2, VisionHeads: 2,
		Context: 20, Vocab: 600, TextWidth: 64, TextLayers: 2, TextHeads: 2, Activation: "quick_gelu", Eps: 1e-5}
}

func TestMissingAndMisshapenTensorsAreNamed(t *testing.T) {
	for name, spoil := range map[string]func(w map[string][]int){
		`"visual.ln_post.bias" is missing`:                                       func(w map[string][]int) { delete(w, "visual.ln_post.bias") },
		`"transformer.resblocks.1.mlp.c_fc.bias" has shape [7] instead of [256]`: func(w map[string][]int) { w["transformer.resblocks.1.mlp.c_fc.bias"] = []int{7} },
		`"visual.conv1.weight" is missing`:                                       func(w map[string][]int) { delete(w, "visual.conv1.weight") },
		`"token_embedding.weight" has shape [64], not 2 dimensions`:              func(w map[string][]int) { w["token_embedding.weight"] = []int{64} },
	} {
		w := clip.RandomWeights(small(), 1)
		shapes := map[string][]int{}
		for n, x := range w.Tensors {
			shapes[n] = x.Shape
		}
		spoil(shapes)
		for n := range w.Tensors {
			s, ok := shapes[n]
			if !ok {
				delete(w.Tensors, n)
				continue
			}
			size := 1
			for _, v := range s {
				size *= v
			}
			w.Tensors[n] = checkpoint.InMemory(make([]float32, size), s...)
		}
		_, err := clip.New(w, clip.Options{})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, which does not say %s", err, name)
		}
	}
}

func TestActivation(t *testing.T) {
	w := clip.RandomWeights(small(), 1)
	encode := func(o clip.Options) (*clip.Model, []float32) {
		m, err := clip.New(w, o)
		if err != nil {
			t.Fatal(err)
		}
		f, err := m.EncodeTexts(t.Context(), []string{"a cat"}, false)
		if err != nil {
			t.Fatal(err)
		}
		return m, f
	}
	_, quick := encode(clip.Options{})
	m, gelu := encode(clip.Options{Activation: "gelu"})
	if quick[0] == gelu[0] {
		t.Error("the activation changes nothing")
	}
	if len(m.Assumed()) > 0 {
		t.Error("a given activation counts as assumed")
	}
	w.Activation = ""
	m, assumed := encode(clip.Options{})
	if len(m.Assumed()) != 1 || assumed[0] != quick[0] {
		t.Error("a file that does not tell its activation is not taken as OpenAI's, with a word about it")
	}
	if _, err := clip.New(w, clip.Options{Activation: "relu"}); err == nil {
		t.Error("an unknown activation is taken")
	}
}

func TestFingerprintTellsBackbonesApart(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(w *map[string][]float32, o *clip.Options){
		"same":        func(*map[string][]float32, *clip.Options) {},
		"one value":   func(w *map[string][]float32, _ *clip.Options) { (*w)["ln_final.bias"][3]++ },
		"other gelu":  func(_ *map[string][]float32, o *clip.Options) { o.Activation = "gelu" },
		"only images": func(_ *map[string][]float32, o *clip.Options) { o.Towers = clip.ImageTower },
	} {
		w := clip.RandomWeights(small(), 1)
		data := map[string][]float32{}
		for n, x := range w.Tensors {
			v, err := x.Read()
			if err != nil {
				t.Fatal(err)
			}
			data[n] = v
			w.Tensors[n] = checkpoint.InMemory(v, x.Shape...)
		}
		var o clip.Options
		change(&data, &o)
		m, err := clip.New(w, o)
		if err != nil {
			t.Fatal(err)
		}
		seen[name] = m.Fingerprint()
	}
	if seen["same"] != seen["only images"] {
		t.Error("loading one tower changes the fingerprint")
	}
	if seen["same"] == seen["one value"] || seen["same"] == seen["other gelu"] {
		t.Error("another backbone has the same fingerprint")
	}
}

// Encoding many texts together gives the same features as encoding each alone.
func TestTextsDoNotDisturbEachOther(t *testing.T) {
	m, err := clip.New(clip.RandomWeights(small(), 1), clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{"a", "a man walks", "the dog", "b c d e"}
	all, err := m.EncodeTexts(t.Context(), texts, false)
	if err != nil {
		t.Fatal(err)
	}
	e := m.Config().Embed
	for i, text := range texts {
		one, err := m.EncodeTexts(t.Context(), []string{text}, false)
		if err != nil {
			t.Fatal(err)
		}
		near(t, text, all[i*e:(i+1)*e], one, 1e-5)
	}
	if none, err := m.EncodeTexts(t.Context(), nil, false); err != nil || len(none) != 0 {
		t.Errorf("no texts give %v, %v", none, err)
	}
}

func TestLongTexts(t *testing.T) {
	m, err := clip.New(clip.RandomWeights(small(), 1), clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("word ", 30)
	if _, err := m.EncodeTexts(t.Context(), []string{long}, false); err == nil {
		t.Error("a text of too many tokens is cut without a word")
	}
	if _, err := m.EncodeTexts(t.Context(), []string{long}, true); err != nil {
		t.Error(err)
	}
}

func TestClassEmbeddingsAreNormalized(t *testing.T) {
	m, err := clip.New(clip.RandomWeights(small(), 1), clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := m.EncodeClasses(t.Context(), []string{"run", "sit"}, clip.Templates[:2], false)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		var sum float64
		for _, v := range f[i*32 : (i+1)*32] {
			sum += float64(v) * float64(v)
		}
		if math.Abs(sum-1) > 1e-5 {
			t.Errorf("class %d has squared length %v", i, sum)
		}
	}
	if _, err := m.EncodeClasses(t.Context(), []string{"run"}, []string{"no place"}, false); err == nil {
		t.Error("a template without {} is taken")
	}
}

// The directions of int8 features are those of float32.
func TestInt8FeaturesAreClose(t *testing.T) {
	w := clip.RandomWeights(small(), 1)
	load := func(precision string) *clip.Model {
		m, err := clip.New(w, clip.Options{Precision: precision})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	exact, rounded := load(""), load("int8")
	got, err := clip.Compare(t.Context(), exact, rounded)
	if err != nil {
		t.Fatal(err)
	}
	if got.Images.Lowest < 0.995 || got.Texts.Lowest < 0.995 {
		t.Errorf("cosines to float32: %+v", got)
	}
	if got.Images.Lowest == 1 {
		t.Error("nothing is rounded")
	}
	if exact.Fingerprint() != rounded.Fingerprint() {
		t.Error("precision changes what the backbone is")
	}
	if rounded.Config().Precision != "int8-2" || exact.Config().Precision != "" {
		t.Error("the configuration does not tell the precision")
	}
	if _, err := clip.New(w, clip.Options{Precision: "int4"}); err == nil {
		t.Error("an unknown precision is taken")
	}
}

func BenchmarkImageTower(b *testing.B) {
	c := clip.Config{Embed: 512, ImageSize: 224, PatchSize: 16, VisionWidth: 768, VisionLayers: 12, VisionHeads: 12,
		Context: 77, Vocab: 600, TextWidth: 64, TextLayers: 1, TextHeads: 1, Activation: "quick_gelu", Eps: 1e-5}
	m, err := clip.New(clip.RandomWeights(c, 1), clip.Options{Towers: clip.ImageTower})
	if err != nil {
		b.Fatal(err)
	}
	const batch = 8
	rgb := make([]byte, batch*3*224*224)
	for b.Loop() {
		if _, err := m.EncodeImages(b.Context(), rgb); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "images/s")
}
