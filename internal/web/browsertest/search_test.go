package browsertest

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/clipcue/clipcue/internal/web/browsertest/fake"
)

func TestSearchesWhileTyping(t *testing.T) {
	p := open(t, fake.Options{Videos: library(5)}, "/")
	p.See("5 videos")
	p.Press("/")
	p.Wait(`document.activeElement.name == "q"`)
	p.Fill("input[name=q]", "red circle")
	p.See("good matches")
	p.Wait(`location.search == "?q=red+circle"`)
	p.Wait(`document.querySelector('[aria-live]').textContent == "50 results"`)
	p.Do(chromedp.NavigateBack())
	p.See("5 videos")
}

func TestKeysReachEverything(t *testing.T) {
	p := open(t, fake.Options{Videos: library(5)}, "/?q=x")
	p.See("good matches")
	p.Press("/", kb.ArrowDown)
	p.Wait(`document.activeElement.closest("[data-index]")?.dataset.index == "0"`)
	p.Press(kb.ArrowRight, kb.ArrowDown)
	p.Wait(`Number(document.activeElement.closest("[data-index]")?.dataset.index) > 3`)
	p.Press("m")
	p.See("Like the moment at")
	p.Press("/", kb.ArrowDown, kb.Enter)
	p.Wait(`location.pathname.startsWith("/video/")`)
	p.Press("?")
	p.See("Keyboard shortcuts")
	p.Press(kb.Escape)
	p.Wait(`!document.querySelector("dialog")`)
}

func TestTheFocusComesBack(t *testing.T) {
	p := open(t, fake.Options{Videos: library(5)}, "/?q=x")
	p.Wait(`document.querySelector('[data-index="3"] a')`)
	Value[bool](p.Tab, `document.querySelector('[data-index="3"] a').focus(), true`)
	p.Press("m")
	p.See("Like the moment at")
	p.Do(chromedp.NavigateBack())
	p.Wait(`document.activeElement.closest("[data-index]")?.dataset.index == "3" && location.search == "?q=x"`)
}

func TestSaysThatNothingMatches(t *testing.T) {
	p := open(t, fake.Options{Videos: library(3)}, "/?q=nothing")
	p.See("No good match.")
	p.Wait(`document.querySelector(".grid.dimmed .tile")`)
}

func TestFiltersAreInTheAddress(t *testing.T) {
	p := open(t, fake.Options{Videos: library(3)}, "/?q=x")
	p.Click("Filters")
	p.Fill("#filter-path", "spring")
	p.Click("Apply")
	p.Wait(`location.search == "?q=x&path=*spring*"`)
	p.Fill("input[name=q]", "y")
	p.Wait(`location.search == "?q=y&path=*spring*"`)
	p.Click("Save this search")
	p.Wait(`document.activeElement.id == "save-name" && document.activeElement.value == "y"`)
	p.Press(kb.Enter)
	p.See("Saved.")
	p.Visit("/")
	p.See("Saved searches")
	p.Click("y")
	p.Wait(`location.search.includes("spring") && document.querySelector(".grid .tile")`)
}

func TestShowsThousandsOfVideosWithFewElements(t *testing.T) {
	p := open(t, fake.Options{Videos: library(12000)}, "/")
	p.See("12,000 videos")
	p.Wait(`document.querySelectorAll(".tile").length > 5`)
	for range 5 {
		before := Value[int](p.Tab, "document.body.scrollHeight")
		Value[bool](p.Tab, `scrollTo(0, document.body.scrollHeight), true`)
		p.Wait("document.body.scrollHeight > " + quoteInt(before))
	}
	if n := Value[int](p.Tab, `document.querySelectorAll(".tile").length`); n > 80 {
		t.Errorf("%d tiles are in the page", n)
	}
}

func TestEmptyLibraryOffersOneStep(t *testing.T) {
	p := open(t, fake.Options{}, "/")
	p.See("The library is empty")
	p.Click("Add videos")
	p.Wait(`location.pathname == "/library"`)
	p.Click("Add a folder")
	p.Click("/media/archive")
	p.Click("Index this folder")
	p.See("index of everything")
}

func TestRecoversWhenTheServerIsLost(t *testing.T) {
	p := open(t, fake.Options{Videos: library(3)}, "/?q=x")
	p.See("good matches")
	p.server.SetDown(true)
	p.Press("/", "yz")
	p.See("The server does not answer. Retrying…")
	p.server.SetDown(false)
	p.Wait(`document.querySelector(".offline").hidden`)
	p.Wait(`document.querySelector("section[aria-busy=false] .tile")`)
}

func TestAsksForTheToken(t *testing.T) {
	p := open(t, fake.Options{Videos: library(3), Token: "secret"}, "/labels")
	p.Wait(`location.pathname == "/login"`)
	p.Fill("#token", "wrong")
	p.Press(kb.Enter)
	p.See("This token is not valid.")
	p.Fill("#token", "secret")
	p.Press(kb.Enter)
	p.Wait(`location.pathname == "/labels"`)
	p.See("Teach a label")
	p.Click("Log out anna")
	p.Wait(`location.pathname == "/login"`)
}

func TestPreviewScrubsUnderThePointer(t *testing.T) {
	p := open(t, fake.Options{Videos: library(2)}, "/?q=x")
	p.Wait(`document.querySelector(".tile img")?.complete`)
	box := Value[[]float64](p.Tab, `(r => [r.left, r.top, r.width, r.height])(document.querySelector(".preview").getBoundingClientRect())`)
	const shown = `document.querySelector(".preview img").getAttribute("src")`
	seen := map[string]bool{}
	for i := range 10 {
		p.Do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, box[0]+box[2]*(0.05+0.09*float64(i)), box[1]+box[3]/2))
		p.Wait(`document.querySelector(".preview .scrub")`)
		seen[Value[string](p.Tab, shown)] = true
	}
	if len(seen) < 4 {
		t.Errorf("the preview showed %d images: %v", len(seen), seen)
	}
}

func TestSearchesByADroppedImage(t *testing.T) {
	p := open(t, fake.Options{Videos: library(2)}, "/")
	p.See("2 videos")
	p.Wait(`(d => { d.items.add(new File(["x"], "a.png", {type: "image/png"}));
		document.querySelector(".droparea").dispatchEvent(new DragEvent("drop", {dataTransfer: d, bubbles: true})); return true })(new DataTransfer())`)
	p.See("Like your example")
	p.Wait(`location.search == "?example=e1"`)
}

func TestViewersSeeNothingToChange(t *testing.T) {
	p := open(t, fake.Options{Videos: library(3), Viewer: true}, "/")
	p.server.AddLabel("x", []int{1})
	for _, path := range []string{"/?q=x", "/video/1", "/label/1", "/label/1?tab=likely", "/labels", "/library"} {
		p.Visit(path)
		p.Wait(`document.querySelector(".tile, .row, .timeline .bar-item")`)
		const offers = `[...document.querySelectorAll("button")].map(b => b.ariaLabel ?? b.innerText).filter(t => /^(New|Add|Yes|No$|Save|Find all|Delete|Remove|Apply|Look)/.test(t)).join(", ")`
		if found := Value[string](p.Tab, offers); found != "" {
			t.Errorf("%s offers: %s", path, found)
		}
	}
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
		p.Size(width, 844)
		for _, path := range []string{"/", "/?q=x", "/video/1", "/video/5", "/label/1", "/label/5?tab=segments", "/label/5?tab=marks", "/labels", "/library"} {
			p.Visit(path)
			p.Wait(`document.querySelector(".tile, .row, .timeline .lane, .loopplayer")`)
			p.Wait("!document.querySelector('main .skeleton')")
			if Value[bool](p.Tab, "'hacked' in window") {
				t.Fatalf("%s ran a script from a name", path)
			}
			if over := Value[int](p.Tab, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
				t.Errorf("%s is %d pixels too wide on a screen of %d", path, over, width)
			}
			if text := Value[string](p.Tab, "document.body.innerText + document.title"); strings.ContainsAny(text, "\u202e\u2066\x1b\x00") {
				t.Errorf("%s shows control characters", path)
			}
		}
	}
}
