package architecture

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/clipcue/clipcue"
)

// A layer is one line of the map: a group of packages, and the groups that it
// may import.
type layer struct {
	name string
	uses []string
}

// readMap returns the layers of DESIGN.md's block ```imports, top first.
func readMap(t *testing.T) (layers []layer) {
	t.Helper()
	design, err := os.ReadFile(filepath.Join(root, "DESIGN.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^```imports\n(.*?)^```$").FindSubmatch(design)
	if block == nil {
		t.Fatal("DESIGN.md has no ```imports block")
	}
	for line := range strings.Lines(string(block[1])) {
		name, uses, ok := strings.Cut(line, ":")
		if !ok {
			t.Fatalf("DESIGN.md: no colon in %q", line)
		}
		layers = append(layers, layer{strings.TrimSpace(name), strings.Fields(uses)})
	}
	return layers
}

// group returns the layer whose name is the longest prefix of a package's path,
// or -1.
func group(layers []layer, pkg string) int {
	best := -1
	for i, l := range layers {
		if pkg == l.name || strings.HasPrefix(pkg, l.name+"/") {
			if best < 0 || len(l.name) > len(layers[best].name) {
				best = i
			}
		}
	}
	return best
}

// packageImports returns the imports within the module of each of its packages,
// on all platforms together, without those of tests. Paths are relative to the module.
func packageImports(t *testing.T) map[string][]string {
	t.Helper()
	imports := map[string][]string{}
	files := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			skip := name != root && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata")
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil && name != root {
				skip = true // another module
			}
			if skip {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(files, name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(dir)
		imports[pkg] = append(imports[pkg], nil...)
		for _, spec := range file.Imports {
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if inside, ok := strings.CutPrefix(target, module+"/"); ok {
				imports[pkg] = append(imports[pkg], inside)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range imports {
		slices.Sort(imports[pkg])
		imports[pkg] = slices.Compact(imports[pkg])
	}
	return imports
}

// The map is ordered: a line only uses lines below it.
func TestMapPointsDown(t *testing.T) {
	layers := readMap(t)
	for i, l := range layers {
		for _, use := range l.uses {
			below := slices.ContainsFunc(layers[i+1:], func(l layer) bool { return l.name == use })
			if !below {
				t.Errorf("DESIGN.md: %s uses %s, which is not on a line below it", l.name, use)
			}
		}
	}
}

// Every import is in the map, and everything in the map is an import.
func TestImportsFollowMap(t *testing.T) {
	layers := readMap(t)
	edges := 0
	used := map[[2]string]bool{}
	for pkg, imports := range packageImports(t) {
		from := group(layers, pkg)
		if from < 0 {
			t.Errorf("DESIGN.md: %s belongs to no line of the map", pkg)
			continue
		}
		for _, target := range imports {
			to := group(layers, target)
			switch {
			case to < 0 || to == from: // an unlisted target is reported once, above
			case !slices.Contains(layers[from].uses, layers[to].name):
				t.Errorf("%s imports %s: the map of DESIGN.md does not let %s use %s", pkg, target, layers[from].name, layers[to].name)
			default:
				used[[2]string{layers[from].name, layers[to].name}] = true
			}
		}
	}
	for _, l := range layers {
		for _, use := range l.uses {
			edges++
			if !used[[2]string{l.name, use}] {
				t.Errorf("DESIGN.md: no package of %s imports %s", l.name, use)
			}
		}
	}
	t.Logf("%d groups of packages, %d permitted imports", len(layers), edges)
}

// The base layer is closed: nothing under internal/ imports a public package, except the
// server and the fleet, which are parts of the program.
func TestInternalIsBase(t *testing.T) {
	for pkg, imports := range packageImports(t) {
		if !strings.HasPrefix(pkg, "internal/") || strings.HasPrefix(pkg+"/", "internal/server/") || pkg == "internal/fleet" {
			continue
		}
		for _, target := range imports {
			if !strings.HasPrefix(path.Clean(target), "internal/") {
				t.Errorf("%s imports %s", pkg, target)
			}
		}
	}
}
