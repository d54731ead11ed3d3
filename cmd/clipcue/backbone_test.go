package main

import (
	"strings"
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/tiny"
)

// Without --model a command takes the backbone that comes with the program, and
// says so once; asked for by name, it is the same one.
func TestWithoutModel(t *testing.T) {
	m, err := tiny.Load(clip.Options{Towers: clip.TextTower})
	if err != nil {
		t.Fatal(err)
	}
	type embedded struct{ Backbone string }
	silent := must(t, exitDone, "embed", "--text", "a red circle", "--json", "--model", tiny.Name)
	r := must(t, exitDone, "embed", "--text", "a red circle", "--json")
	if got := decode[embedded](t, r).Backbone; got != m.Fingerprint() || r.stdout != silent.stdout {
		t.Errorf("backbone %s instead of %s", got, m.Fingerprint())
	}
	if strings.Count(r.stderr, tiny.Name) != 1 || strings.Contains(silent.stderr, tiny.Name) {
		t.Errorf("it says %q, and with a name %q", r.stderr, silent.stderr)
	}
}
