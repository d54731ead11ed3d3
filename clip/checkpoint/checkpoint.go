// Package checkpoint reads the weight files of CLIP ViTs and returns their tensors under
// OpenAI's names.
//
// It reads OpenAI's TorchScript archives, plain state dicts and the training checkpoints of
// OpenCLIP and ViFi-CLIP (.pt, .bin), Meta's Perception Encoder and Apple's MobileCLIP (.pt),
// OpenCLIP's and Hugging Face's .safetensors, models in several files with an index, and the
// folders that they are published in. Nothing in a file is executed.
package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/clipcue/clipcue/video"
)

// Tensor is an array of numbers, row-major, outermost size first. Its elements are read
// from the file when needed: a model is built one tensor after the other, so its weights
// are not in memory twice.
type Tensor struct {
	Shape []int
	// Read returns the elements, as many as Shape says. It may be called again.
	Read func() ([]float32, error)
}

// InMemory returns a tensor with the given elements.
func InMemory(data []float32, shape ...int) Tensor {
	return Tensor{shape, func() ([]float32, error) { return data, nil }}
}

// Weights are the tensors of a model and its settings in the files.
type Weights struct {
	// Tensors by the names of OpenAI's state dicts. They may be incomplete.
	Tensors map[string]Tensor

	// Format names the kind of file, such as "openai-archive".
	Format string

	// Activation is "quick_gelu", "gelu", or "" if the files do not say.
	Activation string

	// VisionHeads and TextHeads are the attention heads of the towers; 0 if the
	// files do not say; CLIP's heads are 64 wide.
	VisionHeads, TextHeads int

	// Eps is what layer norms add to the variance; 0 if the files do not say;
	// CLIP's is 1e-5.
	Eps float32

	// Mean and Std are the statistics by which the pixels' channels, red first
	// and in 0..1, were normalized in training. All are 0 if the files do not
	// say; then they are CLIP's own.
	Mean, Std [3]float32

	// Fit is how images become square.
	Fit video.Fit

	// ImageSize is the side of images in pixels, if it does not follow from the tensors: in a
	// convolutional image tower, or where it is not a multiple of the patches' side, so that pixels
	// at the right and at the bottom are not used.
	ImageSize int

	// Tokenizer is that of the model's folder, or nil for CLIP's own.
	Tokenizer Tokenizer

	// Cleaning is how CLIP's own tokenizer prepares texts; "" means as in CLIP.
	Cleaning bpe.Cleaning

	// Vision and Text are where the towers differ from those of OpenAI's CLIP.
	Vision, Text Architecture

	// Assumed lists what the files do not say about how the model works, and was
	// therefore taken to be as in CLIP, or as in the published model of the same sizes.
	Assumed []string

	// NoText is the reason why Tensors has no text tower, or "" if it has one.
	NoText string

	// NoImage is the reason why Tensors has no image tower, or "" if it has one.
	NoImage string

	scaledImage  bool   // the image tower has layer scale
	scaledText   bool   // the same of the text tower
	biased       bool   // it has a bias of sigmoids
	decoder      bool   // it has CoCa's decoder
	trunk        bool   // the image tower is MobileCLIP's convolutional one
	fiveStages   bool   // it has five stages, not four
	unconfigured string // what the file holds, if it needs a configuration
	close        func() error
}

// Tokenizer is a tokenizer that was read from a model's folder. Its methods are those of clip.Tokenizer,
// with the number of tokens, a fingerprint, and the token that fills a context, or -1.
type Tokenizer interface {
	Encode(text string) []int
	Marks() (start, end []int)
	Tokenize(text string, context int, truncate bool) ([]int, error)
	Size() int
	Fingerprint() string
	Pad() int
}

// Close closes the files that the tensors are read from.
func (w *Weights) Close() error {
	if w.close == nil {
		return nil
	}
	return w.close()
}

// Open opens a weight file, an index of several, or a folder with one. Close must be
// called on the result. An error contains the path.
func Open(path string) (*Weights, error) {
	file, err := find(path)
	if err != nil {
		return nil, err
	}
	w, err := open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return w, nil
}

// Decode reads a weight file of size bytes without a configuration in its folder. The
// tensors are read from r when needed.
func Decode(r io.ReaderAt, size int64) (*Weights, error) {
	f, err := decode(r, size)
	if err != nil {
		return nil, err
	}
	return f.weights("")
}

// publishedNames are the weight files of published folders in the order of
// preference. OpenCLIP's come first, because model.safetensors is the image tower alone
// in the repositories of timm.
var publishedNames = []string{
	"open_clip_model.safetensors", "open_clip_pytorch_model.bin",
	"model.safetensors", "model.safetensors" + indexSuffix, "pytorch_model.bin", "pytorch_model.bin" + indexSuffix,
}

// find returns the weight file that path names: the file itself, the index of the parts
// that it belongs to, or the weight file in a folder.
func find(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", err
	case info.IsDir():
		return findIn(path)
	case shardName.MatchString(filepath.Base(path)):
		return indexOf(path), nil
	}
	return path, nil
}

// findIn returns the weight file in a folder.
func findIn(dir string) (string, error) {
	for _, name := range publishedNames {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return filepath.Join(dir, name), nil
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var found, indexes []string
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasSuffix(name, indexSuffix):
			indexes = append(indexes, name)
		case slices.Contains([]string{".pt", ".pth", ".bin", ".safetensors"}, filepath.Ext(name)):
			found = append(found, name)
		}
	}
	if len(indexes) > 0 {
		found = indexes
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%s: no weight file in this folder: neither %s nor another .pt or .safetensors file", dir, strings.Join(publishedNames, ", "))
	case 1:
		return filepath.Join(dir, found[0]), nil
	}
	return "", fmt.Errorf("%s: %w: %s", dir, ErrSeveralFiles, strings.Join(found, ", "))
}

// open reads a weight file and the configuration in its folder.
func open(path string) (*Weights, error) {
	f, err := openSource(path)
	if err != nil {
		return nil, err
	}
	w, err := f.weights(filepath.Dir(path))
	if err != nil {
		_ = f.close()
	}
	return w, err
}

// weights lists the model's tensors, with the configuration in dir.
func (f *source) weights(dir string) (*Weights, error) {
	w := &Weights{scaledImage: f.has(imageScale), scaledText: f.has(textScale), biased: f.has(logitBias), decoder: f.has(textDecoder), close: f.close}
	tensors, prefix, err := f.identify(w)
	if err != nil {
		return nil, err
	}
	format := w.Format
	w.trunk = tensors[trunkLandmark].read != nil
	w.fiveStages = tensors[trunk+"stages.4.blocks.0.mlp.fc1.weight"].read != nil
	// OpenAI's own files, and copies of their state dicts, have this number.
	_, own := f.tensors[prefix+"input_resolution"]
	if own && format != huggingFace || format == viFi {
		w.Activation = "quick_gelu"
	} else if own, ok := f.metadata[ConfigKey]; ok {
		if err := w.fromMetadata([]byte(own)); err != nil {
			return nil, fmt.Errorf("metadata %s: %w", ConfigKey, err)
		}
	} else if err := w.configure(dir, tensors); err != nil {
		return nil, err
	} else if err := w.checkTokenizer(dir, tensors); err != nil {
		return nil, err
	}
	if w.Tensors, err = f.list(tensors); err == nil && !hasText(tensors) {
		w.NoText = "the file holds an image tower only"
		if format == viFi {
			w.NoText = "ViFi-CLIP does not store the token embeddings of its text tower"
		}
	}
	if !hasImage(tensors) {
		w.NoImage = "the file holds a text tower only"
	}
	return w, err
}

// Parts of models, by the names of their tensors.
var (
	imageScale  = regexp.MustCompile(`(^|\.)visual\.(transformer\.resblocks|trunk\.blocks)\.[0-9]+\.(ls_?[12]\.gamma|gamma_[12])$`)
	textScale   = regexp.MustCompile(`(^|text\.|module\.|state_dict\.)transformer\.resblocks\.[0-9]+\.ls_[12]\.gamma$`)
	logitBias   = regexp.MustCompile(`(^|\.)logit_bias$`)
	textDecoder = regexp.MustCompile(`(^|\.)text_decoder\.`)
)

// has reports whether the name of a tensor matches.
func (f *source) has(name *regexp.Regexp) bool {
	for n := range f.tensors {
		if name.MatchString(n) {
			return true
		}
	}
	return false
}

// huggingFace is the Format of files with the names of Hugging Face's CLIPModel.
const huggingFace = "huggingface"

// siglipHF is that of files with the names of its SiglipModel.
const siglipHF = "huggingface-siglip"

// families are the ways to name a CLIP ViT's tensors. Each is recognized by a tensor
// that all of its models have.
var families = []struct {
	landmark string
	convert  func(map[string]lazy) (map[string]lazy, error) // to OpenAI's names
	format   string                                         // "" to detect it by the file
	needs    string                                         // what such a file holds, if it needs a configuration
}{
	{openAILandmark, fromOpenAI, "", ""},
	{stemLandmark, fromOpenAI, "", ""},
	{timmLandmark, fromTimm, "", "an image tower of the timm library"},
	{trunkLandmark, fromMobileCLIP, "", "an image tower of the timm library"},
	{appleTrunkLandmark, fromApple, appleFormat, "a MobileCLIP model of unknown sizes"},
	{appleStemLandmark, fromApple, appleFormat, "a MobileCLIP model of unknown sizes"},
	{huggingFaceLandmark, fromHuggingFace, huggingFace, ""},
	{viFiLandmark, fromViFi, viFi, ""},
	{siglipLandmark, fromSiglip, siglipHF, "a SigLIP model"},
	{"text_model.embeddings.token_embedding.weight", fromHuggingFace, huggingFace, ""},
}

// identify returns the tensors of the CLIP ViT that the file holds, under OpenAI's names, and the
// prefix that the file puts before them. It sets the Format of the file.
func (f *source) identify(w *Weights) (tensors map[string]lazy, prefix string, err error) {
	for _, family := range families {
		if tensors, prefix, err = f.model(family.landmark); err != nil {
			return nil, "", err
		}
		if tensors != nil {
			w.Format, w.unconfigured = cmp.Or(family.format, f.format(prefix)), family.needs
			tensors, err = family.convert(tensors)
			return tensors, prefix, err
		}
	}
	return nil, "", notCLIP(f.tensors)
}

// source is an open weight file, or several of one model. Its tensors are listed, but
// not read.
type source struct {
	tensors map[string]lazy
	kind    container
	size    int64 // bytes of the file
	// metadata is that of a safetensors file.
	metadata map[string]string
	close    func() error
}

// container is a file format.
type container string

const (
	safe        container = "safetensors"
	torch       container = "torch"
	torchScript container = "torchscript"
)

// lazy is a tensor that is read when needed.
type lazy struct {
	dtype string // as safetensors calls it
	shape []int
	read  func() (safetensors.Tensor, error)
}

// format returns the kind of a file that has OpenAI's names after prefix.
func (f *source) format(prefix string) string {
	switch {
	case f.kind == safe:
		return "openclip-safetensors"
	case f.kind == torchScript:
		return "openai-archive"
	case strings.HasPrefix(prefix, "state_dict."):
		return "openclip-training"
	}
	return "openai-state-dict"
}

// model returns the tensors of the model in the file, or nil. It is recognized by a
// tensor that every such model has. Training checkpoints have it under a prefix such as
// "state_dict.module.", next to the optimizer's state.
func (f *source) model(landmark string) (tensors map[string]lazy, prefix string, err error) {
	var prefixes []string
	for name := range f.tensors {
		if p, ok := strings.CutSuffix("."+name, "."+landmark); ok {
			prefixes = append(prefixes, strings.TrimPrefix(p+".", "."))
		}
	}
	switch slices.Sort(prefixes); len(prefixes) {
	case 0:
		return nil, "", nil
	case 1:
		prefix = prefixes[0]
	default:
		return nil, "", fmt.Errorf("it holds %d models, under %q", len(prefixes), prefixes)
	}
	tensors = map[string]lazy{}
	for name, t := range f.tensors {
		if name, ok := strings.CutPrefix(name, prefix); ok {
			tensors[name] = t
		}
	}
	return tensors, prefix, nil
}

// list checks the types and sizes of tensors and makes them readable.
func (f *source) list(tensors map[string]lazy) (map[string]Tensor, error) {
	// Many views of the same bytes must not make a small file a large model.
	total := 0.0
	out := make(map[string]Tensor, len(tensors))
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		t := tensors[name]
		if !isFloat(t.dtype) {
			// The reason why it cannot be read at all is more precise.
			if _, err := t.read(); err != nil {
				return nil, fmt.Errorf("tensor %q: %w", name, err)
			}
			return nil, fmt.Errorf("tensor %q: weights of data type %s are not supported, only float16, bfloat16, float32 and float64", name, t.dtype)
		}
		n := float64(safetensors.ElementSize(t.dtype))
		for _, d := range t.shape {
			n *= float64(d)
		}
		total += n
		out[name] = Tensor{t.shape, func() ([]float32, error) {
			v, err := t.read()
			if err != nil {
				return nil, fmt.Errorf("tensor %q: %w", name, err)
			}
			data, err := v.Float32s()
			if err != nil {
				return nil, fmt.Errorf("tensor %q: %w", name, err)
			}
			return data, nil
		}}
	}
	if total > 2*float64(f.size) {
		return nil, fmt.Errorf("its tensors have %.0f bytes, but the file has only %d", total, f.size)
	}
	return out, nil
}

func isFloat(dtype string) bool {
	return slices.Contains([]string{"F16", "BF16", "F32", "F64"}, dtype)
}

// openSource opens a weight file or an index by its content, whatever its extension is.
func openSource(path string) (*source, error) {
	if strings.HasSuffix(path, indexSuffix) {
		return openShards(path)
	}
	s, err := openFile(path)
	if err == nil && s.tensors[openAILandmark].read == nil && shardName.MatchString(filepath.Base(path)) {
		_ = s.close()
		return nil, errors.New("it is one part of a model in several files, whose index (*" + indexSuffix + ") is missing")
	}
	return s, err
}

// openFile opens one weight file.
func openFile(path string) (*source, error) {
	f, err := input.Open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	var s *source
	info, err := f.Stat()
	if err == nil {
		s, err = decode(f, info.Size())
	}
	if err != nil {
		f.Close()
		return nil, withoutPath(err)
	}
	s.close = f.Close
	return s, nil
}

// withoutPath removes the path that Open adds to every error.
func withoutPath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
