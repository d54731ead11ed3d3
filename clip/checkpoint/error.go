package checkpoint

import "errors"

// ErrSeveralFiles reports a folder with several weight files, none of which has the
// name of a published one.
var ErrSeveralFiles = errors.New("several weight files in this folder")

// ErrDamaged reports a weight file that is shorter than it should be, or changed.
var ErrDamaged = errors.New("the file is cut off or damaged")
