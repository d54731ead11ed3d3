package settings

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/clipcue/clipcue/internal/filelock"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A change of a setting changes its value and nothing else, or is an error.
func TestSetChangesOneValue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	t.Setenv("CLIPCUE_CONFIG", path)
	for _, c := range []struct{ old, value, want string }{ // "" for an error
		{"# c\nthreads = 1 # few\n", "2", "# c\nthreads = \"2\" # few\n"},
		{"# c\nthreads = 1 # few\n", "", "# c\n# few\n"},
		{"threads = \"1 # 2\" # few", "2", "threads = \"2\" # few"},
		{"threads = '1'\r\n# c\r\n", "2", "threads = \"2\"\n# c\r\n"},
		{"# c\nlibrary = \"\"\"\nthreads = 1\n\"\"\"\nthreads = 1\n", "2", "# c\nlibrary = \"\"\"\nthreads = 1\n\"\"\"\nthreads = \"2\"\n"},
		{"# c\na.threads = 1\n", "2", "threads = \"2\"\n# c\na.threads = 1\n"},
		{"# c\n[[a]]\nthreads = 1 # few\n[[a]]\nthreads = 1\n", "2", "threads = \"2\"\n# c\n[[a]]\nthreads = 1 # few\n[[a]]\nthreads = 1\n"},
		{"\"threads\" = 1 # few\n'a' = 1 # c\n", "2", "threads = \"2\" # few\n'a' = 1 # c\n"},
		{"threads = 1", "", ""},
		{"# c\nthreads = \"\"\"\n1\"\"\"\n", "2", "error"},
		{"# c\nthreads = [ # c\n1]\n", "2", "error"},
		{"# c\nthreads.a = 1\n", "2", "error"},
		{"# c\n\"thr\\u0065ads\" = 1\n", "2", "error"},
	} {
		write(t, path, c.old)
		damaged, err := Set(t.Context(), "threads", c.value)
		if c.want == "error" {
			if !errors.Is(err, ErrEdit) || !strings.Contains(err.Error(), path) {
				t.Errorf("%q: error %v", c.old, err)
			}
			c.want = c.old
		} else if err != nil {
			t.Errorf("%q: %v", c.old, err)
		}
		if got := content(t, path); got != c.want || damaged != "" {
			t.Errorf("%q: got %q, want %q, damaged %q", c.old, got, c.want, damaged)
		}
	}
}

// Only a text file that is not TOML is moved aside; nothing else is touched.
func TestSetKeepsWhatIsNoSettingsFile(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.MkdirAll(at("folder/below"), 0o777); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"video": "\x00\x00\x00\x20ftypisom", "text": "x = \x00", "latin": "# caf\xe9", "large": strings.Repeat("x = \n", maxFile)}
	for name, data := range files {
		write(t, at(name), data)
	}
	if err := errors.Join(os.Symlink("loop", at("loop")), os.Symlink("folder", at("to-folder"))); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{"video", "text", "latin", "large", "folder", "loop", "to-folder"} {
		t.Setenv("CLIPCUE_CONFIG", at(name))
		if damaged, err := Set(t.Context(), "threads", "1"); err == nil || damaged != "" || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: moved to %q, error %v", name, damaged, err)
		}
	}
	for name, data := range files {
		if content(t, at(name)) != data {
			t.Errorf("%s has changed", name)
		}
	}
	if found, err := filepath.Glob(at("*.damaged*")); err != nil || found != nil {
		t.Errorf("%v, error %v", found, err)
	}
}

// A file that may not be read is not moved aside.
func TestSetKeepsUnreadableFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	t.Setenv("CLIPCUE_CONFIG", path)
	write(t, path, "x = ")
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(path); err == nil {
		t.Skip("this user can read all files")
	}
	if damaged, err := Set(t.Context(), "threads", "1"); err == nil || damaged != "" || !strings.Contains(err.Error(), path) {
		t.Errorf("moved to %q, error %v", damaged, err)
	}
}

// Links stay links, also those to a file that does not exist yet.
func TestSetKeepsLinks(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.MkdirAll(at("a/b"), 0o777); err != nil {
		t.Fatal(err)
	}
	// The folder of the link is itself behind a link, so ".." is not what the path's text says.
	if err := errors.Join(os.Symlink("a/b", at("folder")), os.Symlink("../second", at("a/b/config.toml")), os.Symlink("real.toml", at("a/second"))); err != nil {
		t.Skip(err)
	}
	t.Setenv("CLIPCUE_CONFIG", at("folder/config.toml"))
	for _, value := range []string{"1", "2"} { // real.toml is missing at first
		if _, err := Set(t.Context(), "threads", value); err != nil {
			t.Fatal(err)
		}
		if got, want := content(t, at("a/real.toml")), "threads = \""+value+"\"\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for _, link := range []string{"a/b/config.toml", "a/second"} {
		if _, err := os.Readlink(at(link)); err != nil {
			t.Error(err)
		}
	}
}

// Paths apply in all folders. A model that does not exist here is a name.
func TestSetStoresAbsolutePaths(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	here := filepath.Join(dir, "a", "b")
	if err := errors.Join(os.MkdirAll(filepath.Join(here, "weights"), 0o777), os.Symlink(here, filepath.Join(dir, "link"))); err != nil {
		t.Skip(err)
	}
	t.Chdir(filepath.Join(dir, "link"))
	t.Setenv("CLIPCUE_CONFIG", filepath.Join(dir, "config.toml"))
	for _, c := range []struct{ name, value, want string }{
		{"library", "../lib", filepath.Join(dir, "a", "lib")},
		{"library", filepath.Join(dir, "x", "lib"), filepath.Join(dir, "x", "lib")},
		{"library", "", ""},
		{"tokens", "t.json", filepath.Join(here, "t.json")},
		{"model", "weights", filepath.Join(here, "weights")},
		{"model", "ViT-B/16", "ViT-B/16"},
		{"mirror", "weights", "weights"},
	} {
		if _, err := Set(t.Context(), c.name, c.value); err != nil {
			t.Fatal(err)
		}
		values, err := Read()
		if i := slices.IndexFunc(values, func(v Value) bool { return v.Name == c.name }); err != nil || values[i].Value != c.want {
			t.Errorf("%s %q: stored %q, want %q, error %v", c.name, c.value, values[i].Value, c.want, err)
		}
	}
}

// Settings that are changed at the same time are all stored, and the file stays private.
func TestSetAtTheSameTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	t.Setenv("CLIPCUE_CONFIG", path)
	write(t, path, "# private\n")
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	all := []string{"threads", "memory", "decoders", "timeout", "quiet", "address"}
	var changes sync.WaitGroup
	for _, name := range all {
		changes.Go(func() {
			if _, err := Set(t.Context(), name, "1"); err != nil {
				t.Error(err)
			}
		})
	}
	changes.Wait()
	for _, name := range all {
		if !filelock.Supported {
			break
		}
		if !strings.Contains(content(t, path), name+" = ") {
			t.Errorf("%s is missing in %q", name, content(t, path))
		}
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("permissions %v, error %v", info.Mode(), err)
	}
}
