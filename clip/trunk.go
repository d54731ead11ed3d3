package clip

import (
	"fmt"

	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/internal/towers"
)

// Trunk describes MobileCLIP's convolutional image tower (Vasu et al. 2024, Faghri et al.
// 2025). Its sizes follow from the shapes of the weights.
type Trunk struct {
	Stages [5]Stage `json:"stages"` // those without blocks are not used
	// Final is the width of the last convolution, Squeeze the hidden width of its
	// squeeze-excitation.
	Final   int `json:"final"`
	Squeeze int `json:"squeeze"`
}

// Stage is a stage of a [Trunk]: blocks of one width at one resolution.
type Stage struct {
	Blocks    int  `json:"blocks"`
	Width     int  `json:"width"`
	MLP       int  `json:"mlp"`                 // width of the hidden layer
	Down      bool `json:"down,omitempty"`      // whether it begins by halving the resolution
	Squeeze   int  `json:"squeeze,omitempty"`   // hidden width of that step's squeeze-excitation; 0 without
	Position  bool `json:"position,omitempty"`  // whether a convolution adds positions
	Attention bool `json:"attention,omitempty"` // blocks mix pixels by attention instead of a convolution
	Norm      bool `json:"norm,omitempty"`      // a layer norm is before the attention
}

func (t Trunk) sizes() towers.ConvSizes {
	s := towers.ConvSizes{Final: t.Final, Squeeze: t.Squeeze}
	for i, stage := range t.Stages {
		s.Stages[i] = towers.Stage(stage)
	}
	return s
}

// readTrunk reads the sizes of a convolutional tower from the shapes of its tensors.
func (c *Config) readTrunk(w *checkpoint.Weights) {
	rows := func(name string) int {
		if s := w.Tensors[towers.Trunk+name+".weight"].Shape; len(s) > 0 {
			return s[0]
		}
		return 0
	}
	layers := 0
	for i := range c.Trunk.Stages {
		name := fmt.Sprintf("stages.%d.", i)
		s := Stage{Width: rows(name + "blocks.0.mlp.conv"), MLP: rows(name + "blocks.0.mlp.fc1"),
			Squeeze:   rows(name + "downsample.proj.0.se.fc1"),
			Down:      rows(name+"downsample.proj.0.reparam_conv") > 0,
			Position:  rows(name+"pos_emb.reparam_conv") > 0,
			Attention: rows(name+"blocks.0.token_mixer.qkv") > 0, Norm: rows(name+"blocks.0.norm") > 0}
		for rows(fmt.Sprintf("%sblocks.%d.mlp.conv", name, s.Blocks)) > 0 {
			s.Blocks++
		}
		if s.Blocks == 0 {
			break
		}
		c.Trunk.Stages[i], layers = s, layers+s.Blocks
	}
	c.Trunk.Final, c.Trunk.Squeeze = rows("final_conv.reparam_conv"), rows("final_conv.se.fc1")
	used := c.Trunk.sizes().Used()
	if len(used) == 0 {
		return
	}
	c.Embed, c.ImageSize, c.PatchSize = rows("head.fc"), w.ImageSize, c.Trunk.sizes().Shrinks()
	c.VisionWidth, c.VisionLayers = used[len(used)-1].Width, layers
	c.VisionHeads = max(1, c.VisionWidth/towers.HeadWidth)
}

// check returns an error for sizes that no tower has.
func (t Trunk) check() error {
	if t == (Trunk{}) {
		return nil
	}
	used := t.sizes().Used()
	if len(used) == 0 {
		return fmt.Errorf("a convolutional image tower without stages")
	}
	before := used[0].Width
	for i, s := range used {
		switch wide := s.Width % max(1, before); {
		case s.Width < 1 || s.Width > 1<<14 || s.MLP < 1 || s.MLP > 1<<16 || s.Squeeze < 0 || s.Squeeze > 1<<14 || s.Blocks > 1<<10:
			return fmt.Errorf("stage %d of the image tower has the sizes %+v", i, s)
		case wide != 0 || s.Width != before && !s.Down:
			return fmt.Errorf("stage %d of the image tower is %d wide after one of %d", i, s.Width, before)
		case s.Attention && s.Width%towers.HeadWidth != 0:
			return fmt.Errorf("stage %d of the image tower has attention of width %d, which must be a multiple of %d", i, s.Width, towers.HeadWidth)
		}
		before = s.Width
	}
	if t.Final < 1 || t.Final > 1<<15 || t.Final%before != 0 || t.Squeeze < 1 || t.Squeeze > 1<<14 {
		return fmt.Errorf("the last convolution of the image tower has %d channels and a squeeze-excitation of %d after a stage of %d", t.Final, t.Squeeze, before)
	}
	return nil
}

// memory returns the number of activations for images of a side.
func (t Trunk) memory(side int64, images int) int64 {
	first, pixels := int64(t.Stages[0].Width), side*side/16
	return int64(images)*2*pixels*first + pixels*(4*(27+first)+2*first) + 3*pixels*first
}
