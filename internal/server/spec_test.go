package server

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/openapi.json")

// A field that no kind of job has would always be refused.
func TestEveryFieldIsOfAJob(t *testing.T) {
	in := reflect.TypeFor[NewJob]()
	kind, _ := in.FieldByName("Kind")
	for _, k := range strings.Split(kind.Tag.Get("enum"), ",") {
		if _, ok := jobFields[k]; !ok {
			t.Errorf("jobs of the kind %s have no fields", k)
		}
	}
	of := slices.Concat(slices.Collect(maps.Values(jobFields))...)
	for f := range in.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "kind" && !slices.Contains(of, name) {
			t.Errorf("no kind of job has the field %s", name)
		}
	}
}

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
