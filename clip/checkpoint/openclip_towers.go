package checkpoint

import (
	"errors"
	"fmt"
)

// towers sets the architecture of both towers of an open_clip_config.json.
func (w *Weights) towers(c *openCLIPConfig, vision, text openCLIPTower, width int) error {
	w.Activation = "gelu"                            // OpenCLIP's default
	quick := string(c.Model["quick_gelu"]) == "true" // it is a boolean
	if quick {
		w.Activation = "quick_gelu"
	}
	eps, err := text.eps()
	if err != nil {
		return err
	}
	w.Eps = float32(eps)
	if err := w.textTower(text, quick); err != nil {
		return err
	}
	if name := vision.values["timm_model_name"]; name != nil && name != "" {
		return w.timmTower(vision, width)
	}
	return w.visionTower(vision, quick)
}

// visionTower sets the architecture of OpenCLIP's own image tower.
func (w *Weights) visionTower(t openCLIPTower, quick bool) (err error) {
	v := &w.Vision
	attention, after := false, false
	if err := t.flags(map[string]*bool{"no_ln_pre": &v.NoPreNorm, "attentional_pool": &attention, "final_ln_after_pool": &after}); err != nil {
		return err
	}
	if _, err := t.word("pos_embed_type", map[string]string{"": "", "learnable": "", "sin_cos_2d": ""}); err != nil {
		return err
	}
	if v.Pool, err = t.word("pool_type", map[string]string{"": "", "tok": "", "avg": PoolNormMean}); err != nil {
		return err
	}
	if v.Activation, err = t.activation(quick); err != nil {
		return err
	}
	eps, err := t.eps()
	if err != nil {
		return err
	}
	if float32(eps) != w.Eps {
		v.Eps = float32(eps)
	}
	switch {
	case attention && (v.Pool != "" || eps != 1e-5):
		return errors.New("vision_cfg: attentional_pool with pool_type or norm_kwargs is not supported")
	case attention:
		v.Pool, v.PoolHeads, v.PoolNorm = PoolAttention, 8, true
		heads, err := t.number("attn_pooler_heads")
		if err != nil {
			return err
		}
		if heads != 0 {
			v.PoolHeads = heads
		}
	case after && v.Pool == PoolNormMean:
		v.Pool = PoolMean
	}
	return nil
}

// textTower sets the architecture of a text tower.
func (w *Weights) textTower(t openCLIPTower, quick bool) (err error) {
	a := &w.Text
	class := false
	if err := t.flags(map[string]*bool{"no_causal_mask": &a.Bidirectional, "embed_cls": &class, "proj_bias": &a.ProjectionBias}); err != nil {
		return err
	}
	if a.Pool, err = t.word("pool_type", map[string]string{"": "", "argmax": "", "first": PoolFirst, "last": PoolLast}); err != nil {
		return err
	}
	if a.Activation, err = t.activation(quick); err != nil {
		return err
	}
	projection, err := t.word("proj_type", map[string]string{"": "linear", "linear": "linear", "none": "none"})
	if err != nil {
		return err
	}
	a.NoProjection = projection == "none"
	a.ProjectionBias = a.ProjectionBias && !a.NoProjection
	switch {
	case a.Pool == PoolFirst && !a.Bidirectional:
		return fmt.Errorf("%s: pool_type first without no_causal_mask is not supported: all texts would be equal", t.name)
	case class && a.Bidirectional:
		return fmt.Errorf("%s: embed_cls with no_causal_mask is not supported", t.name)
	case class:
		a.Pool = PoolClass
	}
	return nil
}

// perceptionEncoder sets the architecture of the files that Meta publishes for its Perception
// Encoder, without a configuration.
func (w *Weights) perceptionEncoder(tensors map[string]lazy) {
	w.Activation, w.Eps = "gelu", 1e-5
	w.Vision = Architecture{Pool: PoolAttention, PoolHeads: 8, Rotary: "xy", RotaryOffset: 1}
	head := 64
	if tensors["visual.class_embedding"].read == nil { // PE-Core-G14
		w.Vision.NoClassToken, w.Vision.RotaryOffset = true, 0
		head = 96
	}
	if shape := tensors[openAILandmark].shape; len(shape) > 0 {
		w.VisionHeads = max(1, shape[0]/head)
	}
	w.Fit.Squash, w.Fit.Bilinear = true, true
	w.Mean, w.Std = [3]float32{0.5, 0.5, 0.5}, [3]float32{0.5, 0.5, 0.5}
}
