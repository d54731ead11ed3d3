package video

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// tool finds ffmpeg or ffprobe.
func tool(name string) (string, error) {
	env := "CLIPCUE_" + strings.ToUpper(name)
	wanted := name
	if v := os.Getenv(env); v != "" {
		wanted = v
	}
	path, err := exec.LookPath(wanted)
	if err == nil {
		return path, nil
	}
	if wanted != name {
		return "", fmt.Errorf("%w: %s=%s: %v", ErrNoFFmpeg, env, wanted, errors.Unwrap(err))
	}
	return "", fmt.Errorf("%w: no %s on PATH; install it (apt install ffmpeg, brew install ffmpeg, "+
		"winget install ffmpeg) or set %s", ErrNoFFmpeg, name, env)
}

// command prepares a program that dies with ctx, together with what it may
// have started, and that cannot ask the terminal anything.
func command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return killTree(cmd) }
	cmd.WaitDelay = 2 * time.Second
	ownGroup(cmd)
	return cmd
}

// start starts a command that was prepared with ctx.
func start(ctx context.Context, cmd *exec.Cmd) error {
	err := cmd.Start()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return fmt.Errorf("%w: %v", ErrNoFFmpeg, err)
}

// input is how a file is named to ffmpeg: as a file whatever its name looks
// like, from which nothing but files may be opened.
func input(path string) []string {
	args := []string{"-protocol_whitelist", "file,pipe"}
	if strings.EqualFold(filepath.Ext(path), ".gif") {
		// Otherwise a % in the name would stand for the numbers of a sequence.
		args = append(args, "-f", "gif")
	}
	return append(args, "-i", "file:"+path)
}

// Version returns the decoder's name for provenance, such as
// "ffmpeg 5.1.9-0+deb12u1".
func Version(ctx context.Context) (string, error) {
	program, err := tool("ffmpeg")
	if err != nil {
		return "", err
	}
	return version(ctx, program)
}

var versions sync.Map // program → name and version

func version(ctx context.Context, program string) (string, error) {
	if v, ok := versions.Load(program); ok {
		return v.(string), nil
	}
	var out headBuffer
	cmd := command(ctx, program, "-version")
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "", fmt.Errorf("%w: %s does not run: %v", ErrNoFFmpeg, program, err)
	}
	words := strings.Fields(out.String())
	if len(words) < 3 || words[1] != "version" {
		return "", fmt.Errorf("%w: %s is some other program", ErrNoFFmpeg, program)
	}
	v := words[0] + " " + words[2]
	versions.Store(program, v)
	return v, nil
}

// passthrough is the option by which ffmpeg neither drops nor repeats frames;
// version 5.1 gave it a new name.
func passthrough(version string) []string {
	var major, minor int
	_, number, _ := strings.Cut(version, " ")
	n, _ := fmt.Sscanf(strings.TrimPrefix(number, "n"), "%d.%d", &major, &minor)
	if n == 2 && (major < 5 || major == 5 && minor < 1) {
		return []string{"-vsync", "passthrough"}
	}
	return []string{"-fps_mode", "passthrough"}
}

// headBuffer keeps the first 64 KiB that are written to it.
type headBuffer struct{ bytes.Buffer }

func (b *headBuffer) Write(p []byte) (int, error) {
	if room := 1<<16 - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
