package server

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/clipcue/clipcue/library"
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
	failed, err := x.Failed(ctx)
	if err != nil {
		return nil, err
	}
	c := x.Settings()
	out := Library{Name: printable(filepath.Base(absolute(s.o.Library))), Videos: len(x.videos), Failed: len(failed),
		Window: c.Window, Hop: c.Hop, Model: printable(shortName(c.Model, "clipcue-tiny")), Run: printable(shortName(c.Run, "")), Precision: c.Precision,
		Folders: []string{}, Version: s.o.Version, Generation: x.current().Moments}
	for _, v := range x.videos {
		out.Seconds += v.Seconds
		out.Moments += v.Moments
		if v.Pending {
			out.Pending++
		}
		if v.Missing {
			out.Missing++
		}
	}
	if e, ok := errors.AsType[*library.BusyError](x.Busy(ctx)); ok {
		out.Writer = cmp.Or(printable(e.Holder), "another program")
	}
	for _, f := range x.folders {
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
	failed, err := x.Failed(ctx)
	if err != nil {
		return nil, err
	}
	out := Problems{Failed: []Problem{}, Missing: []Problem{}, Partial: []Problem{}}
	for _, f := range failed {
		out.Failed = append(out.Failed, x.problem(f.Path, f.Reason))
	}
	for _, v := range x.videos {
		if v.Missing {
			out.Missing = append(out.Missing, x.problem(v.Path, "The file is not where it was."))
		}
		if v.Partial != "" {
			out.Partial = append(out.Partial, x.problem(v.Path, v.Partial))
		}
	}
	return &body[Problems]{out}, nil
}

// problem describes a problem of a video, without the paths of the server.
func (x *snapshot) problem(path, reason string) Problem {
	name, folder := x.place(path)
	reason = strings.ReplaceAll(strings.ReplaceAll(reason, path+": ", ""), path, name)
	for _, f := range x.folders {
		reason = strings.ReplaceAll(reason, f+string(filepath.Separator), "")
	}
	p := Problem{Name: printable(name), Folder: printable(folder), Reason: printable(reason)}
	if v := x.byPath[path]; v != nil {
		p.Video = v.ID
	}
	return p
}
