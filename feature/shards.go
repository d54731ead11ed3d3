package feature

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/npy"
	"github.com/clipcue/clipcue/internal/text"
)

// shardSamples is the number of sequences in a shard of WebDataset.
const shardSamples = 1000

// shards writes sequences as samples of WebDataset: KEY.npy and KEY.json in tar files.
type shards struct {
	dir     string
	n       int             // of all samples
	keys    map[string]bool // that are used
	out     *tar.Writer     // of the open shard
	pipe    *io.PipeWriter
	written chan error
}

// add writes a sequence.
func (s *shards) add(q *Sequence) error {
	if s.n%shardSamples == 0 {
		if err := s.close(nil); err != nil {
			return err
		}
		s.open(filepath.Join(s.dir, fmt.Sprintf("%06d.tar", s.n/shardSamples)))
	}
	s.n++
	about, err := json.Marshal(sidecar{text.Escape(q.ID), q.Timestamps, &q.Provenance})
	if err != nil {
		return err
	}
	var array bytes.Buffer
	if err := npy.Encode(&array, q.array()); err != nil {
		return err
	}
	key := s.key(q.ID)
	for _, member := range []struct {
		name string
		data []byte
	}{{key + arraySuffix, array.Bytes()}, {key + sidecarSuffix, about}} {
		h := &tar.Header{Name: member.name, Mode: 0o644, Size: int64(len(member.data)), ModTime: time.Unix(0, 0)}
		if err := s.out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := s.out.Write(member.data); err != nil {
			return err
		}
	}
	return nil
}

// key returns the key of an ID, which the sidecar has, too. WebDataset's keys end at the first dot of
// the file's name. Readers of shards refuse names with backslashes or control characters, and leave out
// hidden folders.
func (s *shards) key(id string) string {
	safe := strings.Map(func(r rune) rune {
		if r == '\\' || !text.IsLine(string(r)) {
			return '_'
		}
		return r
	}, text.Escape(id))
	dir, name := path.Split(strings.ReplaceAll("/"+safe, "/.", "/_")[1:])
	key := dir + strings.ReplaceAll(name, ".", "_")
	for i := 2; s.keys[key]; i++ {
		key = fmt.Sprintf("%s%s_%d", dir, strings.ReplaceAll(name, ".", "_"), i)
	}
	s.keys[key] = true
	return key
}

func (s *shards) open(path string) {
	r, w := io.Pipe()
	s.out, s.pipe, s.written = tar.NewWriter(w), w, make(chan error, 1)
	go func() {
		defer crash.Recover()
		err := atomicfile.Member(path, func(w io.Writer) error {
			_, err := io.Copy(w, r)
			return err
		})
		r.CloseWithError(err)
		s.written <- err
	}()
}

// close completes the open shard, or discards it if there is an error.
func (s *shards) close(err error) error {
	if s.out == nil {
		return err
	}
	if err == nil {
		err = s.out.Close()
	}
	s.pipe.CloseWithError(err) // nil is the end of the file
	written := <-s.written
	s.out = nil
	if err == nil {
		err = written
	}
	return err
}
