package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"github.com/clipcue/clipcue/internal/input"
)

// configure reads the configuration in a weight file's folder: OpenCLIP's
// open_clip_config.json, or config.json, which OpenCLIP and Hugging Face both write.
// Without one, w does not change.
func (w *Weights) configure(dir string, tensors map[string]lazy) error {
	if dir == "" { // there is only the file
		return nil
	}
	for _, name := range []string{"open_clip_config.json", "config.json"} {
		data, err := input.ReadFile(filepath.Join(dir, name), maxJSON)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			data, err = toUTF8(data)
		}
		if err != nil {
			return err
		}
		var which struct {
			Model  json.RawMessage `json:"model_cfg"`
			Vision json.RawMessage `json:"vision_config"`
			Text   json.RawMessage `json:"text_config"`
			// CLIPModel's older configurations keep the sizes under these names.
			VisionDict json.RawMessage `json:"vision_config_dict"`
			TextDict   json.RawMessage `json:"text_config_dict"`
			Type       string          `json:"model_type"`
		}
		if err := decodeJSON(data, &which); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		var s sizes
		switch {
		case which.Model != nil:
			s, err = w.fromOpenCLIP(data)
		case which.Type == "clip_vision_model": // CLIPVisionModelWithProjection
			if s, err = w.fromTransformers([]json.RawMessage{data}, nil); err == nil {
				err = w.fromPreprocessor(dir)
			}
		case which.Vision != nil || which.VisionDict != nil:
			if which.Type != "" && which.Type != "clip" {
				return fmt.Errorf("%s is for a model of type %q; only \"clip\" is supported", name, which.Type)
			}
			text := []json.RawMessage{which.Text, which.TextDict}
			if !hasText(tensors) {
				text = nil
			}
			s, err = w.fromTransformers([]json.RawMessage{which.Vision, which.VisionDict}, text)
			if err == nil {
				err = w.fromPreprocessor(dir)
			}
		default:
			continue // of another program
		}
		if err == nil {
			err = s.check(tensors)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	return nil
}

// sizes are those of a model in its configuration; 0 where it has none.
type sizes struct {
	visionWidth, patch, textWidth, vocabulary int
}

// check returns an error unless the tensors have these sizes: the configuration in the
// folder may be that of another model.
func (s sizes) check(tensors map[string]lazy) error {
	for _, c := range []struct {
		what   string
		want   int
		tensor string
		dim    int
	}{
		{"the image tower's width", s.visionWidth, "visual.conv1.weight", 0},
		{"the patch size", s.patch, "visual.conv1.weight", 3},
		{"the vocabulary", s.vocabulary, "token_embedding.weight", 0},
		{"the text tower's width", s.textWidth, "token_embedding.weight", 1},
	} {
		shape := tensors[c.tensor].shape
		if c.want != 0 && c.dim < len(shape) && shape[c.dim] != c.want {
			return fmt.Errorf("%s is %d, but tensor %q has shape %v: it belongs to another model", c.what, c.want, c.tensor, shape)
		}
	}
	return nil
}

// transformersTower is a part of Hugging Face's CLIPConfig.
type transformersTower struct {
	Activation string  `json:"hidden_act"`
	Heads      int     `json:"num_attention_heads"`
	Eps        float64 `json:"layer_norm_eps"`
	Width      int     `json:"hidden_size"`
	Patch      int     `json:"patch_size"`
	Vocabulary int     `json:"vocab_size"`
}

// read overwrites t with the values that the parts of a configuration have.
func (t *transformersTower) read(parts []json.RawMessage) error {
	for _, data := range parts {
		if data == nil {
			continue
		}
		if err := json.Unmarshal(data, t); err != nil {
			return err
		}
	}
	return nil
}

// fromTransformers reads the parts of a CLIPConfig for the two towers; text is nil for a
// model without text tower. Missing values are those of CLIPConfig itself: ViT-B/32.
func (w *Weights) fromTransformers(vision, text []json.RawMessage) (sizes, error) {
	v := transformersTower{Activation: "quick_gelu", Heads: 12, Eps: 1e-5, Width: 768, Patch: 32}
	t := transformersTower{Activation: "quick_gelu", Heads: 8, Eps: 1e-5, Width: 512, Vocabulary: 49408}
	if err := v.read(vision); err != nil {
		return sizes{}, err
	}
	if err := t.read(text); err != nil {
		return sizes{}, err
	}
	if text == nil {
		t.Activation, t.Eps = v.Activation, v.Eps
	}
	if v.Eps != t.Eps || !plausibleEps(v.Eps) {
		return sizes{}, fmt.Errorf("layer_norm_eps is %g in vision_config and %g in text_config, which is not supported", v.Eps, t.Eps)
	}
	if v.Activation != t.Activation {
		return sizes{}, fmt.Errorf("hidden_act is %q in vision_config and %q in text_config, which is not supported", v.Activation, t.Activation)
	}
	if v.Heads < 1 || t.Heads < 1 {
		return sizes{}, fmt.Errorf("num_attention_heads is %d and %d", v.Heads, t.Heads)
	}
	switch v.Activation {
	case "quick_gelu", "gelu":
		w.Activation = v.Activation
	default:
		return sizes{}, fmt.Errorf("hidden_act %q is not supported; it is quick_gelu or gelu", v.Activation)
	}
	w.VisionHeads, w.TextHeads, w.Eps = v.Heads, t.Heads, float32(v.Eps)
	return sizes{v.Width, v.Patch, t.Width, t.Vocabulary}, nil
}

// fromPreprocessor reads the pixel statistics, which Hugging Face stores in another file.
func (w *Weights) fromPreprocessor(dir string) error {
	const name = "preprocessor_config.json"
	var p struct {
		Mean     []float32 `json:"image_mean"`
		Std      []float32 `json:"image_std"`
		Resample any       `json:"resample"`
	}
	err := readJSON(filepath.Join(dir, name), &p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if bicubic := any(3.0); p.Resample != nil && p.Resample != bicubic {
		return fmt.Errorf("%s: resample %v is not supported; CLIP's is 3, bicubic", name, p.Resample)
	}
	return w.setStatistics(p.Mean, p.Std)
}

// setStatistics sets the pixels' mean and deviation, unless both are nil.
func (w *Weights) setStatistics(mean, std []float32) error {
	if mean == nil && std == nil {
		return nil
	}
	if len(mean) != 3 || len(std) != 3 || slices.Min(std) <= 0 {
		return fmt.Errorf("pixel mean %v and deviation %v must be three numbers each, deviations positive", mean, std)
	}
	w.Mean, w.Std = [3]float32(mean), [3]float32(std)
	return nil
}

// openCLIPConfig is the content of an open_clip_config.json.
type openCLIPConfig struct {
	Model struct {
		QuickGELU bool           `json:"quick_gelu"`
		Vision    map[string]any `json:"vision_cfg"`
		Text      map[string]any `json:"text_cfg"`
		CoCa      any            `json:"multimodal_cfg"`
		SigLIP    any            `json:"init_logit_bias"`
	} `json:"model_cfg"`
	Preprocess struct {
		Mean          []float32 `json:"mean"`
		Std           []float32 `json:"std"`
		Interpolation string    `json:"interpolation"`
		Resize        string    `json:"resize_mode"`
	} `json:"preprocess_cfg"`
}

// eps returns what layer norms add to the variance. Options that CLIP does not have are
// an error.
func (c *openCLIPConfig) eps() (float32, error) {
	switch p := c.Preprocess; {
	case c.Model.CoCa != nil:
		return 0, errors.New("multimodal_cfg: a CoCa model is not supported")
	case c.Model.SigLIP != nil:
		return 0, errors.New("init_logit_bias: a SigLIP model is not supported")
	case p.Interpolation != "" && p.Interpolation != "bicubic", p.Resize != "" && p.Resize != "shortest":
		return 0, fmt.Errorf("preprocess_cfg: interpolation %q with resize_mode %q is not supported; CLIP's are bicubic and shortest", p.Interpolation, p.Resize)
	}
	vision, err := checkTower("vision_cfg", c.Model.Vision, plainVision)
	if err != nil {
		return 0, err
	}
	text, err := checkTower("text_cfg", c.Model.Text, plainText)
	if err == nil && vision != text {
		err = fmt.Errorf("the towers' norm_kwargs differ (eps %g and %g), which is not supported", vision, text)
	}
	return float32(vision), err
}

// fromOpenCLIP reads an open_clip_config.json.
func (w *Weights) fromOpenCLIP(data []byte) (s sizes, err error) {
	var c openCLIPConfig
	if err := json.Unmarshal(data, &c); err != nil {
		return s, err
	}
	if w.Eps, err = c.eps(); err != nil {
		return s, err
	}
	if err := w.setStatistics(c.Preprocess.Mean, c.Preprocess.Std); err != nil {
		return s, err
	}
	number := func(tower map[string]any, name string) int {
		n, _ := tower[name].(float64)
		return max(0, int(n))
	}
	m := c.Model
	s = sizes{
		number(m.Vision, "width"), number(m.Vision, "patch_size"),
		number(m.Text, "width"), number(m.Text, "vocab_size"),
	}
	if width := number(m.Vision, "head_width"); width > 0 {
		w.VisionHeads = s.visionWidth / width
	}
	w.TextHeads = number(m.Text, "heads")
	w.Activation = "gelu" // OpenCLIP's default
	if m.QuickGELU {
		w.Activation = "quick_gelu"
	}
	return s, nil
}

// plainVision and plainText are the options of OpenCLIP's towers that change the
// arithmetic, but not the tensors, with CLIP's values.
var (
	plainVision = map[string]any{
		"pool_type": "tok", "pos_embed_type": "learnable", "final_ln_after_pool": false, "global_average_pool": false,
		"timm_model_name": "", "act_kwargs": nil, "scaled_cosine_attn": false,
	}
	plainText = map[string]any{
		"pool_type": "argmax", "text_arch": "clip", "hf_model_name": "", "hf_tokenizer_name": "", "no_causal_mask": false,
		"attention_mode": "causal", "final_ln_after_pool": false, "act_kwargs": nil, "scaled_cosine_attn": false,
	}
)

// checkTower returns an error for options of a tower that are not CLIP's, and what its
// layer norms add to the variance.
func checkTower(name string, options, plain map[string]any) (eps float64, err error) {
	for _, option := range slices.Sorted(maps.Keys(options)) {
		want, known := plain[option]
		if v := options[option]; known && v != nil && v != want {
			return 0, fmt.Errorf("%s: %s %v is not supported", name, option, v)
		}
	}
	eps = 1e-5
	switch norm := options["norm_kwargs"].(type) {
	case nil:
	case map[string]any:
		eps, _ = norm["eps"].(float64)
		if len(norm) != 1 || !plausibleEps(eps) {
			return 0, fmt.Errorf("%s: norm_kwargs %v is not supported", name, norm)
		}
	default:
		return 0, fmt.Errorf("%s: norm_kwargs %v is not supported", name, norm)
	}
	return eps, nil
}

// plausibleEps reports whether a layer norm can add eps to the variance.
func plausibleEps(eps float64) bool { return eps >= 1e-12 && eps <= 1 }
