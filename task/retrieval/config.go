package retrieval

import "github.com/clipcue/clipcue/adapter"

// Task is the name of the task in the model file of a retriever.
const Task = "retrieval"

// Config holds the settings for training a retriever. A batch consists of videos, each
// with one of its captions.
type Config struct{ adapter.TrainConfig }

// Preset returns the settings of a preset of [adapter.Preset], with 4+X+4 prompt vectors
// and two temporal layers as in section 4.4 of Ju et al.
func Preset(name string) (Config, error) {
	l, err := adapter.Preset(name)
	l.Adapter.Prefix, l.Adapter.Postfix, l.Adapter.TemporalLayers = 4, 4, 2
	return Config{l}, err
}

// DefaultConfig returns the settings of [adapter.PresetDefault].
func DefaultConfig() Config {
	c, err := Preset(adapter.PresetDefault)
	if err != nil {
		panic(err)
	}
	return c
}

// check fills in defaults and returns an error for invalid settings.
func (c *Config) check() error { return c.TrainConfig.Check(2, "videos to tell apart") }
