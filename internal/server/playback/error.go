package playback

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"time"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/server/problem"
	"github.com/clipcue/clipcue/video"
)

var errUnplayable = errors.New("browsers cannot play the file")

// spanError reports a part that is not valid or too long.
type spanError struct {
	span  video.Span
	limit float64
}

func (e *spanError) Error() string {
	return fmt.Sprintf("a part must start at 0 s or later and last more than 0 s and at most %g s, got %g s to %g s", e.limit, e.span.Start, e.span.End)
}

// answers are the status and the sentence for each kind of error.
var answers = []struct {
	err    error
	status int
	detail string
}{
	{errGone, http.StatusGone, "The video is no longer at its place. It may have been moved or deleted, or its disk is not connected."},
	{input.ErrNotRegular, http.StatusUnprocessableEntity, "What is at the place of the video is not a file."},
	{errUnplayable, http.StatusUnsupportedMediaType, "Browsers cannot play this file. Request a fragment of it instead."},
	{errBusy, http.StatusTooManyRequests, "Too many videos are being converted. Try again in a moment."},
	{errSlow, http.StatusGatewayTimeout, "Converting the video took too long and was stopped."},
	{video.ErrTimeout, http.StatusGatewayTimeout, "Reading the video made no progress and was stopped."},
	{syscall.ENOSPC, http.StatusInsufficientStorage, "The disk of the server is full."},
	{video.ErrNoFFmpeg, http.StatusNotImplemented, "The server has no ffmpeg, which converts videos."},
	{video.ErrNoFrames, http.StatusUnprocessableEntity, "The video has no frames there."},
	{video.ErrEncrypted, http.StatusUnsupportedMediaType, "The video is encrypted."},
	{video.ErrDamaged, http.StatusUnprocessableEntity, "The video is damaged."},
}

// statusCanceled is what logs show for requests whose client has gone.
const statusCanceled = 499

// fail answers a request with an error. The path of a video is not part of it.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	var span *spanError
	var failed *video.Error
	switch {
	case errors.As(err, &span):
		problem.Write(w, http.StatusUnprocessableEntity, span.Error()+".")
		return
	case r.Context().Err() != nil:
		problem.Write(w, statusCanceled, "The request was canceled.") // nobody reads it
		return
	}
	for _, a := range answers {
		if errors.Is(err, a.err) {
			if a.err == errBusy {
				problem.RetryAfter(w.Header(), 2*time.Second)
			}
			problem.Write(w, a.status, a.detail)
			return
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		problem.Write(w, http.StatusServiceUnavailable, "The server is shutting down.")
	case errors.As(err, &failed):
		problem.Write(w, http.StatusUnprocessableEntity, fmt.Sprintf("The video cannot be converted: %v. %s", failed.Kind, failed.Reason))
	default:
		problem.Write(w, http.StatusInternalServerError, "The video cannot be read.")
	}
}
