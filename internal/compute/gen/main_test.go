package main

import (
	"bytes"
	"os"
	"testing"
)

// The committed files equal the output of the generator.
func TestGeneratedFilesAreUpToDate(t *testing.T) {
	for name, want := range generate() {
		got, err := os.ReadFile("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what go generate writes", name)
		}
	}
}
