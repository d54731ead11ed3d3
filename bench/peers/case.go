package main

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/clipcue/clipcue/bench/suite"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/safetensors"
)

// caseFile has the inputs, and clipcue's results for them.
const caseFile = "case.safetensors"

// texts is the number of short texts.
const texts = 1000

// batch is the number of images in a batch of the image tower.
const batch = 8

// makeCase writes the weights and inputs of all programs, and clipcue's results, which the
// others are compared with:
//
//	backbone/             random weights
//	adapter.safetensors   the adapter before the first step
//	case.safetensors      pixels [8,3,S,S] and their features [8,E]; frames [64,16,E],
//	                      target [64], names [51,n] (tokens, padded with -1), ends (SOT, EOT),
//	                      prompts (number before and after the name), loss of the first step;
//	                      tokens [1000,n] of short texts, padded with -1, and their features
//	                      texts [1000,E]
//	texts.json            the short texts
func makeCase(dir, size string, threads int) error {
	w, err := suite.RandomWeights(size, clip.ImageTower|clip.TextTower)
	if err != nil {
		return err
	}
	if err := clip.WriteFolder(filepath.Join(dir, "backbone"), w); err != nil {
		return err
	}
	m, err := clip.New(w, clip.Options{Threads: threads})
	if err != nil {
		return err
	}
	side := m.Config().ImageSize
	pixels, rng := make([]float32, batch*3*side*side), rand.New(rand.NewPCG(1, 5))
	for i := range pixels {
		pixels[i] = float32(rng.NormFloat64())
	}
	features, err := m.EncodePixels(context.Background(), pixels)
	if err != nil {
		return err
	}
	step, err := suite.NewStep(m)
	if err != nil {
		return err
	}
	if err := step.Adapter.File().Write(filepath.Join(dir, "adapter.safetensors")); err != nil {
		return err
	}
	tok, config := m.Tokenizer(), step.Adapter.Config()
	start, end := tok.Marks()
	if len(start) != 1 || len(end) != 1 {
		return errors.New("the comparison with PyTorch needs a model with CLIP's tokenizer")
	}
	names, length := padded(encode(tok, step.Names))
	short := suite.Texts(texts)
	shortFeatures, err := m.EncodeTexts(context.Background(), short, false)
	if err != nil {
		return err
	}
	marked := encode(tok, short)
	for i, ids := range marked {
		marked[i] = slices.Concat(start, ids, end)
	}
	tokens, longest := padded(marked)
	text, err := json.Marshal(short)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "texts.json"), text, 0o666); err != nil {
		return err
	}
	var target []float32
	for _, t := range step.Target {
		target = append(target, float32(t))
	}
	before, err := step.Run()
	if err != nil {
		return err
	}
	loss := float32(before)
	f32 := safetensors.FromFloat32s
	return safetensors.Write(filepath.Join(dir, caseFile), &safetensors.File{Tensors: map[string]safetensors.Tensor{
		"pixels":   f32(pixels, batch, 3, side, side),
		"features": f32(features, batch, m.Config().Embed),
		"frames":   f32(step.Features, len(step.Target), config.Frames, m.Config().Embed),
		"target":   f32(target, len(target)),
		"names":    f32(names, len(step.Names), length),
		"ends":     f32([]float32{float32(start[0]), float32(end[0])}, 2),
		"prompts":  f32([]float32{float32(config.Prefix), float32(config.Postfix)}, 2),
		"loss":     f32([]float32{loss}),
		"tokens":   f32(tokens, texts, longest),
		"texts":    f32(shortFeatures, texts, m.Config().Embed),
	}})
}

// encode returns the tokens of texts, without marks.
func encode(tok clip.Tokenizer, texts []string) (tokens [][]int) {
	for _, t := range texts {
		tokens = append(tokens, tok.Encode(t))
	}
	return tokens
}

// padded returns tokens as an array [n,length], padded with -1.
func padded(tokens [][]int) (all []float32, length int) {
	for _, ids := range tokens {
		length = max(length, len(ids))
	}
	for _, ids := range tokens {
		for i := range length {
			id := -1
			if i < len(ids) {
				id = ids[i]
			}
			all = append(all, float32(id))
		}
	}
	return all, length
}
