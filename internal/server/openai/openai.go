// Package openai answers POST /v1/embeddings and GET /v1/models in the shape of OpenAI's clients. Unlike
// OpenAI's models, CLIP's encode images too: an input may be the data URL of an image, or an object.
package openai

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/server/encode"
	"github.com/clipcue/clipcue/internal/server/gate"
)

// Options configure a server.
type Options struct {
	Encoder  *encode.Encoder
	Models   func() []string    // names of the models that are on this machine
	Describe func(error) string // of errors, for users
	Log      *slog.Logger
}

type server struct{ o Options }

// Register adds the paths to a mux.
func Register(mux *http.ServeMux, o Options) {
	s := &server{o}
	mux.HandleFunc("POST /v1/embeddings", s.embeddings)
	mux.HandleFunc("GET /v1/models", s.models)
	mux.HandleFunc("GET /v1/models/{model...}", s.model)
}

// model describes a model that can be asked for.
type model struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"` // not known
	Owner   string `json:"owned_by"`
}

func describe(name string) model { return model{ID: name, Object: "model", Owner: "clipcue"} }

func (s *server) models(w http.ResponseWriter, _ *http.Request) {
	list := []model{}
	for _, name := range s.o.Models() {
		list = append(list, describe(name))
	}
	writeJSON(w, map[string]any{"object": "list", "data": list})
}

func (s *server) model(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("model")
	if !slices.Contains(s.o.Models(), name) {
		gate.Reject(w, http.StatusNotFound, fmt.Sprintf("there is no model %q", name))
		return
	}
	writeJSON(w, describe(name))
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client has gone
}

// request is the body of a request. Other fields, such as user, are ignored.
type request struct {
	Model      string          `json:"model"`
	Input      json.RawMessage `json:"input"`
	Format     string          `json:"encoding_format"`
	Dimensions *int            `json:"dimensions"`
}

type answer struct {
	Object string      `json:"object"`
	Data   []embedding `json:"data"`
	Model  string      `json:"model"`
	Usage  usage       `json:"usage"`
}

type embedding struct {
	Object    string `json:"object"`
	Index     int    `json:"index"`
	Embedding any    `json:"embedding"` // a list, or base64 of float32s
}

// usage counts the tokens of texts. Images have none.
type usage struct {
	Prompt int `json:"prompt_tokens"`
	Total  int `json:"total_tokens"`
}

// requestError is the error of a request that cannot be understood.
type requestError struct {
	status int
	detail string
}

func (e *requestError) Error() string { return e.detail }

func invalid(format string, a ...any) error {
	return &requestError{http.StatusBadRequest, fmt.Sprintf(format, a...)}
}

func (s *server) embeddings(w http.ResponseWriter, r *http.Request) {
	a, err := s.answer(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, a)
}

func (s *server) answer(r *http.Request) (*answer, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, &requestError{gate.BodyStatus(err), "the body cannot be read: " + err.Error()}
	}
	var q request
	if err := input.Unmarshal(body, &q); err != nil {
		return nil, invalid("the body is not JSON of such a request: %v", err)
	}
	inputs, err := q.inputs()
	if err != nil {
		return nil, err
	}
	a := &answer{Object: "list", Model: q.Model, Data: make([]embedding, len(inputs))}
	tokens := make([]int, len(inputs))
	group, ctx := errgroup.WithContext(r.Context())
	group.SetLimit(together)
	for i, in := range inputs {
		group.Go(func() error {
			defer crash.Recover()
			v, n, err := in.encode(ctx, s.o.Encoder, q.Model)
			if err == nil && q.Dimensions != nil && *q.Dimensions != len(v) {
				err = invalid("dimensions must be %d for this model, got %d", len(v), *q.Dimensions)
			}
			a.Data[i], tokens[i] = embedding{"embedding", i, q.serialize(v)}, n
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, n := range tokens {
		a.Usage.Prompt += n
	}
	a.Usage.Total = a.Usage.Prompt
	return a, nil
}

// together is how many inputs of a request are prepared at a time.
const together = 16

// serialize returns an embedding in the requested format.
func (q *request) serialize(v []float32) any {
	if q.Format != "base64" {
		return v
	}
	data, _ := binary.Append(nil, binary.LittleEndian, v) // a slice of numbers
	return base64.StdEncoding.EncodeToString(data)
}

// fail answers with an error.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := encode.Status(err)
	if e, ok := errors.AsType[*requestError](err); ok {
		status = e.status
	}
	gate.Fail(w, r, s.o.Log, status, s.o.Describe(err))
}
