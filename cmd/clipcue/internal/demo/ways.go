package demo

import (
	"fmt"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/task/recognition"
)

// way is a method: changes of a preset's settings. Without a preset, it is the backbone
// with hand-written templates.
type way struct {
	name, title string
	// without is the title of a row for the same model without its examples of motions; ""
	// for no such row.
	without string
	preset  string
	change  func(c *recognition.Config)
}

func prompts(n, layers int) func(*recognition.Config) {
	return func(c *recognition.Config) {
		c.Adapter.Prefix, c.Adapter.Postfix, c.Adapter.TemporalLayers = n, n, layers
	}
}

// paperWay returns a row of the paper's tables.
func paperWay(n, layers int) way {
	what := "mean of the frames"
	switch layers {
	case 1:
		what = "1 temporal layer"
	case 2:
		what = "2 temporal layers"
	}
	return way{name: fmt.Sprintf("paper-%d-%d", n, layers), title: fmt.Sprintf("%d+X+%d, %s", n, n, what), preset: adapter.PresetPaper, change: prompts(n, layers)}
}

var (
	handWritten = way{name: "templates", title: "hand-written template, no training"}
	promptsOnly = paperWay(16, 0)
	paper       = paperWay(16, 1)
	defaultWay  = way{name: "default", title: "default: 16+X+16, 1 temporal layer as a residual", preset: adapter.PresetDefault, change: prompts(16, 1)}
	fewWay      = way{name: "default", title: "default: the same, and the motions of the examples", preset: adapter.PresetDefault, change: prompts(16, 1),
		without: "16+X+16, 1 temporal layer as a residual"}
)

// beyond are the methods of the ablations.
var beyond = func() []way {
	residual := func(c *recognition.Config) { c.Adapter.Residual = true }
	anchor := func(c *recognition.Config) { c.Anchor = 1 }
	video := func(c *recognition.Config) { c.VideoAnchor = 1 }
	average := func(c *recognition.Config) { c.Train.EMADecay = 0.99 }
	drop := func(c *recognition.Config) { c.TemporalDrop = 0.5 }
	clips := func(c *recognition.Config) { c.Adapter.Temperature = 0 }
	with := func(name, title string, changes ...func(*recognition.Config)) way {
		return way{name: name, title: title, preset: adapter.PresetPaper, change: func(c *recognition.Config) {
			prompts(16, 1)(c)
			for _, f := range changes {
				f(c)
			}
		}}
	}
	return []way{
		promptsOnly,
		with("paper", "the paper's"),
		with("temperature", "CLIP's temperature", clips),
		with("average", "averaged weights", average),
		with("anchor", "anchored classes", anchor),
		with("video-anchor", "anchored videos", video),
		with("residual", "residual", residual),
		with("residual-drop", "residual, dropped for half", residual, drop),
		with("residual-anchor", "residual, anchored classes", residual, anchor),
		with("residual-video-anchor", "residual, anchored videos", residual, video),
		with("residual-anchors", "residual, anchored classes and videos", residual, anchor, video),
		with("residual-anchors-drop", "the same, dropped for half", residual, anchor, video, drop),
		with("all", "the same, dropped and averaged", residual, anchor, video, drop, average),
	}
}()
