package library_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/retrieval"
)

// The error rates of Response.Matched, in docs/search.md: a library shows half of the
// objects, so that it has every color and every shape. Of 200 texts, 100 describe what it
// shows, 36 the other objects, and 64 everyday scenes that no background caption describes.
func TestMatchedErrorRates(t *testing.T) {
	if os.Getenv("CLIPCUE_SLOW") == "" {
		t.Skip("set CLIPCUE_SLOW=1 to measure error rates")
	}
	w := newWorld(t)
	var present, absent, texts []string
	for i, color := range synth.Colors() {
		for j, shape := range synth.Shapes {
			if (i+j)%2 == 0 {
				present = append(present, color+" "+shape)
			} else {
				absent = append(absent, color+" "+shape)
			}
		}
	}
	for _, template := range []string{"a ", "there is a ", "a picture of a "} {
		for _, object := range present {
			texts = append(texts, template+object)
		}
	}
	for i, object := range absent {
		absent[i] = "there is a " + object
	}
	texts = slices.DeleteFunc(texts, func(text string) bool { return slices.Contains(library.DefaultCaptions(), text) })
	o := synth.Options{Kind: synth.KindObjects, Classes: present, PerClass: 2, Width: 64, Height: 64, FPS: 8, Seconds: 3, Seed: 7, TestShare: -1}
	if _, err := synth.Generate(t.Context(), w.videos, o, nil); err != nil {
		t.Fatal(err)
	}
	w.o.Settings.Window, w.o.Settings.Hop = 2, 1
	w.index(w.videos)
	everyday, err := os.ReadFile("testdata/everyday.txt")
	if err != nil {
		t.Fatal(err)
	}
	l := w.open()
	matched := func(texts []string) (n, half int) { // and those that score 50 %
		for _, text := range texts {
			found, err := l.Search(t.Context(), retrieval.Baseline(w.model), text, 1)
			if err != nil {
				t.Fatal(err)
			}
			if found.Matched {
				n++
			}
			if found.Results[0].Score >= library.MatchScore {
				half++
			}
		}
		return n, half
	}
	found, foundHalf := matched(texts[:100])
	objects, objectsHalf := matched(absent)
	scenes, scenesHalf := matched(strings.Split(strings.TrimSpace(string(everyday)), "\n"))
	t.Logf("matched, and with a score of 50 %%: of 100 texts about what is there %d, %d; of %d about other objects %d, %d; of 64 about other scenes %d, %d",
		found, foundHalf, len(absent), objects, objectsHalf, scenes, scenesHalf)
	if found <= 90 || objects+scenes >= 10 {
		t.Error("an error rate is 10 % or more")
	}
}
