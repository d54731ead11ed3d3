// Package web holds the page of clipcue serve: TypeScript sources in src, Preact in vendor,
// and the bundle in dist, which is committed so that building clipcue needs no other tools.
//
//	go run ./internal/web/build
//
// writes the bundle after a change to the sources.
package web

import (
	"embed"
	"io/fs"
)

//go:embed dist
var dist embed.FS

// Files returns the bundle: index.html, and app.js, app.css and icon.svg, which index.html
// expects below /assets/.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the name is constant and valid
	}
	return files
}
