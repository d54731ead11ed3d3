package ffmpeg

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

var filters sync.Map // path of a program → what it lists

// NeedFilters returns an error with the name of the first filter that ffmpeg lacks.
func NeedFilters(ctx context.Context, names ...string) error {
	cmd, err := Command(ctx, "ffmpeg", "-hide_banner", "-filters")
	if err != nil {
		return err
	}
	list, ok := filters.Load(cmd.Path)
	if !ok {
		out, err := cmd.Output()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return fmt.Errorf("%w: %s does not list its filters: %v", ErrMissing, cmd.Path, err)
		}
		list = string(out)
		filters.Store(cmd.Path, list)
	}
	for _, name := range names {
		if !strings.Contains(list.(string), " "+name+" ") {
			return fmt.Errorf("this ffmpeg has no filter %s", name)
		}
	}
	return nil
}
