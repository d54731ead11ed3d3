package ffmpeg

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// NeedFilters returns an error with the name of the first filter that ffmpeg lacks.
func NeedFilters(ctx context.Context, names ...string) error {
	list, err := list(ctx, "filters")
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.Contains(list, " "+name+" ") {
			return fmt.Errorf("this ffmpeg has no filter %s", name)
		}
	}
	return nil
}

// NeedDecoder returns an error if ffmpeg has neither a decoder of that name nor one of the
// codec of that name.
func NeedDecoder(ctx context.Context, name string) error {
	list, err := list(ctx, "decoders")
	if err != nil {
		return err
	}
	if !strings.Contains(list, " "+name+" ") && !strings.Contains(list, "(codec "+name+")") {
		return fmt.Errorf("this ffmpeg has no decoder %s", name)
	}
	return nil
}

// NeedEncoder returns an error if ffmpeg has no encoder of that name.
func NeedEncoder(ctx context.Context, name string) error {
	list, err := list(ctx, "encoders")
	if err != nil {
		return err
	}
	if !strings.Contains(list, " "+name+" ") {
		return fmt.Errorf("this ffmpeg has no encoder %s", name)
	}
	return nil
}

var lists sync.Map // path of a program and what it lists → the list

// list returns what ffmpeg prints about the kinds of components that it has.
func list(ctx context.Context, what string) (string, error) {
	cmd, err := Command(ctx, "ffmpeg", "-hide_banner", "-"+what)
	if err != nil {
		return "", err
	}
	key := [2]string{cmd.Path, what}
	if known, ok := lists.Load(key); ok {
		return known.(string), nil
	}
	out, err := cmd.Output()
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		return "", fmt.Errorf("%w: %s does not list its %s: %v", ErrMissing, cmd.Path, what, err)
	}
	lists.Store(key, string(out))
	return string(out), nil
}
