package architecture

import (
	"bytes"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// load returns the type information of the module's public packages, which the
// go command compiles where its cache lacks them.
func load(t *testing.T) (public []*types.Package) {
	t.Helper()
	c := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}\t{{.Name}}", "./...")
	c.Dir = root
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	exports := map[string]string{}
	var paths []string
	for line := range strings.Lines(string(out)) {
		field := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		exports[field[0]] = field[1]
		if isPublic(field[0]) && field[2] != "main" {
			paths = append(paths, field[0])
		}
	}
	imp := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no export data for %s", path)
		}
		return os.Open(exports[path])
	})
	for _, path := range paths {
		pkg, err := imp.Import(path)
		if err != nil {
			t.Fatal(err)
		}
		public = append(public, pkg)
	}
	return public
}

func isPublic(path string) bool {
	return strings.HasPrefix(path, module+"/") && !isInternal(path)
}

func isInternal(path string) bool {
	return strings.HasPrefix(path, module+"/") && slices.Contains(strings.Split(path, "/"), "internal")
}

// A walk visits the exported names of a package.
type walk struct {
	count map[string]int
	leak  func(name string, internal *types.TypeName)
	seen  map[types.Type]bool // while one name is visited
}

func (w *walk) pkg(p *types.Package) {
	for _, name := range p.Scope().Names() {
		o := p.Scope().Lookup(name)
		if !o.Exported() {
			continue
		}
		full := p.Name() + "." + name
		switch o := o.(type) {
		case *types.Const:
			w.name("constants", full, o.Type())
		case *types.Var:
			w.name("variables", full, o.Type())
		case *types.Func:
			w.name("functions", full, o.Type())
		case *types.TypeName:
			w.count["types"]++
			w.typeName(full, o)
		}
	}
}

// name counts a name and looks for internal types in its type.
func (w *walk) name(kind, full string, t types.Type) {
	w.count[kind]++
	w.seen = map[types.Type]bool{}
	w.uses(full, t)
}

func (w *walk) typeName(full string, o *types.TypeName) {
	w.seen = map[types.Type]bool{}
	if o.IsAlias() {
		w.uses(full, types.Unalias(o.Type()))
		return
	}
	named := o.Type().(*types.Named)
	for i := range named.NumMethods() {
		if m := named.Method(i); m.Exported() {
			w.name("methods", full+"."+m.Name(), m.Type())
		}
	}
	switch u := named.Underlying().(type) {
	case *types.Struct:
		w.fields(full, u)
		// Methods of embedded types are exported as well.
		set := types.NewMethodSet(types.NewPointer(named))
		for i := range set.Len() {
			if s := set.At(i); s.Obj().Exported() && len(s.Index()) > 1 {
				w.seen = map[types.Type]bool{}
				w.uses(full+"."+s.Obj().Name(), s.Obj().Type())
			}
		}
	case *types.Interface:
		for i := range u.NumExplicitMethods() {
			if m := u.ExplicitMethod(i); m.Exported() {
				w.name("methods", full+"."+m.Name(), m.Type())
			}
		}
		for i := range u.NumEmbeddeds() {
			w.seen = map[types.Type]bool{}
			w.uses(full, u.EmbeddedType(i))
		}
	default:
		w.uses(full, u)
	}
}

func (w *walk) fields(full string, s *types.Struct) {
	for f := range s.Fields() {
		switch {
		case f.Exported():
			w.name("fields", full+"."+f.Name(), f.Type())
		case f.Embedded(): // its exported fields are promoted
			t := f.Type()
			if p, ok := t.(*types.Pointer); ok {
				t = p.Elem()
			}
			if inner, ok := t.Underlying().(*types.Struct); ok {
				w.fields(full, inner)
			}
		}
	}
}

// uses reports the internal types that a type is written with.
func (w *walk) uses(full string, t types.Type) {
	if t == nil || w.seen[t] {
		return
	}
	w.seen[t] = true
	object := func(o *types.TypeName) {
		if o.Pkg() != nil && isInternal(o.Pkg().Path()) {
			w.leak(full, o)
		}
	}
	switch t := t.(type) {
	case *types.Alias:
		object(t.Obj())
		w.uses(full, types.Unalias(t))
	case *types.Named:
		object(t.Obj())
		for a := range t.TypeArgs().Types() {
			w.uses(full, a)
		}
	case *types.TypeParam:
		w.uses(full, t.Constraint())
	case *types.Pointer:
		w.uses(full, t.Elem())
	case *types.Slice:
		w.uses(full, t.Elem())
	case *types.Array:
		w.uses(full, t.Elem())
	case *types.Chan:
		w.uses(full, t.Elem())
	case *types.Map:
		w.uses(full, t.Key())
		w.uses(full, t.Elem())
	case *types.Tuple:
		for v := range t.Variables() {
			w.uses(full, v.Type())
		}
	case *types.Signature:
		for p := range t.TypeParams().TypeParams() {
			w.uses(full, p)
		}
		w.uses(full, t.Params())
		w.uses(full, t.Results())
	case *types.Struct:
		for f := range t.Fields() {
			if f.Exported() {
				w.uses(full, f.Type())
			}
		}
	case *types.Union:
		for term := range t.Terms() {
			w.uses(full, term.Type())
		}
	case *types.Interface:
		for m := range t.ExplicitMethods() {
			w.uses(full, m.Type())
		}
		for e := range t.EmbeddedTypes() {
			w.uses(full, e)
		}
	}
}

// No exported function, method, field, constant, variable or type of a public
// package uses a type of an internal package: callers could not name it.
func TestNoInternalTypesInAPI(t *testing.T) {
	total := map[string]int{}
	leaks := 0
	for _, p := range load(t) {
		count := map[string]int{}
		w := walk{count: count, leak: func(name string, internal *types.TypeName) {
			leaks++
			t.Errorf("%s: %s uses %s.%s", strings.TrimPrefix(p.Path(), module+"/"), name, internal.Pkg().Name(), internal.Name())
		}}
		w.pkg(p)
		t.Logf("%-20s %s", strings.TrimPrefix(p.Path(), module+"/"), summary(count))
		for kind, n := range count {
			total[kind] += n
		}
	}
	t.Logf("%-20s %s; %d use an internal type", "all public packages", summary(total), leaks)
}

// summary returns the number of names, and of each kind.
func summary(count map[string]int) string {
	n := 0
	var parts []string
	for _, kind := range []string{"types", "functions", "methods", "fields", "constants", "variables"} {
		n += count[kind]
		parts = append(parts, fmt.Sprintf("%d %s", count[kind], kind))
	}
	return fmt.Sprintf("%4d names: %s", n, strings.Join(parts, ", "))
}
