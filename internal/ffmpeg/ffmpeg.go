// Package ffmpeg finds and runs the programs ffmpeg and ffprobe.
package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// ErrMissing means that a program was not found or does not run.
var ErrMissing = errors.New("ffmpeg is missing")

// find returns the path of ffmpeg or ffprobe, from CLIPCUE_FFMPEG or CLIPCUE_FFPROBE
// if set, otherwise from PATH.
func find(name string) (string, error) {
	env := "CLIPCUE_" + strings.ToUpper(name)
	wanted := name
	if v := os.Getenv(env); v != "" {
		wanted = v
	}
	path, err := exec.LookPath(wanted)
	switch {
	case err == nil:
		return path, nil
	case wanted != name:
		return "", fmt.Errorf("%w: %s=%s: %v", ErrMissing, env, wanted, errors.Unwrap(err))
	}
	return "", fmt.Errorf("%w: no %s on PATH; install it (apt install ffmpeg, brew install ffmpeg, "+
		"winget install ffmpeg) or set %s", ErrMissing, name, env)
}

// Command returns a command that runs ffmpeg or ffprobe. When ctx is canceled, the
// process and its children are killed.
func Command(ctx context.Context, name string, args ...string) (*exec.Cmd, error) {
	program, err := find(name)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return killTree(cmd) }
	cmd.WaitDelay = 2 * time.Second
	ownGroup(cmd)
	return cmd, nil
}

// Start starts a command that was prepared with ctx.
func Start(ctx context.Context, cmd *exec.Cmd) error {
	err := cmd.Start()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return fmt.Errorf("%w: %v", ErrMissing, err)
}

var versions sync.Map // path of a program → its name and version

// Version returns the name and version that ffmpeg reports, such as "ffmpeg 5.1.9-0+deb12u1".
func Version(ctx context.Context) (string, error) {
	cmd, err := Command(ctx, "ffmpeg", "-version")
	if err != nil {
		return "", err
	}
	if v, ok := versions.Load(cmd.Path); ok {
		return v.(string), nil
	}
	var out Head
	cmd.Stdout = &out
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		return "", fmt.Errorf("%w: %s does not run: %v", ErrMissing, cmd.Path, err)
	}
	words := strings.Fields(out.String())
	if len(words) < 3 || words[1] != "version" {
		return "", fmt.Errorf("%w: %s is some other program", ErrMissing, cmd.Path)
	}
	v := words[0] + " " + words[2]
	versions.Store(cmd.Path, v)
	return v, nil
}
