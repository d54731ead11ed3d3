package checkpoint

import (
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/internal/safetensors"
)

// decodeZip lists the tensors of a file that torch.save or torch.jit.save
// wrote: a zip archive with a pickle, data.pkl, whose storages are the uncompressed files
// data/0, data/1, ... in the same folder.
func decodeZip(r io.ReaderAt, size int64) (*source, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, ErrDamaged
	}
	files := map[string]*zip.File{}
	root, found := "", false
	for _, f := range z.File {
		files[f.Name] = f
		if dir, name := path.Split(f.Name); name == "data.pkl" && strings.Count(dir, "/") <= 1 && !found {
			root, found = dir, true
		}
	}
	if !found {
		return nil, notWeights("a zip archive without PyTorch's data.pkl", "unpack it, if it holds weights")
	}
	if order, err := readEntry(files[root+"byteorder"]); err == nil && string(order) == "big" {
		return nil, errBigEndian
	}
	p, err := files[root+"data.pkl"].Open()
	if err != nil {
		return nil, ErrDamaged
	}
	defer p.Close()
	data, _, err := readPickle(bufio.NewReader(p))
	if err != nil {
		return nil, err
	}
	value, err := unpickle(data, findTorch, func(id []any) (any, error) {
		s, key, err := storageID(id)
		if s == nil {
			return nil, err
		}
		return s, s.inArchive(r, size, files[root+"data/"+key], key)
	})
	if err != nil {
		return nil, err
	}
	out := &source{kind: torch, size: size}
	if files[root+"constants.pkl"] != nil {
		out.kind = torchScript
	}
	out.tensors, err = flatten(value)
	return out, err
}

// errBigEndian reports a file of a machine with another byte order.
var errBigEndian = errors.New("it was written on a big-endian machine, which is not supported")

// readEntry reads the first 64 bytes of a file of an archive.
func readEntry(f *zip.File) ([]byte, error) {
	if f == nil {
		return nil, fs.ErrNotExist
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, 64))
}

// inArchive sets s to read from a file in a zip archive of size bytes.
func (s *storage) inArchive(r io.ReaderAt, size int64, f *zip.File, key string) error {
	if f == nil {
		return fmt.Errorf("storage %s is not in the archive: %w", key, ErrDamaged)
	}
	if f.Method != zip.Store {
		return fmt.Errorf("storage %s is compressed, which torch.save never does", key)
	}
	at, err := f.DataOffset()
	length := int64(f.CompressedSize64)
	if err != nil || length < 0 || at+length < at || at+length > size || f.UncompressedSize64 != f.CompressedSize64 {
		return fmt.Errorf("storage %s: %w", key, ErrDamaged)
	}
	if s.n > length/int64(safetensors.ElementSize(s.dtype)) {
		return fmt.Errorf("storage %s has %d elements of %s, but %d bytes: %w", key, s.n, s.dtype, length, ErrDamaged)
	}
	s.read = func(from, n int64) ([]byte, error) {
		if from != 0 || n != length {
			return readAt(r, at+from, n)
		}
		// The whole file goes through its checksum.
		release, err := memory.Request(n, "storage "+key)
		if err != nil {
			return nil, err
		}
		defer release()
		data := make([]byte, n)
		e, err := f.Open()
		if err != nil {
			return nil, err
		}
		defer e.Close()
		if _, err := io.ReadFull(e, data); err != nil {
			return nil, err
		}
		if _, err := e.Read(make([]byte, 1)); err != io.EOF {
			return nil, fmt.Errorf("storage %s: %w: %w", key, ErrDamaged, err)
		}
		return data, nil
	}
	return nil
}
