package browsertest

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/clipcue/clipcue/internal/web/browsertest/fake"
)

func fmtFloat(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// axe returns the script of axe-core.
func axe(t *testing.T) string {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "clipcue", "axe-4.14.1.js"))
	if err != nil {
		t.Skip("axe-core is not installed; scripts/need-browser.sh installs it")
	}
	return string(b)
}

func TestAccessibility(t *testing.T) {
	script := axe(t)
	videos := library(4)
	videos[3].Missing = true
	p := open(t, fake.Options{Videos: videos}, "/")
	p.server.AddLabel("x", []int{1, 2, 3})
	for _, scheme := range []string{"light", "dark"} {
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}
		if _, err := chromedp.Call(p.Browser, emulation.SetEmulatedMedia, media); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/", "/?q=x", "/?q=nothing", "/video/1", "/label/1", "/label/1?tab=segments", "/label/1?tab=marks", "/labels", "/library", "/login"} {
			p.Visit(path)
			p.Wait(`document.querySelector(".tile, .row, .timeline .lane, .loopplayer, #token")`)
			p.Wait("!document.querySelector('main .skeleton')")
			Value[bool](p.Tab, script+"; true")
			for _, v := range Value[[]string](p.Tab, `axe.run().then(r => r.violations.filter(v => v.impact == "serious" || v.impact == "critical")
				.map(v => v.id + ": " + v.help + " at " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + " " + n.any.map(a => a.message).join("; ")).join(" | ")))`) {
				t.Errorf("%s, %s: %s", path, scheme, v)
			}
		}
	}
}
