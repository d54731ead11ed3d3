package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"

	"github.com/clipcue/clipcue/bench/suite"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/safetensors"
)

// batch is the number of images in a batch of the image tower.
const batch = 8

// makeCase writes the weights and inputs of all programs, and clipcue's results, which the
// others are compared with:
//
//	backbone/             random weights
//	adapter.safetensors   the adapter before the first step
//	case.safetensors      pixels [8,3,S,S] and their features [8,E]; frames [64,16,E],
//	                      target [64], names [51,n] (tokens, padded with -1), ends (SOT, EOT),
//	                      prompts (number before and after the name), loss of the first step
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
	names, length := paddedTokens(tok, step.Names)
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
	return safetensors.Write(filepath.Join(dir, "case.safetensors"), &safetensors.File{Tensors: map[string]safetensors.Tensor{
		"pixels":   f32(pixels, batch, 3, side, side),
		"features": f32(features, batch, m.Config().Embed),
		"frames":   f32(step.Features, len(step.Target), config.Frames, m.Config().Embed),
		"target":   f32(target, len(target)),
		"names":    f32(names, len(step.Names), length),
		"ends":     f32([]float32{float32(start[0]), float32(end[0])}, 2),
		"prompts":  f32([]float32{float32(config.Prefix), float32(config.Postfix)}, 2),
		"loss":     f32([]float32{loss}),
	}})
}

// paddedTokens returns the tokens [n,length] of names, padded with -1.
func paddedTokens(tok clip.Tokenizer, names []string) (padded []float32, length int) {
	tokens := make([][]int, len(names))
	for i, n := range names {
		tokens[i] = tok.Encode(n)
		length = max(length, len(tokens[i]))
	}
	for _, ids := range tokens {
		for i := range length {
			id := -1
			if i < len(ids) {
				id = ids[i]
			}
			padded = append(padded, float32(id))
		}
	}
	return padded, length
}
