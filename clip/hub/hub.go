// Package hub fetches published CLIP weights by their usual names and finds
// them again.
//
// A model's files stand in a folder of their own,
// {CLIPCUE_MODELS, or clipcue/models in the user's cache}/{name}, where they
// may be put by hand as well.
package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clipcue/clipcue/internal/atomicfile"
)

// Options say where to fetch from and where to put it. The zero Options are
// the usual ones.
type Options struct {
	// Mirror is the hub's address. Empty means HF_ENDPOINT, or Hugging Face.
	Mirror string
	// Token is sent to the hub and to no other host. Empty means HF_TOKEN.
	Token string
	// Dir is the folder of all models. Empty means Dir().
	Dir string
	// Progress, if set, is told the bytes of the weight file that are there, and
	// all its bytes, 0 where the server does not say.
	Progress func(done, total int64)
	// Log, if set, is told of retries and of files that could not be verified.
	Log *slog.Logger

	pace pace
}

// Dir returns the folder of all models.
func Dir() (string, error) {
	if dir := os.Getenv("CLIPCUE_MODELS"); dir != "" {
		return dir, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%w: set CLIPCUE_MODELS to the folder for models", err)
	}
	return filepath.Join(cache, "clipcue", "models"), nil
}

// Resolve returns the path of a model that Pull or the user has put into
// Dir(), for use as a weight path. ok is false if there is none of that name.
func Resolve(name string) (path string, ok bool, err error) {
	dir, err := Dir()
	if err != nil {
		return "", false, err
	}
	return resolve(dir, name)
}

func resolve(dir, name string) (path string, ok bool, err error) {
	folder := name // one that the user has made
	if m, known := lookup(name); known {
		folder = m.folder()
	}
	if folder == "" || !filepath.IsLocal(folder) || strings.ContainsAny(folder, `/\:`) || strings.HasPrefix(folder, ".") {
		return "", false, nil
	}
	path = filepath.Join(dir, folder)
	for _, single := range []string{path + ".pt", path + ".safetensors"} {
		if info, err := os.Stat(single); err == nil && info.Mode().IsRegular() {
			return single, true, nil
		}
	}
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	// The weights are the last file to take its name.
	ok = slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return slices.Contains([]string{".pt", ".pth", ".bin", ".safetensors"}, filepath.Ext(e.Name()))
	})
	return path, ok, nil
}

// layout is a set of files that make a model, in the order to fetch them.
type layout struct {
	configs []string // the first has to be there
	weights string
}

// layouts are the ways in which repositories keep CLIP models, in the order of
// preference. OpenCLIP's come first, because model.safetensors is the image
// tower alone in timm's repositories; pickles come last.
var layouts = []layout{
	{[]string{"open_clip_config.json"}, "open_clip_model.safetensors"},
	{[]string{"config.json", "preprocessor_config.json"}, "model.safetensors"},
	{[]string{"open_clip_config.json"}, "open_clip_pytorch_model.bin"},
	{[]string{"config.json", "preprocessor_config.json"}, "pytorch_model.bin"},
}

// record is the note that Pull leaves beside the files.
type record struct {
	Name     string       `json:"name"`
	Repo     string       `json:"repo"`
	Revision string       `json:"revision,omitempty"`
	Files    []fileRecord `json:"files"`
	Pulled   time.Time    `json:"pulled"`
}

type fileRecord struct {
	Name     string `json:"name"`
	URL      string `json:"url"`
	Size     int64  `json:"size"`
	SHA256   string `json:"sha256"`
	Verified bool   `json:"verified"` // the server gave the same SHA-256
}

// Pull fetches the model of a name, unless it is there already, and returns
// its folder. A file takes its name only when it is whole and, if the server
// gives its SHA-256, verified. What a broken or canceled Pull leaves is taken
// up by the next.
func Pull(ctx context.Context, name string, o Options) (path string, err error) {
	m, ok := lookup(name)
	if !ok {
		return "", unknown(name)
	}
	if o.Dir == "" {
		if o.Dir, err = Dir(); err != nil {
			return "", err
		}
	}
	if path, ok, err := resolve(o.Dir, name); ok || err != nil {
		return path, err
	}
	endpoint, err := o.endpoint()
	if err != nil {
		return "", err
	}
	path = filepath.Join(o.Dir, m.folder())
	if err := os.MkdirAll(path, 0o777); err != nil {
		return "", err
	}
	base := endpoint + "/" + m.repo + "/resolve/main/"
	d := newDownloader(o)
	for _, l := range layouts {
		r := &record{Name: m.name, Repo: m.repo, Pulled: time.Now().UTC().Truncate(time.Second)}
		err := l.pull(ctx, d, base, path, r)
		if isMissing(err) {
			continue
		}
		if err != nil {
			return "", l.explain(err, base, path)
		}
		data, err := json.MarshalIndent(r, "", "\t")
		if err != nil {
			return "", err
		}
		return path, atomicfile.WriteBytes(filepath.Join(path, "source.json"), append(data, '\n'))
	}
	// Nothing was written, so the folder goes again.
	_ = os.Remove(path)
	return "", fmt.Errorf("%s has none of the weight files that clipcue reads (%s): is it a CLIP model?", strings.TrimSuffix(base, "/resolve/main/"), weightNames())
}

// pull fetches the files of a layout into dir. If one that is needed is not in
// the repository, nothing is left.
func (l layout) pull(ctx context.Context, d *downloader, base, dir string, r *record) error {
	var written []string
	get := func(name string, f fetch) error {
		f.url, f.path = base+name, filepath.Join(dir, name)
		got, err := d.get(ctx, f)
		if err != nil {
			return err
		}
		written = append(written, f.path)
		if got.revision != "" {
			r.Revision = got.revision
		}
		r.Files = append(r.Files, fileRecord{name, f.url, got.size, got.sha256, got.verified})
		return nil
	}
	for i, name := range l.configs {
		err := get(name, fetch{limit: 1 << 20, json: true})
		if err != nil && (i == 0 || !isMissing(err)) {
			return err
		}
	}
	err := get(l.weights, fetch{limit: 64 << 30, progress: d.progress})
	if isMissing(err) {
		for _, path := range written {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return err
}

// endpoint returns the hub's address without a slash at the end.
func (o Options) endpoint() (string, error) {
	address, source := o.Mirror, "mirror"
	if address == "" {
		address, source = os.Getenv("HF_ENDPOINT"), "HF_ENDPOINT"
	}
	if address == "" {
		return "https://huggingface.co", nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("%s %q is not an address such as https://huggingface.co", source, address)
	}
	return strings.TrimRight(address, "/"), nil
}

// explain adds what to do to an error of Pull.
func (l layout) explain(err error, base, dir string) error {
	page := strings.TrimSuffix(base, "/resolve/main/")
	status, answered := errors.AsType[*statusError](err)
	_, local := errors.AsType[*fs.PathError](err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: the same command goes on where this one stopped", err)
	case answered && status.code == 401:
		return fmt.Errorf("%w: %s does not exist, or it is private and HF_TOKEN has to be a token that may read it", err, page)
	case answered && status.code == 403:
		return fmt.Errorf("%w: accept the terms on %s, and set HF_TOKEN to a token of that account", err, page)
	case local:
		return err
	}
	return fmt.Errorf("%w: try again, name a mirror, or download %s%s and %s%s by hand and put them under these names into %s",
		err, base, l.configs[0], base, l.weights, dir)
}

// weightNames lists the weight files of all layouts.
func weightNames() string {
	var names []string
	for _, l := range layouts {
		names = append(names, l.weights)
	}
	return strings.Join(names, ", ")
}
