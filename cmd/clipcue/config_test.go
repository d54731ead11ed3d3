package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/settings"
)

// The command line has precedence over variables, and these over the file.
func TestPrecedenceOfSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a folder", "config.toml")
	t.Setenv("CLIPCUE_CONFIG", file)
	threads := func(args ...string) settings.Value {
		t.Helper()
		r := must(t, exitDone, append([]string{"config", "show", "--json"}, args...)...)
		for _, v := range decode[[]settings.Value](t, r) {
			if v.Name == "threads" {
				return v
			}
		}
		t.Fatal("there is no setting threads")
		return settings.Value{}
	}
	if v := threads(); v != (settings.Value{Name: "threads"}) {
		t.Errorf("without a file: %+v", v)
	}
	must(t, exitDone, "config", "set", "threads", "3")
	must(t, exitDone, "config", "set", "quiet", "true")
	if v := threads(); v.Value != "3" || v.Origin != file {
		t.Errorf("with a file: %+v", v)
	}
	t.Setenv("CLIPCUE_THREADS", "-1")
	if v := threads("--threads", "1"); v.Value != "-1" || v.Origin != "CLIPCUE_THREADS" {
		t.Errorf("with a variable: %+v", v)
	}
	if r := clipcue(t, "version"); r.code != exitUsage {
		t.Errorf("a variable has no effect: %+v", r)
	}
	t.Setenv("CLIPCUE_THREADS", "")
	must(t, exitDone, "config", "set", "threads")
	if v := threads(); v.Origin != "" {
		t.Errorf("after removing it: %+v", v)
	}
}

func TestDefaultModelIsThatOfTheSettings(t *testing.T) {
	t.Setenv("CLIPCUE_CONFIG", filepath.Join(t.TempDir(), "config.toml"))
	t.Setenv("CLIPCUE_MODEL", "no such model")
	r := must(t, exitFailed, "embed", "--text", "a red circle")
	if !strings.Contains(r.stderr, "no such model") {
		t.Errorf("the default is not used: %s", r.stderr)
	}
	must(t, exitDone, "embed", "--text", "a red circle", "--model", "clipcue-tiny")
}

func TestWrongSettingsAreNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.toml")
	t.Setenv("CLIPCUE_CONFIG", file)
	for _, c := range []struct{ content, want string }{
		{"thread = 2", `"thread" is not a setting; there are model`},
		{"threads = [1]", "threads must be a text"},
		{"threads = ", "config.toml: toml: line 1"},
		{"threads = \"many\"", "threads of " + file},
		{"memory = \"1 elephant\"", "memory of " + file},
		{strings.Repeat("#", 1<<17), "config.toml"},
	} {
		if err := os.WriteFile(file, []byte(c.content), 0o666); err != nil {
			t.Fatal(err)
		}
		if r := clipcue(t, "version"); r.code != exitUsage || !strings.Contains(r.stderr, c.want) {
			t.Errorf("%.30s: exit code %d, %s", c.content, r.code, r.stderr)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"threads", "many"}, {"log-format", "xml"}, {"colour", "green"}, {"model", "a\xffb"}} {
		clipcue(t, append([]string{"config", "set"}, args...)...)
		if r := clipcue(t, "version"); r.code != exitDone {
			t.Errorf("config set %q is stored, and then: %s", args, r.stderr)
		}
	}
}
