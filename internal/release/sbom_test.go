package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The SBOM names each work once, in the same order on every run.
func TestSBOM(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var texts [2]string
	for i := range texts {
		r := &release{out: t.TempDir(), stage: filepath.Dir(program), version: "1.2.3", time: time.Unix(1700000000, 0).UTC()}
		for range 2 { // as for two platforms
			if err := r.addModules(filepath.Base(program)); err != nil {
				t.Fatal(err)
			}
		}
		r.modules = append(r.modules, module{"example.org/b", "v1.0.0", "pkg:golang/example.org/b@v1.0.0"})
		if err := r.sbom(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(r.out, "clipcue_1.2.3.spdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(b)
	}
	if texts[0] != texts[1] {
		t.Error("two SBOMs differ")
	}
	var document spdx
	if err := json.Unmarshal([]byte(texts[0]), &document); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, p := range document.Packages {
		if seen[p.ID] {
			t.Errorf("%s is listed twice", p.ID)
		}
		seen[p.ID] = true
	}
	for _, want := range []string{"pkg:golang/stdlib@1", "pkg:npm/preact@", "pkg:golang/example.org/b@v1.0.0", "pkg:golang/github.com/clipcue/clipcue@v1.2.3"} {
		if !strings.Contains(texts[0], want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, r := range document.Relationships {
		if !seen[r.Related] {
			t.Errorf("no package %s", r.Related)
		}
	}
}
