// Command shots photographs the page of a running clipcue serve in both color schemes, on
// a desk and on a phone.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

type shot struct {
	name, path string
	do         string // script that prepares the page
}

var shots = []shot{
	{"search", "/?q=red+circle", ""},
	{"home", "/", ""},
	{"video", "/video/2?t=13", ""},
	{"teach", "/label/1?tab=likely", ""},
	{"found", "/label/1?tab=segments", ""},
	{"labels", "/labels", ""},
	{"library", "/library", ""},
	{"nomatch", "/?q=nothing", ""},
	{"marks", "/label/1?tab=marks", ""},
	{"filters", "/?q=red+circle", `document.querySelector('[aria-label="Filters"]').click()`},
	{"newlabel", "/labels", `[...document.querySelectorAll("button")].find(b => b.textContent == "New label").click()`},
	{"folder", "/library", `[...document.querySelectorAll("button")].find(b => b.textContent == "Add a folder").click()`},
	{"login", "/login", ""},
}

func main() {
	log.SetFlags(0)
	base := flag.String("url", "http://127.0.0.1:8791", "address of the server")
	out := flag.String("out", ".", "folder for the images")
	only := flag.String("only", "", "names of the pages, separated by commas (default all)")
	widths := flag.String("widths", "1440,390", "")
	schemes := flag.String("schemes", "light,dark", "")
	wait := flag.Duration("wait", 900*time.Millisecond, "time for a page to load")
	flag.Parse()
	o := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.Flag("disable-background-networking", true))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), o...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	for _, s := range shots {
		if *only != "" && !strings.Contains(","+*only+",", ","+s.name+",") {
			continue
		}
		for _, w := range strings.Split(*widths, ",") {
			for _, scheme := range strings.Split(*schemes, ",") {
				name := filepath.Join(*out, fmt.Sprintf("%s-%s-%s.png", s.name, w, scheme))
				if err := take(ctx, *base+s.path, s.do, w, scheme, name, *wait); err != nil {
					log.Fatalf("%s: %v", name, err)
				}
			}
		}
	}
}

func take(ctx context.Context, url, do, w, scheme, name string, wait time.Duration) error {
	width, height := int64(1440), int64(900)
	if w == "390" {
		width, height = 390, 844
	}
	dark := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, dark); err != nil {
		return err
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height), chromedp.Navigate(url), chromedp.Sleep(wait)); err != nil {
		return err
	}
	if do != "" {
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[any](do+"; 0")); err != nil {
			return err
		}
		if err := chromedp.Do(ctx, chromedp.Sleep(300*time.Millisecond)); err != nil {
			return err
		}
	}
	b, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o666)
}
