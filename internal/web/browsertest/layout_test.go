package browsertest

import (
	"testing"

	"github.com/clipcue/clipcue/internal/web/browsertest/fake"
)

// Nothing moves while a page loads: the sum of Chromium's layout shifts stays small.
func TestPagesDoNotShiftWhileLoading(t *testing.T) {
	const limit = 0.05 // Chromium calls 0.1 good
	p := open(t, fake.Options{Videos: library(40), Media: media(t)}, "/")
	p.server.AddLabel("x", []int{1, 2, 3})
	for _, width := range []int64{1440, 390} {
		p.Size(width, 844)
		for _, path := range []string{"/", "/?q=x", "/?q=nothing", "/video/1", "/label/1", "/label/1?tab=segments", "/labels", "/library"} {
			p.Visit(path)
			p.Wait(`document.querySelector(".tile, .row, .timeline .lane, .loopplayer")`)
			p.Wait("!document.querySelector('main .skeleton')")
			shift := Value[float64](p.Tab, `new Promise(done => {
				let sum = 0;
				new PerformanceObserver(l => { for (const e of l.getEntries()) sum += e.hadRecentInput ? 0 : e.value; }).observe({type: "layout-shift", buffered: true});
				setTimeout(() => done(sum), 300);
			})`)
			if shift > limit {
				t.Errorf("%s shifts by %.3f on a screen of %d", path, shift, width)
			}
		}
	}
}
