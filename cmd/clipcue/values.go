package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/video"
)

// Flags whose values are checked where they are given, so that a wrong one is
// wrong usage that names its flag. The default is what the variable holds.

// oneOf adds a flag that takes one of some words.
func oneOf[S ~string](c *cobra.Command, p *S, name string, words []S, usage string) {
	c.Flags().Var(&checked[S]{p, "string", func(s string) (S, error) {
		if !slices.Contains(words, S(s)) {
			return "", fmt.Errorf("it is %s or %s", join(words[:len(words)-1]), words[len(words)-1])
		}
		return S(s), nil
	}}, name, usage)
}

func join[S ~string](words []S) string {
	plain := make([]string, len(words))
	for i, w := range words {
		plain[i] = string(w)
	}
	return strings.Join(plain, ", ")
}

// activationFlag adds the flag for what some weight files cannot tell.
func activationFlag(c *cobra.Command, p *string) {
	oneOf(c, p, "activation", []string{"quick_gelu", "gelu"}, "the MLPs' activation where the file cannot tell: quick_gelu or gelu")
}

// whole adds a flag that takes a whole number, at least so large.
func whole(c *cobra.Command, p *int, name string, least int, usage string) {
	c.Flags().Var(&checked[int]{p, "int", func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least {
			return 0, fmt.Errorf("it is a whole number, at least %d", least)
		}
		return n, nil
	}}, name, usage)
}

// number adds a flag that takes a number from 0 up, or above 0.
func number(c *cobra.Command, p *float64, name string, zero bool, usage string) {
	c.Flags().Var(&checked[float64]{p, "float", func(s string) (float64, error) {
		x, err := strconv.ParseFloat(s, 64)
		switch {
		case err != nil || math.IsInf(x, 0) || !(x >= 0):
			return 0, fmt.Errorf("it is a number from 0 up")
		case x == 0 && !zero:
			return 0, fmt.Errorf("it is a number above 0")
		}
		return x, nil
	}}, name, usage)
}

// timeout adds the flag for how long a decoder may give nothing.
func timeout(c *cobra.Command, p *time.Duration) {
	*p = video.DefaultTimeout
	c.Flags().Var(&checked[time.Duration]{p, "duration", func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		if err != nil || d <= 0 {
			return 0, fmt.Errorf("it is a time above 0, such as 30s or 5m")
		}
		return d, nil
	}}, "timeout", "stop a decoder that gives nothing for so long, which fails the video")
}

// share adds a flag that takes a number between 0 and 1.
func share(c *cobra.Command, p *float64, name, usage string) {
	c.Flags().Var(&checked[float64]{p, "float", func(s string) (float64, error) {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || !(x > 0 && x < 1) {
			return 0, fmt.Errorf("it is a number between 0 and 1")
		}
		return x, nil
	}}, name, usage)
}

// below1 adds a flag that takes a number from 0 up, below 1.
func below1(c *cobra.Command, p *float64, name, usage string) {
	c.Flags().Var(&checked[float64]{p, "float", func(s string) (float64, error) {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || !(x >= 0 && x < 1) {
			return 0, fmt.Errorf("it is a number from 0 up, below 1")
		}
		return x, nil
	}}, name, usage)
}

// temperature adds a flag that takes a temperature, or the word clip, which is
// kept as 0.
func temperature(c *cobra.Command, p *float64, name, usage string) {
	c.Flags().Var(&checked[float64]{p, "float", func(s string) (float64, error) {
		if s == "clip" {
			return 0, nil
		}
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsInf(x, 0) || !(x >= 0) {
			return 0, fmt.Errorf("it is a number above 0, or clip for the backbone's own")
		}
		return x, nil
	}}, name, usage)
}

// temporalScale adds the flag for how much of a model's temporal residual counts.
// Only if it is given the model has to have one.
func temporalScale(c *cobra.Command, p *float64) {
	*p = 1
	number(c, p, "temporal-scale", true, "how much of the temporal Transformer's residual counts: 1 as trained, 0 for prompts alone")
}

// setTemporalScale takes it over if it was given.
func setTemporalScale(c *cobra.Command, model interface{ SetTemporalScale(float64) error }, scale float64) error {
	if !c.Flags().Changed("temporal-scale") {
		return nil
	}
	if err := model.SetTemporalScale(scale); err != nil {
		return fmt.Errorf("--temporal-scale: %w", err)
	}
	return nil
}

// checked is a flag's value.
type checked[T any] struct {
	p     *T
	kind  string
	parse func(string) (T, error)
}

func (v *checked[T]) Set(s string) (err error) {
	x, err := v.parse(s)
	if err == nil {
		*v.p = x
	}
	return err
}

// String is also asked of the zero value, by the library's search for defaults.
func (v *checked[T]) String() string {
	if v.p == nil {
		return ""
	}
	return fmt.Sprint(*v.p)
}

func (v *checked[T]) Type() string { return v.kind }
