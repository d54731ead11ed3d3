package retrieval

import "github.com/clipcue/clipcue/adapter"

// Task is how a model file of a retriever names its task.
const Task = "retrieval"

// Config are the settings of training a retriever. Among a batch's videos, each with
// one of its captions, the right one has to be found.
type Config struct{ adapter.TrainConfig }

// Preset returns settings that go together, as [adapter.Preset]: the paper's are those
// of section 4.4 (Ju et al.), 4+X+4 prompt vectors and two temporal layers.
func Preset(name string) (Config, error) {
	l, err := adapter.Preset(name)
	l.Adapter.Prefix, l.Adapter.Postfix, l.Adapter.TemporalLayers = 4, 4, 2
	return Config{l}, err
}

// DefaultConfig is the preset of that name.
func DefaultConfig() Config {
	c, err := Preset(adapter.PresetDefault)
	if err != nil {
		panic(err)
	}
	return c
}

// check completes the settings and reports those that make no sense.
func (c *Config) check() error { return c.TrainConfig.Check(2, "videos to tell apart") }
