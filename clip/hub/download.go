package hub

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/clipcue/clipcue/internal/atomicfile"
)

// pace holds the waiting times of a downloader.
type pace struct {
	retry time.Duration // before the second try; doubled for each one after
	stall time.Duration // without a byte until a connection counts as broken
}

const (
	tries    = 5    // requests for a file without progress
	maxTries = 1000 // requests for a file
)

// downloader fetches files over HTTP.
type downloader struct {
	client   *http.Client
	token    string
	user     *url.Userinfo // of a mirror
	progress func(done, total int64)
	log      *slog.Logger
	pace     pace
	reached  bool // the server has answered at least once
}

func newDownloader(o Options) *downloader {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	d := &downloader{token: o.Token, progress: o.Progress, log: o.Log, pace: o.pace}
	if d.token == "" {
		d.token = strings.TrimSpace(os.Getenv("HF_TOKEN"))
	}
	if d.log == nil {
		d.log = slog.Default()
	}
	if d.pace == (pace{}) {
		d.pace = pace{time.Second, time.Minute}
	}
	transport.ResponseHeaderTimeout = d.pace.stall
	d.client = &http.Client{Transport: transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) >= 10 {
			return errors.New("the server redirects without end")
		}
		if via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
			return fmt.Errorf("%w: from %s to %s", ErrInsecure, via[0].URL.Host, r.URL.Host)
		}
		// The client itself would still send the token to other ports and to
		// subdomains, where storage services refuse it.
		if r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme {
			r.Header.Del("Authorization")
		}
		return nil
	}}
	return d
}

// fetch is a file to get.
type fetch struct {
	url, path string
	limit     int64 // bytes, more than such a file can have
	json      bool  // whether the file must be JSON
	progress  func(done, total int64)
}

// fetched describes a file that was fetched.
type fetched struct {
	size     int64
	sha256   string
	verified bool
	revision string // commit of the repository
}

// remote describes a file as reported by the server.
type remote struct {
	sha256   string // lower-case hexadecimal, or ""
	tag      string // identifies the version of the file, or ""
	size     int64  // of the whole file; -1 if unknown
	revision string
}

// attempts counts the failed attempts to fetch a file.
type attempts struct {
	wait     time.Duration // before the next
	left     int           // until progress
	restarts int           // downloads that were deleted
	best     int64         // bytes of the longest partial file
	total    int
}

// failed counts a failure after which the partial file has the given size, and reports
// whether another attempt makes sense. A server whose answers alternate, so that the
// download never gets longer, does not count as progress.
func (a *attempts) failed(err error, size int64, first time.Duration) bool {
	if size > a.best {
		a.best, a.wait, a.left = size, first, tries
	}
	if _, ok := errors.AsType[*failure](err); ok {
		a.restarts++
	}
	a.left--
	a.total++
	return a.left > 0 && a.restarts < tries && a.total < maxTries
}

// get fetches a file, and tries again after failures that may be temporary.
func (d *downloader) get(ctx context.Context, f fetch) (fetched, error) {
	a := attempts{wait: d.pace.retry, left: tries, best: f.partialSize()}
	restarted := false // the file was wrong once, and the download was restarted
	for {
		before := f.partialSize()
		info, err := d.once(ctx, f)
		var done fetched
		if err == nil {
			done, err = f.finish(info)
			// Parts of two versions may be joined, but a file from a single answer is wrong.
			if mismatch, ok := errors.AsType[*failure](err); ok {
				mismatch.final = restarted || before == 0
				restarted = true
			}
		}
		if err == nil {
			if !done.verified && !f.json {
				d.log.Warn("unverified: the server gives no SHA-256 for this file", "file", f.path, "size", done.size)
			}
			return done, nil
		}
		if ctx.Err() != nil {
			return fetched{}, fmt.Errorf("%s: %w", f.url, ctx.Err())
		}
		if more := a.failed(err, f.partialSize(), d.pace.retry); !more || !d.temporary(err) {
			return fetched{}, fmt.Errorf("%s: %w", f.url, err)
		}
		pause := a.wait
		if status, ok := errors.AsType[*statusError](err); ok && status.after > 0 {
			pause = min(status.after, time.Minute)
		}
		d.log.Info("trying again", "url", f.url, "after", pause, "because", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		a.wait *= 2
	}
}

// temporary reports whether another attempt may succeed.
func (d *downloader) temporary(err error) bool {
	if status, ok := errors.AsType[*statusError](err); ok {
		return status.code == 408 || status.code == 429 || status.code >= 500
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return !f.final
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok || errors.Is(err, ErrInsecure) {
		return false
	}
	// Without a network there is no point in waiting.
	op, ok := errors.AsType[*net.OpError](err)
	return d.reached || !ok || op.Op != "dial" && op.Op != "proxyconnect"
}

var errStalled = errors.New("the server has stopped sending")

// finish checks the partial file and renames it.
func (f fetch) finish(info remote) (fetched, error) {
	partial := f.partialName(info)
	size, sum, err := hash(partial)
	if err != nil {
		return fetched{}, err
	}
	// A wrong file is deleted; the next attempt starts at its beginning.
	if info.size >= 0 && size != info.size {
		return fetched{}, again(partial, fmt.Sprintf("received %d bytes instead of %d, and deleted them", size, info.size))
	}
	if info.sha256 != "" && sum != info.sha256 {
		return fetched{}, again(partial, fmt.Sprintf("received bytes with SHA-256 %s instead of %s, and deleted them", sum, info.sha256))
	}
	if f.json {
		data, err := os.ReadFile(partial)
		if err != nil {
			return fetched{}, err
		}
		if !json.Valid(data) {
			return fetched{}, again(partial, "the answer is not JSON")
		}
	}
	if err := os.Rename(partial, f.path); err != nil {
		return fetched{}, &failure{true, err}
	}
	if err := atomicfile.SyncDir(filepath.Dir(f.path)); err != nil {
		return fetched{}, &failure{true, err}
	}
	return fetched{size, sum, info.sha256 != "", info.revision}, nil
}

// partialName returns the path of the partial file. It contains a digest of the version
// on the server, so that parts of different versions are not joined.
func (f fetch) partialName(info remote) string {
	digest := sha256.Sum256(fmt.Appendf(nil, "%s %d", info.tag, info.size))
	return f.path + "." + hex.EncodeToString(digest[:4]) + partialSuffix
}

const partialSuffix = ".partial"

// partial returns the partial file of an earlier attempt and its size.
func (f fetch) partial() (path string, size int64) {
	entries, _ := os.ReadDir(filepath.Dir(f.path))
	prefix := filepath.Base(f.path) + "."
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && strings.HasSuffix(e.Name(), partialSuffix) {
			if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
				return filepath.Join(filepath.Dir(f.path), e.Name()), info.Size()
			}
		}
	}
	return "", 0
}

func (f fetch) partialSize() int64 {
	_, size := f.partial()
	return size
}

// again deletes a partial file and returns an error that another attempt may resolve.
func again(partial, why string) error {
	if err := removeIfThere(partial); err != nil {
		return err
	}
	return &failure{false, errors.New(why)}
}

func removeIfThere(path string) error {
	if path == "" {
		return nil
	}
	return os.Remove(path)
}

// hash returns the size and the SHA-256 of a file.
func hash(path string) (size int64, sum string, err error) {
	in, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer in.Close()
	h := sha256.New()
	if size, err = io.Copy(h, in); err != nil {
		return 0, "", err
	}
	return size, hex.EncodeToString(h.Sum(nil)), nil
}

var sha256Text = regexp.MustCompile(`^[0-9a-f]{64}$`)

// describe reads the headers of a response and of the redirects that led to it. The hub
// gives the SHA-256 of a large file in X-Linked-Etag before it redirects to a storage
// service, whose own ETag means something else.
func describe(response *http.Response) remote {
	info := remote{size: -1}
	if tag := response.Header.Get("Etag"); !strings.HasPrefix(tag, "W/") { // weak: shared by several versions
		info.tag = unquote(tag)
	}
	if response.ContentLength >= 0 && response.StatusCode == http.StatusOK {
		info.size = response.ContentLength
	}
	if _, total, ok := strings.Cut(response.Header.Get("Content-Range"), "/"); ok {
		if n, err := strconv.ParseInt(total, 10, 64); err == nil && n >= 0 {
			info.size = n
		}
	}
	// From the file back to the hub, whose values take precedence.
	for r := response; r != nil; r = r.Request.Response {
		if tag := strings.ToLower(unquote(r.Header.Get("X-Linked-Etag"))); sha256Text.MatchString(tag) {
			info.sha256, info.tag = tag, tag
		}
		if n, err := strconv.ParseInt(r.Header.Get("X-Linked-Size"), 10, 64); err == nil && n >= 0 {
			info.size = n
		}
		if commit := r.Header.Get("X-Repo-Commit"); commit != "" {
			info.revision = commit
		}
	}
	return info
}

// unquote takes an entity tag out of its quotes.
func unquote(tag string) string { return strings.Trim(tag, `"`) }

// rangeStart returns where the part in a response begins.
func rangeStart(response *http.Response) (int64, bool) {
	text, ok := strings.CutPrefix(response.Header.Get("Content-Range"), "bytes ")
	start, _, okDash := strings.Cut(text, "-")
	n, err := strconv.ParseInt(start, 10, 64)
	return n, ok && okDash && err == nil
}

// failure is an error that is known to be final or not.
type failure struct {
	final bool
	err   error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// statusError is an answer of the server without the file.
type statusError struct {
	code  int
	after time.Duration // that the server asks clients to wait
}

func newStatusError(response *http.Response) error {
	e := &statusError{code: response.StatusCode}
	after := response.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(after); err == nil {
		e.after = time.Duration(min(seconds, 3600)) * time.Second
	} else if at, err := http.ParseTime(after); err == nil {
		e.after = time.Until(at)
	}
	return e
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the server answered %d %s", e.code, http.StatusText(e.code))
}

// isMissing reports whether the server has no such file.
func isMissing(err error) bool {
	status, ok := errors.AsType[*statusError](err)
	return ok && status.code == http.StatusNotFound
}
