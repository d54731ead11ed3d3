package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// writeGzip writes a compressed file without a name or time in its header.
func writeGzip(path string, content []byte) error {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}

// writeTar writes a .tar.gz file of files below the stage.
func (r *release) writeTar(path string, files []string) error {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := r.each(files, func(name string, mode os.FileMode, content []byte) error {
		h := &tar.Header{Name: name, Mode: int64(mode), Size: int64(len(content)), ModTime: r.time, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err := w.Write(content)
		return err
	})
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return writeGzip(path, b.Bytes())
}

// writeZip writes a .zip file of files below the stage.
func (r *release) writeZip(path string, files []string) error {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	err := r.each(files, func(name string, mode os.FileMode, content []byte) error {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: r.time}
		h.SetMode(mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, bytes.NewReader(content))
		return err
	})
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}

// each calls do with files below the stage. Their names in the archive are below a folder
// clipcue; only the program can be executed.
func (r *release) each(files []string, do func(name string, mode os.FileMode, content []byte) error) error {
	for _, name := range files {
		content, err := os.ReadFile(filepath.Join(r.stage, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if strings.TrimSuffix(name, ".exe") == "clipcue" {
			mode = 0o755
		}
		if err := do("clipcue/"+name, mode, content); err != nil {
			return err
		}
	}
	return nil
}
