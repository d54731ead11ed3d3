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

// decodeLegacy lists the tensors of such a file: pickles with a magic number,
// a version, the writer's machine, the state dict and the storages' keys, then
// for each key the number of elements and the elements.
func decodeLegacy(r io.ReaderAt, size int64) (*source, error) {
	at := int64(0)
	storages := map[string]*storage{}
	next := func() (any, error) {
		data, n, err := readPickle(bufio.NewReader(io.NewSectionReader(r, at, size-at)))
		if err != nil {
			return nil, err
		}
		at += n
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
			if storages[key] == nil {
				storages[key] = s
			}
			return storages[key], nil
		})
	}
	magic, err := next()
	if n, ok := magic.(*big.Int); err != nil || !ok || n.Text(16) != legacyMagic {
		return nil, errors.New("not a weight file: it is a Python pickle, but not one of torch.save's")
	}
	if version, err := next(); err != nil || version != 1001 {
		return nil, fmt.Errorf("it is of torch.save's version %v, which is not supported", version)
	}
	system, err := next()
	if err != nil {
		return nil, err
	}
	if d, ok := system.(*types.Dict); ok {
		if little, ok := d.Get("little_endian"); ok && little != true {
			return nil, errors.New("it was written on a big-endian machine, which is not supported")
		}
	}
	value, err := next()
	if err != nil {
		return nil, err
	}
	keys, err := next()
	if err != nil {
		return nil, err
	}
	list, ok := keys.(*types.List)
	if !ok {
		return nil, errors.New("its list of storages is malformed")
	}
	for _, key := range *list {
		key, _ := key.(string)
		s := storages[key]
		var count [8]byte
		if _, err := r.ReadAt(count[:], at); err != nil {
			return nil, errCutOff
		}
		n := int64(binary.LittleEndian.Uint64(count[:]))
		at += 8
		if s == nil || s.read != nil || n != s.n {
			return nil, fmt.Errorf("storage %q with %d elements does not fit its state dict", key, n)
		}
		width := int64(safetensors.ElementSize(s.dtype))
		if n > (size-at)/width {
			return nil, errCutOff
		}
		begin := at
		s.read = func(from, n int64) ([]byte, error) {
			data := make([]byte, n)
			_, err := r.ReadAt(data, begin+from)
			return data, err
		}
		at += n * width
	}
	for _, key := range slices.Sorted(maps.Keys(storages)) {
		if storages[key].read == nil {
			return nil, fmt.Errorf("storage %q is not in the file", key)
		}
	}
	out := &source{kind: torch, size: size}
	out.tensors, err = flatten(value)
	return out, err
}
