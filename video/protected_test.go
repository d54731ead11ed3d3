package video

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// scramble scrambles the packets of a transport stream with a PID, the share of them after
// a part of the file.
func scramble(ts []byte, pid uint16, from float64) []byte {
	ts = bytes.Clone(ts)
	for at := int(from*float64(len(ts))) / 188 * 188; at+188 <= len(ts); at += 188 {
		p := ts[at : at+188]
		if uint16(p[1]&0x1f)<<8|uint16(p[2]) != pid || p[3]&0x10 == 0 {
			continue
		}
		p[3] |= 0x80
		start := 4
		if p[3]&0x20 != 0 {
			start += 1 + int(p[4])
		}
		for i := start; i < len(p); i++ {
			p[i] ^= byte(0x5a + 7*i)
		}
	}
	return ts
}

// Encrypted files are named so by every route, and none of their frames is accepted.
func TestEncryptedFiles(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	dir := t.TempDir()
	film := func(name string, args ...string) []byte {
		path := filepath.Join(dir, name)
		run(t, append(append([]string{"-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=4"}, args...), path)...)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	ts, mkv, mxf := film("a.ts", "-c:v", "libx264"), film("a.mkv", "-c:v", "libx264"), film("a.mxf", "-c:v", "mpeg2video")
	uid := bytes.Index(mkv, []byte("\x73\xc5\x88"))
	if uid < 0 {
		t.Skip("this ffmpeg writes no TrackUID of 8 bytes")
	}
	locked := bytes.Clone(mkv)
	copy(locked[uid:], "\x6d\x80\x86\x62\x40\x83\x50\x35\x80\xec\x80") // encodings, encoding, encryption; void
	essence := bytes.Clone(mxf)
	picture := bytes.Index(essence, []byte("\x06\x0e\x2b\x34\x01\x02\x01\x01\x0d\x01\x03\x01\x15"))
	if picture < 0 {
		t.Skip("this ffmpeg writes another key of pictures")
	}
	copy(essence[picture:], mxfEncrypted[1][:])
	for name, data := range map[string][]byte{
		"all.ts": scramble(ts, 0x100, 0), "most.ts": scramble(ts, 0x100, 0.2), "locked.mkv": locked, "essence.mxf": essence,
		"m2ts.m2ts": withTimes(scramble(ts, 0x100, 0)),
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		for f, err := range Frames(t.Context(), path, Options{AllowPartial: true}) {
			if !errors.Is(err, ErrEncrypted) {
				t.Errorf("%s: a frame at %g s, error %v", name, f.Time, err)
			}
		}
		for _, decode := range []bool{false, true} {
			if _, err := Check(t.Context(), path, CheckOptions{Decode: decode}); !errors.Is(err, ErrEncrypted) {
				t.Errorf("%s: check: %v", name, err)
			}
		}
	}
	for name, data := range map[string][]byte{"clear.ts": ts, "clear.mkv": mkv, "clear.mxf": mxf, "other.ts": scramble(ts, 0x101, 0)} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Check(t.Context(), path, CheckOptions{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// withTimes adds the four bytes before each packet that discs and cameras store.
func withTimes(ts []byte) (out []byte) {
	for at := 0; at+188 <= len(ts); at += 188 {
		out = append(append(out, 0, 0, 0, 0), ts[at:at+188]...)
	}
	return out
}

func FuzzScrambled(f *testing.F) {
	f.Add(bytes.Repeat(append([]byte{0x47, 1, 0, 0x90}, make([]byte, 184)...), 9))
	f.Fuzz(func(t *testing.T, data []byte) {
		if clear, locked := countScrambled(data, 0); clear < 0 || locked < 0 || 188*(clear+locked) > len(data)+188 {
			t.Errorf("%d and %d packets in %d bytes", clear, locked, len(data))
		}
	})
}
