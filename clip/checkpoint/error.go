package checkpoint

import "errors"

// ErrSeveralFiles reports a folder with several weight files, none of which has the
// name of a published one.
var ErrSeveralFiles = errors.New("several weight files in this folder")
