//go:build !(darwin || dragonfly || freebsd || linux || netbsd)

package feature

import (
	"errors"
	"os"
)

// unnamed returns no file: on this system an open file must have a name, so that an
// interrupted run would leave it behind.
func unnamed(string) (*os.File, error) { return nil, nil }

func mapped(*os.File, int) ([]byte, func(), error) { return nil, nil, errors.ErrUnsupported }
