package main

import (
	"archive/zip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/doctor"
)

// examine runs doctor and returns its findings by what was examined.
func examine(t *testing.T, args ...string) (map[string]doctor.Finding, int) {
	t.Helper()
	r := clipcue(t, append([]string{"doctor", "--offline", "--json"}, args...)...)
	var list []doctor.Finding
	if err := json.Unmarshal([]byte(r.stdout), &list); err != nil {
		t.Fatalf("%v\n%+v", err, r)
	}
	found := map[string]doctor.Finding{}
	for _, f := range list {
		if (f.State == doctor.OK) != (f.Remedy == "") {
			t.Errorf("%+v: exactly what is not ok has a remedy", f)
		}
		found[f.What] = f
	}
	return found, r.code
}

func TestDoctorFindsWhatIsWrong(t *testing.T) {
	needFFmpeg(t)
	for _, c := range []struct{ variable, value, what string }{
		{"CLIPCUE_FFMPEG", "/nowhere/ffmpeg", "ffmpeg"},
		{"TMPDIR", "/nowhere", "temporary folder"},
		{"CLIPCUE_MODEL", "no such model", "default model"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Setenv(c.variable, c.value)
			found, code := examine(t)
			if code != exitFailed || found[c.what].State != doctor.Problem {
				t.Errorf("exit code %d, %+v", code, found[c.what])
			}
		})
	}
}

// The default model is loaded: a folder whose files are damaged is a problem.
func TestDoctorLoadsTheDefaultModel(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CLIPCUE_MODEL", dir)
	writeText(t, filepath.Join(dir, "model.safetensors"), "no weights")
	if found, code := examine(t); code != exitFailed || found["default model"].State != doctor.Problem {
		t.Errorf("exit code %d, %+v", code, found["default model"])
	}
}

// A bundle replaces an earlier one, and nothing else.
func TestBundleReplacesOnlyABundle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.zip")
	must(t, exitDone, "doctor", "--offline", "--bundle", path)
	must(t, exitDone, "doctor", "--offline", "--bundle", path)
	writeText(t, path, "notes")
	if r := must(t, exitFailed, "doctor", "--offline", "--bundle", path); !strings.Contains(r.stderr, path) || !strings.Contains(r.stderr, "try: another path") {
		t.Errorf("%s", r.stderr)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "notes" {
		t.Errorf("%q, error %v", data, err)
	}
}

func TestDoctorsBundleNamesNobody(t *testing.T) {
	home := filepath.Join(t.TempDir(), "Jane Doe")
	t.Setenv("HOME", home)
	t.Setenv("CLIPCUE_MODELS", filepath.Join(home, "secret models"))
	t.Setenv("HF_ENDPOINT", "https://hub.secret.example")
	t.Setenv("TMPDIR", t.TempDir())
	path := filepath.Join(t.TempDir(), "report.zip")
	examine(t, "--bundle", path)
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || len(b) < 100 {
			t.Errorf("%s: %d bytes, %v", f.Name, len(b), err)
		}
		for _, secret := range []string{"Jane", "secret", os.Getenv("TMPDIR")} {
			if strings.Contains(string(b), secret) {
				t.Errorf("%s contains %q:\n%s", f.Name, secret, b)
			}
		}
	}
}
