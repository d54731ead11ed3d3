package towers

import "fmt"

// Trunk prefixes the names of a convolutional tower's tensors, which are those of timm's
// FastViT after re-parameterization: every convolution is one with a bias.
const Trunk = "visual.trunk."

// Stage describes a stage of a convolutional tower: blocks of one width at one resolution.
type Stage struct {
	Blocks, Width int
	MLP           int  // width of the MLPs' hidden layer
	Down          bool // whether it begins by halving the resolution
	Squeeze       int  // hidden width of that step's squeeze-excitation; 0 without
	Position      bool // whether a convolution adds positions
	Attention     bool // blocks mix pixels by attention instead of a 3×3 convolution
	Norm          bool // a layer norm is before the attention
}

// ConvSizes describes a convolutional tower.
type ConvSizes struct {
	Stages  [5]Stage // those without blocks are not used
	Final   int      // width of the last convolution
	Squeeze int      // hidden width of its squeeze-excitation
}

// HeadWidth is the width of attention heads in convolutional towers.
const HeadWidth = 32

// Used returns the stages with blocks.
func (s ConvSizes) Used() []Stage {
	n := 0
	for n < len(s.Stages) && s.Stages[n].Blocks > 0 {
		n++
	}
	return s.Stages[:n]
}

// Shrinks returns the number of pixels of an image per pixel of the last stage, by side.
func (s ConvSizes) Shrinks() int {
	by := 4
	for _, stage := range s.Used() {
		if stage.Down {
			by *= 2
		}
	}
	return by
}

// Tensors calls f with the name and the shape of every tensor.
func (s ConvSizes) Tensors(embed int, f func(name string, shape ...int)) {
	conv := func(name string, shape ...int) {
		f(Trunk+name+".weight", shape...)
		f(Trunk+name+".bias", shape[0])
	}
	squeeze := func(name string, width, hidden int) {
		if hidden > 0 {
			conv(name+".se.fc1", hidden, width, 1, 1)
			conv(name+".se.fc2", width, hidden, 1, 1)
		}
	}
	first := s.Stages[0].Width
	conv("stem.0.reparam_conv", first, 3, 3, 3)
	conv("stem.1.reparam_conv", first, 1, 3, 3)
	conv("stem.2.reparam_conv", first, first, 1, 1)
	for i, stage := range s.Used() {
		name := fmt.Sprintf("stages.%d.", i)
		w := stage.Width
		if stage.Down {
			conv(name+"downsample.proj.0.reparam_conv", w, 1, 7, 7)
			squeeze(name+"downsample.proj.0", w, stage.Squeeze)
			conv(name+"downsample.proj.1.reparam_conv", w, w, 1, 1)
		}
		if stage.Position {
			conv(name+"pos_emb.reparam_conv", w, 1, 7, 7)
		}
		for j := range stage.Blocks {
			stage.tensors(fmt.Sprintf("%sblocks.%d.", name, j), conv)
		}
	}
	conv("final_conv.reparam_conv", s.Final, 1, 3, 3)
	squeeze("final_conv", s.Final, s.Squeeze)
	conv("head.fc", embed, s.Final)
}

// tensors calls conv for the layers of a block.
func (s Stage) tensors(name string, conv func(name string, shape ...int)) {
	if s.Attention {
		if s.Norm {
			conv(name+"norm", s.Width)
		}
		conv(name+"token_mixer.qkv", 3*s.Width, s.Width)
		conv(name+"token_mixer.proj", s.Width, s.Width)
	} else {
		conv(name+"token_mixer.reparam_conv", s.Width, 1, 3, 3)
	}
	conv(name+"mlp.conv", s.Width, 1, 7, 7)
	conv(name+"mlp.fc1", s.MLP, s.Width, 1, 1)
	conv(name+"mlp.fc2", s.Width, s.MLP, 1, 1)
}
