package shard

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pack returns a tar file of headers; those of regular files have their name as content.
func pack(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if h.Typeflag == 0 {
			h.Typeflag, h.Size = tar.TypeReg, int64(len(h.Name))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(w, h.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func compress(t testing.TB, write func(w io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := errors.Join(write(z), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func names(data []byte) (out []string, others map[string]int, err error) {
	others, err = Each(bytes.NewReader(data), func(m Member) error {
		content, err := io.ReadAll(m)
		out = append(out, m.Key+" "+m.Ext+" "+string(content))
		return err
	})
	return out, others, err
}

func TestEach(t *testing.T) {
	data := pack(t, tar.Header{Name: "./", Typeflag: tar.TypeDir}, tar.Header{Name: "a/", Typeflag: tar.TypeDir}, tar.Header{Name: "./a/01.left.MP4"}, tar.Header{Name: "a/01.txt"},
		tar.Header{Name: "a/._01.txt"}, tar.Header{Name: "b", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, tar.Header{Name: "c.mp4", Typeflag: tar.TypeLink, Linkname: "plain"}, tar.Header{Name: "plain"})
	want := []string{"a/01 .left.mp4 ./a/01.left.MP4", "a/01 .txt a/01.txt", "plain  plain"}
	packed := compress(t, func(w io.Writer) error { _, err := w.Write(data); return err })
	for _, file := range [][]byte{data, packed} {
		got, others, err := names(file)
		if d := cmp.Diff(map[string]int{"hidden files": 1, "symbolic links": 1, "hard links": 1}, others); err != nil || d != "" {
			t.Errorf("error %v, others %s", err, d)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
}

func TestHostileShards(t *testing.T) {
	good := pack(t, tar.Header{Name: "a.mp4"}, tar.Header{Name: "b.mp4"})
	zeros := compress(t, func(w io.Writer) error {
		a := tar.NewWriter(w)
		if err := a.WriteHeader(&tar.Header{Name: "a.mp4", Typeflag: tar.TypeReg, Size: 1 << 27}); err != nil {
			return err
		}
		_, err := io.CopyN(a, zero{}, 1<<27)
		return err
	})
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"parent":       {pack(t, tar.Header{Name: "../a.mp4"}), ErrName},
		"inner parent": {pack(t, tar.Header{Name: "a/../../b.mp4"}), ErrName},
		"absolute":     {pack(t, tar.Header{Name: "/tmp/a.mp4"}), ErrName},
		"control":      {pack(t, tar.Header{Name: "a\n.mp4"}), ErrName},
		"backslash":    {pack(t, tar.Header{Name: `..\a.mp4`}), ErrName},
		"truncated":    {good[:514], ErrDamaged},
		"cut":          {good[:1024], ErrDamaged},
		"text":         {bytes.Repeat([]byte("no tar "), 300), ErrDamaged},
		"gzip":         {compress(t, func(w io.Writer) error { _, err := w.Write(good); return err })[:60], ErrDamaged},
		"bomb":         {zeros, ErrBomb},
	} {
		if _, _, err := names(c.data); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func FuzzEach(f *testing.F) {
	data := pack(f, tar.Header{Name: "a/01.mp4"}, tar.Header{Name: "a/01.txt"}, tar.Header{Name: strings.Repeat("long/", 40) + "a.json"})
	f.Add(data)
	f.Add(compress(f, func(w io.Writer) error { _, err := w.Write(data); return err }))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = Each(bytes.NewReader(data), func(m Member) error {
			if !filepath.IsLocal(filepath.FromSlash(m.Name)) || strings.Contains("/"+m.Name, "/.") || !strings.HasPrefix(m.Name, m.Key) {
				t.Errorf("%q of %q", m.Name, m.Key)
			}
			n, err := io.Copy(io.Discard, m)
			if n > freeBytes+maxRatio*int64(len(data))+1<<20 {
				t.Errorf("%d bytes from %d", n, len(data))
			}
			return err
		})
	})
}
