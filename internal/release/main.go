// Command release builds everything that a release consists of, from the commit that is
// checked out: archives, Debian and RPM packages, Python wheels, an SBOM and checksums.
// The same commit and the same version of Go give the same bytes.
//
//	go run ./internal/release --out dist [--platform linux/amd64]
//
// It runs nfpm and Python.
package main

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// nfpm is the module of the program that writes packages. Later versions need modules that
// not every module proxy has.
const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0"

// platforms are those that releases support.
const platforms = "linux/amd64,linux/arm64,darwin/arm64,windows/amd64"

// documents are the files that each archive contains.
var documents = []string{"README.md", "LICENSE", "NOTICE", "CHANGELOG.md"}

// release is one release.
type release struct {
	out     string    // the folder of the results
	stage   string    // a temporary folder with the files that go into packages
	version string    // without v
	time    time.Time // of the commit
	modules []module  // for the SBOM
}

func main() {
	log.SetFlags(0)
	out := flag.String("out", "dist", "`folder` of the results, which is created")
	only := flag.String("platform", platforms, "`platforms`, separated by commas")
	flag.Parse()
	if err := build(context.Background(), *out, strings.Split(*only, ",")); err != nil {
		log.Fatal(err)
	}
}

func build(ctx context.Context, out string, platforms []string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	if err := os.Mkdir(out, 0o777); err != nil {
		return err
	}
	stage, err := os.MkdirTemp("", "clipcue-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	r := &release{out: out, stage: stage}
	if err := r.describe(ctx); err != nil {
		return err
	}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	for _, p := range platforms {
		if err := r.platform(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	if err := r.sbom(); err != nil {
		return err
	}
	return r.checksums()
}

// describe sets version and time from the commit. Without a tag, the version is 0.0.0 with
// the commit.
func (r *release) describe(ctx context.Context) error {
	commit, err := output(ctx, "git", "log", "-1", "--format=%ct %h", "--abbrev=12")
	if err != nil {
		return err
	}
	seconds, hash, _ := strings.Cut(commit, " ")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return err
	}
	r.time = time.Unix(n, 0).UTC()
	r.version = "0.0.0-" + r.time.Format("20060102150405") + "-" + hash
	if tag, err := output(ctx, "git", "describe", "--tags", "--exact-match", "--match", "v*"); err == nil {
		r.version = strings.TrimPrefix(tag, "v")
	}
	return nil
}

// prepare puts the files that do not depend on the platform into the stage.
func (r *release) prepare(ctx context.Context) error {
	if err := r.run(ctx, "", "go", "run", "-tags", "packaging", "./cmd/clipcue", r.stage); err != nil {
		return err
	}
	packaging, err := filepath.Glob("packaging/*")
	if err != nil {
		return err
	}
	for _, path := range append(packaging, documents...) {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(r.stage, filepath.Base(path)), b, 0o666); err != nil {
			return err
		}
	}
	pages, err := filepath.Glob(filepath.Join(r.stage, "man", "*"))
	if err != nil {
		return err
	}
	for _, page := range pages {
		b, err := os.ReadFile(page)
		if err != nil {
			return err
		}
		if err := writeGzip(filepath.Join(r.stage, "man-gz", filepath.Base(page)+".gz"), b); err != nil {
			return err
		}
	}
	changelog, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		return err
	}
	if err := writeGzip(filepath.Join(r.stage, "changelog.gz"), changelog); err != nil {
		return err
	}
	changes := fmt.Sprintf("clipcue (%s-1) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- The clipcue authors <clipcue@users.noreply.github.com>  %s\n",
		debian(r.version), r.time.Format(time.RFC1123Z))
	return writeGzip(filepath.Join(r.stage, "changelog.Debian.gz"), []byte(changes))
}

// debian returns a version as nfpm writes it into packages.
func debian(version string) string {
	return strings.Replace(version, "-", "~", 1)
}

// platform builds the program for a platform such as linux/amd64, and packs it.
func (r *release) platform(ctx context.Context, platform string) error {
	system, arch, _ := strings.Cut(platform, "/")
	program := "clipcue"
	if system == "windows" {
		program += ".exe"
	}
	err := r.run(ctx, "", "env", "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch,
		"go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(r.stage, program), "./cmd/clipcue")
	if err != nil {
		return err
	}
	if err := r.addModules(program); err != nil {
		return err
	}
	if err := r.wheel(ctx, platform, program); err != nil {
		return err
	}
	name := filepath.Join(r.out, fmt.Sprintf("clipcue_%s_%s_%s", r.version, system, arch))
	files, err := r.files(program)
	if err != nil {
		return err
	}
	switch system {
	case "windows":
		return r.writeZip(name+".zip", files)
	case "linux":
		for _, packager := range []string{"deb", "rpm"} {
			if err := r.pack(ctx, packager, arch); err != nil {
				return err
			}
		}
	}
	return r.writeTar(name+".tar.gz", files)
}

// files returns the paths of the files in an archive, below the stage, sorted.
func (r *release) files(program string) ([]string, error) {
	files := append([]string{program}, documents...)
	for _, dir := range []string{"man", "completions"} {
		entries, err := os.ReadDir(filepath.Join(r.stage, dir))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			files = append(files, dir+"/"+e.Name())
		}
	}
	slices.Sort(files)
	return files, nil
}

// pack writes a Debian or RPM package. nfpm writes the version of a pre-release with ~, which
// GitHub replaces in the names of files, so that SHA256SUMS would not name them.
func (r *release) pack(ctx context.Context, packager, arch string) error {
	name := fmt.Sprintf("clipcue_%s-1_%s.deb", r.version, arch)
	if packager == "rpm" {
		name = fmt.Sprintf("clipcue-%s-1.%s.rpm", r.version, map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch])
	}
	return r.run(ctx, r.stage, "env", "VERSION="+r.version, "ARCH="+arch,
		"go", "run", nfpm, "package", "-f", "nfpm.yaml", "-p", packager, "-t", filepath.Join(r.out, name))
}

// wheel writes the Python package with the program.
func (r *release) wheel(ctx context.Context, platform, program string) error {
	return r.run(ctx, "", "python3", "python/build.py", "--binary", filepath.Join(r.stage, program),
		"--platform", platform, "--version", r.version, "--out", r.out)
}

// checksums writes SHA256SUMS, which sha256sum -c reads.
func (r *release) checksums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(b), e.Name())
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(sums.String()), 0o666)
}

// run runs a program in a folder; its output goes to stderr.
func (r *release) run(ctx context.Context, dir string, args ...string) error {
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Dir, c.Stdout, c.Stderr = dir, os.Stderr, os.Stderr
	c.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.time.Unix()))
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// output returns what a program prints.
func output(ctx context.Context, args ...string) (string, error) {
	b, err := exec.CommandContext(ctx, args[0], args[1:]...).Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(b)), nil
}
