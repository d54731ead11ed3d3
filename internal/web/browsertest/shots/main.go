// Command shots makes the images of the page in docs/images: it starts clipcue demo --serve
// and photographs its pages with Chromium.
//
//	go run ./internal/web/browsertest/shots bin/clipcue docs/images
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"github.com/chromedp/chromedp"
)

// shot is an image of a page; {label}, {video} and {time} stand for those of the demo.
type shot struct {
	name, path, scheme string
	width, height      int64
}

var shots = []shot{
	{"search", "/?q=red+circle", "light", 1280, 800},
	{"search-dark", "/?q=green+triangle", "dark", 1280, 800},
	{"video", "/video/{video}?t={time}&label={label}", "light", 1280, 800},
	{"teach", "/label/{label}", "light", 1280, 800},
	{"found", "/label/{label}?tab=segments", "dark", 1280, 800},
	{"teach-phone", "/label/{label}", "light", 390, 780},
	{"search-phone", "/?q=red+circle", "dark", 390, 780},
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: shots PROGRAM FOLDER")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, program, out string) error {
	dir, err := os.MkdirTemp("", "shots")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c := exec.CommandContext(ctx, program, "demo", "--serve", "--out", dir, "--address", "127.0.0.1:0")
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	pipe, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	defer func() {
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait()
	}()
	base, err := address(pipe)
	if err != nil {
		return err
	}
	names, err := find(ctx, base)
	if err != nil {
		return err
	}
	o := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.Flag("disable-background-networking", true), chromedp.Flag("hide-scrollbars", true))
	ctx, stop := chromedp.NewExecAllocator(ctx, o...)
	defer stop()
	ctx, stop = chromedp.NewContext(ctx)
	defer stop()
	if err := os.MkdirAll(out, 0o777); err != nil {
		return err
	}
	for _, s := range shots {
		if err := s.take(ctx, base+names.Replace(s.path), filepath.Join(out, s.name+".webp")); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

var served = regexp.MustCompile(`http://\S+`)

// address returns the address that the server prints.
func address(r io.Reader) (string, error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if url := served.FindString(lines.Text()); url != "" {
			return url, nil
		}
	}
	return "", fmt.Errorf("the server did not start: %w", lines.Err())
}

// get reads an answer of the API.
func get(ctx context.Context, url string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return json.NewDecoder(answer.Body).Decode(into)
}
