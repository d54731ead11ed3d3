package browsertest

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/clipcue/clipcue/internal/web/browsertest/fake"
)

func TestSearchesWhileTyping(t *testing.T) {
	p := open(t, fake.Options{Videos: library(5)}, "/")
	p.see("5 videos")
	p.press("/")
	p.wait(`document.activeElement.name == "q"`)
	p.fill("input[name=q]", "red circle")
	p.see("good matches")
	p.wait(`location.search == "?q=red+circle"`)
	p.wait(`document.querySelector('[aria-live]').textContent == "50 results"`)
	p.do(chromedp.NavigateBack())
	p.see("5 videos")
}

func TestKeysReachEverything(t *testing.T) {
	p := open(t, fake.Options{Videos: library(5)}, "/?q=x")
	p.see("good matches")
	p.press("/", kb.ArrowDown)
	p.wait(`document.activeElement.closest("[data-index]")?.dataset.index == "0"`)
	p.press(kb.ArrowRight, kb.ArrowDown)
	p.wait(`Number(document.activeElement.closest("[data-index]")?.dataset.index) > 3`)
	p.press("m")
	p.see("Like the moment at")
	p.press("/", kb.ArrowDown, kb.Enter)
	p.wait(`location.pathname.startsWith("/video/")`)
	p.press("?")
	p.see("Keyboard shortcuts")
	p.press(kb.Escape)
	p.wait(`!document.querySelector("dialog")`)
}

func TestSaysThatNothingMatches(t *testing.T) {
	p := open(t, fake.Options{Videos: library(3)}, "/?q=nothing")
	p.see("No good match.")
	p.wait(`document.querySelector(".grid.dimmed .tile")`)
}

func TestFiltersAreInTheAddress(t *testing.T) {
	p := open(t, fake.Options{Videos: library(3)}, "/?q=x")
	p.click("Filters")
	p.fill("#filter-path", "spring")
	p.click("Apply")
	p.wait(`location.search == "?q=x&path=*spring*"`)
	p.click("Save this search")
	value[bool](p, `document.querySelector(".panel form").requestSubmit(), true`)
	p.see("Saved.")
	p.visit("/")
	p.see("Saved searches")
	p.click("x")
	p.wait(`location.search.includes("spring") && document.querySelector(".grid .tile")`)
}

func TestShowsThousandsOfVideosWithFewElements(t *testing.T) {
	p := open(t, fake.Options{Videos: library(12000)}, "/")
	p.see("12,000 videos")
	p.wait(`document.querySelectorAll(".tile").length > 5`)
	for range 5 {
		before := value[int](p, "document.body.scrollHeight")
		value[bool](p, `scrollTo(0, document.body.scrollHeight), true`)
		p.wait("document.body.scrollHeight > " + quoteInt(before))
	}
	if n := value[int](p, `document.querySelectorAll(".tile").length`); n > 80 {
		t.Errorf("%d tiles are in the page", n)
	}
}

func TestEmptyLibraryOffersOneStep(t *testing.T) {
	p := open(t, fake.Options{}, "/")
	p.see("The library is empty")
	p.click("Add videos")
	p.wait(`location.pathname == "/library"`)
	p.click("Add a folder")
	p.click("/media/archive")
	p.click("Index this folder")
	p.see("index of everything")
}

func TestRecoversWhenTheServerIsLost(t *testing.T) {
	p := open(t, fake.Options{Videos: library(3)}, "/?q=x")
	p.see("good matches")
	p.server.SetDown(true)
	p.press("/", "yz")
	p.see("The server does not answer. Retrying…")
	p.server.SetDown(false)
	p.wait(`document.querySelector(".offline").hidden`)
	p.wait(`document.querySelector("section[aria-busy=false] .tile")`)
}

func TestAsksForTheToken(t *testing.T) {
	p := open(t, fake.Options{Videos: library(3), Token: "secret"}, "/labels")
	p.wait(`location.pathname == "/login"`)
	p.fill("#token", "wrong")
	p.press(kb.Enter)
	p.see("This token is not valid.")
	p.fill("#token", "secret")
	p.press(kb.Enter)
	p.wait(`location.pathname == "/labels"`)
	p.see("Teach a label")
	p.click("Log out anna")
	p.wait(`location.pathname == "/login"`)
}

// hostile are names that try to run a script, to reverse the text around them, or to break the layout.
var hostile = []string{
	`<img src=x onerror="window.hacked=1">.mp4`, `"><script>window.hacked=1</script>`, "\u202egpj.exe\u2066", "a\x00b\x1b[31m\n.mp4",
	strings.Repeat("longname", 38), strings.Repeat("长", 300), "شريط الفيديو.mp4", "javascript:window.hacked=1",
}

func TestShowsHostileNamesAsText(t *testing.T) {
	var videos []fake.Video
	for _, name := range hostile {
		videos = append(videos, fake.Video{Name: name, Folder: name, Seconds: 60, Missing: true})
	}
	p := open(t, fake.Options{Videos: videos}, "/")
	for i, name := range hostile {
		p.server.AddLabel(name, []int{1 + i%len(hostile)})
	}
	for _, width := range []int64{1440, 390} {
		p.size(width, 844)
		for _, path := range []string{"/", "/?q=x", "/video/1", "/video/5", "/label/1", "/label/5?tab=segments", "/label/5?tab=marks", "/labels", "/library"} {
			p.visit(path)
			p.wait(`document.querySelector(".tile, .row, .timeline .lane, .loopplayer")`)
			p.wait("!document.querySelector('main .skeleton')")
			if value[bool](p, "'hacked' in window") {
				t.Fatalf("%s ran a script from a name", path)
			}
			if over := value[int](p, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
				t.Errorf("%s is %d pixels too wide on a screen of %d", path, over, width)
			}
			if text := value[string](p, "document.body.innerText + document.title"); strings.ContainsAny(text, "\u202e\u2066\x1b\x00") {
				t.Errorf("%s shows control characters", path)
			}
		}
	}
}
