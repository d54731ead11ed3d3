//go:build packaging

// With the tag packaging, this package generates the manual pages and shell completions
// that packages contain. So the program itself does not contain the converter.
//
//	go run -tags packaging ./cmd/clipcue FOLDER

package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: go run -tags packaging ./cmd/clipcue FOLDER")
	}
	root := (&app{}).root(terminal.NewWriter(io.Discard))
	root.InitDefaultCompletionCmd()
	if err := manPages(root, filepath.Join(os.Args[1], "man")); err != nil {
		log.Fatal(err)
	}
	if err := completions(root, filepath.Join(os.Args[1], "completions")); err != nil {
		log.Fatal(err)
	}
}

// manPages writes one manual page for each command. Their date is SOURCE_DATE_EPOCH, in
// seconds since 1970, if it is set.
func manPages(root *cobra.Command, dir string) error {
	date := time.Now()
	if s := os.Getenv("SOURCE_DATE_EPOCH"); s != "" {
		seconds, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
		}
		date = time.Unix(seconds, 0).UTC()
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	root.DisableAutoGenTag = true
	return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "clipcue", Manual: "clipcue", Date: &date}, dir)
}

// completions writes one completion script for each shell.
func completions(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for name, write := range map[string]func(string) error{
		"clipcue.bash": func(path string) error { return root.GenBashCompletionFileV2(path, true) },
		"_clipcue":     root.GenZshCompletionFile,
		"clipcue.fish": func(path string) error { return root.GenFishCompletionFile(path, true) },
		"clipcue.ps1":  root.GenPowerShellCompletionFileWithDesc,
	} {
		if err := write(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
