package checkpoint

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"

	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/nlpodyssey/gopickle/types"
)

// legacyMagic starts a file of torch.save from before PyTorch 1.6.
const legacyMagic = "1950a86a20f9469cfc6c"

// legacyFile reads such a file: pickles with a magic number, a version, the writer's machine,
// the state dict and the storages' keys, then for each key the number of elements and
// the elements.
type legacyFile struct {
	r        io.ReaderAt
	at, size int64
	storages map[string]*storage
}

// decodeLegacy lists the tensors of a file of size bytes.
func decodeLegacy(r io.ReaderAt, size int64) (*source, error) {
	f := &legacyFile{r: r, size: size, storages: map[string]*storage{}}
	if err := f.header(); err != nil {
		return nil, err
	}
	value, err := f.next()
	if err != nil {
		return nil, err
	}
	keys, err := f.next()
	if err != nil {
		return nil, err
	}
	list, ok := keys.(*types.List)
	if !ok {
		return nil, errors.New("its list of storages is malformed")
	}
	for _, key := range *list {
		key, _ := key.(string)
		if err := f.place(key); err != nil {
			return nil, err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(f.storages)) {
		if f.storages[key].read == nil {
			return nil, fmt.Errorf("storage %q is not in the file", key)
		}
	}
	out := &source{kind: torch, size: size}
	out.tensors, err = flatten(value)
	return out, err
}

// next reads the next pickle.
func (f *legacyFile) next() (any, error) {
	data, n, err := readPickle(bufio.NewReader(io.NewSectionReader(f.r, f.at, f.size-f.at)))
	if err != nil {
		return nil, err
	}
	f.at += n
	return unpickle(data, findTorch, func(id []any) (any, error) {
		if len(id) > 1 && id[0] == "module" {
			return id[1], nil
		}
		s, key, err := storageID(id)
		if s == nil {
			return nil, err
		}
		if len(id) > 5 && id[5] != nil {
			return nil, errors.New("a storage that is a view of another, as PyTorch wrote before 0.4")
		}
		if f.storages[key] == nil {
			f.storages[key] = s
		}
		return f.storages[key], nil
	})
}

// header reads the pickles before the state dict.
func (f *legacyFile) header() error {
	magic, err := f.next()
	if n, ok := magic.(*big.Int); err != nil || !ok || n.Text(16) != legacyMagic {
		return notWeights("a Python pickle, but not one of torch.save's", "")
	}
	if version, err := f.next(); err != nil || version != 1001 {
		return fmt.Errorf("version %v of torch.save's format is not supported", version)
	}
	system, err := f.next()
	if err != nil {
		return err
	}
	if d, ok := system.(*types.Dict); ok {
		if little, ok := d.Get("little_endian"); ok && little != true {
			return errBigEndian
		}
	}
	return nil
}

// place makes a storage read its elements, which come next in the file.
func (f *legacyFile) place(key string) error {
	var count [8]byte
	if _, err := f.r.ReadAt(count[:], f.at); err != nil {
		return ErrDamaged
	}
	n := int64(binary.LittleEndian.Uint64(count[:]))
	f.at += 8
	s := f.storages[key]
	if s == nil || s.read != nil || n != s.n {
		return fmt.Errorf("storage %q with %d elements does not match the state dict", key, n)
	}
	width := int64(safetensors.ElementSize(s.dtype))
	if n > (f.size-f.at)/width {
		return ErrDamaged
	}
	begin := f.at
	s.read = func(from, n int64) ([]byte, error) { return readAt(f.r, begin+from, n) }
	f.at += n * width
	return nil
}
