package ffmpeg

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestMissingSaysWhatToDo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("CLIPCUE_FFPROBE", "")
	_, err := Command(t.Context(), "ffprobe")
	if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "apt install ffmpeg") || !strings.Contains(err.Error(), "CLIPCUE_FFPROBE") {
		t.Error(err)
	}
	gone := filepath.Join(t.TempDir(), "gone")
	t.Setenv("CLIPCUE_FFPROBE", gone)
	if _, err := Command(t.Context(), "ffprobe"); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), gone) {
		t.Error(err)
	}
}

func TestVersionAfterCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err := Version(ctx); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, ErrMissing) {
		t.Errorf("%q, %v", v, err)
	}
}

func TestReason(t *testing.T) {
	cmd := &exec.Cmd{Args: []string{"ffmpeg"}}
	tests := []struct{ log, want string }{
		{"", "ffmpeg ended with exit status 1"},
		{"[info] hello\n[warning] hm\n", "ffmpeg ended with exit status 1"},
		{"[x @ 0x5] [error] moov atom not found.\n[error] Invalid data\n", "moov atom not found"},
		{"[fatal] a\tb\x1b[31m\xff\n", "a\\tb\\x1b[31m\\xff"},
		{"[info]     title           : An [error] in it\n                    : [error] of two lines\n", "ffmpeg ended with exit status 1"},
		{"[a @ 0x5] [b @ 0x6] [error] twice\n", "twice"},
		{"[error] " + strings.Repeat("é", 300), strings.Repeat("é", 100) + "..."},
	}
	for _, c := range tests {
		if got := Reason(cmd, c.log, errors.New("exit status 1")); got != c.want {
			t.Errorf("%q: %q, want %q", c.log, got, c.want)
		}
	}
}

func TestHeadIsBounded(t *testing.T) {
	var h Head
	for range 100 {
		if n, err := h.Write(make([]byte, 1000)); n != 1000 || err != nil {
			t.Fatal(n, err)
		}
	}
	if len(h.String()) != 1<<16 {
		t.Errorf("%d bytes are kept", len(h.String()))
	}
}

// Only the head of a log is kept, whether it arrives by Write or by io.Copy.
func TestHeadIsBoundedForCopies(t *testing.T) {
	var h Head
	if n, err := io.Copy(&h, io.LimitReader(endless{}, 1<<20)); n != 1<<20 || err != nil {
		t.Errorf("%d bytes were taken, error %v", n, err)
	}
	if n := len(h.String()); n != 1<<16 {
		t.Errorf("%d bytes were kept", n)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
