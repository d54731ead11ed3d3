package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/doctor"
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
	if r := clipcue(t, "formats"); r.code != exitUsage {
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

// Settings that cannot be read are an error that names them, except in commands that do not need
// them: those say what is wrong, and repair it.
func TestWrongSettingsAreNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.toml")
	t.Setenv("CLIPCUE_CONFIG", file)
	for _, c := range []struct{ content, want string }{
		{"threads = [1]", "threads must be a text"},
		{"threads = ", "config.toml: toml: line 1"},
		{"threads = \"many\"", "threads of " + file},
		{"memory = \"1 elephant\"", "memory of " + file},
		{strings.Repeat("#", 1<<17), "config.toml"},
	} {
		writeText(t, file, c.content)
		if r := clipcue(t, "formats"); r.code != exitUsage || !strings.Contains(r.stderr, c.want) {
			t.Errorf("%.30s: exit code %d, %s", c.content, r.code, r.stderr)
		}
		for _, args := range [][]string{{"version"}, {"config", "show"}} {
			if r := clipcue(t, args...); r.code != exitDone || !strings.Contains(r.stderr, c.want) {
				t.Errorf("%.30s: %v: exit code %d, %s", c.content, args, r.code, r.stderr)
			}
		}
		if found, code := examine(t); code != exitFailed || found["settings"].State != doctor.Problem {
			t.Errorf("%.30s: doctor: exit code %d, %+v", c.content, code, found["settings"])
		}
		if len(c.content) > 1<<16 {
			must(t, exitFailed, "config", "set", "threads", "2") // it may be anything
			continue
		}
		must(t, exitDone, "config", "set", "threads", "2")
		must(t, exitDone, "config", "set", "memory")
		must(t, exitDone, "formats")
	}
}

// A value that no command takes is refused, and named if it is in the file already.
func TestValuesOfOtherCommandsAreChecked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.toml")
	t.Setenv("CLIPCUE_CONFIG", file)
	for name, value := range map[string]string{"unload": "1,5s", "timeout": "-1s", "upstream": "foo", "decoders": "many", "address": "host"} {
		if r := clipcue(t, "config", "set", "--", name, value); r.code != exitUsage || !strings.Contains(r.stderr, name) {
			t.Errorf("%s: exit code %d, %s", name, r.code, r.stderr)
		}
		writeText(t, file, name+" = \""+value+"\"\n")
		if r := must(t, exitDone, "config", "show"); !strings.Contains(r.stderr, name+" of "+file) {
			t.Errorf("%s: %s", name, r.stderr)
		}
		if found, code := examine(t); code != exitFailed || found["settings"].State != doctor.Problem {
			t.Errorf("%s: doctor: exit code %d, %+v", name, code, found["settings"])
		}
	}
	writeText(t, file, "")
	t.Setenv("CLIPCUE_QUIET", "yes")
	if r := clipcue(t, "formats"); r.code != exitUsage || !strings.Contains(r.stderr, `quiet of CLIPCUE_QUIET: must be true or false, got "yes"`) {
		t.Errorf("%s", r.stderr)
	}
}

// Numbers of what is allocated have a limit, whoever sets them.
func TestCountsHaveALimit(t *testing.T) {
	t.Setenv("CLIPCUE_CONFIG", filepath.Join(t.TempDir(), "config.toml"))
	const want = "must be an integer from 0 to 1024"
	refused := func(args ...string) {
		t.Helper()
		if r := clipcue(t, args...); r.code != exitUsage || !strings.Contains(r.stderr, want) {
			t.Errorf("%q: exit code %d, %s", args, r.code, r.stderr)
		}
	}
	for _, n := range []string{"1025", "99999999999999", "99999999999999999999"} {
		refused("config", "set", "threads", n)
		refused("config", "set", "decoders", n)
		refused("formats", "--threads", n)
		refused("fleet", "work", "--decoders", n)
		t.Setenv("CLIPCUE_THREADS", n)
		refused("formats")
		t.Setenv("CLIPCUE_THREADS", "")
	}
	must(t, exitDone, "config", "set", "threads", "1024")
}

// Comments in the file stay.
func TestSettingsKeepComments(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.toml")
	t.Setenv("CLIPCUE_CONFIG", file)
	writeText(t, file, "# mine\nthreads = 1 # few\n# more\nquiet = true\n[newer]\nthreads = 7")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"threads", "2"}, "# mine\nthreads = \"2\" # few\n# more\nquiet = true\n[newer]\nthreads = 7"},
		{[]string{"model", "ViT-B/16"}, "model = \"ViT-B/16\"\n# mine\nthreads = 1 # few\n# more\nquiet = true\n[newer]\nthreads = 7"},
		{[]string{"quiet"}, "# mine\nthreads = 1 # few\n# more\n[newer]\nthreads = 7"},
	} {
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		must(t, exitDone, append([]string{"config", "set"}, c.args...)...)
		if got, err := os.ReadFile(file); err != nil || string(got) != c.want {
			t.Errorf("%v: %s, error %v", c.args, got, err)
		}
		writeText(t, file, string(before))
	}
}

func TestSettingsAreRepairedWithoutLoss(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "dotfile.toml"), filepath.Join(dir, "config.toml")
	t.Setenv("CLIPCUE_CONFIG", link)
	writeText(t, file, "newer = 1\n")
	if err := os.Symlink(file, link); err != nil {
		t.Skip(err)
	}
	if r := must(t, exitDone, "formats"); !strings.Contains(r.stderr, "newer") {
		t.Errorf("an unknown name: %s", r.stderr)
	}
	must(t, exitDone, "config", "set", "threads", "2")
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is replaced: %v", err)
	}
	if data, err := os.ReadFile(file); err != nil || !strings.Contains(string(data), "newer") || !strings.Contains(string(data), "threads") {
		t.Errorf("%s, %v", data, err)
	}
	writeText(t, file, "x = ")
	if r := must(t, exitDone, "config", "set", "threads", "2"); !strings.Contains(r.stderr, file+".damaged") {
		t.Errorf("a damaged file: %s", r.stderr)
	}
	writeText(t, file, "y = ")
	if r := must(t, exitDone, "config", "set", "threads", "2"); !strings.Contains(r.stderr, file+".damaged-2") {
		t.Errorf("another damaged file: %s", r.stderr)
	}
	for name, want := range map[string]string{".damaged": "x = ", ".damaged-2": "y = "} {
		if data, err := os.ReadFile(file + name); err != nil || string(data) != want {
			t.Errorf("%s, %v", data, err)
		}
	}
}

func TestWrongSettingsAreNotStored(t *testing.T) {
	t.Setenv("CLIPCUE_CONFIG", filepath.Join(t.TempDir(), "config.toml"))
	for _, args := range [][]string{{"threads", "many"}, {"log-format", "xml"}, {"colour", "green"}, {"model", "a\xffb"}, {"address", ":::"}, {"address", "localhost"}, {"mirror", "file:///etc"}} {
		if r := clipcue(t, append([]string{"config", "set"}, args...)...); r.code == exitDone {
			t.Errorf("config set %q is accepted", args)
		}
		if r := clipcue(t, "formats"); r.code != exitDone {
			t.Errorf("config set %q is stored, and then: %s", args, r.stderr)
		}
	}
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
