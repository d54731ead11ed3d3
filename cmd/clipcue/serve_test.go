package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/server/access"
)

// Tokens are added, listed and removed; a secret is printed once, and is nowhere else.
func TestServeToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "tokens.json")
	tokens := func(want int, args ...string) result {
		t.Helper()
		return must(t, want, append(append([]string{"serve", "token"}, args...), "--tokens", file)...)
	}
	secret := strings.TrimSpace(tokens(exitDone, "add", "anna", "--role", "edit").stdout)
	tokens(exitDone, "add", "vera")
	if r := tokens(exitFailed, "add", "anna"); !strings.Contains(r.stderr, "try: another name") {
		t.Error(r.stderr)
	}
	tokens(exitUsage, "add", "bob", "--role", "root")
	r := tokens(exitDone, "list", "--json")
	list := decode[[]access.Token](t, r)
	if len(list) != 2 || list[0].Name != "anna" || list[0].Role != access.Edit || list[1].Role != access.View || strings.Contains(r.stdout, secret) {
		t.Errorf("%+v", list)
	}
	tokens(exitDone, "remove", "anna")
	if r := tokens(exitDone, "list"); strings.Contains(r.stdout, "anna") || !strings.Contains(r.stdout, "vera") {
		t.Error(r.stdout)
	}
	tokens(exitFailed, "remove", "anna")
}

// What keeps a server from starting is one line, and another says what to do.
func TestServeRefuses(t *testing.T) {
	_, lib := newLibrary(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for _, c := range []struct {
		args       []string
		code       int
		says, tips string
	}{
		{[]string{"--address", "0.0.0.0:0"}, exitFailed, "others can reach the server", "clipcue serve token add"},
		{[]string{"--host", "archive.example"}, exitFailed, "archive.example", "clipcue serve token add"},
		{[]string{"--address", busy.Addr().String()}, exitFailed, "already listens on " + busy.Addr().String(), "--address"},
		{[]string{"--tls-cert", "a.pem"}, exitUsage, "together", ""},
		{[]string{"--tls-cert", "a.pem", "--tls-key", "b.pem"}, exitFailed, "a.pem", ""},
		{[]string{"--trust-proxy", "nginx"}, exitUsage, "--trust-proxy", ""},
		{[]string{"--host", "https://a.example"}, exitUsage, "--host", ""},
	} {
		args := append([]string{"serve", "--library", lib, "--tokens", filepath.Join(t.TempDir(), "none.json")}, c.args...)
		r := must(t, c.code, args...)
		if !strings.Contains(r.stderr, c.says) || !strings.Contains(r.stderr, c.tips) || strings.Count(r.stderr, "\n") > 2 {
			t.Errorf("%q: %s", c.args, r.stderr)
		}
	}
}
