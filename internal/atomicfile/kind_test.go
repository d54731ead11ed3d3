package atomicfile

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
