package ffmpeg

import (
	"bytes"
	"os"
	"strconv"

	"github.com/clipcue/clipcue/internal/memory"
)

// MemoryLimit returns the number of bytes that a program and its children may use: the
// memory budget, at most 8 GiB.
func MemoryLimit() int64 { return min(memory.Limit(), 8<<30) }

// Memory returns the resident memory in bytes of the process group of a program
// started with Command.
func Memory(pid int) int64 {
	names, err := readNames("/proc")
	if err != nil {
		return 0
	}
	pages := int64(0)
	for _, name := range names {
		if name[0] < '0' || name[0] > '9' {
			continue
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue
		}
		// pid (name) state ppid pgrp ... rss is field 24; the name may hold anything.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) < 22 || string(fields[2]) != strconv.Itoa(pid) {
			continue
		}
		n, _ := strconv.ParseInt(string(fields[21]), 10, 64)
		pages += n
	}
	return pages * int64(os.Getpagesize())
}

func readNames(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}
