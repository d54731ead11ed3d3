// Package immich answers the requests that Immich sends to its machine-learning server. It
// encodes images and texts; other tasks, and models that clipcue cannot run, are forwarded to
// another server. The protocol is that of Immich's machine-learning/immich_ml/main.py and of its
// server's machine-learning.repository.ts, in the versions since 1.91.
package immich

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/server/encode"
	"github.com/clipcue/clipcue/internal/server/gate"
)

// Options configure a server.
type Options struct {
	Encoder *encode.Encoder
	// Runs reports whether the encoder may have a model.
	Runs     func(model string) bool
	Upstream *url.URL           // server for other tasks and models; nil = none
	Lists    bool               // embeddings are lists, not texts
	Describe func(error) string // of errors, for users
	Log      *slog.Logger
}

type server struct {
	o  Options
	id string // of this server among those that forward a request
}

// Register adds the paths of the protocol to a mux.
func Register(mux *http.ServeMux, o Options) {
	s := &server{o, rand.Text()}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]string{"message": "Immich ML"})
	})
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "pong") // the client has gone
	})
	mux.HandleFunc("POST /predict", s.predict)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client has gone
}

// response is the answer: the output of each task, and the size of the image.
type response map[string]any

func (s *server) predict(w http.ResponseWriter, r *http.Request) {
	f, err := readForm(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	own, others := s.divide(f.entries)
	if slices.Contains(f.via, s.id) && len(others) > 0 {
		s.fail(w, r, errLoop)
		return
	}
	if len(others) > 0 && s.o.Upstream == nil {
		s.fail(w, r, noServer(others))
		return
	}
	group, ctx := errgroup.WithContext(r.Context())
	var mine response
	var theirs *reply
	if len(own) > 0 {
		group.Go(func() (err error) {
			defer crash.Recover()
			mine, err = s.encode(ctx, f, own)
			return err
		})
	}
	if len(others) > 0 {
		group.Go(func() (err error) {
			defer crash.Recover()
			theirs, err = s.forward(ctx, f, others)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, f, mine, theirs)
}

// answer merges the outputs.
func answer(w http.ResponseWriter, f *form, mine response, theirs *reply) {
	switch {
	case theirs == nil && f.old != nil:
		writeJSON(w, mine[taskCLIP])
	case theirs == nil:
		writeJSON(w, mine)
	case mine == nil:
		writeJSON(w, theirs.whole)
	default: // the faces' boxes are in the other server's size of the image
		for name, output := range theirs.outputs {
			mine[name] = output
		}
		writeJSON(w, mine)
	}
}

// divide separates the entries that the encoder handles from the others.
func (s *server) divide(all entries) (own, others entries) {
	own, others = entries{}, entries{}
	for task, types := range all {
		for kind, e := range types {
			to := others
			if task == taskCLIP && (s.o.Upstream == nil || s.o.Runs(e.Model)) {
				to = own
			}
			if to[task] == nil {
				to[task] = map[string]entry{}
			}
			to[task][kind] = e
		}
	}
	return own, others
}

// encode runs CLIP.
func (s *server) encode(ctx context.Context, f *form, own entries) (response, error) {
	if e, ok := own[taskCLIP][typeTextual]; ok {
		embedding, _, err := s.o.Encoder.Text(ctx, e.Model, *f.text)
		return response{taskCLIP: s.serialize(f, embedding)}, err
	}
	i, err := s.o.Encoder.Image(ctx, own[taskCLIP][typeVisual].Model, f.image)
	return response{taskCLIP: s.serialize(f, i.Embedding), "imageHeight": i.Height, "imageWidth": i.Width}, err
}

// serialize returns an embedding as Immich expects it: as a text with a list, which it passes on
// to its database, or as a list.
func (s *server) serialize(f *form, embedding []float32) any {
	if s.o.Lists || f.old != nil {
		return embedding
	}
	list, _ := json.Marshal(embedding) // numbers that are finite
	return string(list)
}

// ErrNoServer reports a task that clipcue does not run.
var ErrNoServer = errors.New("no other server is set")

// noServer returns the error for tasks that need another server.
func noServer(others entries) error {
	return fmt.Errorf("clipcue does not run %s, and %w", strings.Join(slices.Sorted(maps.Keys(others)), " and "), ErrNoServer)
}

// fail answers with an error. Immich logs only its status.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := encode.Status(err)
	if e, ok := errors.AsType[interface {
		error
		status() int
	}](err); ok {
		status = e.status()
	} else if errors.Is(err, ErrNoServer) {
		status = http.StatusNotImplemented
	}
	gate.Fail(w, r, s.o.Log, status, s.o.Describe(err))
}
