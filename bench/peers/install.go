package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

var (
	//go:embed peer.py
	pytorchScript string
	//go:embed onnx.js
	onnxScript string
)

// peers are the programs to compare with. A path is "" if the program cannot be installed.
type peers struct {
	python  string // a Python with PyTorch
	node    string
	script  string // the script for ONNX Runtime, in the folder that has node_modules
	blas    []blas // variants to run PyTorch with, faster ones first
	missing []string
}

// blas is a variant of OpenBLAS. Debian's PyTorch uses whichever BLAS is installed.
type blas struct{ name, dir string }

// variants are Debian's variants of OpenBLAS. openmp shares PyTorch's threads. pthread, which
// libopenblas0 installs, has its own threads, which compete with PyTorch's for the cores.
var variants = []string{"openmp", "pthread"}

// install finds the peers. It installs PyTorch from Debian and ONNX Runtime from npm if they are
// missing.
func install(ctx context.Context) peers {
	var p peers
	lack := func(format string, args ...any) {
		p.missing = append(p.missing, fmt.Sprintf(format, args...))
	}
	if err := p.findPyTorch(ctx); err != nil {
		lack("PyTorch: %v", err)
		lack("ONNX Runtime: its graph is exported by PyTorch, which is missing")
		return p
	}
	if err := p.findONNX(ctx); err != nil {
		p.node = ""
		lack("ONNX Runtime: %v", err)
	}
	return p
}

func (p *peers) findPyTorch(ctx context.Context) error {
	find := func() (python, build string) {
		for _, python := range []string{"python3", "/usr/bin/python3"} {
			out, err := exec.CommandContext(ctx, python, "-c", "import torch; print(torch.__config__.show())").Output()
			if err == nil {
				return python, string(out)
			}
		}
		return "", ""
	}
	python, build := find()
	if python == "" {
		if err := apt(ctx, "python3-torch"); err != nil {
			return err
		}
		if python, build = find(); python == "" {
			return fmt.Errorf("python3-torch is installed, but python3 cannot import torch")
		}
	}
	p.blas = []blas{{name: "its own BLAS"}}
	// Debian's PyTorch uses whichever BLAS is installed; the reference BLAS would not be a
	// fair comparison.
	if strings.Contains(build, "BLAS_INFO=generic") {
		p.blas = nil
		for _, variant := range variants {
			dir, err := openblas(ctx, variant)
			if err != nil {
				return fmt.Errorf("it is installed, but would be slow without OpenBLAS: %w", err)
			}
			p.blas = append(p.blas, blas{"OpenBLAS " + variant, dir})
		}
	}
	p.python = python
	return nil
}

// openblas finds or installs a variant and returns its folder.
func openblas(ctx context.Context, variant string) (dir string, err error) {
	library := "/usr/lib/*/openblas-" + variant + "/libblas.so.3"
	found, _ := filepath.Glob(library)
	if len(found) == 0 {
		if err := apt(ctx, "libopenblas0-"+variant); err != nil {
			return "", err
		}
		if found, _ = filepath.Glob(library); len(found) == 0 {
			return "", fmt.Errorf("there is no %s", library)
		}
	}
	return filepath.Dir(found[0]), nil
}

// apt installs Debian packages.
func apt(ctx context.Context, packages ...string) error {
	say("installing %s", strings.Join(packages, " "))
	root := []string{}
	if os.Geteuid() != 0 {
		root = []string{"sudo", "-n"}
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%s cannot be installed: apt-get is missing", packages[0])
	}
	for _, args := range [][]string{
		{"apt-get", "update", "-qq"},
		append([]string{"apt-get", "install", "-y", "-qq", "--no-install-recommends"}, packages...),
	} {
		args = append(root[:len(root):len(root)], args...)
		c := exec.CommandContext(ctx, args[0], args[1:]...)
		c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, lastLine(out))
		}
	}
	return nil
}

func (p *peers) findONNX(ctx context.Context) (err error) {
	if p.node, err = exec.LookPath("node"); err != nil {
		return fmt.Errorf("node is missing: %w", err)
	}
	if _, err := os.Stat(filepath.Join(workDir, "node_modules", "onnxruntime-node", "package.json")); err != nil {
		say("installing onnxruntime-node")
		// Its install script only downloads the files for GPUs.
		c := exec.CommandContext(ctx, "npm", "install", "--prefix", workDir, "--ignore-scripts", "--no-audit", "--no-fund", "onnxruntime-node")
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("npm install onnxruntime-node: %w: %s", err, lastLine(out))
		}
	}
	p.script = filepath.Join(workDir, "onnx.js")
	return os.WriteFile(p.script, []byte(onnxScript), 0o666)
}

// lastLine returns the last line of a program's output.
func lastLine(out []byte) []byte {
	out = bytes.TrimSpace(out)
	return out[bytes.LastIndexByte(out, '\n')+1:]
}
