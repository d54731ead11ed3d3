package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/dustin/go-humanize/english"

	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/markfile"
	"github.com/clipcue/clipcue/internal/server/access"
	"github.com/clipcue/clipcue/internal/server/jobs"
	"github.com/clipcue/clipcue/internal/server/problem"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/video"
)

type jobInput struct {
	Job string `path:"job" maxLength:"40"`
}

type jobList struct {
	Jobs []jobs.Job `json:"jobs" doc:"the newest first"`
}

type formatList struct {
	Formats []ExportFormat `json:"formats"`
}

// exportFormats returns the formats of files. Clips are another one.
func exportFormats() []ExportFormat {
	out := []ExportFormat{}
	for _, i := range markfile.List() {
		if i.Export {
			out = append(out, ExportFormat{Name: string(i.Name), Program: i.Program, Extensions: i.Extensions, Loses: i.Loses})
		}
	}
	return out
}

func (s *Server) jobOperations() {
	operation(s, http.MethodGet, "/jobs", "list-jobs", "List jobs", func(context.Context, *struct{}) (*body[jobList], error) {
		return &body[jobList]{jobList{s.jobs.List()}}, nil
	})
	operation(s, http.MethodPost, "/jobs", "add-job", "Run a job", s.addJob, status(http.StatusAccepted))
	operation(s, http.MethodGet, "/jobs/{job}", "get-job", "Describe a job", func(_ context.Context, in *jobInput) (*body[jobs.Job], error) {
		j, err := s.jobs.Get(in.Job)
		return &body[jobs.Job]{j}, err
	})
	operation(s, http.MethodDelete, "/jobs/{job}", "remove-job", "Cancel a job, or remove one that has ended", func(_ context.Context, in *jobInput) (*done, error) {
		return &done{}, s.jobs.Remove(in.Job)
	}, status(http.StatusNoContent))
	stream(s, "/jobs/{job}/file", "get-job-file", "Download the file of a job", "application/octet-stream", func(w http.ResponseWriter, r *http.Request, in *jobInput) {
		if !mayEdit(r.Context()) {
			problem.Write(w, http.StatusForbidden, "Only an editor may download exports, which name files of the server.")
			return
		}
		s.jobs.ServeFile(w, r, in.Job)
	})
	stream(s, "/events", "get-events", "Follow changes: events job, library and labels", "text/event-stream", s.events)
	operation(s, http.MethodGet, "/formats", "list-formats", "List the formats of exports", func(context.Context, *struct{}) (*body[formatList], error) {
		return &body[formatList]{formatList{exportFormats()}}, nil
	})
	operation(s, http.MethodGet, "/folders", "list-folders", "List folders that may be added", s.folders)
	operation(s, http.MethodGet, "/library/duplicates", "list-duplicates", "List videos that are more than once in the library", s.duplicates, func(o *huma.Operation) {
		o.Responses = map[string]*huma.Response{"202": {Description: "A job looks for them now; the lists are empty", Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: "object"}}}},
			"default": {Description: "Error", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/ErrorModel"}}}}}
	})
}

// mostListeners is the number of streams of events that one user may have open.
const mostListeners = 40

// events sends events until the one who listens may no longer do so.
func (s *Server) events(w http.ResponseWriter, r *http.Request, _ *struct{}) {
	who := access.Of(r.Context()).User
	if n := s.listen(who, 1); n > mostListeners && who != "" {
		s.listen(who, -1)
		problem.RetryAfter(w.Header(), 5*time.Second)
		problem.Write(w, http.StatusTooManyRequests, fmt.Sprintf("%s listens to too many streams of events.", who))
		return
	}
	defer s.listen(who, -1)
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	go func() {
		defer crash.Recover()
		for s.o.Guard.Still(r) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
		stop()
	}()
	s.hub.ServeHTTP(w, r.WithContext(ctx))
}

// listen changes the number of streams of a user, and returns it.
func (s *Server) listen(user string, change int) int {
	s.listening.Lock()
	defer s.listening.Unlock()
	if s.listeners[user] += change; s.listeners[user] <= 0 {
		delete(s.listeners, user)
	}
	return s.listeners[user]
}

// stream declares an operation that writes its answer itself.
func stream[I any](s *Server, path, id, summary, mediaType string, send func(http.ResponseWriter, *http.Request, *I)) {
	o := huma.Operation{OperationID: id, Method: http.MethodGet, Path: prefix + path, Summary: summary, Responses: content(mediaType)}
	huma.Register(s.api, o, func(_ context.Context, in *I) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(c huma.Context) {
			r, w := humago.Unwrap(c)
			send(w, r, in)
		}}, nil
	})
}

func (s *Server) addJob(ctx context.Context, in *body[NewJob]) (*body[jobs.Job], error) {
	x, err := s.state.use(ctx, true)
	if err != nil {
		return nil, err
	}
	defer x.release()
	if err := checkFields(in.Body); err != nil {
		return nil, err
	}
	title, params, err := s.jobOf(ctx, x, in.Body)
	if err != nil {
		return nil, err
	}
	j, err := s.jobs.Add(in.Body.Kind, title, params)
	return &body[jobs.Job]{j}, err
}

// jobFields are the fields of a new job that each kind has, besides the kind.
var jobFields = map[string][]string{
	"index":      {"folders"},
	"train":      {"label", "method"},
	"apply":      {"labels"},
	"export":     {"label", "format", "what", "video"},
	"duplicates": {},
}

// checkFields returns an error for a new job with a field that its kind does not have: it would be ignored.
func checkFields(in NewJob) error {
	v, has := reflect.ValueOf(in), jobFields[in.Kind]
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if v.Field(i).IsZero() || name == "kind" || slices.Contains(has, name) {
			continue
		}
		of := strings.Join(has, ", ")
		if of == "" {
			of = "none"
		}
		return huma.Error422UnprocessableEntity(fmt.Sprintf("A job of the kind %s has no field %s. Its fields: %s.", in.Kind, name, of))
	}
	if in.Label == 0 && slices.Contains(has, "label") {
		return huma.Error422UnprocessableEntity(fmt.Sprintf("A job of the kind %s needs the field label, the number of a label.", in.Kind))
	}
	return nil
}

// jobOf checks a new job and returns its title and parameters.
func (s *Server) jobOf(ctx context.Context, x *snapshot, in NewJob) (title string, params any, err error) {
	switch in.Kind {
	case "index":
		for _, f := range in.Folders {
			if !filepath.IsAbs(f) || !s.allows(f) {
				return "", nil, huma.Error403Forbidden("This folder may not be added. Start the server with --allow for the folder above it.")
			}
		}
		if len(in.Folders) == 0 {
			return "Update the library", indexParams{}, nil
		}
		return "Index " + folderNames(in.Folders), indexParams{in.Folders}, nil
	case "duplicates":
		return "Find duplicates", struct{}{}, nil
	case "apply":
		return s.applyJob(ctx, x, in)
	}
	l, err := x.label(ctx, in.Label)
	switch {
	case err != nil:
		return "", nil, err
	case in.Kind == "train":
		return fmt.Sprintf("Train %q", l.Name), trainParams{l.ID, label.Method(in.Method)}, nil
	case in.Format == "":
		return "", nil, huma.Error422UnprocessableEntity("An export needs a format.")
	}
	if in.What == "" {
		in.What = "segments"
	}
	if in.Video != 0 {
		if _, err := x.video(in.Video); err != nil {
			return "", nil, err
		}
	}
	return fmt.Sprintf("Export %q", l.Name), exportParams{l.ID, in.Format, in.What, in.Video}, nil
}

func (s *Server) applyJob(ctx context.Context, x *snapshot, in NewJob) (title string, params any, err error) {
	labels, err := x.Labels(ctx)
	if err != nil {
		return "", nil, err
	}
	var names []string
	p := applyParams{}
	for _, l := range labels {
		if slices.Contains(in.Labels, l.ID) || len(in.Labels) == 0 && l.Positive > 0 {
			p.Labels, names = append(p.Labels, l.ID), append(names, fmt.Sprintf("%q", l.Name))
		}
	}
	for _, id := range in.Labels {
		if !slices.Contains(p.Labels, id) {
			return "", nil, notFound("label", id)
		}
	}
	if len(p.Labels) == 0 {
		return "", nil, huma.Error422UnprocessableEntity("No label has marks yet.")
	}
	if len(names) > 3 {
		names = []string{english.Plural(len(names), "label", "")}
	}
	return "Apply " + strings.Join(names, ", "), p, nil
}

func folderNames(folders []string) string {
	if len(folders) > 1 {
		return english.Plural(len(folders), "folder", "")
	}
	return printable(filepath.Base(folders[0]))
}

type foldersInput struct {
	Path string `query:"path" maxLength:"4096" doc:"list the folders in this one; without, those that were given"`
}

// FolderList holds folders of the server.
type FolderList struct {
	Folders []Folder `json:"folders"`
}

func (s *Server) folders(ctx context.Context, in *foldersInput) (*body[FolderList], error) {
	if !mayEdit(ctx) {
		return nil, huma.Error403Forbidden("Only an editor may see the folders of the server.")
	}
	out := FolderList{[]Folder{}}
	if in.Path == "" {
		for _, f := range s.o.Allowed {
			out.Folders = append(out.Folders, Folder{Path: absolute(f), Name: printable(filepath.Base(absolute(f)))})
		}
		return &body[FolderList]{out}, nil
	}
	if !filepath.IsAbs(in.Path) || !s.allows(in.Path) {
		return nil, huma.Error403Forbidden("This folder may not be listed.")
	}
	entries, err := os.ReadDir(in.Path)
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			out.Folders = append(out.Folders, Folder{Path: filepath.Join(in.Path, e.Name()), Name: printable(e.Name())})
		}
	}
	return &body[FolderList]{out}, err
}

type duplicatesOutput struct {
	Status int
	Body   struct {
		Duplicates
		Job string `json:"job" doc:"number of the job that looks for them; empty if the lists are complete"`
	}
}

// duplicates returns what the last job found, or starts one.
func (s *Server) duplicates(ctx context.Context, _ *struct{}) (*duplicatesOutput, error) {
	x, err := s.state.use(ctx, true)
	if err != nil {
		return nil, err
	}
	defer x.release()
	params := struct {
		Moments string `json:"moments"` // the state of the library
	}{x.current().Moments}
	out := &duplicatesOutput{Status: http.StatusAccepted}
	out.Body.Duplicates = Duplicates{Exact: []ExactDuplicate{}, Near: []NearDuplicate{}}
	for _, j := range s.jobs.List() {
		var found struct {
			Duplicates
			Moments string `json:"moments"`
		}
		if j.Kind == "duplicates" && j.State == jobs.Done && json.Unmarshal(j.Result, &found) == nil && found.Moments == params.Moments {
			out.Status, out.Body.Duplicates = http.StatusOK, found.Duplicates
			return out, nil
		}
	}
	if !mayEdit(ctx) {
		return nil, huma.Error404NotFound("Nobody has looked for duplicates yet. An editor can.")
	}
	j, err := s.jobs.Add("duplicates", "Find duplicates", struct{}{})
	out.Body.Job = j.ID
	return out, err
}

func spanOf(s video.Span) Span { return Span{Start: s.Start, End: s.End} }

func (x *snapshot) nameOf(path string) VideoName {
	name, folder := x.place(path)
	out := VideoName{Name: printable(name), Folder: printable(folder)}
	if v := x.byPath[path]; v != nil {
		out.Video = v.ID
	}
	return out
}

func (x *snapshot) duplicates(d *library.Duplicates) any {
	out := struct {
		Duplicates
		Moments string `json:"moments"`
	}{Duplicates{Exact: []ExactDuplicate{}, Near: []NearDuplicate{}}, x.current().Moments}
	for _, e := range d.Exact {
		one := ExactDuplicate{Bytes: e.Bytes}
		for _, v := range e.Videos {
			one.Videos = append(one.Videos, x.nameOf(v))
		}
		out.Exact = append(out.Exact, one)
	}
	for _, n := range d.Near {
		one := NearDuplicate{A: x.nameOf(n.A), B: x.nameOf(n.B)}
		for _, p := range n.Parts {
			one.Parts = append(one.Parts, SharedPart{A: spanOf(p.A), B: spanOf(p.B), Similarity: p.Similarity})
		}
		out.Near = append(out.Near, one)
	}
	return out
}

// jobAnswers are the answers for errors of jobs.
var jobAnswers = []struct {
	err    error
	status int
	detail string
}{
	{jobs.ErrNoJob, http.StatusNotFound, "There is no such job."},
	{jobs.ErrReadOnly, http.StatusForbidden, "The folder of the library cannot be written, so the server runs no jobs."},
	{jobs.ErrTooMany, http.StatusTooManyRequests, "Too many jobs are waiting. Try again later."},
}

// jobProblem returns the answer for an error of jobs, or nil.
func jobProblem(err error) error {
	for _, a := range jobAnswers {
		if errors.Is(err, a.err) {
			return huma.NewError(a.status, a.detail)
		}
	}
	return nil
}
