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
)

// pace are the waits of a downloader.
type pace struct {
	retry time.Duration // before the second try; doubled for each one after
	stall time.Duration // without a byte, after which a connection counts as broken
}

// tries is how often a file is asked for without a byte of progress.
const tries = 5

// downloader fetches files over HTTP.
type downloader struct {
	client   *http.Client
	token    string
	progress func(done, total int64)
	log      *slog.Logger
	pace     pace
	reached  bool // the server has answered at least once
}

func newDownloader(o Options) *downloader {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	d := &downloader{token: o.Token, progress: o.Progress, log: o.Log, pace: o.pace}
	if d.token == "" {
		d.token = os.Getenv("HF_TOKEN")
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.pace == (pace{}) {
		d.pace = pace{time.Second, time.Minute}
	}
	transport.ResponseHeaderTimeout = d.pace.stall
	d.client = &http.Client{Transport: transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) >= 10 {
			return errors.New("the server redirects without end")
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
	json      bool  // the file has to be JSON
	progress  func(done, total int64)
}

// fetched is what came of it.
type fetched struct {
	size     int64
	sha256   string
	verified bool
	revision string // commit of the repository
}

// remote is what the server says of a file.
type remote struct {
	sha256   string // lower-case hexadecimal, or ""
	tag      string // tells versions of the file apart, or "" if nothing does
	size     int64  // of the whole file; -1 if unknown
	revision string
}

// get fetches a file, trying again after failures that may pass.
func (d *downloader) get(ctx context.Context, f fetch) (fetched, error) {
	wait, left := d.pace.retry, tries
	restarted := false // the file was wrong once, and the download was restarted
	for {
		before := f.partialSize()
		info, err := d.once(ctx, f)
		var done fetched
		if err == nil {
			done, err = f.finish(info)
			// Parts of two files may have met, but one that came in one go is wrong.
			if misfit, ok := errors.AsType[*failure](err); ok {
				misfit.final = restarted || before == 0
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
		if f.partialSize() > before {
			wait, left = d.pace.retry, tries
		}
		left--
		if !d.passes(err) || left == 0 {
			if u, ok := errors.AsType[*url.Error](err); ok {
				err = u.Err // without the address again
			}
			return fetched{}, fmt.Errorf("%s: %w", f.url, err)
		}
		pause := wait
		if status, ok := errors.AsType[*statusError](err); ok && status.after > 0 {
			pause = min(status.after, time.Minute)
		}
		d.log.Info("trying again", "url", f.url, "after", pause, "because", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		wait *= 2
	}
}

// passes reports whether an error may be gone at the next try.
func (d *downloader) passes(err error) bool {
	if status, ok := errors.AsType[*statusError](err); ok {
		return status.code == 408 || status.code == 429 || status.code >= 500
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return !f.final
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return false
	}
	// Without a network there is no point in waiting.
	op, ok := errors.AsType[*net.OpError](err)
	return d.reached || !ok || op.Op != "dial" && op.Op != "proxyconnect"
}

// once asks for the rest of a file and writes what comes to the partial file.
func (d *downloader) once(parent context.Context, f fetch) (info remote, err error) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	defer func() {
		if errors.Is(context.Cause(ctx), errStalled) {
			err = errStalled
		}
	}()

	partial, offset := f.partial()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, nil)
	if err != nil {
		return info, err
	}
	request.Header.Set("User-Agent", "clipcue")
	request.Header.Set("Accept-Encoding", "identity") // offsets count the bytes of the file
	if d.token != "" {
		request.Header.Set("Authorization", "Bearer "+d.token)
	}
	if offset > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	response, err := d.client.Do(request)
	if err != nil {
		return info, err
	}
	defer response.Body.Close()
	d.reached = true
	info = describe(response)

	switch response.StatusCode {
	case http.StatusOK:
		offset = 0
	case http.StatusPartialContent:
		// Restart if the file has changed, or if the server sends another part.
		if start, ok := rangeStart(response); !ok || start != offset || info.tag == "" || partial != f.partialName(info) {
			return info, again(partial, "the server sends another part than was asked for")
		}
	case http.StatusRequestedRangeNotSatisfiable:
		// Either all is there, or the partial file is of something else.
		if offset == 0 || info.size != offset || partial != f.partialName(info) {
			return info, again(partial, "the server has no such part of the file")
		}
		return info, nil
	default:
		return info, newStatusError(response)
	}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
		return info, &failure{true, errors.New("the server sends a web page instead of the file: is there a login or a proxy in between?")}
	}
	if info.size > f.limit {
		return info, &failure{true, fmt.Errorf("the server announces %d bytes, more than such a file can have", info.size)}
	}
	if name := f.partialName(info); name != partial {
		if err := removeIfThere(partial); err != nil {
			return info, err
		}
		partial = name
	}
	out, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return info, &failure{true, err}
	}
	defer func() {
		if closed := out.Close(); err == nil {
			err = closed
		}
	}()
	if err := out.Truncate(offset); err != nil {
		return info, err
	}
	if _, err := out.Seek(offset, io.SeekStart); err != nil {
		return info, err
	}
	stall := time.AfterFunc(d.pace.stall, func() { cancel(errStalled) })
	defer stall.Stop()
	buffer := make([]byte, 1<<18)
	for {
		n, err := response.Body.Read(buffer)
		stall.Reset(d.pace.stall)
		if n > 0 {
			if _, err := out.Write(buffer[:n]); err != nil {
				return info, &failure{true, err}
			}
			if offset += int64(n); offset > f.limit {
				return info, &failure{true, fmt.Errorf("the server sends more than %d bytes, more than such a file can have", f.limit)}
			}
			if f.progress != nil {
				f.progress(offset, max(info.size, 0))
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return info, err
		}
	}
	if info.size >= 0 && offset < info.size {
		return info, fmt.Errorf("the server broke off after %d of %d bytes", offset, info.size)
	}
	return info, out.Sync()
}

var errStalled = errors.New("the server has stopped sending")

// finish checks the partial file and gives it its name.
func (f fetch) finish(info remote) (fetched, error) {
	partial := f.partialName(info)
	size, sum, err := hash(partial)
	if err != nil {
		return fetched{}, err
	}
	// A file that does not fit is of no use; the next try is from its beginning.
	if info.size >= 0 && size != info.size {
		return fetched{}, again(partial, fmt.Sprintf("%d bytes came instead of %d, so they were deleted", size, info.size))
	}
	if info.sha256 != "" && sum != info.sha256 {
		return fetched{}, again(partial, fmt.Sprintf("the bytes that came have SHA-256 %s, the server promised %s, so they were deleted", sum, info.sha256))
	}
	if f.json {
		data, err := os.ReadFile(partial)
		if err != nil {
			return fetched{}, err
		}
		if !json.Valid(data) {
			return fetched{}, again(partial, "what came is not JSON")
		}
	}
	if err := os.Rename(partial, f.path); err != nil {
		return fetched{}, &failure{true, err}
	}
	return fetched{size, sum, info.sha256 != "", info.revision}, nil
}

// partialName is where a file grows. The name has a digest of what the server
// calls this version of the file, so that only its own rest is added to it.
func (f fetch) partialName(info remote) string {
	digest := sha256.Sum256(fmt.Appendf(nil, "%s %d", info.tag, info.size))
	return f.path + "." + hex.EncodeToString(digest[:4]) + partialSuffix
}

const partialSuffix = ".partial"

// partial finds the partial file of an earlier try and its size.
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

// again deletes a partial file and asks for a new try.
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

// describe reads what a response, and the redirects that led to it, say of the
// file. The hub names the SHA-256 of a large file in X-Linked-Etag before it
// redirects to a storage service, whose own ETag means something else.
func describe(response *http.Response) remote {
	info := remote{size: -1}
	if tag := response.Header.Get("Etag"); !strings.HasPrefix(tag, "W/") { // which stands for several files
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
	// From the file back to the hub, which has the last word.
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

// failure is an error of which it is known whether another try can help.
type failure struct {
	final bool
	err   error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// statusError is an answer of the server that is not the file.
type statusError struct {
	code  int
	after time.Duration // that the server asks to wait
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
	return fmt.Sprintf("the server answers %d %s", e.code, http.StatusText(e.code))
}

// isMissing reports whether the server has no such file.
func isMissing(err error) bool {
	status, ok := errors.AsType[*statusError](err)
	return ok && status.code == http.StatusNotFound
}
