package bundle

import (
	"bytes"
	"compress/gzip"
	"testing"

	"io/fs"

	"github.com/clipcue/clipcue/internal/web"
)

func TestCommittedBundleIsCurrent(t *testing.T) {
	files, err := Build("..")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := fs.ReadFile(web.Files(), name)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from its sources (%v); run go run ./internal/web/build", name, err)
		}
	}
}

func TestScriptsAndStylesAreSmall(t *testing.T) {
	const limit = 150 << 10
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for _, name := range []string{"app.js", "app.css"} {
		content, err := fs.ReadFile(web.Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		z.Write(content)
	}
	z.Close()
	if b.Len() > limit {
		t.Errorf("app.js and app.css take %d bytes compressed, more than %d", b.Len(), limit)
	}
}
