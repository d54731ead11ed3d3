package atomicfile

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func zipOf(t *testing.T, name string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if _, err := z.Create(name); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A result replaces an earlier result, and no video, database, weights or archive.
func TestOutputKeepsFilesOfAnotherKind(t *testing.T) {
	bundle, weights := zipOf(t, "doctor.json"), zipOf(t, "archive/data.pkl")
	database := "SQLite format 3\x00\x10\x00"
	long := strings.Repeat("é", headSize) // with "a" before it, the head ends within a character
	path := filepath.Join(t.TempDir(), "file")
	for _, c := range []struct {
		old, result string
		ok          bool
	}{
		{"", bundle, true},
		{bundle, bundle, true},
		{"a,b\n", "<html>", true},
		{long, long, true},
		{"a" + long, "x" + long, true},
		{"PAR1\x15\x04", "PAR1\x15\x06", true},
		{"ARROW1\x00\x00", "ARROW1\x00\x00x", true},
		{"ARROW1\x00\x00", "PAR1", false},
		{"notes", bundle, false},
		{weights, bundle, false},
		{"PK\x03\x04", bundle, false},
		{bundle, "{}", false},
		{database, "{}", false},
		{database, database, false},
		{"\x00\x00\x00\x20ftypisom", "<html>", false},
		{"\x1a\x45\xdf\xa3\xa3", "a,b\n", false},
		{"x\x00", "", false},
	} {
		if err := os.WriteFile(path, []byte(c.old), 0o666); err != nil {
			t.Fatal(err)
		}
		err := Output(path, func(w io.Writer) error {
			for _, part := range []string{c.result[:len(c.result)/2], c.result[len(c.result)/2:]} {
				if _, err := io.WriteString(w, part); err != nil {
					return err
				}
			}
			return nil
		})
		want := c.result
		if !c.ok {
			want = c.old
		}
		if c.ok != (err == nil) || !c.ok && (!errors.Is(err, ErrOtherKind) || !strings.Contains(err.Error(), path)) || content(t, path) != want {
			t.Errorf("%.20q over %.20q: error %v, content %.20q", c.result, c.old, err, content(t, path))
		}
	}
}

// A result in a folder replaces an earlier one, and no file of the user that has its name.
func TestMemberKeepsForeignFiles(t *testing.T) {
	model := func(json string) string {
		return string(binary.LittleEndian.AppendUint64(nil, uint64(len(json)))) + json
	}
	shard := func(name string) string {
		var b bytes.Buffer
		z := tar.NewWriter(&b)
		if err := errors.Join(z.WriteHeader(&tar.Header{Name: name, Mode: 0o644}), z.Close()); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	ours := model(`{"__metadata__":{"clipcue":"{}"},"a":{}}`)
	path := filepath.Join(t.TempDir(), "file")
	for _, c := range []struct {
		old, result string
		ok          bool
	}{
		{"", ours, true},
		{ours, model(`{"__metadata__":{"clipcue":"{\"x\":1}"},"b":{}}`), true},
		{model(`{"__metadata__":{"format":"pt"},"a":{}}`), ours, false},
		{model(`{"a":{}}`), ours, false},
		{`{"timestamps":[1]}`, `{"timestamps":[2]}`, true},
		{"{\n  \"task\": {\n    \"name\": 1}}", `{"task":{"name":2}}`, true},
		{`{"mine":[1]}`, `{"timestamps":[2]}`, false},
		{"notes", `{"timestamps":[2]}`, false},
		{"path,label\na,b\n", "path,label\nc,d\n", true},
		{"mine,label\na,b\n", "path,label\nc,d\n", false},
		{"path,label\n", "", false},
		{shard("a.npy"), shard("b.npy"), true},
		{shard("a.mp4"), shard("b.npy"), false},
		{"\x93NUMPY\x01", "\x93NUMPY\x02", true},
		{"\xff\xd8\xff\xe0", "\xff\xd8\xff\xdb", true},
		{"\x00\x00\x00\x20ftypisom", "\x93NUMPY\x01", false},
		{"SQLite format 3\x00", ours, false},
	} {
		if err := os.WriteFile(path, []byte(c.old), 0o666); err != nil {
			t.Fatal(err)
		}
		err := MemberBytes(path, []byte(c.result))
		want := c.result
		if !c.ok {
			want = c.old
		}
		if c.ok != (err == nil) || !c.ok && (!errors.Is(err, ErrOtherKind) || !strings.Contains(err.Error(), path)) || content(t, path) != want {
			t.Errorf("%.30q over %.30q: error %v, content %.30q", c.result, c.old, err, content(t, path))
		}
	}
}

// A model file may replace a model file, and nothing else.
func TestCheckModel(t *testing.T) {
	dir := t.TempDir()
	model := filepath.Join(dir, "model")
	link, notes := filepath.Join(dir, "link"), filepath.Join(dir, "notes")
	if err := errors.Join(MemberBytes(model, []byte("\x02\x00\x00\x00\x00\x00\x00\x00{}")), MemberBytes(notes, []byte("x")), os.Symlink(model, link)); err != nil {
		t.Skip(err)
	}
	for path, ok := range map[string]bool{model: true, link: false, notes: false, dir: false, filepath.Join(dir, "none"): true} {
		if err := CheckModel(path); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v", path, err)
		}
	}
}
