package access

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// In the whole API, nobody reads anything without a token, and a viewer changes nothing.
func TestRolesInWholeAPI(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(data, &spec); err != nil || len(spec.Paths) < 10 {
		t.Fatalf("%d paths, %v", len(spec.Paths), err)
	}
	const uploads = "/api/v1/examples"
	s := newSite(t, Options{Uploads: map[string]int64{uploads: 1 << 20}})
	for path, operations := range spec.Paths {
		for method := range operations {
			method = strings.ToUpper(method)
			reads := method == http.MethodGet
			url := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(path, "1")
			for secret, allowed := range map[string]bool{"": false, s.viewer: reads || path == uploads, s.boss: true} {
				answer, _ := s.do(method, url, "", "Authorization: Bearer "+secret)
				rejected := answer.status == http.StatusUnauthorized || answer.status == http.StatusForbidden
				if path != sessionPath && rejected == allowed {
					t.Errorf("%s %s: status %d for token %.10q", method, path, answer.status, secret)
				}
			}
		}
	}
}
