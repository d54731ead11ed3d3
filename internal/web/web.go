// Package web holds the page of clipcue serve: TypeScript and Preact in src and vendor, and
// the bundle in dist. After a change to the sources,
//
//	go run ./internal/web/build
//
// writes the bundle.
//
//   - The bundle is committed, so that building clipcue needs only Go. esbuild is a Go module;
//     a test compares the bundle with its sources. npm is needed only to check types and
//     for axe-core.
//   - The address holds the state of a search, so that it can be shared and the back button
//     works.
//   - The focused moment stays while a mark ranks the others again. No key hits a moment that
//     the user has not seen.
//   - Requests are repeated until the server answers, and a banner is shown meanwhile. Marks
//     may be repeated, because a library keeps an equal mark once.
//   - Lists render only the rows near the screen; all cells of a grid have one size.
//   - Names are text, isolated from the direction of their surroundings, with escapes for
//     characters that are invisible or change the direction.
//   - Browser tests use Chromium: package browsertest with a fake server for what a real
//     library cannot show quickly, and cmd/clipcue with a real one. They fail if the page
//     asks another host or a script throws.
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
