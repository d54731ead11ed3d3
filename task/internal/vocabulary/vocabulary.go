// Package vocabulary holds the embeddings of class names, which recognition and
// localization share.
package vocabulary

import (
	"context"
	"errors"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
)

// ErrNoClasses reports an empty list of class names.
var ErrNoClasses = errors.New("no class names were given")

// Vocabulary is a list of class names with their embeddings. Classes of a model file use
// its finished embeddings; others are encoded when they are first needed.
type Vocabulary struct {
	model   *clip.Model
	encode  func(ctx context.Context, names []string) ([]float32, error)
	known   map[string][]float32 // finished embeddings [E] by name
	classes []string
}

// New returns a vocabulary without classes. encode returns the embeddings [n,E] of names
// and needs the backbone's text tower.
func New(m *clip.Model, encode func(ctx context.Context, names []string) ([]float32, error)) *Vocabulary {
	return &Vocabulary{model: m, encode: encode, known: map[string][]float32{}}
}

// FromFile returns the vocabulary of a model file.
func FromFile(f *adapter.File, m *clip.Model, encode func(ctx context.Context, names []string) ([]float32, error)) *Vocabulary {
	v, e := New(m, encode), m.Config().Embed
	v.classes = f.Classes
	for i, c := range f.Classes {
		v.known[c] = f.Embeddings[i*e : (i+1)*e]
	}
	return v
}

// Classes returns the names.
func (v *Vocabulary) Classes() []string { return v.classes }

// SetClasses replaces the names and encodes those that are new.
func (v *Vocabulary) SetClasses(ctx context.Context, classes []string) error {
	if len(classes) == 0 {
		return ErrNoClasses
	}
	if _, err := v.Embeddings(ctx, classes); err != nil {
		return err
	}
	v.classes = classes
	return nil
}

// Embeddings returns the embeddings [C,E] of any class names. A name that has to be
// encoded on a backbone without its text tower is an *[adapter.UnknownClassError].
func (v *Vocabulary) Embeddings(ctx context.Context, classes []string) ([]float32, error) {
	var unknown []string
	for _, c := range classes {
		if v.known[c] == nil {
			unknown = append(unknown, c)
		}
	}
	e := v.model.Config().Embed
	if len(unknown) > 0 {
		if !v.model.Has(clip.TextTower) {
			return nil, &adapter.UnknownClassError{Class: unknown[0]}
		}
		f, err := v.encode(ctx, unknown)
		if err != nil {
			return nil, err
		}
		for i, c := range unknown {
			v.known[c] = f[i*e : (i+1)*e]
		}
	}
	out := make([]float32, 0, len(classes)*e)
	for _, c := range classes {
		out = append(out, v.known[c]...)
	}
	return out, nil
}
