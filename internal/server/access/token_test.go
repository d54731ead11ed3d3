package access

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// The file has no secret, only its user may read it, and names are unique.
func TestTokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "tokens.json")
	secret := add(t, path, "anna", Edit)
	data, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(data), secret) || len(secret) < 50 {
		t.Errorf("%s %v", data, err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if _, err := AddToken(path, "anna", View); !errors.Is(err, ErrTokenName) {
		t.Error(err)
	}
	for _, bad := range []string{"", " a", "a\nb", strings.Repeat("a", 101), "a\xff"} {
		if _, err := AddToken(path, bad, View); err == nil {
			t.Errorf("%q was added", bad)
		}
	}
	if _, err := AddToken(path, "x", "admin"); err == nil {
		t.Error("an unknown role was added")
	}
	if err := RemoveToken(path, "bob"); !errors.Is(err, ErrNoToken) {
		t.Error(err)
	}
	list, err := ReadTokens(path)
	if err != nil || len(list) != 1 || list[0].Name != "anna" || list[0].Role != Edit {
		t.Error(list, err)
	}
	if found, ok := find(list, secret); !ok || found.Name != "anna" {
		t.Error("the token is not found")
	}
}

// Tokens added at the same time are all kept.
func TestAddTogether(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no file locks on Windows")
	}
	path := filepath.Join(t.TempDir(), "tokens.json")
	var all sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		all.Go(func() {
			if _, err := AddToken(path, name, View); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if list, err := ReadTokens(path); err != nil || len(list) != 4 {
		t.Error(list, err)
	}
}

// A damaged file is an error, never "no tokens", which would let everyone in.
func TestDamagedTokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	for _, content := range []string{"", "x", `{"tokens":[{"name":"a","role":"view","hash":""}]}`, `{"tokens":[{"name":"a","role":"root","hash":"` + hash("x") + `"}]}`} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := New(Options{Tokens: path}); err == nil {
			t.Errorf("%q is accepted", content)
		}
	}
}
