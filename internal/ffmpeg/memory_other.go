//go:build !linux

package ffmpeg

// MemoryLimit is 0: how much a program holds cannot be told here.
func MemoryLimit() int64 { return 0 }

// Memory is 0.
func Memory(int) int64 { return 0 }
