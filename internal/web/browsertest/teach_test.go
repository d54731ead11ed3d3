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
	p.Click("New label")
	p.Fill("#label-name", "door opens")
	p.Press(kb.Enter)
	p.Wait(`location.pathname == "/label/1" && document.querySelector(".focused")`)
	p.Press("a")
	p.marks(1, 1, 0)
	p.Press("r")
	p.marks(1, 1, 1)
	p.Press(" ", "a", "a")
	p.marks(1, 3, 1)
	p.Press("u")
	p.marks(1, 2, 1)
	p.Press("u", "u", "u")
	p.marks(1, 1, 0)
	p.Wait(`document.querySelector(".counts .yes").innerText == "1 yes"`)
}

// A key must never hit a moment that replaced the one the user looked at.
func TestTheFocusedMomentStaysWhileTheOthersAreRanked(t *testing.T) {
	p := open(t, fake.Options{Videos: library(6)}, "/labels")
	p.server.AddLabel("x", nil)
	p.Visit("/label/1")
	p.Wait(`document.querySelectorAll(".strip .tile").length > 5`)
	next := Value[string](p.Tab, `document.querySelector(".strip a").getAttribute("href")`)
	third := Value[string](p.Tab, `document.querySelectorAll(".strip a")[1].getAttribute("href")`)
	p.Press("a")
	p.marks(1, 1, 0)
	p.Wait(`document.querySelector(".strip a").getAttribute("href") != ` + Quote(third)) // ranked again
	focused := Value[string](p.Tab, `document.querySelector(".focused a").getAttribute("href")`)
	if want := next[:len(next)-len("&label=1")]; focused != want {
		t.Errorf("the focused moment is %s, want %s", focused, want)
	}
}

func TestSliderAppliesAndExports(t *testing.T) {
	p := open(t, fake.Options{Videos: library(6)}, "/labels")
	p.server.AddLabel("x", []int{1, 2, 3})
	p.Visit("/label/1")
	p.See("8 of 10")
	Value[bool](p.Tab, `document.querySelector("#point").focus(), true`)
	p.Press(kb.ArrowRight, kb.ArrowRight, kb.ArrowRight, kb.ArrowRight, kb.ArrowRight, kb.ArrowRight, kb.ArrowRight, kb.ArrowRight, kb.ArrowRight, kb.ArrowRight)
	p.See("9 of 10")
	p.See("Not found, but almost")
	end := time.Now().Add(patience)
	for p.server.Precision(1) != 0.9 {
		if time.Now().After(end) {
			t.Fatalf("the server has the precision %v", p.server.Precision(1))
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.Click("Apply to everything")
	p.Click("See what was found")
	p.Wait(`document.querySelector(".found .tile")`)
	p.Click("Export x")
	p.Click("Table (CSV)")
	p.Wait(`document.querySelector('.menu a[href="/api/v1/jobs/j2/file"]')`)
	p.Click("Marks")
	p.See("3 marks")
	p.Click("No")
	p.marks(1, 2, 1)
	p.See("1 no")
	p.Wait(`document.querySelector(".row.mark img").naturalWidth > 0`)
	p.Click("Remove the mark")
	p.marks(1, 2, 0)
	p.Click("Undo")
	p.marks(1, 2, 1)
}

func TestAnswersOnWhatIsFound(t *testing.T) {
	p := open(t, fake.Options{Videos: library(6)}, "/labels")
	p.server.AddLabel("x", []int{1, 2, 3}) // the first segment overlaps a mark
	p.Visit("/label/1?tab=segments")
	p.Wait(`document.querySelectorAll(".found .tile").length > 2`)
	before := Value[int](p.Tab, `document.querySelectorAll(".found .tile").length`)
	p.Click("Yes, right")
	p.marks(1, 3, 0)
	p.Wait(`document.querySelectorAll(".found [aria-pressed=true]").length == 1`)
	p.Click("No, wrong")
	p.See("1 no")
	p.Wait(`document.querySelectorAll(".found .tile").length == ` + quoteInt(before-1))
	p.Click("Undo")
	p.marks(1, 3, 0) // the rejected one was the accepted one
	p.Wait(`document.querySelectorAll(".found [aria-pressed=true]").length == 1`)
	p.Wait(`document.querySelectorAll(".found .tile").length == ` + quoteInt(before))
}

// With few answers, none can be doubted; saying that all are right would be wrong.
func TestChecksOnlyWithEnoughAnswers(t *testing.T) {
	p := open(t, fake.Options{Videos: library(2)}, "/labels")
	p.server.AddLabel("x", nil)
	p.Visit("/label/1?tab=suspects")
	p.See("Too early to tell")
}
