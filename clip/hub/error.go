package hub

import (
	"errors"
	"fmt"
)

var (
	// ErrNoModel is wrapped by the error for a model that is neither a file nor the name
	// of a pulled model.
	ErrNoModel = errors.New("no such file, and no pulled model of that name")

	// ErrNoDir is wrapped by the error if the user has no cache folder.
	ErrNoDir = errors.New("no folder for models")

	// ErrNoWeights is wrapped by the error for a repository without weights that can be
	// read.
	ErrNoWeights = errors.New("no weight files in this repository")

	// ErrInsecure is wrapped by the error for a redirect from https to http.
	ErrInsecure = errors.New("redirect from https to another scheme refused")
)

// UnknownNameError reports a name that is neither in [Names] nor hf:OWNER/NAME.
type UnknownNameError struct{ Name string }

func (e *UnknownNameError) Error() string {
	return fmt.Sprintf("no published model is known as %q", e.Name)
}

// DownloadError reports a download that failed. Another Pull resumes it.
type DownloadError struct {
	Page   string   // address of the repository
	Files  []string // addresses of its files
	Dir    string   // folder that the files are stored in
	Status int      // of the server's answer, or 0
	Err    error
}

func (e *DownloadError) Error() string { return e.Err.Error() }

// Unwrap returns e.Err.
func (e *DownloadError) Unwrap() error { return e.Err }
