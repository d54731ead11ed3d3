package checkpoint

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/exactjson"
	"github.com/clipcue/clipcue/video"
)

// preprocessor is the configuration of a CLIPImageProcessor. Its values without a file are
// that class's own.
type preprocessor struct {
	Class     string          `json:"image_processor_type"`
	Older     string          `json:"feature_extractor_type"`
	Resize    *bool           `json:"do_resize"`
	Crop      *bool           `json:"do_center_crop"`
	Rescale   *bool           `json:"do_rescale"`
	Normalize *bool           `json:"do_normalize"`
	Pad       *bool           `json:"do_pad"`
	RGB       *bool           `json:"do_convert_rgb"`
	Size      json.RawMessage `json:"size"`
	CropSize  json.RawMessage `json:"crop_size"`
	Factor    *float64        `json:"rescale_factor"`
	Resample  *int            `json:"resample"`
	Mean      []float32       `json:"image_mean"`
	Std       []float32       `json:"image_std"`
}

// readPreprocessor reads the settings of Hugging Face's image processor. Transformers 5
// stores them in processor_config.json, older versions in preprocessor_config.json; if both
// have them, the newer file counts, as in Transformers. Settings that neither has are usual, those of
// the class CLIPImageProcessor or SiglipImageProcessor; class is how its name begins.
func (w *Weights) readPreprocessor(dir string, side int, class string, usual preprocessor) error {
	var whole struct {
		Image json.RawMessage `json:"image_processor"`
	}
	const newer, older = "processor_config.json", "preprocessor_config.json"
	name := newer
	err := readJSON(filepath.Join(dir, newer), &whole)
	if errors.Is(err, fs.ErrNotExist) || err == nil && whole.Image == nil {
		name = older
		err = readJSON(filepath.Join(dir, older), &whole.Image)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && usual.Crop == nil:
		w.assume("images are resized by their shorter side and cropped")
		return nil
	case errors.Is(err, fs.ErrNotExist):
		w.assume("images are resized to squares with bicubic interpolation")
		err = nil
	case err == nil:
		if err = refuseNull(whole.Image); err == nil {
			err = exactjson.Unmarshal(whole.Image, &usual)
		}
	}
	if err == nil {
		err = w.preprocess(&usual, side)
	}
	if err == nil {
		err = usual.checkClass(class)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// checkClass returns an error if the settings are those of an image processor of another class, which
// has other defaults.
func (p *preprocessor) checkClass(class string) error {
	name := cmp.Or(p.Class, p.Older)
	if name != "" && !strings.HasPrefix(name, class+"ImageProcessor") && name != class+"FeatureExtractor" {
		return fmt.Errorf("image_processor_type %q is not supported for this model; it is %sImageProcessor", name, class)
	}
	return nil
}

// refuseNull returns an error if an option is null: for one version of Transformers this is the
// class's own value, for another it is false.
func refuseNull(settings json.RawMessage) error {
	var options map[string]json.RawMessage
	if err := exactjson.Unmarshal(settings, &options); err != nil {
		return err
	}
	for _, name := range []string{"do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb", "size", "crop_size", "rescale_factor", "resample", "image_mean", "image_std"} {
		if string(options[name]) == "null" {
			return fmt.Errorf("%s null is not supported: versions of Transformers differ in its meaning", name)
		}
	}
	return nil
}

// preprocess sets how images become pixels of the model, whose images have the given side,
// or 0 if that is not known.
func (w *Weights) preprocess(p *preprocessor, side int) error {
	yes := func(b *bool) bool { return b == nil || *b }
	switch {
	case !yes(p.Resize):
		return errors.New("do_resize false is not supported: images of any size are resized")
	case p.Pad != nil && *p.Pad:
		return errors.New("do_pad true is not supported")
	case !yes(p.RGB):
		return errors.New("do_convert_rgb false is not supported")
	}
	switch resample := p.Resample; {
	case resample == nil || *resample == 3:
	case *resample == 2:
		w.Fit.Bilinear = true
	default:
		return fmt.Errorf("resample %d is not supported; it is 3 (bicubic) or 2 (bilinear)", *resample)
	}
	if err := p.fit(&w.Fit, side, yes(p.Crop)); err != nil {
		return err
	}
	return p.statistics(w, yes(p.Rescale), yes(p.Normalize))
}

// usualSide is the side of images of a CLIPImageProcessor without size or crop_size.
const usualSide = 224

// fit sets how images become square, with the side that the model takes.
func (p *preprocessor) fit(fit *video.Fit, side int, crop bool) error {
	shortest, both, err := edges(p.Size)
	if err != nil {
		return fmt.Errorf("size: %w", err)
	}
	if shortest == 0 && both == 0 {
		shortest = usualSide
	}
	fit.Squash = both != 0
	resized := max(shortest, both)
	cropped := resized
	if crop {
		edge, square, err := edges(p.CropSize)
		if err != nil {
			return fmt.Errorf("crop_size: %w", err)
		}
		cropped = cmp.Or(edge, square, usualSide)
	}
	switch {
	case !crop && !fit.Squash:
		return errors.New("do_center_crop false with a size that keeps the shape is not supported: images have to become square")
	case side != 0 && cropped != side:
		return fmt.Errorf("images of %d pixels contradict the model, whose images have %d", cropped, side)
	case resized < cropped:
		return fmt.Errorf("size %d is smaller than crop_size %d, which is not supported", resized, cropped)
	case resized > cropped:
		fit.Resized = resized
	}
	return nil
}

// edges reads a size: a number, or an object with shortest_edge, or with height and width,
// which must be equal. Both are 0 if data is empty.
func edges(data json.RawMessage) (shortest, both int, err error) {
	if len(data) == 0 || string(data) == "null" {
		return 0, 0, nil
	}
	if err := exactjson.Unmarshal(data, &shortest); err == nil {
		return shortest, 0, plausibleSide(shortest)
	}
	var s map[string]int
	if err := exactjson.Unmarshal(data, &s); err != nil {
		return 0, 0, fmt.Errorf("%s is neither a number nor an object of numbers", data)
	}
	switch edge, height, width := s["shortest_edge"], s["height"], s["width"]; {
	case len(s) == 1 && edge > 0:
		return edge, 0, plausibleSide(edge)
	case len(s) == 2 && height > 0 && height == width:
		return 0, height, plausibleSide(height)
	}
	return 0, 0, fmt.Errorf("%s is not supported; it is {\"shortest_edge\": n}, or equal height and width", data)
}

func plausibleSide(n int) error {
	if n < 1 || n > 1<<14 {
		return fmt.Errorf("%d pixels", n)
	}
	return nil
}

// statistics sets the pixels' mean and deviation, to which rescaling and the lack of
// normalization are equal: (x·factor - mean)/std for bytes x.
func (p *preprocessor) statistics(w *Weights, rescale, normalize bool) error {
	mean, std := p.Mean, p.Std
	if !normalize {
		mean, std = []float32{0, 0, 0}, []float32{1, 1, 1}
	}
	factor := 1.
	if rescale {
		factor = 1. / 255
		if p.Factor != nil {
			factor = *p.Factor
		}
	}
	if !(factor > 1e-6 && factor < 1e6) {
		return fmt.Errorf("rescale_factor is %g", factor)
	}
	if err := w.setStatistics(mean, std); err != nil {
		return err
	}
	scale := float32(factor * 255)
	if diff := scale - 1; diff > -1e-6 && diff < 1e-6 {
		return nil // as CLIP's own: the pixels' range is 0..1
	}
	if w.Std == [3]float32{} {
		return fmt.Errorf("rescale_factor %g without image_mean and image_std is not supported", factor)
	}
	w.Mean, w.Std = [3]float32(slices.Clone(w.Mean[:])), [3]float32(slices.Clone(w.Std[:]))
	for i := range w.Std {
		w.Mean[i] /= scale
		w.Std[i] /= scale
	}
	return nil
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
