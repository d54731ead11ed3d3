package server

import (
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// Site returns the whole site: the API, the page in files, and the health checks. It must
// be behind an access.Guard.
func (s *Server) Site(files fs.FS, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/", s)
	mux.Handle("/metrics", metrics)
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("/readyz", s.ready)
	mux.Handle("/", page(files))
	return mux
}

// ready answers whether the library can be read.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	x, err := s.state.use(r.Context(), true)
	if err != nil {
		http.Error(w, "the library cannot be read", http.StatusServiceUnavailable)
		return
	}
	x.release()
	w.WriteHeader(http.StatusOK)
}

// page serves the files of the page. A path without an extension is one of the page's own
// addresses, such as /video/3.
func page(files fs.FS) http.Handler {
	assets := http.StripPrefix("/assets/", http.FileServerFS(files))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		switch {
		case strings.HasPrefix(r.URL.Path, "/assets/"):
			assets.ServeHTTP(w, r)
		case path.Ext(r.URL.Path) == "":
			http.ServeFileFS(w, r, files, "index.html")
		default:
			http.NotFound(w, r)
		}
	})
}
