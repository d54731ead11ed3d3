package browsertest

import (
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/clipcue/clipcue/internal/web/browsertest/fake"
)

func quoteInt(n int) string { return strconv.Itoa(n) }

// marks waits until a label has these marks.
func (p *tab) marks(label, positives, negatives int) {
	p.Helper()
	end := time.Now().Add(patience)
	for {
		a, r := p.server.Marks(label)
		if a == positives && r == negatives {
			return
		}
		if time.Now().After(end) {
			p.Fatalf("the label has %d accepted and %d rejected moments, want %d and %d", a, r, positives, negatives)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestTeachesWithKeys(t *testing.T) {
	p := open(t, fake.Options{Videos: library(6)}, "/labels")
	p.click("New label")
	p.fill("#label-name", "door opens")
	p.press(kb.Enter)
	p.wait(`location.pathname == "/label/1" && document.querySelector(".focused")`)
	p.press("a")
	p.marks(1, 1, 0)
	p.press("r")
	p.marks(1, 1, 1)
	p.press(" ", "a", "a")
	p.marks(1, 3, 1)
	p.press("u")
	p.marks(1, 2, 1)
	p.press("u", "u", "u")
	p.marks(1, 1, 0)
	p.wait(`document.querySelector(".counts .yes").innerText.endsWith("1")`)
}

// A key must never hit a moment that replaced the one the user looked at.
func TestTheFocusedMomentStaysWhileTheOthersAreRanked(t *testing.T) {
	p := open(t, fake.Options{Videos: library(6)}, "/labels")
	p.server.AddLabel("x", nil)
	p.visit("/label/1")
	p.wait(`document.querySelectorAll(".strip .tile").length > 5`)
	next := value[string](p, `document.querySelector(".strip a").getAttribute("href")`)
	third := value[string](p, `document.querySelectorAll(".strip a")[1].getAttribute("href")`)
	p.press("a")
	p.marks(1, 1, 0)
	p.wait(`document.querySelector(".strip a").getAttribute("href") != ` + quote(third)) // ranked again
	focused := value[string](p, `document.querySelector(".focused a").getAttribute("href")`)
	if want := next[:len(next)-len("&label=1")]; focused != want {
		t.Errorf("the focused moment is %s, want %s", focused, want)
	}
}

func TestSliderAppliesAndExports(t *testing.T) {
	p := open(t, fake.Options{Videos: library(6)}, "/labels")
	p.server.AddLabel("x", []int{1, 2, 3})
	p.visit("/label/1")
	p.see("8 of 10")
	value[bool](p, `document.querySelector("#point").focus(), true`)
	p.press(kb.ArrowRight, kb.ArrowRight, kb.ArrowRight, kb.ArrowRight, kb.ArrowRight, kb.ArrowRight, kb.ArrowRight, kb.ArrowRight, kb.ArrowRight, kb.ArrowRight)
	p.see("9 of 10")
	p.see("Just outside")
	end := time.Now().Add(patience)
	for p.server.Precision(1) != 0.9 {
		if time.Now().After(end) {
			t.Fatalf("the server has the precision %v", p.server.Precision(1))
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.click("Apply to everything")
	p.click("See what was found")
	p.wait(`document.querySelector(".found .tile")`)
	p.click("Export x")
	p.click("Table, CSV")
	p.wait(`document.querySelector('.menu a[href="/api/v1/jobs/j2/file"]')`)
	p.click("Marks")
	p.see("3 marks")
}
