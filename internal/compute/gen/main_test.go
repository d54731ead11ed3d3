package main

import (
	"bytes"
	"os"
	"testing"
)

// What is committed is what the generator writes.
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
