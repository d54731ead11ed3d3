package checkpoint

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/internal/exactjson"
	"github.com/clipcue/clipcue/video"
)

// ConfigKey is the metadata key of a safetensors file that clipcue wrote. Its value is
// JSON with the settings that do not follow from shapes.
const ConfigKey = "clip_config"

// description is the value of ConfigKey.
type description struct {
	Activation  string       `json:"activation"`
	VisionHeads int          `json:"vision_heads"`
	TextHeads   int          `json:"text_heads"`
	Eps         float64      `json:"layer_norm_eps"`
	Mean        []float32    `json:"mean"`
	Std         []float32    `json:"std"`
	Fit         video.Fit    `json:"fit,omitzero"`
	Vision      Architecture `json:"vision,omitzero"`
	Text        Architecture `json:"text,omitzero"`
	Cleaning    bpe.Cleaning `json:"clean,omitempty"`
	ImageSize   int          `json:"image_size,omitempty"`
}

// Describe returns the value of ConfigKey for a file of these weights.
func (w *Weights) Describe() (string, error) {
	d, err := json.Marshal(description{w.Activation, w.VisionHeads, w.TextHeads, float64(w.Eps), w.Mean[:], w.Std[:], w.Fit, w.Vision, w.Text, w.Cleaning, w.ImageSize})
	return string(d), err
}

// fromMetadata reads the output of Describe.
func (w *Weights) fromMetadata(data []byte) error {
	var d description
	if err := exactjson.Unmarshal(data, &d); err != nil {
		return err
	}
	switch {
	case d.VisionHeads < 1 || d.TextHeads < 0:
		return fmt.Errorf("%d and %d attention heads", d.VisionHeads, d.TextHeads)
	case !plausibleEps(d.Eps):
		return fmt.Errorf("layer_norm_eps is %g", d.Eps)
	}
	w.Activation, w.VisionHeads, w.TextHeads, w.Eps = d.Activation, d.VisionHeads, d.TextHeads, float32(d.Eps)
	if d.Cleaning != "" && !slices.Contains(bpe.Cleanings, d.Cleaning) {
		return fmt.Errorf("clean %q is not known", d.Cleaning)
	}
	w.Fit, w.Vision, w.Text, w.Cleaning, w.ImageSize = d.Fit, d.Vision, d.Text, d.Cleaning, d.ImageSize
	return w.setStatistics(d.Mean, d.Std)
}
