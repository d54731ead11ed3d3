package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Archives depend on the content of files and the time of the commit alone.
func TestArchives(t *testing.T) {
	var tars, zips [2][]byte
	for i := range 2 {
		r := &release{stage: t.TempDir(), time: time.Unix(1700000000, 0).UTC()}
		for _, name := range []string{"clipcue.exe", "README.md"} {
			path := filepath.Join(r.stage, name)
			if err := os.WriteFile(path, []byte(name), []os.FileMode{0o600, 0o666}[i]); err != nil {
				t.Fatal(err)
			}
		}
		files := []string{"README.md", "clipcue.exe"}
		if err := errors.Join(r.writeTar(filepath.Join(r.stage, "a.tar.gz"), files), r.writeZip(filepath.Join(r.stage, "a.zip"), files)); err != nil {
			t.Fatal(err)
		}
		tars[i], _ = os.ReadFile(filepath.Join(r.stage, "a.tar.gz"))
		zips[i], _ = os.ReadFile(filepath.Join(r.stage, "a.zip"))
	}
	if !bytes.Equal(tars[0], tars[1]) || !bytes.Equal(zips[0], zips[1]) {
		t.Error("two archives of the same files differ")
	}
	modes := map[string]os.FileMode{"clipcue/README.md": 0o644, "clipcue/clipcue.exe": 0o755}
	g, err := gzip.NewReader(bytes.NewReader(tars[0]))
	if err != nil {
		t.Fatal(err)
	}
	unpacked := tar.NewReader(g)
	for range modes {
		h, err := unpacked.Next()
		if err != nil {
			t.Fatal(err)
		}
		content, _ := io.ReadAll(unpacked)
		if h.FileInfo().Mode() != modes[h.Name] || string(content) != filepath.Base(h.Name) || h.ModTime.Unix() != 1700000000 {
			t.Errorf("tar: %s: %v %q %v", h.Name, h.FileInfo().Mode(), content, h.ModTime)
		}
	}
	z, err := zip.NewReader(bytes.NewReader(zips[0]), int64(len(zips[0])))
	if err != nil || len(z.File) != len(modes) {
		t.Fatalf("zip: %v, %v", z, err)
	}
	for _, f := range z.File {
		if f.Mode() != modes[f.Name] || f.Modified.Unix() != 1700000000 {
			t.Errorf("zip: %s: %v %v", f.Name, f.Mode(), f.Modified)
		}
	}
}

// Debian sorts versions before a release with ~.
func TestDebian(t *testing.T) {
	for version, want := range map[string]string{"1.2.3": "1.2.3", "1.2.3-rc.1": "1.2.3~rc.1"} {
		if got := debian(version); got != want {
			t.Errorf("%s: %s, want %s", version, got, want)
		}
	}
}
