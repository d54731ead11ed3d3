package server

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/server/access"
	"github.com/clipcue/clipcue/internal/server/jobs"
	"github.com/clipcue/clipcue/internal/server/playback"
	"github.com/clipcue/clipcue/internal/tempfolder"
	"github.com/clipcue/clipcue/library"
)

// Options describe what is served.
type Options struct {
	Library  string           // folder
	Servers  []library.Server // that the library may use
	Encoder  feature.Encoder  // the backbone
	Embedder library.Embedder
	Index    library.Options // settings of index jobs
	Allowed  []string        // folders whose videos may be added
	Version  string
	Guard    *access.Guard // every request goes through it
	Player   *playback.Player
	Jobs     string // folder of the jobs
	Models   []Model
	Log      *slog.Logger
}

// Server answers the requests of the API.
type Server struct {
	o        Options
	log      *slog.Logger
	state    state
	embedder *remembering
	searches *lru.Cache[string, *searched]
	examples examples
	mux      *http.ServeMux
	api      huma.API
	hub      *jobs.Hub
	jobs     *jobs.Manager
	stop     func() // ends follow

	listening sync.Mutex     // guards listeners
	listeners map[string]int // streams of events of each user

	writing sync.Mutex // one change of the library at a time
}

// New opens the library and returns its server. Close must be called on the result.
func New(ctx context.Context, o Options) (*Server, error) {
	s := &Server{o: o, log: o.Log, mux: http.NewServeMux()}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.hub = jobs.NewHub()
	s.state = state{dir: o.Library, servers: o.Servers, changed: s.publish}
	s.embedder = newRemembering(o.Embedder)
	s.searches = newCache[string, *searched](64)
	s.examples, s.listeners = examples{by: map[string]example{}}, map[string]int{}
	for _, prefix := range []string{exampleFolder, exportFolder, playback.ClipsFolder} {
		if err := tempfolder.RemoveLeftovers(os.TempDir(), prefix); err != nil {
			s.log.Warn("cannot look for leftovers of a server that was killed", "error", err)
		}
	}
	s.api = NewAPI(s.mux, o.Version)
	s.operations()
	x, err := s.state.use(ctx, true)
	if err != nil {
		return nil, err
	}
	defer x.release()
	if err := x.CheckEmbedder(s.embedder); err != nil {
		s.state.close()
		return nil, err
	}
	if s.jobs, err = jobs.Open(ctx, o.Jobs, s.kinds(), s.hub, s.log); err != nil {
		s.state.close()
		return nil, err
	}
	followed, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	go func() {
		defer crash.Recover()
		s.follow(followed)
	}()
	return s, nil
}

// followEvery is how often changes by other processes are looked for while nobody asks.
const followEvery = 2 * time.Second

// follow notices changes by other processes, for the browsers that wait for events.
func (s *Server) follow(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(followEvery):
		}
		if x, err := s.state.use(ctx, true); err == nil { // requests report errors
			x.release()
		}
	}
}

// Drain ends the streams of events, which would never end by themselves. Call it when the
// HTTP server shuts down.
func (s *Server) Drain() { s.hub.Close() }

// Close closes the library. Requests that are being answered keep it until they are done.
func (s *Server) Close() {
	s.stop()
	s.hub.Close()
	_ = s.jobs.Close() // the jobs run again after the next New
	s.examples.close()
	s.state.close()
}

// ServeHTTP answers a request to the API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func init() { huma.ValidateStrictCasing = true }

// NewAPI returns an API without operations.
func NewAPI(mux *http.ServeMux, version string) huma.API {
	c := huma.DefaultConfig("clipcue", version)
	c.Info.Description = "Searches a library of videos, teaches it labels, and indexes videos. Numbers of videos, labels and marks are those of the library; times are seconds as a player shows them."
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}
	c.Security = []map[string][]string{{"token": {}}}
	c.OpenAPIPath = prefix + "/openapi"
	c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", nil // the page of the documentation loads scripts of others
	asJSON := huma.DefaultJSONFormat
	asJSON.Unmarshal = input.Unmarshal
	c.Formats = map[string]huma.Format{"application/json": asJSON, "json": asJSON}
	api := humago.New(mux, c)
	api.UseMiddleware(checkQuery(api))
	return api
}

// prefix begins the path of every operation.
const prefix = "/api/v1"

// operations declares the operations.
func (s *Server) operations() {
	s.sessionOperations()
	s.searchOperations()
	s.videoOperations()
	s.mediaOperations()
	s.jobOperations()
	s.labelOperations()
	s.markOperations()
	s.libraryOperations()
}

// operation declares an operation whose errors are answered by problem.
func operation[I, O any](s *Server, method, path, id, summary string, do func(context.Context, *I) (*O, error), more ...func(*huma.Operation)) {
	o := huma.Operation{OperationID: id, Method: method, Path: prefix + path, Summary: summary}
	for _, f := range more {
		f(&o)
	}
	huma.Register(s.api, o, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, in)
		return out, s.problem(err)
	})
}

// status sets the status of success.
func status(code int) func(*huma.Operation) {
	return func(o *huma.Operation) { o.DefaultStatus = code }
}

// content declares an answer that is not JSON.
func content(mediaType string) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {Description: "The content", Content: map[string]*huma.MediaType{
		mediaType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}}
}

// anybody lets requests without a token use an operation.
func anybody(o *huma.Operation) { o.Security = []map[string][]string{{}} }

// body is a response with a JSON body.
type body[T any] struct{ Body T }

// done is a response without a body.
type done struct{}

func newCache[K comparable, V any](n int) *lru.Cache[K, V] {
	c, err := lru.New[K, V](n)
	if err != nil {
		panic(err) // n is a positive constant
	}
	return c
}

// milliseconds returns how long something took.
func milliseconds(since time.Time) float64 { return float64(time.Since(since).Microseconds()) / 1000 }
