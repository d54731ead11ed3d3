package fake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/clipcue/clipcue/internal/crash"
)

func (s *Server) label(id int) *label {
	i := slices.IndexFunc(s.labels, func(l *label) bool { return l.Label == id })
	if i < 0 {
		return nil
	}
	return s.labels[i]
}

func (l *label) count() {
	l.Positives, l.Negatives = 0, 0
	for _, m := range l.marks {
		if m.Positive {
			l.Positives++
		} else {
			l.Negatives++
		}
	}
	l.revision++
}

// withLabel registers a function for the label of the path.
func (s *Server) withLabel(pattern string, f func(l *label, r *http.Request) any) {
	s.handle(pattern, func(r *http.Request) any {
		if l := s.label(number(r, "id")); l != nil {
			return f(l, r)
		}
		return nil
	})
}

func (s *Server) labelRoutes() {
	s.handle("GET /labels", func(*http.Request) any { return object{"labels": append([]*label{}, s.labels...)} })
	s.handle("POST /labels", func(r *http.Request) any {
		l := &label{Label: len(s.labels) + 1}
		_ = json.NewDecoder(r.Body).Decode(l)
		s.labels = append(s.labels, l)
		return l
	})
	s.withLabel("GET /labels/{id}", func(l *label, _ *http.Request) any { return l })
	s.withLabel("DELETE /labels/{id}", func(l *label, _ *http.Request) any {
		s.labels = slices.DeleteFunc(s.labels, func(x *label) bool { return x == l })
		return object{}
	})
	s.withLabel("PUT /labels/{id}/point", func(l *label, r *http.Request) any {
		l.Point = nil
		_ = json.NewDecoder(r.Body).Decode(&l.Point)
		return l
	})
	s.withLabel("GET /labels/{id}/feed", s.feed)
	s.markRoutes()
	s.withLabel("GET /labels/{id}/quality", func(l *label, r *http.Request) any {
		if l.Positives < 2 {
			return object{"problem": "Not enough marks yet: accept at least 2 moments to see how good the label is."}
		}
		p, _ := strconv.ParseFloat(r.URL.Query().Get("precision"), 64)
		p = max(p, 0.5)
		return object{"precision": object{"mean": p, "low": max(0, p-0.2), "high": min(1, p+0.1)}, "recall": object{"mean": 1.3 - p, "low": max(0, 1-p), "high": min(1, 1.5-p)},
			"reached": p < 0.97, "threshold": 1.2, "moments": int(400 * (1.05 - p)), "marks": len(l.marks), "videos": 4, "problem": ""}
	})
	s.withLabel("GET /labels/{id}/boundary", func(l *label, r *http.Request) any {
		all := s.ranked(l.Name+r.URL.RawQuery, 8)
		return object{"threshold": 1.2, "above": cut(all, 0, 4), "below": cut(all, 4, 4)}
	})
	s.withLabel("GET /labels/{id}/segments", func(l *label, r *http.Request) any {
		all := []object{}
		for i := range s.o.Videos {
			for _, seg := range s.track(l, i+1)["segments"].([]object) {
				m := s.moment(i+1, seg["start"].(int)/2, seg["score"].(float64))
				m["end"] = seg["end"]
				all = append(all, m)
			}
		}
		return object{"segments": cut(all, query(r, "offset", 0), query(r, "limit", 60)), "total": len(all), "seconds": 8 * len(all)}
	})
}

func (s *Server) feed(l *label, r *http.Request) any {
	kind := r.URL.Query().Get("feed")
	moments := []object{}
	for _, m := range s.ranked(fmt.Sprint(l.Name, kind, l.revision), 2000) {
		seen := slices.ContainsFunc(l.marks, func(x mark) bool { return x.Video == m["video"] && x.Start == m["start"] })
		if seen == (kind == "suspects") && len(moments) < query(r, "limit", 24) {
			moments = append(moments, m)
		}
	}
	return object{"feed": kind, "moments": moments, "revision": fmt.Sprint(l.revision)}
}

func (s *Server) markRoutes() {
	s.withLabel("GET /labels/{id}/marks", func(l *label, _ *http.Request) any { return object{"marks": append([]mark{}, l.marks...)} })
	s.withLabel("POST /labels/{id}/marks", func(l *label, r *http.Request) any {
		var body struct {
			Marks   []mark
			Replace bool
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		ids := []int{}
		for _, m := range body.Marks {
			s.marks++
			m.ID, m.Author, m.Time, m.Name = s.marks, "anna", time.Now().Format(time.RFC3339), s.o.Videos[m.Video-1].Name
			if body.Replace {
				l.marks = slices.DeleteFunc(l.marks, func(x mark) bool { return x.Video == m.Video && x.Start < m.End && m.Start < x.End })
			}
			l.marks = append(l.marks, m)
			ids = append(ids, m.ID)
		}
		l.count()
		return s.changed(l, r, ids)
	})
	s.withLabel("DELETE /labels/{id}/marks", func(l *label, r *http.Request) any {
		var body struct{ IDs []int }
		_ = json.NewDecoder(r.Body).Decode(&body)
		l.marks = slices.DeleteFunc(l.marks, func(m mark) bool { return slices.Contains(body.IDs, m.ID) })
		l.count()
		return s.changed(l, r, []int{})
	})
	s.withLabel("PATCH /labels/{id}/marks/{mark}", func(l *label, r *http.Request) any {
		for i, m := range l.marks {
			if m.ID == number(r, "mark") {
				_ = json.NewDecoder(r.Body).Decode(&l.marks[i])
				s.marks++
				l.marks[i].ID = s.marks // a changed mark has another number
			}
		}
		l.count()
		return s.changed(l, r, []int{s.marks})
	})
}

// changed describes a label after a change of its marks.
func (s *Server) changed(l *label, r *http.Request, ids []int) object {
	o := object{"ids": ids, "revision": fmt.Sprint(l.revision), "positives": l.Positives, "negatives": l.Negatives}
	if r.URL.Query().Get("with_feed") == "true" {
		o["feed"] = s.feed(l, r)
	}
	return o
}

func (s *Server) jobRoutes() {
	s.handle("GET /jobs", func(*http.Request) any { return object{"jobs": append([]object{}, s.jobs...)} })
	s.handle("POST /jobs", func(r *http.Request) any {
		job := object{}
		_ = json.NewDecoder(r.Body).Decode(&job)
		id := fmt.Sprint("j", len(s.jobs)+1)
		job["id"], job["state"], job["title"], job["done"], job["total"], job["unit"] = id, "running", fmt.Sprintf("%s of %s", job["kind"], "everything"), 0, 4, "videos"
		if job["kind"] == "export" {
			job["file"] = "/api/v1/jobs/" + id + "/file"
		}
		s.jobs = append([]object{job}, s.jobs...)
		go s.work(job)
		return job
	})
	s.mux.HandleFunc("GET /api/v1/jobs/{id}/file", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Disposition", `attachment; filename="export.csv"`)
		fmt.Fprintln(w, "video,start,end")
	})
	s.handle("DELETE /jobs/{id}", func(r *http.Request) any {
		s.jobs = slices.DeleteFunc(s.jobs, func(j object) bool { return j["id"] == r.PathValue("id") })
		return object{}
	})
	s.mux.HandleFunc("GET /api/v1/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		c := make(chan string, 64)
		s.mu.Lock()
		s.events = append(s.events, c)
		s.mu.Unlock()
		fmt.Fprint(w, ": hello\n\n")
		for {
			w.(http.Flusher).Flush()
			select {
			case e := <-c:
				fmt.Fprint(w, e)
			case <-r.Context().Done():
				return
			}
		}
	})
}

// work lets a job advance and tells the pages.
func (s *Server) work(job object) {
	defer crash.Recover()
	for done := range 5 {
		s.mu.Lock()
		job["done"] = done
		if done == 4 {
			job["state"] = "done"
		}
		b, _ := json.Marshal(job)
		for _, c := range s.events {
			select {
			case c <- "event: job\ndata: " + string(b) + "\n\n":
			default: // the page is gone
			}
		}
		s.mu.Unlock()
		time.Sleep(150 * time.Millisecond)
	}
}

// AddLabel adds a label with a mark in each of the videos.
func (s *Server) AddLabel(name string, videos []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &label{Label: len(s.labels) + 1, Name: name, Texts: []string{name}}
	for _, v := range videos {
		s.marks++
		l.marks = append(l.marks, mark{ID: s.marks, Video: v, Name: s.o.Videos[v-1].Name, End: 4, Positive: true, Author: name, Time: "2024-05-01T12:00:00Z"})
	}
	l.count()
	s.labels = append(s.labels, l)
}

// Marks returns how many moments of a label are accepted and rejected.
func (s *Server) Marks(id int) (positives, negatives int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.label(id)
	return l.Positives, l.Negatives
}

// Mark is a marked part of a video.
type Mark = mark

// MarksOf returns the marks of a label.
func (s *Server) MarksOf(id int) []Mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.label(id).marks)
}

// Precision returns the operating point of a label.
func (s *Server) Precision(id int) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, _ := s.label(id).Point["precision"].(float64)
	return p
}
