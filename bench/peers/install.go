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

	"github.com/clipcue/clipcue/internal/atomicfile"
)

//go:embed requirements.txt
var requirements []byte

// install creates the virtual environment of the peers, unless it exists, and installs
// requirements.txt. It returns its Python, and what cannot be installed.
func install(ctx context.Context) (python string, missing []string, err error) {
	venv, err := filepath.Abs(filepath.Join(workDir, "venv"))
	if err != nil {
		return "", nil, err
	}
	python = filepath.Join(venv, "bin", "python")
	if exe != "" {
		python = filepath.Join(venv, "Scripts", "python.exe")
	}
	done := filepath.Join(venv, "requirements.txt")
	if old, err := os.ReadFile(done); err == nil && bytes.Equal(old, requirements) {
		return python, nil, nil
	}
	if _, err := os.Stat(python); err != nil {
		if out, err := exec.CommandContext(ctx, "python3", "-m", "venv", venv).CombinedOutput(); err != nil {
			return "", nil, fmt.Errorf("the peers need Python with venv: %w: %s", err, lastLine(out))
		}
	}
	say("installing %s, several GB", strings.Join(strings.Fields(string(requirements)), " "))
	pip := func(packages ...string) error {
		out, err := exec.CommandContext(ctx, python, append([]string{"-m", "pip", "install", "--quiet"}, packages...)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, lastLine(out))
		}
		return nil
	}
	packages := strings.Fields(string(requirements))
	if pip(packages...) != nil { // then as many as possible
		for _, p := range packages {
			if err := pip(p); err != nil {
				missing = append(missing, fmt.Sprintf("%s cannot be installed: %v", p, err))
			}
		}
	}
	if ctx.Err() != nil || len(missing) > 0 {
		return python, missing, ctx.Err()
	}
	return python, nil, atomicfile.WriteBytes(done, requirements)
}
