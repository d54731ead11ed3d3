package adapter

import (
	"encoding/json"
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/fixture"
	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/clipcue/clipcue/internal/towers"
)

// Prompts through the text tower of every family of backbones have PyTorch's features and
// gradients.
func TestZooGradients(t *testing.T) {
	fixture.Zoo(t, func(t *testing.T, dir string, file *safetensors.File) {
		if _, ok := file.Tensors["prompts"]; !ok {
			return // it has no text tower
		}
		r := &reference{t: t, file: file}
		if err := json.Unmarshal([]byte(file.Metadata["names"]), &r.names); err != nil {
			t.Fatal(err)
		}
		m, err := clip.Load(dir, clip.Options{Towers: clip.TextTower})
		if err != nil {
			t.Fatal(err)
		}
		if r.adapter, err = New(m, Config{Prefix: 2, Postfix: 1, Layout: LayoutContext, Frames: 1}, 1); err != nil {
			t.Fatal(err)
		}
		r.promptGradients()
	})
}

// promptGradients compares the features of names and the gradient of the prompts.
func (r *reference) promptGradients() {
	a, d := r.adapter, r.adapter.device
	defer d.Release(d.Mark())
	c, err := a.Classes(r.names)
	if err != nil {
		r.t.Fatal(err)
	}
	d.Upload(a.table.Value, r.floats("prompts"))
	y, dy := d.Temp(len(r.names), a.model.Config().Embed), d.Temp(len(r.names), a.model.Config().Embed)
	var tape towers.TextTape
	a.encodeText(y, c, &tape)
	r.near("features", y, r.floats("prompt_features"), 2e-5)
	d.Upload(dy, r.floats("prompt_up"))
	a.params.ZeroGrad()
	a.backText(dy, c, &tape)
	r.near("gradient", a.table.Grad, r.floats("prompt_grad"), 1e-4)
}
