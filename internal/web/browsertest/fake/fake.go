// Package fake is a small server with the API of clipcue serve and invented answers. The
// tests of the page use it for what a real library cannot show quickly: names that attack
// the page, ten thousand videos, a server that stops answering.
package fake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"image"
	"image/color"
	"image/jpeg"
	"io/fs"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/clipcue/clipcue/internal/web"
)

// Video is a video of the fake library.
type Video struct {
	Name, Folder string
	Seconds      float64
	Missing      bool
}

// Options describes the fake server.
type Options struct {
	Videos  []Video
	Token   string // asks for this token if not empty
	Viewer  bool   // the user may not change anything
	Foreign bool   // browsers cannot play the files
	Media   string // folder with N.mp4 for video N, if not empty
	Spec    []byte // docs/openapi.json, to refuse what the real server refuses, if not empty
}

// Server is the fake; it counts what the page sent.
type Server struct {
	mu     sync.Mutex
	o      Options
	mux    *http.ServeMux
	labels []*label
	jobs   []map[string]any
	saved  map[string]any
	marks  int
	Down   bool // answers nothing while true; guarded by SetDown
	events []chan string
	spec   *spec
}

type label struct {
	Label     int            `json:"label"`
	Name      string         `json:"name"`
	Texts     []string       `json:"texts"`
	Positives int            `json:"positives"`
	Negatives int            `json:"negatives"`
	Trained   bool           `json:"trained"`
	Point     map[string]any `json:"point"`
	marks     []mark
	revision  int
}

type mark struct {
	ID       int     `json:"id"`
	Video    int     `json:"video"`
	Name     string  `json:"name"`
	Start    float64 `json:"start"`
	End      float64 `json:"end"`
	Positive bool    `json:"positive"`
	Author   string  `json:"author"`
	Time     string  `json:"time"`
}

type object = map[string]any

// New returns a server with a library of the videos.
func New(o Options) *Server {
	s := &Server{o: o, mux: http.NewServeMux(), saved: map[string]any{}}
	if len(o.Spec) > 0 {
		var err error
		if s.spec, err = parseSpec(o.Spec); err != nil {
			panic(err) // a file of the repository
		}
	}
	s.routes()
	return s
}

// SetDown lets the server answer 503, or again.
func (s *Server) SetDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Down = down
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	s.mu.Lock()
	down := s.Down
	s.mu.Unlock()
	api := strings.HasPrefix(r.URL.Path, "/api/")
	if down {
		http.Error(w, "", http.StatusServiceUnavailable)
		return
	}
	if api && s.o.Token != "" && r.URL.Path != "/api/v1/session" {
		if c, err := r.Cookie("clipcue"); err != nil || c.Value != s.o.Token {
			fail(w, http.StatusUnauthorized, "Log in first.")
			return
		}
	}
	if strings.HasPrefix(r.URL.Path, "/assets/") {
		http.ServeFileFS(w, r, web.Files(), strings.TrimPrefix(r.URL.Path, "/assets/"))
		return
	}
	if !api {
		index, _ := fs.ReadFile(web.Files(), "index.html")
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write(index)
		return
	}
	if s.spec != nil {
		if err := s.spec.check(r); err != nil {
			fail(w, http.StatusUnprocessableEntity, "validation failed: "+err.Error())
			return
		}
	}
	s.mux.ServeHTTP(w, r)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(object{"status": status, "title": http.StatusText(status), "detail": detail})
}

// handle registers a function whose answer is JSON; it holds the lock.
func (s *Server) handle(pattern string, f func(r *http.Request) any) {
	method, path, _ := strings.Cut(pattern, " ")
	s.mux.HandleFunc(method+" /api/v1"+path, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if v := f(r); v != nil {
			answer(w, v)
			return
		}
		fail(w, http.StatusNotFound, "There is no such thing.")
	})
}

func number(r *http.Request, name string) int {
	n, _ := strconv.Atoi(r.PathValue(name))
	return n
}

func query(r *http.Request, name string, otherwise int) int {
	if n, err := strconv.Atoi(r.URL.Query().Get(name)); err == nil {
		return n
	}
	return otherwise
}

func hash(v ...any) float64 {
	h := fnv.New64a()
	fmt.Fprint(h, v...)
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return float64(x>>11) / (1 << 53)
}

func (s *Server) routes() {
	s.sessions()
	s.libraryRoutes()
	s.searchRoutes()
	s.videoRoutes()
	s.labelRoutes()
	s.jobRoutes()
}

func (s *Server) sessions() {
	s.mux.HandleFunc("GET /api/v1/session", func(w http.ResponseWriter, r *http.Request) {
		c, err := r.Cookie("clipcue")
		role := "edit"
		if s.o.Viewer {
			role = "view"
		}
		if s.o.Token != "" && (err != nil || c.Value != s.o.Token) {
			role = ""
		}
		answer(w, object{"required": s.o.Token != "", "user": "anna", "role": role, "csrf": ""})
	})
	s.mux.HandleFunc("POST /api/v1/session", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Token string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		if body.Token != s.o.Token {
			fail(w, http.StatusUnauthorized, "This token is not known.")
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "clipcue", Value: body.Token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
		w.WriteHeader(http.StatusNoContent)
	})
	s.mux.HandleFunc("DELETE /api/v1/session", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "clipcue", Path: "/", MaxAge: -1})
		w.WriteHeader(http.StatusNoContent)
	})
}

func (s *Server) libraryRoutes() {
	s.handle("GET /library", func(*http.Request) any {
		seconds := 0.0
		for _, v := range s.o.Videos {
			seconds += v.Seconds
		}
		return object{"name": "archive", "videos": len(s.o.Videos), "seconds": seconds, "moments": int(seconds / 2), "pending": 0,
			"model": "clipcue-tiny", "run": "", "precision": "float32", "window": 4, "hop": 2,
			"folders": []string{"archive"}, "failed": 1, "missing": 0, "writer": "", "version": "test", "generation": "1"}
	})
	s.handle("GET /library/problems", func(*http.Request) any {
		missing := []object{}
		for i, v := range s.o.Videos {
			if v.Missing {
				missing = append(missing, object{"video": i + 1, "name": v.Name, "folder": v.Folder, "reason": "the file does not exist"})
			}
		}
		return object{"failed": []object{{"name": "tape 7 (copy).avi", "folder": "2019", "reason": "moov atom not found: the recording was not finished"}}, "missing": missing, "partial": []object{}}
	})
	s.handle("GET /library/models", func(*http.Request) any {
		return object{"models": []object{{"name": "clipcue-tiny", "kind": "backbone", "used": true, "embed": 128}}}
	})
	s.handle("GET /library/duplicates", func(*http.Request) any {
		side := func(i int) object {
			return object{"video": i + 1, "name": s.o.Videos[i].Name, "folder": s.o.Videos[i].Folder}
		}
		if len(s.o.Videos) < 2 {
			return object{"exact": []object{}, "near": []object{}}
		}
		return object{"exact": []object{}, "near": []object{{"a": side(0), "b": side(1), "parts": []object{{"a": object{"start": 0, "end": 12}, "b": object{"start": 4, "end": 16}, "similarity": 0.97}}}}}
	})
	s.handle("GET /folders", func(r *http.Request) any {
		base := r.URL.Query().Get("path")
		if base == "" {
			return object{"folders": []object{{"path": "/media/archive", "name": "/media/archive"}}}
		}
		return object{"folders": []object{{"path": base + "/2023", "name": "2023"}, {"path": base + "/2024", "name": "2024"}}}
	})
}

func (s *Server) moment(video, k int, score float64) object {
	v := s.o.Videos[video-1]
	start := float64(2 * k)
	return object{"video": video, "name": v.Name, "folder": v.Folder, "start": start, "end": math.Min(v.Seconds, start+4), "best": start + 1,
		"thumbnail": fmt.Sprintf("/api/v1/videos/%d/thumbnails/%d?v=1", video, k), "score": score, "cosine": score / 3, "missing": v.Missing, "blank": false}
}

// ranked returns moments of all videos by a score that depends only on the key.
func (s *Server) ranked(key string, most int) []object {
	var all []object
	for i, v := range s.o.Videos {
		for k := 0; float64(2*k)+4 <= v.Seconds && len(all) < 20000; k += 3 {
			all = append(all, s.moment(i+1, k, 0.98*math.Sqrt(hash(key, i, k))))
		}
	}
	slices.SortFunc(all, func(a, b object) int {
		if a["score"].(float64) > b["score"].(float64) {
			return -1
		}
		return 1
	})
	return all[:min(most, len(all))]
}

func cut[T any](all []T, offset, limit int) []T {
	offset = min(offset, len(all))
	return all[offset:min(len(all), offset+limit)]
}

func (s *Server) searchRoutes() {
	s.handle("GET /search", func(r *http.Request) any {
		q := r.URL.Query().Get("q")
		all := s.ranked(q+r.URL.Query().Get("like"), 2000)
		offset, limit := query(r, "offset", 0), query(r, "limit", 60)
		matched := !strings.Contains(q, "nothing")
		return object{"results": cut(all, offset, limit), "matched": matched, "more": matched && offset+limit < len(all), "warnings": []string{}, "query": q, "took_ms": 3}
	})
	s.handle("POST /examples", func(*http.Request) any { return object{"id": "e1", "kind": "image", "name": "example.png"} })
	s.handle("GET /searches", func(*http.Request) any {
		list := []object{}
		for name, q := range s.saved {
			list = append(list, object{"name": name, "query": q, "created": time.Now()})
		}
		return object{"searches": list}
	})
	s.handle("PUT /searches/{name}", func(r *http.Request) any {
		q := object{}
		_ = json.NewDecoder(r.Body).Decode(&q)
		s.saved[r.PathValue("name")] = q
		return object{}
	})
	s.handle("DELETE /searches/{name}", func(r *http.Request) any { delete(s.saved, r.PathValue("name")); return object{} })
}

func (s *Server) video(id int) object {
	if id < 1 || id > len(s.o.Videos) {
		return nil
	}
	v := s.o.Videos[id-1]
	return object{"video": id, "name": v.Name, "folder": v.Folder, "seconds": v.Seconds, "moments": int(v.Seconds / 2), "modified": "2024-05-01T12:00:00Z",
		"missing": v.Missing, "partial": "", "thumbnail": fmt.Sprintf("/api/v1/videos/%d/thumbnails/%d?v=1", id, int(v.Seconds/4)),
		"width": 384, "height": 216, "frame_rate": 12, "playable": !s.o.Foreign, "path_hint": v.Folder + "/" + v.Name}
}

func (s *Server) videoRoutes() {
	s.handle("GET /videos", func(r *http.Request) any {
		list := []object{}
		offset, limit := query(r, "offset", 0), query(r, "limit", 100)
		for i := offset; i < min(len(s.o.Videos), offset+limit); i++ {
			list = append(list, s.video(i+1))
		}
		return object{"videos": list, "total": len(s.o.Videos)}
	})
	s.handle("GET /videos/{id}", func(r *http.Request) any {
		if v := s.video(number(r, "id")); v != nil {
			return v
		}
		return nil
	})
	s.handle("GET /videos/{id}/moments", func(r *http.Request) any {
		id := number(r, "id")
		list := []object{}
		for k := 0; float64(2*k)+4 <= s.o.Videos[id-1].Seconds; k++ {
			list = append(list, object{"start": 2 * k, "end": 2*k + 4, "thumbnail": fmt.Sprintf("/api/v1/videos/%d/thumbnails/%d?v=1", id, k)})
		}
		return object{"moments": list}
	})
	s.mux.HandleFunc("GET /api/v1/videos/{id}/thumbnails/{n}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=31536000, immutable")
		w.Header().Set("Content-Type", "image/jpeg")
		_, _ = w.Write(drawn(number(r, "id"), number(r, "n")))
	})
	s.mux.HandleFunc("GET /api/v1/videos/{id}/thumbnail", func(w http.ResponseWriter, r *http.Request) {
		t, _ := strconv.ParseFloat(r.URL.Query().Get("t"), 64)
		w.Header().Set("Content-Type", "image/jpeg")
		_, _ = w.Write(drawn(number(r, "id"), int(t/2)))
	})
	file := func(w http.ResponseWriter, r *http.Request) {
		path := filepath.Join(s.o.Media, fmt.Sprintf("%d.mp4", number(r, "id")))
		if _, err := os.Stat(path); s.o.Media == "" || err != nil {
			fail(w, http.StatusNotFound, "The file is missing.")
			return
		}
		http.ServeFile(w, r, path)
	}
	s.mux.HandleFunc("GET /api/v1/videos/{id}/file", file)
	s.mux.HandleFunc("GET /api/v1/videos/{id}/clip", file)
	s.mux.HandleFunc("GET /api/v1/videos/{id}/fragment", file)
	s.handle("GET /videos/{id}/tracks", func(r *http.Request) any {
		id := number(r, "id")
		tracks := []object{}
		for _, text := range r.URL.Query()["label"] {
			n, _ := strconv.Atoi(text)
			if l := s.label(n); l != nil {
				tracks = append(tracks, s.track(l, id))
			}
		}
		return object{"tracks": tracks}
	})
}

func (s *Server) track(l *label, id int) object {
	scores, segments, marks := []object{}, []object{}, []mark{}
	for k := 0; float64(2*k) < s.o.Videos[id-1].Seconds; k++ {
		p := math.Pow(hash(l.Label, id, k/4), 2)
		scores = append(scores, object{"t": 2*k + 1, "p": 0.7*p + 0.3*hash(l.Label, id, k)*p})
		if k%4 == 0 && (p > 0.6 || k == 8) {
			segments = append(segments, object{"start": 2 * k, "end": 2*k + 8, "score": p})
		}
	}
	for _, m := range l.marks {
		if m.Video == id {
			marks = append(marks, m)
		}
	}
	return object{"label": l.Label, "name": l.Name, "scores": scores, "segments": segments, "marks": marks}
}

// drawn returns a small picture that differs between moments.
func drawn(video, k int) []byte {
	im := image.NewRGBA(image.Rect(0, 0, 160, 90))
	a, b := hash(video), hash(video, k)
	for y := range 90 {
		for x := range 160 {
			d := math.Hypot(float64(x)-160*b, float64(y)-45)
			c := color.RGBA{uint8(60 + 90*a + float64(y)/2), uint8(90 + float64(x)/3), uint8(150 - 60*a), 255}
			if d < 20 {
				c = color.RGBA{240, uint8(120 + 120*a), 60, 255}
			}
			im.SetRGBA(x, y, c)
		}
	}
	var out bytes.Buffer
	_ = jpeg.Encode(&out, im, nil)
	return out.Bytes()
}
