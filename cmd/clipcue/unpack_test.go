package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Shards of captioned videos become features and a retriever; shards of features are read again.
func TestUnpackCommand(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, exitDone, "synth", "objects", "--out", at("videos"), "--per-class", "3", "--only", "red circle,blue ring,green star,yellow square")
	found, err := filepath.Glob(filepath.Join(at("videos"), "*", "*.mp4"))
	if err != nil || len(found) != 12 {
		t.Fatalf("%v, error %v", found, err)
	}
	if err := os.Mkdir(at("shards"), 0o777); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(at("shards"), "00000.tar"))
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(f)
	add := func(name string, data []byte) {
		err = errors.Join(err, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}))
		_, e := w.Write(data)
		err = errors.Join(err, e)
	}
	for i, file := range found {
		data, e := os.ReadFile(file)
		err = errors.Join(err, e)
		add(fmt.Sprintf("%09d.mp4", i), data)
		add(fmt.Sprintf("%09d.txt", i), []byte("a "+strings.ReplaceAll(filepath.Base(filepath.Dir(file)), "_", " ")))
	}
	if err := errors.Join(err, w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	must(t, exitDone, "unpack", at("shards"), "--out", at("data"))
	must(t, exitDone, "extract", at("data"), "--out", at("features"), "--fps", "2")
	must(t, exitDone, "train", "retrieval", "--features", at("features"), "--data", at("data"), "--out", at("run"), "--steps", "2")
	must(t, exitDone, "features", "export", at("features"), "--as", "webdataset", "--out", at("feature-shards"))
	must(t, exitDone, "unpack", at("feature-shards"), "--out", at("arrays"))
	must(t, exitDone, "features", "import", at("arrays"), "--out", at("again"))
	id := filepath.Join("00000", "000000001.mp4.safetensors")
	first, err := os.ReadFile(filepath.Join(at("features"), id))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(filepath.Join(at("again"), id)); err != nil || string(again) != string(first) {
		t.Errorf("the features differ, error %v", err)
	}
	if err := os.WriteFile(filepath.Join(at("shards"), "00001.tar"), []byte("text"), 0o666); err != nil {
		t.Fatal(err)
	}
	if r := must(t, exitPartial, "unpack", at("shards"), "--out", at("data")); !strings.Contains(r.stderr, "not a tar file") {
		t.Errorf("%s", r.stderr)
	}
}
