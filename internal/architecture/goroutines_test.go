package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A panic in a goroutine ends the process, unless the goroutine defers crash.Recover.
func TestGoroutinesRecover(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", "examples", "testdata", "vectortest"}, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if body, isGo := goroutine(f, n); isGo && !recovers(body) {
				t.Errorf("%s: this goroutine does not defer crash.Recover", files.Position(n.Pos()))
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// goroutine returns the body of the goroutine that a node starts: a go statement, or a
// call of a method Go, as of sync.WaitGroup. A function that is called by name must be
// in the same file.
func goroutine(f *ast.File, n ast.Node) (body *ast.BlockStmt, isGo bool) {
	var started ast.Expr
	switch n := n.(type) {
	case *ast.GoStmt:
		started = n.Call.Fun
	case *ast.CallExpr:
		if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Go" && len(n.Args) == 1 {
			started = n.Args[0]
		}
	}
	switch x := started.(type) {
	case nil:
		return nil, false
	case *ast.FuncLit:
		return x.Body, true
	case *ast.SelectorExpr:
		return declared(f, x.Sel.Name), true
	case *ast.Ident:
		return declared(f, x.Name), true
	}
	return nil, true
}

// declared returns the body of a function or method of a file.
func declared(f *ast.File, name string) *ast.BlockStmt {
	for _, d := range f.Decls {
		if d, ok := d.(*ast.FuncDecl); ok && d.Name.Name == name {
			return d.Body
		}
	}
	return nil
}

// recovers reports whether a body defers crash.Recover.
func recovers(body *ast.BlockStmt) bool {
	return body != nil && slices.ContainsFunc(body.List, func(s ast.Stmt) bool {
		d, ok := s.(*ast.DeferStmt)
		if !ok {
			return false
		}
		call, ok := d.Call.Fun.(*ast.SelectorExpr)
		return ok && call.Sel.Name == "Recover"
	})
}
