package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/clipcue/clipcue/internal/web/browsertest"
)

// serve starts `clipcue serve` and returns its address.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	stopped := make(chan int, 1)
	go func() {
		stopped <- run(ctx, append([]string{"serve", "--address", "127.0.0.1:0"}, args...), w, io.Discard)
		w.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-stopped; code != exitDone {
			t.Errorf("serve ended with code %d", code)
		}
	})
	buffer := make([]byte, 1000)
	n, err := r.Read(buffer)
	url := regexp.MustCompile(`http://\S+`).FindString(string(buffer[:n]))
	if url == "" {
		t.Fatalf("serve printed %q: %v", buffer[:n], err)
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	return url
}

// From a search to a label, its segments and their export, in a browser.
func TestServePage(t *testing.T) {
	dir := t.TempDir()
	videos, lib := filepath.Join(dir, "videos"), filepath.Join(dir, "lib")
	must(t, exitDone, "synth", "untrimmed", "--out", videos, "--labels", "objects", "--only", "red circle,blue star", "--total", "4", "--seconds", "12", "--seed", "3")
	must(t, exitDone, "index", "--library", lib, videos)
	p := browsertest.Open(t, serve(t, "--library", lib), "/")
	p.See("4 videos")

	p.Fill("input[name=q]", "red circle")
	p.Wait(`/^[1-9]\d* good match/.test(document.querySelector("h1").innerText)`)
	p.Click("Save this search")
	p.Wait(`document.activeElement.id == "save-name" && document.activeElement.value == "red circle"`)
	p.Press(kb.Enter)
	p.See("Saved.")
	p.Visit("/?q=red+circle&min_seconds=&utm_source=mail")
	p.Wait(`/^[1-9]\d* good match/.test(document.querySelector("h1").innerText)`)
	p.Visit("/")
	p.See("Saved searches")
	p.Click("red circle")
	p.Wait(`location.search == "?q=red+circle" && /^[1-9]/.test(document.querySelector("h1").innerText)`)
	p.Click("Find all")
	p.Click("Show suggestions")
	p.Wait(`location.pathname.startsWith("/label/")`)
	p.Wait(`document.querySelector("video.ready")`) // a moment is played in a loop
	for _, key := range []string{"a", "r", "a", "r", "a"} {
		focused := browsertest.Value[string](p, `document.querySelector(".focused a").getAttribute("href")`)
		p.Press(key)
		p.Wait(`document.querySelector(".focused a").getAttribute("href") != ` + browsertest.Quote(focused))
	}
	p.Wait(`document.querySelector(".counts").innerText.replace(/\s+/g, " ").includes("3 yes 2 no")`)
	p.Press("u")
	p.Wait(`document.querySelector(".counts").innerText.replace(/\s+/g, " ").includes("2 yes 2 no")`)

	browsertest.Value[bool](p, `document.querySelector("#point").focus(), true`)
	p.Press(kb.ArrowLeft, kb.ArrowLeft)
	p.See("At least 78 %")
	p.Click("Apply to everything")
	p.Wait(`/\d segments? in \d videos?\./.test(document.querySelector(".apply").innerText)`)
	p.Click("See what was found")
	p.Wait(`document.querySelector(".found .tile")`)
	p.Click("Export red circle")
	p.Click("Table (CSV)")
	p.Wait(`document.querySelector(".menu a[download]")`)
	table := browsertest.Value[string](p, `fetch(document.querySelector(".menu a[download]").href).then(r => r.text())`)
	if !strings.Contains(table, "start") || strings.Count(table, "\n") < 2 {
		t.Errorf("the exported table is %q", table)
	}

	browsertest.Value[bool](p, `document.querySelector(".found .tile a").click(), true`)
	p.Wait(`document.querySelector(".screen video")?.readyState >= 2`)
	p.Press(" ")
	p.Wait(`!document.querySelector(".screen video").paused && document.querySelector(".screen video").currentTime > 0.3`)
	p.Wait(`document.querySelector(".bar-item")`)
}

// The page says that a video was replaced and shows no images of it, until the video is
// indexed again.
func TestServePageOfReplacedVideo(t *testing.T) {
	newWorld(t) // for the folder
	videos, err := shapes()
	dir, lib := t.TempDir(), filepath.Join(t.TempDir(), "lib")
	if err := errors.Join(err, os.CopyFS(dir, os.DirFS(filepath.Join(videos, "red_circle")))); err != nil {
		t.Fatal(err)
	}
	must(t, exitDone, indexing(dir, lib)...)
	if err := os.Rename(filepath.Join(dir, "001.mp4"), filepath.Join(dir, "000.mp4")); err != nil {
		t.Fatal(err)
	}
	p := browsertest.Open(t, serve(t, "--library", lib), "/?q=red+circle")
	p.See("Some of these videos have changed since they were indexed")
	p.See("changed since it was indexed")
	p.Wait(`[...document.querySelectorAll(".tile")].some(t => t.innerText.includes("000.mp4") && !t.querySelector("img")) && document.querySelector(".tile img")`)
	p.Click("000.mp4 at")
	p.See("Look for changes in the library")
	p.See("so it is not played")
}
