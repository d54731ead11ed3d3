// Package browsertest uses the page of clipcue serve in Chromium, as a person would.
package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
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

	"github.com/clipcue/clipcue/internal/web/browsertest/fake"
)

// patience is how long a test waits for something to appear, also on a busy machine.
const patience = 30 * time.Second

var closers []func()

func TestMain(m *testing.M) {
	code := m.Run()
	for _, f := range closers {
		f()
	}
	os.Exit(code)
}

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

// tab is a tab of the browser with the page of a fake server.
type tab struct {
	*testing.T
	ctx    context.Context
	server *fake.Server
	url    string
}

// open shows a page of a server with these options. When the test ends, it checks that
// no other host was asked for anything and that no script failed.
func open(t *testing.T, o fake.Options, path string) *tab {
	t.Helper()
	ctx, reason := browser()
	if reason != "" {
		t.Skip(reason)
	}
	server := fake.New(o)
	web := httptest.NewServer(server)
	ctx, cancel := chromedp.NewContext(ctx, chromedp.WithNewBrowserContext())
	ctx, late := context.WithTimeout(ctx, 3*time.Minute)
	var mu sync.Mutex
	var wrong []string
	t.Cleanup(func() {
		cancel()
		late()
		web.CloseClientConnections()
		web.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, w := range wrong {
			t.Error(w)
		}
	})
	p := &tab{T: t, ctx: ctx, server: server, url: web.URL}
	err := chromedp.Listen(ctx, func(ev any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := ev.(type) {
		case *network.EventRequestWillBeSent:
			if u := e.Request.URL; !strings.HasPrefix(u, web.URL+"/") && !strings.HasPrefix(u, "data:") && !strings.HasPrefix(u, "blob:") {
				wrong = append(wrong, "the page asked another host: "+u)
			}
		case *runtime.EventExceptionThrown:
			wrong = append(wrong, "a script failed: "+e.ExceptionDetails.Text+" "+describe(e.ExceptionDetails))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p.size(1440, 900)
	p.visit(path)
	return p
}

func describe(d *runtime.ExceptionDetails) string {
	if d.Exception == nil {
		return ""
	}
	return d.Exception.Description
}

func (p *tab) do(a chromedp.Action[chromedp.Void]) {
	p.Helper()
	if err := chromedp.Do(p.ctx, a); err != nil {
		p.Fatal(err)
	}
}

func (p *tab) size(width, height int64) { p.Helper(); p.do(chromedp.EmulateViewport(width, height)) }

func (p *tab) visit(path string) { p.Helper(); p.do(chromedp.Navigate(p.url + path)) }

// press types keys: text, or names of kb such as kb.ArrowRight.
func (p *tab) press(keys ...string) {
	p.Helper()
	for _, k := range keys {
		p.do(chromedp.KeyEvent(k))
	}
}

// value returns the value of an expression in the page.
func value[T any](p *tab, expression string) T {
	p.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return v
}

// wait waits until an expression in the page is true.
func (p *tab) wait(expression string) {
	p.Helper()
	end := time.Now().Add(patience)
	for time.Now().Before(end) {
		if value[bool](p, "!!("+expression+")") {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.Fatalf("this never became true: %s\nthe page: %s", expression, value[string](p, "location.href + String.fromCharCode(10) + document.body.innerText.slice(0, 600)"))
}

// see waits until the page shows a text.
func (p *tab) see(text string) {
	p.Helper()
	p.wait("document.body.innerText.includes(" + quote(text) + ")")
}

// click clicks the visible button or link with a text or label.
func (p *tab) click(name string) {
	p.Helper()
	find := `[...document.querySelectorAll("button,a,label")].find(b => b.checkVisibility() && (b.getAttribute("aria-label") ?? b.innerText).replace(/\s+/g, " ").trim().startsWith(` + quote(name) + `))`
	p.wait(find)
	value[bool](p, "("+find+").click(), true")
}

// type_ fills the field that a selector finds.
func (p *tab) fill(selector, text string) {
	p.Helper()
	p.wait("document.querySelector(" + quote(selector) + ")")
	value[bool](p, "(document.querySelector("+quote(selector)+").focus(), true)")
	p.do(chromedp.KeyEvent("a", chromedp.KeyModifiers(2))) // select what is there
	p.press(kb.Delete, text)
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// library returns n videos of a minute.
func library(n int) []fake.Video {
	var v []fake.Video
	for i := range n {
		v = append(v, fake.Video{Name: fmt.Sprintf("tape %d.mp4", i+1), Folder: "2024/spring", Seconds: 60})
	}
	return v
}
