package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/video"
)

// The page of a search has its query, each result with its thumbnail, and what there
// is to say of them; a thumbnail that is gone is named.
func TestSearchPage(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "0.jpg")
	if err := os.WriteFile(there, []byte("\xff\xd8\xff"), 0o666); err != nil {
		t.Fatal(err)
	}
	found := &library.Response{
		Results: []library.Result{
			{Video: "/films/a.mp4", Span: video.Span{Start: 62, End: 68}, Best: 64, Time: "01:02–01:08", Score: 0.875, Thumbnail: there},
			{Video: "/films/b.mp4", Time: "00:00–00:04", Score: 0.25, Thumbnail: filepath.Join(dir, "1.jpg"), Missing: true},
			{Video: "/films/c.mp4", Time: "00:00–00:04", Thumbnail: there, Changed: true},
		},
		Warnings: []library.Warning{{Kind: library.WarnNoMatch, Text: "nothing fits well"}},
	}
	write := func(query, kind string) string {
		t.Helper()
		path := filepath.Join(dir, "found.html")
		if err := Search(query, kind, found, library.Settings{Window: 4, Captions: library.DefaultCaptions()}, func(r library.Result) ([]byte, error) { return os.ReadFile(r.Thumbnail) }).WriteFile(path); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, want := range []string{"a &lt;red&gt; circle", "/films/a.mp4", "01:02–01:08", "87.5 %", "66.0 s", "data:image/jpeg", "283", "nothing fits well", "cannot be read", "3 results", "has changed since it was indexed"} {
		if !strings.Contains(write("a <red> circle", "text"), want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	if n := strings.Count(write("a red circle", "text"), "data:image/jpeg"); n != 1 {
		t.Errorf("%d thumbnails, want only that of the video that is as it was", n)
	}
	if page := write("/pictures/door.jpg", "image"); !strings.Contains(page, "Like door.jpg") || strings.Contains(page, "283") {
		t.Error("the page of a picture")
	}
}
