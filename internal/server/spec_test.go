package server

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write docs/openapi.json")

// The committed specification is that of the code.
func TestSpecification(t *testing.T) {
	s := &Server{mux: http.NewServeMux()}
	s.api = NewAPI(s.mux, "1")
	s.operations()
	got, err := json.MarshalIndent(s.api.OpenAPI(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("..", "..", "docs", "openapi.json")
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/openapi.json is not that of the code; run: go test ./internal/server -run Specification -update")
	}
}
