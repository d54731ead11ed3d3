package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/dustin/go-humanize"

	"github.com/clipcue/clipcue/internal/server/access"
	"github.com/clipcue/clipcue/internal/tempfolder"
	"github.com/clipcue/clipcue/video"
)

// ExamplePath is the path that examples are uploaded to, MaxExample their largest size.
const (
	ExamplePath = prefix + "/examples"
	MaxExample  = 64 << 20 // bytes
)

const (
	imageExample = "image"
	videoExample = "video"

	exampleFolder = "clipcue-examples-" // begins the name of the temporary folder

	exampleTime = time.Hour
	mostSamples = 50 // at a time
	mostOfOne   = 20 // of one user, if there are tokens
	longest     = 60 // seconds of a clip
)

type example struct {
	Example
	path    string
	owner   string // who uploaded it
	expires time.Time
}

// examples are the uploaded files. They are in a temporary folder for an hour.
type examples struct {
	mu     sync.Mutex
	folder *tempfolder.Folder // nil before the first upload
	by     map[string]example
}

type exampleInput struct {
	RawBody huma.MultipartFormFiles[struct {
		File huma.FormFile `form:"file" required:"true" doc:"an image, or a clip of at most a minute"`
	}]
}

func (s *Server) exampleOperations() {
	operation(s, http.MethodPost, "/examples", "upload-example", "Upload an image or a clip to search with", s.upload, status(http.StatusCreated),
		func(o *huma.Operation) { o.MaxBodyBytes = MaxExample })
}

func (s *Server) upload(ctx context.Context, in *exampleInput) (*body[Example], error) {
	file := in.RawBody.Data().File
	defer func() { _ = in.RawBody.Form.RemoveAll() }()
	e, err := s.examples.store(file, access.Of(ctx).User)
	if err != nil {
		return nil, err
	}
	if e.Kind, err = kindOf(ctx, e.path); err != nil {
		os.Remove(e.path)
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("The file is neither an image nor a video clip: %v", err))
	}
	s.examples.add(e)
	return &body[Example]{e.Example}, nil
}

// kindOf returns what a file is, or an error if it is neither.
func kindOf(ctx context.Context, path string) (string, error) {
	if _, err := video.ReadImage(path); err == nil {
		return imageExample, nil
	}
	info, err := video.Probe(ctx, path, video.Options{})
	switch {
	case err != nil:
		return "", errors.New(reason(err))
	case info.IsImage():
		return "", errors.New("the image cannot be decoded")
	case info.Duration > longest:
		return "", fmt.Errorf("it is %.0f s long, but a clip has at most %d", info.Duration, longest)
	}
	return videoExample, nil
}

// store writes an upload to the temporary folder.
func (x *examples) store(file huma.FormFile, owner string) (example, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.folder == nil {
		folder, err := tempfolder.Make(os.TempDir(), exampleFolder)
		if err != nil {
			return example{}, err
		}
		x.folder = folder
	}
	x.expire()
	own := 0
	for _, e := range x.by {
		if e.owner == owner {
			own++
		}
	}
	if len(x.by) >= mostSamples || owner != "" && own >= mostOfOne {
		return example{}, huma.Error429TooManyRequests("Too many examples were uploaded. Try again later.")
	}
	e := example{Example: Example{ID: rand.Text(), Name: printable(filepath.Base(file.Filename))}, owner: owner, expires: time.Now().Add(exampleTime)}
	e.path = filepath.Join(x.folder.Path, e.ID)
	out, err := os.OpenFile(e.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return e, err
	}
	n, err := io.Copy(out, io.LimitReader(file, MaxExample+1))
	if e := out.Close(); err == nil {
		err = e
	}
	if err == nil && n > MaxExample {
		err = huma.NewError(http.StatusRequestEntityTooLarge, fmt.Sprintf("The file is larger than %s.", humanize.IBytes(MaxExample)))
	}
	if err != nil {
		os.Remove(e.path)
	}
	return e, err
}

func (x *examples) add(e example) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.by[e.ID] = e
}

func (x *examples) find(id string) (example, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.expire()
	e, ok := x.by[id]
	return e, ok
}

// expire removes old files.
func (x *examples) expire() {
	for id, e := range x.by {
		if time.Now().After(e.expires) {
			os.Remove(e.path)
			delete(x.by, id)
		}
	}
}

func (x *examples) close() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.folder != nil {
		_ = x.folder.Close() // or the next server removes it
	}
	x.folder, x.by = nil, map[string]example{}
}
