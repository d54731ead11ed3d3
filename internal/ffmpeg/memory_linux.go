package ffmpeg

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"
)

// MemoryLimit returns the number of bytes that a program and its children may use:
// half of the machine's memory, at most 8 GiB; 0 if that is unknown.
var MemoryLimit = sync.OnceValue(func() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	var kib int64
	if err != nil {
		return 0
	}
	if _, err := fmt.Sscanf(string(text), "MemTotal: %d kB", &kib); err != nil {
		return 0
	}
	return min(kib<<10/2, 8<<30)
})

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
