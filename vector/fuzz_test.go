package vector

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// FuzzOpen opens arbitrary files as an index. Opening succeeds, or fails with the name of a
// file; an index that opens can be read and searched.
func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	x, err := openFolder(dir, narrow, Options{})
	if err != nil {
		f.Fatal(err)
	}
	if err := errors.Join(x.Add(f.Context(), []int64{1, 2, 3}, vectorsOf(1, 3)), x.Delete(f.Context(), []int64{2}), x.Close()); err != nil {
		f.Fatal(err)
	}
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, "000001", name))
		if err != nil {
			f.Fatal(err)
		}
		return data
	}
	log, levels, vectors := read(logName), read(levelsName), read(vectorsName)
	entries := log[logStart:]
	f.Add(uint64(3), uint16(4), uint16(3), entries, levels, vectors, false)
	f.Add(uint64(3), uint16(4), uint16(3), entries, levels, vectors[:5], false)
	f.Add(uint64(1), uint16(0), uint16(0), []byte{}, []byte{}, []byte{}, true)
	f.Add(uint64(3), uint16(9), uint16(9), entries, levels, vectors, true)
	f.Fuzz(func(t *testing.T, number uint64, records, rows uint16, entries, levels, vectors []byte, raw bool) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "000001"), 0o777); err != nil {
			t.Fatal(err)
		}
		// With valid checksums, so that later checks are reached.
		log := commit{number, narrow, int(records), int(rows)}.encode()
		log = append(log, make([]byte, page-len(log))...)
		log = append(log, log...)
		for i := 0; i+recordSize <= len(entries) && !raw; i += recordSize {
			entry := entries[i:][:recordSize:recordSize]
			sum := recordSum(entry, i/recordSize)
			entry = append(entry[:recordSize-4:recordSize-4], byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24))
			log = append(log, entry...)
		}
		if raw {
			log = append(log, entries...)
		}
		for name, data := range map[string][]byte{logName: log, levelsName: levels, vectorsName: vectors} {
			if err := os.WriteFile(filepath.Join(dir, "000001", name), data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		disk := &faults{left: 1 << 40} // which does not wait for the real one
		x, err := openFolder(dir, narrow, Options{open: disk.open})
		if err != nil {
			return
		}
		defer x.Close()
		_ = x.Verify(t.Context())
		query := worlds["anywhere"](rand.New(rand.NewPCG(1, 1)), 1, narrow)
		hits, err := x.Search(t.Context(), query, 3)
		if n, _ := x.Len(t.Context()); err == nil && len(hits) != min(n, 3) && allFinite(hits) {
			t.Fatalf("%d hits of %d", len(hits), n)
		}
		_ = x.Add(t.Context(), []int64{1}, query)
	})
}

func allFinite(hits []Hit) bool {
	for _, h := range hits {
		if h.Score-h.Score != 0 {
			return false
		}
	}
	return true
}

// FuzzLog decodes an arbitrary start of a log and an arbitrary entry.
func FuzzLog(f *testing.F) {
	f.Add(commit{1, 2, 3, 3}.encode())
	f.Add(appendRecord(nil, record{added, -1, 1, 0.5, 2, 3}, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, ok := lastCommit(b); ok && string(c.encode()) != string(b[:commitSize]) && len(b) < page {
			t.Fatalf("%+v is not what was read", c)
		}
		if len(b) < recordSize {
			return
		}
		if r, err := decodeRecord(b[:recordSize], 0); err == nil && string(appendRecord(nil, r, 0)) != string(b[:recordSize]) {
			t.Fatalf("%+v is not what was read", r)
		}
	})
}
