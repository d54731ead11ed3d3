package ffmpeg

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// NeedFilters returns an error with the name of the first filter that ffmpeg lacks.
func NeedFilters(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := need(ctx, "filter", name, " "+name+" "); err != nil {
			return err
		}
	}
	return nil
}

// NeedDecoder returns an error if ffmpeg has neither a decoder of that name nor one of the
// codec of that name.
func NeedDecoder(ctx context.Context, name string) error {
	return need(ctx, "decoder", name, " "+name+" ", "(codec "+name+")")
}

// NeedEncoder returns an error if ffmpeg has no encoder of that name.
func NeedEncoder(ctx context.Context, name string) error {
	return need(ctx, "encoder", name, " "+name+" ")
}

// need returns an error unless the list of a kind of components has an entry in one of the forms.
func need(ctx context.Context, kind, name string, forms ...string) error {
	list, err := list(ctx, kind+"s")
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(forms, func(f string) bool { return strings.Contains(list, f) }) {
		return fmt.Errorf("this ffmpeg has no %s %s", kind, name)
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
