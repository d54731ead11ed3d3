package video

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// box returns an MP4 box.
func box(kind string, content ...[]byte) []byte {
	body := slices.Concat(content...)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), kind...), body...)
}

func words(numbers ...uint32) (b []byte) {
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

// lockFragments appends a box to each fragment of a file and replaces the samples by noise.
func lockFragments(file, extra []byte) (locked []byte) {
	for rest := file; len(rest) >= 8; {
		size := binary.BigEndian.Uint32(rest)
		part := slices.Clone(rest[:size])
		switch rest = rest[size:]; string(part[4:8]) {
		case "moof":
			traf, trun := bytes.Index(part, []byte("traf"))-4, bytes.Index(part, []byte("trun"))
			for _, at := range []int{0, traf, trun + 12} { // two sizes and the position of the samples
				binary.BigEndian.PutUint32(part[at:], binary.BigEndian.Uint32(part[at:])+uint32(len(extra)))
			}
			part = append(part, extra...)
		case "mdat":
			for i := 8; i < len(part); i++ {
				part[i] ^= byte(151 * i)
			}
		}
		locked = append(locked, part...)
	}
	return locked
}

// An encrypted file is called that, whatever declares it and whoever asks, and gives no frames.
func TestEncryptedMP4(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	dir := t.TempDir()
	clear, path := filepath.Join(dir, "clear.mp4"), filepath.Join(dir, "locked.mp4")
	fragments := []string{"-f", "lavfi", "-i", second, "-c:v", "libx264", "-g", "5", "-movflags", "frag_keyframe+empty_moov+default_base_moof"}
	run(t, append(fragments, clear)...)
	file, err := os.ReadFile(clear)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := extracted(t, clear, Options{}); n != 10 || err != nil {
		t.Fatalf("clear: %d frames, error %v", n, err)
	}
	if again := lockFragments(lockFragments(file, nil), nil); !bytes.Equal(again, file) {
		t.Fatal("the test does not find the samples")
	}
	forms := map[string][]byte{
		"senc": lockFragments(file, box("senc", words(0, 5), make([]byte, 5*8))),
		"sinf": lockFragments(file, box("sinf", box("frma", []byte("avc1")), box("schm", words(0), []byte("cenc"), words(1<<16)))),
		"piff": lockFragments(file, box("uuid", []byte(piff), words(0, 5), make([]byte, 5*8))),
		"seig": lockFragments(file, box("sgpd", words(1<<24), []byte("seig"), words(20, 1, 0x0108), make([]byte, 16))),
	}
	run(t, append(slices.Clone(fragments), "-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb",
		"-encryption_kid", "a7e61c373e219033c21091fa607bf3b8", path)...)
	if forms["header"], err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	for name, locked := range forms {
		os.WriteFile(path, locked, 0o600)
		for _, partial := range []bool{false, true} {
			if n, err := extracted(t, path, Options{AllowPartial: partial}); n > 0 || !errors.Is(err, ErrEncrypted) {
				t.Errorf("%s: %d frames, error %v", name, n, err)
			}
		}
		for _, decode := range []bool{false, true} {
			if _, err := Check(t.Context(), path, CheckOptions{Decode: decode}); !errors.Is(err, ErrEncrypted) || !strings.Contains(err.Error(), "encrypted") {
				t.Errorf("%s: check with decoding %v: error %v", name, decode, err)
			}
		}
	}
}

func TestProtectedMP4(t *testing.T) {
	track := func(id uint32, entry []byte) []byte {
		return box("trak", box("tkhd", words(0, 0, 0, id)), box("mdia", box("minf", box("stbl", box("stsd", words(0, 1), entry)))))
	}
	fragment := func(id uint32, extra []byte) []byte {
		return box("moof", box("traf", box("tfhd", words(0, id)), extra))
	}
	visual := make([]byte, 78)
	plain := box("moov", track(1, box("avc1", visual)), track(2, box("mp4a")))
	senc := box("senc", words(0, 1))
	for name, c := range map[string]struct {
		file []byte
		want bool
	}{
		"clear":                     {plain, false},
		"entry":                     {box("moov", track(1, box("encv", visual))), true},
		"entry of another track":    {box("moov", track(1, box("avc1", visual)), track(2, box("encv", visual))), false},
		"scheme in the entry":       {box("moov", track(1, box("hvc1", visual, box("sinf")))), true},
		"second fragment":           {slices.Concat(plain, fragment(1, nil), box("mdat", visual), fragment(1, senc)), true},
		"fragment of another track": {slices.Concat(plain, fragment(2, senc)), false},
		"no sample":                 {slices.Concat(plain, fragment(1, box("senc", words(0, 0)))), false},
		"group in clear":            {slices.Concat(plain, fragment(1, box("sgpd", words(1<<24), []byte("seig"), words(20, 1, 0x0000), visual[:16]))), false},
		"group with own length":     {slices.Concat(plain, fragment(1, box("sgpd", words(1<<24), []byte("seig"), words(0, 1, 20, 0x0108), visual[:16]))), true},
		"large box":                 {slices.Concat(words(1), []byte("free"), words(0, 24), visual[:8], plain, fragment(1, senc)), true},
		"no size":                   {words(3, 0), false},
	} {
		path := filepath.Join(t.TempDir(), "a.mp4")
		os.WriteFile(path, c.file, 0o600)
		if got := protectedMP4(path, 1); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func FuzzProtectedMP4(f *testing.F) {
	f.Add(box("moof", box("traf", box("tfhd", words(0, 1)), box("sgpd", words(0), []byte("seig"), words(1)))))
	f.Add(words(1, 0, 0, 16, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "a.mp4")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		protectedMP4(path, 1)
	})
}
