//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package feature

import (
	"errors"
	"os"
)

func lockAlone(*os.File) bool { return false }

func lockShared(*os.File) error { return errors.ErrUnsupported }

func lockFolder(string) func() { return func() {} }
