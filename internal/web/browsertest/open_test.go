package browsertest

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/clipcue/clipcue/internal/web/browsertest/fake"
)

func TestMain(m *testing.M) {
	code := m.Run()
	Close()
	os.Exit(code)
}

// tab is a page of a fake server.
type tab struct {
	*Tab
	server *fake.Server
}

// open shows a page of a fake server with these options.
func open(t *testing.T, o fake.Options, path string) *tab {
	t.Helper()
	spec, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	o.Spec = spec
	server := fake.New(o)
	web := httptest.NewServer(server)
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	return &tab{Open(t, web.URL, path), server}
}

// library returns n videos of a minute.
func library(n int) []fake.Video {
	var v []fake.Video
	for i := range n {
		v = append(v, fake.Video{Name: fmt.Sprintf("tape %d.mp4", i+1), Folder: "2024/spring", Seconds: 60})
	}
	return v
}
