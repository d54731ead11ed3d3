//go:build !linux

package video

import "io"

func widen(io.Reader) {}
