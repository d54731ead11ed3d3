//go:build !linux

package ffmpeg

// MemoryLimit returns 0: the memory of a program is unknown on this system.
func MemoryLimit() int64 { return 0 }

// Memory returns 0.
func Memory(int) int64 { return 0 }
