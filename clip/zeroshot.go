package clip

import (
	"context"
	"fmt"
	"strings"
)

// Templates are hand-written sentences for the name of an action, which replaces {}. The
// paper's baseline uses the first.
var Templates = []string{
	"a video of a person {}.",
	"a photo of a person {}.",
	"a video of {}.",
	"a clip of {}.",
	"an example of a person {}.",
	"a demonstration of {}.",
}

// EncodeClasses returns L2-normalized embeddings [C,E] of class names without any
// training: every name is inserted into every template, and the normalized text
// features are averaged (Radford et al. 2021, section 3.1.4). truncate is as in
// [Model.EncodeTexts].
func (m *Model) EncodeClasses(ctx context.Context, names, templates []string, truncate bool) ([]float32, error) {
	if len(templates) == 0 {
		templates = Templates[:1]
	}
	e := m.config.Embed
	out := make([]float32, len(names)*e)
	for _, t := range templates {
		if !strings.Contains(t, "{}") {
			return nil, fmt.Errorf("template %q does not contain {} for the class name", t)
		}
		texts := make([]string, len(names))
		for i, n := range names {
			texts[i] = strings.ReplaceAll(t, "{}", n)
		}
		f, err := m.EncodeTexts(ctx, texts, truncate)
		if err != nil {
			return nil, err
		}
		Normalize(f, e)
		for i, v := range f {
			out[i] += v
		}
	}
	Normalize(out, e)
	return out, nil
}
