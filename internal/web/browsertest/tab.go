// Package browsertest uses the page of clipcue serve in Chromium, as a person would.
package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience is how long a test waits for something to appear, also on a busy machine.
const patience = 30 * time.Second

// Close ends the browser, if a test has started it. TestMain calls it after the tests.
func Close() {
	for _, f := range closers {
		f()
	}
}

var closers []func()

// browser starts the only Chromium of the tests; "" is the reason if it cannot.
var browser = sync.OnceValues(func() (context.Context, string) {
	path := ""
	for _, name := range []string{os.Getenv("CLIPCUE_CHROMIUM"), "chromium", "google-chrome", "chromium-browser"} {
		if p, err := exec.LookPath(name); name != "" && err == nil {
			path = p
			break
		}
	}
	if path == "" {
		return nil, "Chromium is not installed; scripts/need-browser.sh installs it"
	}
	o := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1440, 900),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("autoplay-policy", "no-user-gesture-required"), chromedp.Flag("disable-dev-shm-usage", true))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), o...)
	ctx, cancel := chromedp.NewContext(ctx)
	closers = append(closers, cancel, stop)
	if err := chromedp.Do(ctx); err != nil {
		return nil, fmt.Sprintf("Chromium does not start: %v", err)
	}
	return ctx, ""
})

// Tab is a tab of the browser with the page of a server.
type Tab struct {
	*testing.T
	Browser context.Context // for actions of chromedp
	url     string
}

// Open shows a page of a server. When the test ends, it checks that no other host was
// asked for anything and that no script failed. Without Chromium, the test is skipped.
func Open(t *testing.T, url, path string) *Tab {
	t.Helper()
	ctx, reason := browser()
	if reason != "" {
		t.Skip(reason)
	}
	ctx, cancel := chromedp.NewContext(ctx, chromedp.WithNewBrowserContext())
	ctx, late := context.WithTimeout(ctx, 3*time.Minute)
	var mu sync.Mutex
	var wrong []string
	t.Cleanup(func() {
		cancel()
		late()
		mu.Lock()
		defer mu.Unlock()
		for _, w := range wrong {
			t.Error(w)
		}
	})
	p := &Tab{T: t, Browser: ctx, url: url}
	err := chromedp.Listen(ctx, func(ev any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := ev.(type) {
		case *network.EventRequestWillBeSent:
			if u := e.Request.URL; !strings.HasPrefix(u, url+"/") && !strings.HasPrefix(u, "data:") && !strings.HasPrefix(u, "blob:") {
				wrong = append(wrong, "the page asked another host: "+u)
			}
		case *runtime.EventExceptionThrown:
			wrong = append(wrong, "a script failed: "+e.ExceptionDetails.Text+" "+describe(e.ExceptionDetails))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Size(1440, 900)
	p.Visit(path)
	return p
}

func describe(d *runtime.ExceptionDetails) string {
	if d.Exception == nil {
		return ""
	}
	return d.Exception.Description
}

// Do runs an action.
func (p *Tab) Do(a chromedp.Action[chromedp.Void]) {
	p.Helper()
	if err := chromedp.Do(p.Browser, a); err != nil {
		p.Fatal(err)
	}
}

// Size sets the size of the screen.
func (p *Tab) Size(width, height int64) { p.Helper(); p.Do(chromedp.EmulateViewport(width, height)) }

// Visit loads a page of the server.
func (p *Tab) Visit(path string) { p.Helper(); p.Do(chromedp.Navigate(p.url + path)) }

// Press types keys: text, or names of kb such as kb.ArrowRight.
func (p *Tab) Press(keys ...string) {
	p.Helper()
	for _, k := range keys {
		p.Do(chromedp.KeyEvent(k))
	}
}

// Value returns the value of an expression in the page.
func Value[T any](p *Tab, expression string) T {
	p.Helper()
	v, err := chromedp.Run(p.Browser, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return v
}

// Wait waits until an expression in the page is true.
func (p *Tab) Wait(expression string) {
	p.Helper()
	end := time.Now().Add(patience)
	for time.Now().Before(end) {
		if Value[bool](p, "!!("+expression+")") {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.Fatalf("this never became true: %s\nthe page: %s", expression, Value[string](p, "location.href + String.fromCharCode(10) + document.body.innerText.slice(0, 600)"))
}

// See waits until the page shows a text.
func (p *Tab) See(text string) {
	p.Helper()
	p.Wait("document.body.innerText.includes(" + Quote(text) + ")")
}

// Click clicks the visible button or link with a text or label.
func (p *Tab) Click(name string) {
	p.Helper()
	find := `[...document.querySelectorAll("button,a,label")].find(b => b.checkVisibility() && (b.getAttribute("aria-label") ?? b.innerText).replace(/\s+/g, " ").trim().startsWith(` + Quote(name) + `))`
	p.Wait(find)
	Value[bool](p, "("+find+").click(), true")
}

// Fill fills the field that a selector finds.
func (p *Tab) Fill(selector, text string) {
	p.Helper()
	p.Wait("document.querySelector(" + Quote(selector) + ")")
	Value[bool](p, "(document.querySelector("+Quote(selector)+").focus(), true)")
	p.Do(chromedp.KeyEvent("a", chromedp.KeyModifiers(2))) // select what is there
	p.Press(kb.Delete, text)
}

// Quote returns a text as a literal of JavaScript.
func Quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}
