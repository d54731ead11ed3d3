// Package flags defines the command-line flags of clipcue.
//
// Values are checked while flags are parsed, so that an invalid value is wrong usage
// and the error names its flag. Flags that several commands have are defined here
// once: one name, one type and one help text.
//
// The default of a flag is what its variable holds when the flag is added.
package flags

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/memory"
)

// OneOf adds a flag that takes one of at least two words.
func OneOf[S ~string](c *cobra.Command, p *S, name string, words []S, usage string) {
	add(c, p, "string", name, usage, oneOf(words))
}

func oneOf[S ~string](words []S) func(string) (S, error) {
	return func(s string) (S, error) {
		if !slices.Contains(words, S(s)) {
			return "", fmt.Errorf("must be %s", Words(words))
		}
		return S(s), nil
	}
}

// Words returns a list for people: "a, b or c".
func Words[S ~string](words []S) string {
	plain := make([]string, len(words))
	for i, w := range words {
		plain[i] = string(w)
	}
	last := len(plain) - 1
	return strings.Join(plain[:last], ", ") + " or " + plain[last]
}

// Int adds a flag that takes an integer of at least least.
func Int(c *cobra.Command, p *int, name string, least int, usage string) {
	add(c, p, "int", name, usage, atLeast(least))
}

func atLeast(least int) func(string) (int, error) {
	return func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least {
			return 0, fmt.Errorf("must be an integer of at least %d", least)
		}
		return n, nil
	}
}

// Count adds a flag that takes an integer from least to most, for numbers of what is allocated.
func Count(c *cobra.Command, p *int, name string, least, most int, usage string) {
	add(c, p, "int", name, usage, fromTo(least, most))
}

func fromTo(least, most int) func(string) (int, error) {
	return func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("must be an integer from %d to %d", least, most)
		}
		return n, nil
	}
}

// float adds a flag that takes the finite numbers that valid accepts.
func float(c *cobra.Command, p *float64, name, usage, want string, valid func(float64) bool) {
	add(c, p, "float", name, usage, func(s string) (float64, error) {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsInf(x, 0) || math.IsNaN(x) || !valid(x) {
			return 0, errors.New("must be " + want)
		}
		return x, nil
	})
}

// Positive adds a flag that takes a number above 0.
func Positive(c *cobra.Command, p *float64, name, usage string) {
	float(c, p, name, usage, "a number above 0", func(x float64) bool { return x > 0 })
}

// NotNegative adds a flag that takes a number of at least 0.
func NotNegative(c *cobra.Command, p *float64, name, usage string) {
	float(c, p, name, usage, "a number of at least 0", func(x float64) bool { return x >= 0 })
}

// Between0And1 adds a flag that takes a number above 0 and below 1.
func Between0And1(c *cobra.Command, p *float64, name, usage string) {
	float(c, p, name, usage, "a number between 0 and 1", func(x float64) bool { return x > 0 && x < 1 })
}

// Below1 adds a flag that takes a number from 0 to below 1.
func Below1(c *cobra.Command, p *float64, name, usage string) {
	float(c, p, name, usage, "a number of at least 0 and below 1", func(x float64) bool { return x >= 0 && x < 1 })
}

// UpTo1 adds a flag that takes a number above 0, up to 1.
func UpTo1(c *cobra.Command, p *float64, name, usage string) {
	float(c, p, name, usage, "a number above 0 and at most 1", func(x float64) bool { return x > 0 && x <= 1 })
}

// Temperature adds a flag that takes a positive number, or the word clip, which is
// stored as 0.
func Temperature(c *cobra.Command, p *float64, name, usage string) {
	add(c, p, "float", name, usage, func(s string) (float64, error) {
		if s == "clip" {
			return 0, nil
		}
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsInf(x, 0) || !(x >= 0) {
			return 0, errors.New("must be a number above 0, or clip for the backbone's own")
		}
		return x, nil
	})
}

// Duration adds a flag that takes a duration above 0.
func Duration(c *cobra.Command, p *time.Duration, name, usage string) {
	add(c, p, "duration", name, usage, func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		if err != nil || d <= 0 {
			return 0, errors.New("must be a duration above 0, such as 30s or 5m")
		}
		return d, nil
	})
}

// Moment adds a flag that takes a duration from 100 ms to an hour. Help shows text as
// its default.
func Moment(c *cobra.Command, p *time.Duration, name, usage, text string) {
	add(c, p, "duration", name, usage, func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		if err != nil || d < 100*time.Millisecond || d > time.Hour {
			return 0, errors.New("must be a duration from 100ms to 1h, such as 4s")
		}
		return d, nil
	})
	c.Flags().Lookup(name).DefValue = text
}

// Memory adds --memory, whose value is in bytes.
func Memory(f *pflag.FlagSet, p *int64) {
	f.Var(&checked[int64]{p, "size", func(s string) (int64, error) {
		n, err := humanize.ParseBytes(s)
		if err != nil || n < 1e6 || n > math.MaxInt64 {
			return 0, errors.New("must be a size of at least 1MB, such as 4GB")
		}
		return int64(n), nil
	}}, "memory", "memory that the content of files may take, such as 4GB")
	f.Lookup("memory").DefValue = fmt.Sprintf("%.0f %% of the free memory", 100*memory.Share)
}

// Threads adds the flag for the number of threads.
func Threads(f *pflag.FlagSet, p *int) {
	f.Var(&checked[int]{p, "int", fromTo(0, compute.MaxThreads)}, "threads", "number of threads; 0 means all cores")
}

// LogFormat adds the flag for the format of log lines.
func LogFormat(f *pflag.FlagSet, p *string) {
	*p = "text"
	f.Var(&checked[string]{p, "string", oneOf([]string{"text", "json"})}, "log-format", "format of log lines: text or json")
}

// List adds a flag that takes what parse accepts.
func List[T any](c *cobra.Command, p *[]T, name, usage string, parse func(string) ([]T, error)) {
	add(c, p, "list", name, usage, parse)
}

// Required makes wrong usage of a command line without the given flags.
func Required(c *cobra.Command, names ...string) {
	before := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		for _, n := range names {
			if !c.Flags().Changed(n) {
				return &MissingError{c.CommandPath(), n}
			}
		}
		if before != nil {
			return before(c, args)
		}
		return nil
	}
}

// MissingError is a command line without a flag that its command requires.
type MissingError struct {
	Command string // its path, such as "clipcue extract"
	Flag    string // without the dashes
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s needs --%s; see: %s --help", e.Command, e.Flag, e.Command)
}

func add[T any](c *cobra.Command, p *T, kind, name, usage string, parse func(string) (T, error)) {
	c.Flags().Var(&checked[T]{p, kind, parse}, name, usage)
}

// checked is the value of a flag.
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

// String returns the value. pflag also calls it on a zero checked.
func (v *checked[T]) String() string {
	if v.p == nil {
		return ""
	}
	return fmt.Sprint(*v.p)
}

func (v *checked[T]) Type() string { return v.kind }
