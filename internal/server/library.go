package server

import (
	"context"
	"net/http"
	"path/filepath"

	"github.com/clipcue/clipcue/feature"
)

type modelList struct {
	Models []Model `json:"models"`
}

func (s *Server) libraryOperations() {
	operation(s, http.MethodGet, "/library/models", "list-models", "List the models on this machine", func(context.Context, *struct{}) (*body[modelList], error) {
		return &body[modelList]{modelList{append([]Model{}, s.o.Models...)}}, nil
	})
	operation(s, http.MethodGet, "/library", "get-library", "Describe the library", s.getLibrary)
	operation(s, http.MethodGet, "/library/problems", "list-problems", "List videos that are not completely in the library", s.problems)
}

func (s *Server) getLibrary(ctx context.Context, _ *struct{}) (*body[Library], error) {
	x, err := s.state.use(ctx, true)
	if err != nil {
		return nil, err
	}
	defer x.release()
	info, err := x.Info(ctx)
	if err != nil {
		return nil, err
	}
	c := info.Settings
	out := Library{Name: printable(filepath.Base(absolute(s.o.Library))), Videos: info.Videos, Seconds: info.Seconds, Moments: info.Moments,
		Pending: len(info.Pending), Missing: len(info.Missing), Failed: len(info.Failed), Bytes: info.Bytes,
		Window: c.Window, Hop: c.Hop, Model: printable(shortName(c.Model, "clipcue-tiny")), Run: printable(shortName(c.Run, "")), Precision: c.Precision,
		Folders: []string{}, Version: s.o.Version, Generation: x.current().Moments}
	for _, f := range info.Folders {
		out.Folders = append(out.Folders, printable(filepath.Base(f)))
	}
	return &body[Library]{out}, nil
}

// shortName returns the name of a model without the folders of its path.
func shortName(path, without string) string {
	if path == "" {
		return without
	}
	if filepath.IsAbs(path) {
		return filepath.Base(path)
	}
	return path
}

func absolute(path string) string {
	if a, err := filepath.Abs(path); err == nil {
		return a
	}
	return path
}

func (s *Server) problems(ctx context.Context, _ *struct{}) (*body[Problems], error) {
	x, err := s.state.use(ctx, true)
	if err != nil {
		return nil, err
	}
	defer x.release()
	info, err := x.Info(ctx)
	if err != nil {
		return nil, err
	}
	out := Problems{Failed: x.problemsOf(info.Failed), Missing: []Problem{}, Partial: x.problemsOf(info.Partial)}
	for _, path := range info.Missing {
		out.Missing = append(out.Missing, x.problem(path, "The file is not where it was."))
	}
	return &body[Problems]{out}, nil
}

func (x *snapshot) problemsOf(all []feature.Failure) []Problem {
	out := []Problem{}
	for _, f := range all {
		out = append(out, x.problem(f.Path, f.Reason))
	}
	return out
}

func (x *snapshot) problem(path, reason string) Problem {
	name, folder := x.place(path)
	p := Problem{Name: printable(name), Folder: printable(folder), Reason: printable(reason)}
	if v := x.byPath[path]; v != nil {
		p.Video = v.ID
	}
	return p
}
