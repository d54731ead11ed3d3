//go:build !(darwin || dragonfly || freebsd || linux || netbsd)

package feature

import (
	"errors"
	"os"
)

// Here a file has to have a name as long as it is open, and would be left behind.
func unnamed(string) (*os.File, error) { return nil, nil }

func mapped(*os.File, int) ([]byte, func(), error) { return nil, nil, errors.ErrUnsupported }
