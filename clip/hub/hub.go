// Package hub downloads published CLIP weights by their usual names and finds them.
//
// Each model has a folder, {CLIPCUE_MODELS, or clipcue/models in the user's cache}/{name}.
// Files may also be copied there by hand.
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
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/clipcue/clipcue/internal/atomicfile"
)

// Options are the source and destination of a download. The zero value downloads from
// Hugging Face to the folder in the package comment.
type Options struct {
	// Mirror is the hub's address. Empty means HF_ENDPOINT, or Hugging Face. Credentials in
	// it are sent to the mirror, and are neither stored nor printed.
	Mirror string
	// Token is sent to the hub and to no other host. Empty means HF_TOKEN.
	Token string
	// Dir is the folder of all models. Empty means the one in the package comment.
	Dir string
	// Progress, if set, is called with the number of bytes of the weight file that are
	// stored, and its size, or 0 if the server does not give it.
	Progress func(done, total int64)
	// Log gets retries and files that could not be verified; nil means slog.Default().
	Log *slog.Logger

	pace pace
}

// Dir returns the folder of all models that are pulled.
func Dir() (string, error) {
	if dir := os.Getenv("CLIPCUE_MODELS"); dir != "" {
		return dir, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoDir, err)
	}
	return filepath.Join(cache, "clipcue", "models"), nil
}

// Resolve returns the path of a pulled model, for use as a weight path. ok is false if
// there is none of that name.
func Resolve(name string) (path string, ok bool, err error) {
	dir, err := Dir()
	if err != nil {
		return "", false, err
	}
	return resolve(dir, name)
}

// maxName is the largest name of a folder in bytes, on all platforms.
const maxName = 255

func resolve(dir, name string) (path string, ok bool, err error) {
	folder := name // a folder that the user created
	if m, known := lookup(name); known {
		folder = m.folder()
	}
	if folder == "" || len(folder) > maxName || !filepath.IsLocal(folder) || strings.ContainsAny(folder, "/\\:\x00") || strings.HasPrefix(folder, ".") {
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
	// The weights get their name last.
	ok = slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return slices.Contains([]string{".pt", ".pth", ".bin", ".safetensors"}, filepath.Ext(e.Name()))
	})
	return path, ok, nil
}

// layout lists the files of a model, in the order to fetch them.
type layout struct {
	configs []string // the first is required
	weights string
}

// layouts are those of the repositories with CLIP models, in the order of preference. OpenCLIP's come first, because model.safetensors is the image
// tower alone in timm's repositories; pickles come last.
var layouts = []layout{
	{[]string{"open_clip_config.json"}, "open_clip_model.safetensors"},
	{[]string{"config.json", "preprocessor_config.json"}, "model.safetensors"},
	{[]string{"open_clip_config.json"}, "open_clip_pytorch_model.bin"},
	{[]string{"config.json", "preprocessor_config.json"}, "pytorch_model.bin"},
}

// tokenizerFiles are those of a tokenizer that is not CLIP's, as far as a repository has them.
var tokenizerFiles = []fetch{
	{path: "tokenizer_config.json", limit: 1 << 20, json: true},
	{path: "special_tokens_map.json", limit: 1 << 20, json: true},
	{path: "added_tokens.json", limit: 1 << 20, json: true},
	{path: "tokenizer.json", limit: 64 << 20, json: true},
	{path: "spiece.model", limit: 64 << 20},
	{path: "tokenizer.model", limit: 64 << 20},
}

// ownTokenizer matches the configuration of a model with its own tokenizer.
var ownTokenizer = regexp.MustCompile(`"(hf_tokenizer_name"\s*:\s*"[^"]|model_type"\s*:\s*"siglip)`)

// record is the content of source.json, which Pull writes next to the files.
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
	Verified bool   `json:"verified"` // against the server's SHA-256
}

// Pull downloads the model of a name, unless it exists, and returns its folder. A file
// gets its name only when it is whole and, if the server gives its SHA-256, verified. The
// next Pull resumes an interrupted one. Errors: *[UnknownNameError], [ErrNoWeights],
// *[DownloadError].
func Pull(ctx context.Context, name string, o Options) (path string, err error) {
	m, ok := lookup(name)
	if !ok {
		return "", &UnknownNameError{name}
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
	d := newDownloader(o)
	if license, limit, ok := strings.Cut(m.License, ": "); ok {
		d.log.Warn("the license limits the use of these weights", "model", m.Name, "license", license, "limit", limit)
	}
	d.user, endpoint.User = endpoint.User, nil
	page := strings.TrimRight(endpoint.String(), "/") + "/" + m.Repository
	for _, l := range layouts {
		r := &record{Name: m.Name, Repo: m.Repository, Pulled: time.Now().UTC().Truncate(time.Second)}
		err := l.pull(ctx, d, page+"/resolve/main/", path, r)
		if isMissing(err) {
			continue
		}
		if err != nil {
			return "", l.failed(err, page, path)
		}
		data, err := json.MarshalIndent(r, "", "\t")
		if err != nil {
			return "", err
		}
		return path, atomicfile.WriteBytes(filepath.Join(path, "source.json"), append(data, '\n'))
	}
	_ = os.Remove(path) // it is empty
	return "", fmt.Errorf("%s: %w: none of %s", page, ErrNoWeights, weightNames())
}

// pull fetches the files of a layout into dir, or none if a required one is not in the
// repository.
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
	config, err := os.ReadFile(filepath.Join(dir, l.configs[0]))
	if err != nil {
		return err
	}
	if ownTokenizer.Match(config) {
		for _, f := range tokenizerFiles {
			if err := get(f.path, f); err != nil && !isMissing(err) {
				return err
			}
		}
	}
	err = get(l.weights, fetch{limit: 64 << 30, progress: d.progress})
	if isMissing(err) {
		for _, path := range written {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return err
}

// CheckMirror returns an error for a text that cannot be Options.Mirror.
func CheckMirror(address string) error {
	_, err := Options{Mirror: address}.endpoint()
	return err
}

// endpoint returns the hub's address.
func (o Options) endpoint() (*url.URL, error) {
	address, source := o.Mirror, "mirror"
	if address == "" {
		address, source = os.Getenv("HF_ENDPOINT"), "HF_ENDPOINT"
	}
	if address == "" {
		address = "https://huggingface.co"
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		if at := strings.LastIndex(address, "@"); at >= 0 { // hide credentials
			address = "..." + address[at:]
		}
		return nil, fmt.Errorf("%s %q is not an address such as https://huggingface.co", source, address)
	}
	return u, nil
}

// failed returns the error for a layout that could not be pulled.
func (l layout) failed(err error, page, dir string) error {
	if _, local := errors.AsType[*fs.PathError](err); local {
		return err
	}
	e := &DownloadError{Page: page, Dir: dir, Err: err}
	for _, name := range []string{l.configs[0], l.weights} {
		e.Files = append(e.Files, page+"/resolve/main/"+name)
	}
	if status, ok := errors.AsType[*statusError](err); ok {
		e.Status = status.code
	}
	return e
}

// weightNames lists the weight files of all layouts.
func weightNames() string {
	var names []string
	for _, l := range layouts {
		names = append(names, l.weights)
	}
	return strings.Join(names, ", ")
}
