package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/video"
)

// embedding is an item of what `embed` prints as JSON.
type embedding struct {
	Input     string    `json:"input"`
	Kind      string    `json:"kind"` // "text" or "image"
	Embedding []float32 `json:"embedding"`
}

func (a *app) embedCommand() *cobra.Command {
	var b flags.Backbone
	var texts []string
	var normalize, truncate, asJSON bool
	c := &cobra.Command{
		Use:     "embed --model PATH [--text STRING]... [IMAGE]...",
		Short:   "Print the backbone's embeddings of texts and images",
		Long:    "Prints the raw output of the towers, or with --normalize embeddings of length 1,\nwhose dot products are cosines.",
		Example: `  clipcue embed --model ViT-B/16 --text "a photo of a cat" cat.png --normalize --json`,
		RunE: func(c *cobra.Command, images []string) error {
			if len(texts)+len(images) == 0 {
				return usageError{errors.New("embed needs a --text or an image; see: clipcue embed --help")}
			}
			var towers clip.Tower
			if len(texts) > 0 {
				towers |= clip.TextTower
			}
			if len(images) > 0 {
				towers |= clip.ImageTower
			}
			m, _, err := a.load(b, towers)
			if err != nil {
				return err
			}
			items, err := embed(c.Context(), m, texts, images, truncate)
			if err != nil {
				return err
			}
			if normalize {
				for _, it := range items {
					clip.Normalize(it.Embedding, len(it.Embedding))
				}
			}
			if asJSON {
				return a.json(map[string]any{"backbone": m.Fingerprint(), "items": items})
			}
			for _, it := range items {
				terminal.Fprintf(a.out, "%s\t%s", it.Kind, it.Input)
				for _, v := range it.Embedding {
					terminal.Fprintf(a.out, "\t%g", v)
				}
				fmt.Fprintln(a.out)
			}
			return nil
		},
	}
	b.Add(c)
	b.AddPrecision(c)
	f := c.Flags()
	flags.Texts(c, &texts, "text", "text to embed; repeatable")
	f.BoolVar(&normalize, "normalize", false, "scale each embedding to length 1")
	f.BoolVar(&truncate, "truncate", false, "cut texts that exceed the model's context")
	flags.JSON(c, &asJSON)
	return c
}

// embed encodes texts, then images, in the order given.
func embed(ctx context.Context, m *clip.Model, texts, images []string, truncate bool) ([]embedding, error) {
	e, side := m.Config().Embed, m.Config().ImageSize
	var items []embedding
	if len(texts) > 0 {
		f, err := m.EncodeTexts(ctx, texts, truncate)
		if err != nil {
			return nil, err
		}
		for i, t := range texts {
			items = append(items, embedding{t, "text", f[i*e : (i+1)*e]})
		}
	}
	var resizer video.Resizer
	for _, path := range images {
		image, err := video.ReadImage(path)
		if err != nil {
			return nil, err
		}
		if image, err = resizer.Resize(image, side, m.Config().Fit); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		f, err := m.EncodeImages(ctx, image.Pix)
		if err != nil {
			return nil, err
		}
		items = append(items, embedding{path, "image", f})
	}
	return items, nil
}
