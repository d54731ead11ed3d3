//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package vector

func syncFolder(string) error { return nil }
