package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"syscall"

	"github.com/danielgtaylor/huma/v2"

	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/library"
)

// notFound is the error for a number that the library does not have.
func notFound(what string, id any) error {
	return huma.Error404NotFound(fmt.Sprintf("The library has no %s %v.", what, id))
}

// changedProblem says what to do about a video whose file is not the one that was indexed.
const changedProblem = "The file of the video has changed since it was indexed. Look for changes in the library, or run clipcue index."

// answers are the statuses and sentences for errors of the library. Errors that name paths
// are not repeated.
var answers = []struct {
	err    error
	status int
	detail string
}{
	{library.ErrBusy, http.StatusConflict, "The library is being indexed. Try again when this is done."},
	{library.ErrLocked, http.StatusConflict, "Another program locks the library."},
	{library.ErrDiskFull, http.StatusInsufficientStorage, "The disk of the library is full."},
	{library.ErrNotWritable, http.StatusForbidden, "The library cannot be written."},
	{library.ErrDamaged, http.StatusInternalServerError, "The library is damaged. See: clipcue library check"},
	{library.ErrNoPicture, http.StatusNotFound, "The library has no such thumbnail."},
	{library.ErrNoSearch, http.StatusNotFound, "There is no saved search of this name."},
	{library.ErrNoLabel, http.StatusNotFound, "The library has no such label."},
	{library.ErrLabelExists, http.StatusConflict, "There is a label of this name."},
	{library.ErrUnknownVideo, http.StatusNotFound, "The library has no such video."},
	{library.ErrChanged, http.StatusConflict, changedProblem},
	{library.ErrOutside, http.StatusUnprocessableEntity, "The mark is outside its video."},
	{library.ErrNoMark, http.StatusNotFound, "There is no such mark."},
	{library.ErrEmptyQuery, http.StatusUnprocessableEntity, "Nothing says what to find."},
	{library.ErrNotLibrary, http.StatusServiceUnavailable, "The library is not there."},
	{label.ErrNoMoments, http.StatusConflict, "The library has no moments yet."},
	{syscall.ENOSPC, http.StatusInsufficientStorage, "The disk of the server is full."},
	{fs.ErrNotExist, http.StatusNotFound, "The file is not there."},
	{fs.ErrPermission, http.StatusForbidden, "The file cannot be read."},
	{context.Canceled, 499, "The request was canceled."},
	{context.DeadlineExceeded, http.StatusGatewayTimeout, "This took too long."},
}

// problem returns the error as the client gets it.
func (s *Server) problem(err error) error {
	if err == nil {
		return nil
	}
	if known := s.known(err); known != nil {
		return known
	}
	s.log.Error("a request failed", "error", err)
	return huma.Error500InternalServerError("The server could not do this; its log has the reason.")
}

// known returns the answer for an error that has one.
func (s *Server) known(err error) error {
	if _, ok := errors.AsType[huma.StatusError](err); ok {
		return err
	}
	if c, ok := errors.AsType[*library.ConflictError](err); ok {
		what := "overlaps"
		if c.New.Positive != c.Old.Positive {
			what = "contradicts"
		}
		return huma.Error409Conflict(fmt.Sprintf("The mark %s the one from %s to %s.", what, library.FormatTime(c.Old.Start), library.FormatTime(c.Old.End)))
	}
	if _, ok := errors.AsType[*library.MismatchError](err); ok {
		return huma.Error409Conflict("The library was made with another model than the server has loaded.")
	}
	if _, ok := errors.AsType[*library.InvalidError](err); ok || errors.Is(err, library.ErrQuery) {
		return huma.Error422UnprocessableEntity(err.Error())
	}
	if _, ok := errors.AsType[*library.TextError](err); ok {
		return huma.Error422UnprocessableEntity(err.Error())
	}
	if known := jobProblem(err); known != nil {
		return known
	}
	for _, a := range answers {
		if errors.Is(err, a.err) {
			return huma.NewError(a.status, a.detail)
		}
	}
	return nil
}
