package clip

import (
	"errors"
	"fmt"
	"slices"

	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/internal/towers"
)

// checkArchitectures returns an error for architectures that no towers have.
func (c Config) checkArchitectures() error {
	v, t := c.Vision, c.Text
	if err := checkTower(v, checkpoint.PoolMean, checkpoint.PoolNormMean, checkpoint.PoolAttention); err != nil {
		return fmt.Errorf("image tower: %w", err)
	}
	if err := checkTower(t, checkpoint.PoolFirst, checkpoint.PoolLast, checkpoint.PoolClass); err != nil {
		return fmt.Errorf("text tower: %w", err)
	}
	width, head := c.poolWidth(), c.VisionWidth/max(1, c.VisionHeads)
	switch {
	case v.Bidirectional || v.Pad != 0 || v.Mixer != 0 || v.MixerMLP != 0:
		return errors.New("the image tower has options of text towers")
	case t.NoClassToken || t.NoPreNorm || t.Stem != 0 || t.Rotary != "" || t.Gated || t.AttentionNorm || t.MLPNorm:
		return errors.New("the text tower has options of image towers")
	case v.Stem > 0 && c.PatchSize != towers.StemPatch:
		return fmt.Errorf("a convolutional stem of patches of %d pixels; they have %d", c.PatchSize, towers.StemPatch)
	case v.NoClassToken && v.Pool == "":
		return errors.New("the image tower has neither a class token nor a pool")
	case v.Pool == checkpoint.PoolAttention && width%v.PoolHeads != 0:
		return fmt.Errorf("the pool's width %d does not divide into %d heads", width, v.PoolHeads)
	case v.Rotary != "" && head%4 != 0:
		return fmt.Errorf("heads of %d columns have no rotary positions", head)
	case c.HasImage() && v.NoProjection && c.Embed != width:
		return fmt.Errorf("the image tower has %d columns, and no projection to %d", width, c.Embed)
	case c.HasText() && t.NoProjection && c.Embed != c.TextWidth:
		return fmt.Errorf("the text tower has %d columns, and no projection to %d", c.TextWidth, c.Embed)
	case c.HasText() && t.Pad >= c.Vocab:
		return fmt.Errorf("the padding token %d is not in the vocabulary of %d", t.Pad, c.Vocab)
	case (t.Mixer != 0 || t.MixerMLP != 0) && !plausibleMixer(t):
		return fmt.Errorf("convolutions over %d positions with an MLP of %d columns in the text tower (not causal: %t) are not supported", t.Mixer, t.MixerMLP, t.Bidirectional)
	case t.Bidirectional && t.Pool == checkpoint.PoolClass:
		return errors.New("a class token in a text tower that is not causal is not supported")
	}
	return nil
}

// plausibleMixer reports whether convolutions over an odd number of positions can be in a text tower.
func plausibleMixer(t checkpoint.Architecture) bool {
	return t.Bidirectional && t.Mixer > 0 && t.Mixer%2 == 1 && t.Mixer <= towers.MaxMixer && t.MixerMLP > 0 && t.MixerMLP <= 1<<16
}

// checkTower returns an error for values that no tower with the given pools has.
func checkTower(a checkpoint.Architecture, pools ...string) error {
	const most = 1 << 16
	attention := a.Pool == checkpoint.PoolAttention
	switch {
	case a.Pool != "" && !slices.Contains(pools, a.Pool):
		return fmt.Errorf("unknown pool %q", a.Pool)
	case attention != (a.PoolHeads > 0) || !attention && (a.PoolMLP != 0 || a.PoolWidth != 0 || a.PoolNorm):
		return fmt.Errorf("pool %q with %d heads", a.Pool, a.PoolHeads)
	case min(a.PoolHeads, a.PoolMLP, a.PoolWidth, a.RotaryGrid, a.Pad, a.Stem) < 0 || max(a.PoolHeads, a.PoolMLP, a.PoolWidth, a.RotaryGrid, a.Stem) > most:
		return errors.New("implausible sizes")
	case a.Eps != 0 && !(a.Eps >= 1e-12 && a.Eps <= 1):
		return fmt.Errorf("layer_norm_eps must be from 1e-12 to 1, got %v", a.Eps)
	case a.NoProjection && a.ProjectionBias:
		return errors.New("there is a bias, but no projection")
	case a.Rotary != "" && a.Rotary != "xy" && a.Rotary != "yx":
		return fmt.Errorf("unknown rotary positions %q", a.Rotary)
	case a.Rotary == "" && (a.RotaryOffset != 0 || a.RotaryGrid != 0) || !(a.RotaryOffset >= -most && a.RotaryOffset <= most):
		return errors.New("implausible rotary positions")
	}
	return nil
}
