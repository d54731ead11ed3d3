package main

import (
	"bytes"
	"os"
	"testing"
)

// What is committed is what the generator writes.
func TestGeneratedFilesAreUpToDate(t *testing.T) {
	text, stubs := generate()
	for name, want := range map[string][]byte{"../kernels_amd64.s": text, "../stubs_amd64.go": stubs} {
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what go generate writes", name)
		}
	}
}
