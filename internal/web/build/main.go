// Command build bundles the page of clipcue serve into internal/web/dist.
//
//	go run ./internal/web/build
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/clipcue/clipcue/internal/web/bundle"
)

func main() {
	log.SetFlags(0)
	const dir = "internal/web"
	files, err := bundle.Build(dir)
	if err != nil {
		log.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, "dist", name), content, 0o666); err != nil {
			log.Fatal(err)
		}
	}
}
