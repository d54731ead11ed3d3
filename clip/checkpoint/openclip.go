package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/internal/exactjson"
)

// openCLIPConfig is the content of an open_clip_config.json.
type openCLIPConfig struct {
	Model      map[string]json.RawMessage `json:"model_cfg"`
	Preprocess struct {
		Size          any       `json:"size"`
		Mode          string    `json:"mode"`
		Mean          []float32 `json:"mean"`
		Std           []float32 `json:"std"`
		Interpolation string    `json:"interpolation"`
		Resize        string    `json:"resize_mode"`
	} `json:"preprocess_cfg"`
}

// The options of OpenCLIP that are not read elsewhere: those that are the same in CLIP, and
// those that do not change what a trained model computes, or only do together with another
// option, whose value is any. An option that is in neither is unknown, and an error.
type options map[string]any

// The values of options that change nothing, or that are read elsewhere: of any kind, or of one.
var (
	anything = new(int)
	boolean  = new(int)
	number   = new(int)
	word     = new(int)
)

var (
	modelOptions = options{"embed_dim": anything, "quick_gelu": boolean, "vision_cfg": anything, "text_cfg": anything,
		"custom_text": boolean, "init_logit_scale": number, "nonscalar_logit_scale": boolean, "cast_dtype": word,
		"output_dict": boolean, "multimodal_cfg": anything, "init_logit_bias": number}

	visionOptions = options{"layers": anything, "width": anything, "head_width": anything, "mlp_ratio": number,
		"patch_size": anything, "image_size": anything, "norm_kwargs": anything,
		"patch_dropout": number, "output_tokens": boolean, "attn_pooler_queries": anything, "attn_pooler_heads": anything,
		"timm_model_pretrained": boolean, "timm_pool": word, "timm_proj": word, "timm_proj_bias": boolean,
		"timm_drop": anything, "timm_drop_path": anything, "input_patchnorm": false, "global_average_pool": false,
		"pool_type": anything, "pos_embed_type": anything, "final_ln_after_pool": boolean, "no_ln_pre": boolean,
		"attentional_pool": anything, "ls_init_value": number, "timm_model_name": word, "act_kwargs": anything, "block_type": anything,
		"qk_norm": false, "scaled_cosine_attn": false, "scale_heads": false, "scale_attn_inner": false, "scale_attn": false, "scale_fc": false}

	textOptions = options{"layers": anything, "width": anything, "heads": anything, "mlp_ratio": number,
		"context_length": anything, "vocab_size": anything, "norm_kwargs": anything, "tokenizer_kwargs": anything,
		"pad_id": float64(0), "eos_id": anything, "output_tokens": boolean, "hf_model_pretrained": boolean, "hf_proj_type": anything,
		"hf_pooler_type": anything, "hf_tokenizer_name": word, "tokenizer_mode": nil, "hf_model_name": "", "text_arch": "clip",
		"pool_type": anything, "no_causal_mask": boolean, "attention_mode": "causal", "embed_cls": boolean, "final_ln_after_pool": false,
		"proj_bias": boolean, "proj_type": word, "ls_init_value": number, "act_kwargs": anything, "block_type": anything,
		"qk_norm": false, "scaled_cosine_attn": false, "scale_heads": false, "scale_attn_inner": false, "scale_attn": false, "scale_fc": false}

	tokenizerOptions = options{"clean": word, "strip_sep_token": boolean, "additional_special_tokens": nil, "reduction_mask": ""}
)

// kinds report whether a value is of a kind.
var kinds = map[any]func(v any) bool{
	boolean: func(v any) bool { _, ok := v.(bool); return ok },
	number:  func(v any) bool { _, ok := v.(float64); return ok },
	word:    func(v any) bool { _, ok := v.(string); return ok },
}

// check returns an error if an option is not known, or has a value that is not supported.
func (o options) check(part string, values map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := values[name]
		want, known := o[name]
		switch {
		case !known:
			return fmt.Errorf("%s: the option %s is not known", part, name)
		case want == anything || v == nil || v == want || kinds[want] != nil && kinds[want](v):
		default:
			return fmt.Errorf("%s: %s %v is not supported", part, name, v)
		}
	}
	return nil
}

// openCLIPTower is one tower of a configuration.
type openCLIPTower struct {
	name   string
	values map[string]any
}

// tower reads and checks a tower.
func (c *openCLIPConfig) tower(name string, known options) (t openCLIPTower, err error) {
	t.name = name
	if data := c.Model[name]; data != nil {
		if err := exactjson.Unmarshal(data, &t.values); err != nil {
			return t, fmt.Errorf("%s: %w", name, err)
		}
	}
	return t, known.check(name, t.values)
}

// number returns an option that is a positive number, or, for an image, two equal ones.
// It is 0 without the option.
func (t openCLIPTower) number(option string) (int, error) {
	v := t.values[option]
	if pair, ok := v.([]any); ok && option == "image_size" && len(pair) == 2 && pair[0] == pair[1] {
		v = pair[0]
	}
	n, ok := v.(float64)
	switch {
	case v == nil:
		return 0, nil
	case !ok || n < 1 || n > 1<<30 || n != math.Trunc(n):
		return 0, fmt.Errorf("%s: %s %v is not supported", t.name, option, v)
	}
	return int(n), nil
}

// numbers sets each of the variables to an option, if there is one.
func (t openCLIPTower) numbers(into map[string]*int) error {
	for option, p := range into {
		n, err := t.number(option)
		if err != nil {
			return err
		}
		if n != 0 {
			*p = n
		}
	}
	return nil
}

// mlp returns the size of the MLPs of a tower of a given width, or 0 without mlp_ratio.
func (t openCLIPTower) mlp(width int) int {
	ratio, _ := t.values["mlp_ratio"].(float64)
	return max(0, int(float64(width)*ratio))
}

// flag returns an option that is true or false.
func (t openCLIPTower) flag(option string) (bool, error) {
	v := t.values[option]
	on, ok := v.(bool)
	if v != nil && !ok {
		return false, fmt.Errorf("%s: %s %v is not supported", t.name, option, v)
	}
	return on, nil
}

// flags sets each of the variables to an option.
func (t openCLIPTower) flags(into map[string]*bool) (err error) {
	for option, p := range into {
		if *p, err = t.flag(option); err != nil {
			return err
		}
	}
	return nil
}

// word returns an option that is one of the keys of words, as the value there. Without the option
// it is that of "".
func (t openCLIPTower) word(option string, words map[string]string) (string, error) {
	v := t.values[option]
	if v == nil {
		v = ""
	}
	name, isString := v.(string)
	value, known := words[name]
	if !isString || !known {
		return "", fmt.Errorf("%s: %s %v is not supported", t.name, option, v)
	}
	return value, nil
}

// activation returns the activation of the tower, if it is not that of the model.
func (t openCLIPTower) activation(quick bool) (string, error) {
	switch k := t.values["act_kwargs"].(type) {
	case nil:
		return "", nil
	case map[string]any:
		if approximate := k["approximate"]; len(k) == 1 && !quick && approximate == "tanh" {
			return "gelu_tanh", nil
		} else if len(k) == 0 || len(k) == 1 && !quick && approximate == "none" {
			return "", nil
		}
	}
	return "", fmt.Errorf("%s: act_kwargs %v is not supported", t.name, t.values["act_kwargs"])
}

// eps returns what the layer norms of the tower add to the variance.
func (t openCLIPTower) eps() (float64, error) {
	eps := 1e-5
	switch norm := t.values["norm_kwargs"].(type) {
	case nil:
		return eps, nil
	case map[string]any:
		eps, _ = norm["eps"].(float64)
		if len(norm) == 1 && plausibleEps(eps) {
			return eps, nil
		}
	}
	return 0, fmt.Errorf("%s: norm_kwargs %v is not supported", t.name, t.values["norm_kwargs"])
}

// fromOpenCLIP reads an open_clip_config.json. The image tower has the given width.
func (w *Weights) fromOpenCLIP(data []byte, dir string, width int) (s sizes, err error) {
	var c openCLIPConfig
	if err := exactjson.Unmarshal(data, &c); err != nil {
		return s, err
	}
	if err := c.checkModel(w.biased, w.decoder); err != nil {
		return s, err
	}
	vision, err := c.tower("vision_cfg", visionOptions)
	if err != nil {
		return s, err
	}
	text, err := c.tower("text_cfg", textOptions)
	if err != nil {
		return s, err
	}
	timm := vision.values["timm_model_name"] != nil && vision.values["timm_model_name"] != ""
	if timm {
		delete(vision.values, "ls_init_value") // it is not read there, and none of the supported towers has layer scale
	}
	if err := errors.Join(vision.checkScale(w.scaledImage), text.checkScale(w.scaledText)); err != nil {
		return s, err
	}
	// Values that are missing are OpenCLIP's. Other sizes have to be those of the tensors there.
	head := 64
	s.imageSize, s.context, w.TextHeads = 224, 77, 8
	if err := vision.numbers(map[string]*int{"width": &s.visionWidth, "patch_size": &s.patch, "layers": &s.visionLayers,
		"image_size": &s.imageSize, "head_width": &head}); err != nil {
		return s, err
	}
	if err := text.numbers(map[string]*int{"width": &s.textWidth, "vocab_size": &s.vocabulary, "layers": &s.textLayers,
		"context_length": &s.context, "heads": &w.TextHeads}); err != nil {
		return s, err
	}
	s.visionMLP, s.textMLP = vision.mlp(s.visionWidth), text.mlp(s.textWidth)
	w.VisionHeads = max(1, width/head)
	if err := w.towers(&c, vision, text, width); err != nil {
		return s, err
	}
	if s.patch == 0 && w.Vision.NoClassToken && w.Vision.Pool == PoolAttention { // of timm
		w.ImageSize = s.imageSize
	}
	if err := w.tokenizer(text, dir); err != nil {
		return s, err
	}
	if embed := c.Model["embed_dim"]; embed != nil {
		if err := exactjson.Unmarshal(embed, &s.embed); err != nil {
			return s, fmt.Errorf("embed_dim: %w", err)
		}
	}
	if err := w.preprocessOpenCLIP(&c, s.imageSize); err != nil {
		return s, err
	}
	if !timm && width%head != 0 {
		return s, fmt.Errorf("vision_cfg: heads of %d columns in a tower of %d are not supported", head, width)
	}
	return s, nil
}

// checkScale returns an error unless the tower has layer scale as its option says.
func (t openCLIPTower) checkScale(scaled bool) error {
	if v := t.values["ls_init_value"]; (v != nil) != scaled {
		return fmt.Errorf("%s: ls_init_value %v, but the weights have layer scale: %v; it belongs to another model", t.name, v, scaled)
	}
	return nil
}

// checkModel checks the options of the whole model.
func (c *openCLIPConfig) checkModel(hasBias, hasDecoder bool) error {
	whole := map[string]any{}
	for name, data := range c.Model {
		var v any
		if err := exactjson.Unmarshal(data, &v); err != nil {
			return err
		}
		whole[name] = v
	}
	for option, has := range map[string]bool{"init_logit_bias": hasBias, "multimodal_cfg": hasDecoder} {
		if (whole[option] != nil) != has {
			return fmt.Errorf("model_cfg: %s %v, but the weights have such a part: %v; it belongs to another model", option, whole[option], has)
		}
	}
	return modelOptions.check("model_cfg", whole)
}

// tokenizer checks the settings of the tokenizer, and reads it if it is not CLIP's.
func (w *Weights) tokenizer(text openCLIPTower, dir string) error {
	settings, ok := text.values["tokenizer_kwargs"].(map[string]any)
	if !ok && text.values["tokenizer_kwargs"] != nil {
		return errors.New("text_cfg: tokenizer_kwargs is not an object")
	}
	if err := tokenizerOptions.check("tokenizer_kwargs", settings); err != nil {
		return err
	}
	name, own := text.values["hf_tokenizer_name"].(string)
	own = own && name != ""
	cleaning := bpe.Lower
	if own {
		cleaning = bpe.Whitespace
	}
	if clean := settings["clean"]; clean != nil {
		s, _ := clean.(string)
		cleaning = bpe.Cleaning(s)
	}
	switch {
	case !slices.Contains(bpe.Cleanings, cleaning) || !own && cleaning == bpe.Whitespace:
		return fmt.Errorf("tokenizer_kwargs: clean %v is not supported", settings["clean"])
	case own:
		strip, _ := settings["strip_sep_token"].(bool)
		return w.readTokenizer(dir, cleaning, strip)
	case cleaning != bpe.Lower:
		w.Cleaning = cleaning
	}
	return nil
}

// preprocessOpenCLIP sets how images become pixels.
func (w *Weights) preprocessOpenCLIP(c *openCLIPConfig, side int) error {
	p := c.Preprocess
	switch p.Interpolation {
	case "", "bicubic", "random": // random is for training
	case "bilinear":
		w.Fit.Bilinear = true
	default:
		return fmt.Errorf("preprocess_cfg: interpolation %q is not supported; it is bicubic or bilinear", p.Interpolation)
	}
	switch p.Resize {
	case "", "shortest":
	case "squash":
		w.Fit.Squash = true
	default:
		return fmt.Errorf("preprocess_cfg: resize_mode %q is not supported; it is shortest or squash", p.Resize)
	}
	if p.Mode != "" && p.Mode != "RGB" {
		return fmt.Errorf("preprocess_cfg: mode %q is not supported; it is RGB", p.Mode)
	}
	n, err := openCLIPTower{"preprocess_cfg", map[string]any{"image_size": p.Size}}.number("image_size")
	if err != nil || n != 0 && side != 0 && n != side {
		return fmt.Errorf("preprocess_cfg: size %v contradicts the model, whose images have %d pixels", p.Size, side)
	}
	return w.setStatistics(p.Mean, p.Std)
}
