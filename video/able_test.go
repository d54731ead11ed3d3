package video

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// lacking makes the rest of a test use an ffmpeg without some components: their names are
// taken out of its lists, and out of those of what it does with them.
func lacking(t *testing.T, name string) {
	t.Helper()
	real, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip(err)
	}
	script := filepath.Join(t.TempDir(), "ffmpeg")
	text := `#!/bin/sh
case "$*" in
*-filters|*-decoders) "` + real + `" "$@" | grep -v -w '` + name + `';;
*-version) exec "` + real + `" "$@";;
*) echo "[fatal] Decoder (codec ` + name + `) not found" >&2; exit 1;;
esac
`
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CLIPCUE_FFMPEG", script)
}

// Check refuses what the installed ffmpeg cannot decode, with the error of Frames.
func TestCheckAsksFFmpeg(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	files := map[string][]string{
		"mpeg4":  {"-c:v", "mpeg4", "d.mp4"},
		"zscale": {"-c:v", "libx264", "-color_trc", "smpte2084", "h.mp4"},
		"bwdif":  {"-c:v", "libx264", "-vf", "setfield=tff", "-flags", "+ildct+ilme", "-x264-params", "tff=1", "i.mp4"},
	}
	for name, args := range files {
		path := filepath.Join(dir, args[len(args)-1])
		run(t, append(append([]string{"-f", "lavfi", "-i", second}, args[:len(args)-1]...), path)...)
		t.Run(name, func(t *testing.T) {
			lacking(t, name)
			_, err := Check(t.Context(), path, CheckOptions{})
			if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), name) {
				t.Errorf("check: error %v", err)
			}
			if _, err := extracted(t, path, Options{}); !errors.Is(err, ErrUnsupported) {
				t.Errorf("frames: error %v", err)
			}
		})
	}
}

// A file whose header announces protection is encrypted, whoever asks, and gives no frames.
func TestEncryptedASF(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain.wmv")
	run(t, "-f", "lavfi", "-i", second, "-c:v", "wmv2", plain)
	data, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range asfProtection {
		// The object goes to the end of the header object, which grows by it.
		object := append(id[:], 40, 0, 0, 0, 0, 0, 0, 0)
		object = append(object, make([]byte, 16)...)
		size := binary.LittleEndian.Uint64(data[16:])
		locked := append(append(append([]byte{}, data[:size]...), object...), data[size:]...)
		binary.LittleEndian.PutUint64(locked[16:], size+40)
		binary.LittleEndian.PutUint32(locked[24:], binary.LittleEndian.Uint32(data[24:])+1)
		path := filepath.Join(dir, "locked.wmv")
		if err := os.WriteFile(path, locked, 0o600); err != nil {
			t.Fatal(err)
		}
		n, err := extracted(t, path, Options{AllowPartial: true})
		_, checked := Check(t.Context(), path, CheckOptions{})
		if n > 0 || !errors.Is(err, ErrEncrypted) || !errors.Is(checked, ErrEncrypted) {
			t.Errorf("object %d: %d frames, error %v; check: %v", i, n, err, checked)
		}
	}
	if n, err := extracted(t, plain, Options{}); n != 10 || err != nil {
		t.Errorf("plain: %d frames, error %v", n, err)
	}
}

func FuzzASF(f *testing.F) {
	f.Add(asfHeader[:])
	f.Add(append(append(asfHeader[:], 60, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 2), asfProtection[0][:]...))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "a.wmv")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		protectedASF(path)
		truncated(path, "asf")
		truncated(path, "mxf")
	})
}
