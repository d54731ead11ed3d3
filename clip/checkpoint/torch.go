package checkpoint

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"path"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/nlpodyssey/gopickle/types"
)

// storage is a run of numbers that tensors are views of.
type storage struct {
	dtype string
	n     int64                             // elements
	read  func(at, n int64) ([]byte, error) // n bytes from byte at
}

// storageTypes are PyTorch's storage classes by what they hold.
var storageTypes = map[string]string{
	"torch.DoubleStorage": "F64", "torch.FloatStorage": "F32", "torch.HalfStorage": "F16", "torch.BFloat16Storage": "BF16",
	"torch.LongStorage": "I64", "torch.IntStorage": "I32", "torch.ShortStorage": "I16", "torch.CharStorage": "I8",
	"torch.ByteStorage": "U8", "torch.BoolStorage": "BOOL",
}

// storageType is a storage class in a pickle.
type storageType struct{ dtype string }

// findTorch gives meaning to the few names that state dicts need.
func findTorch(name string) any {
	if dtype, ok := storageTypes[name]; ok {
		return storageType{dtype}
	}
	switch name {
	case "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor":
		return function(rebuildTensor)
	case "torch._utils._rebuild_parameter":
		return function(func(args ...any) (any, error) {
			if len(args) == 0 {
				return nil, errors.New("a parameter without a tensor")
			}
			return args[0], nil
		})
	}
	return nil
}

// view is a tensor: a strided view of a storage.
type view struct {
	storage       *storage
	offset        int64   // of the first element
	shape, stride []int64 // in elements
}

// rebuildTensor is torch._utils._rebuild_tensor_v2(storage, offset, size,
// stride, requires_grad, backward_hooks).
func rebuildTensor(args ...any) (any, error) {
	if len(args) < 4 {
		return nil, errors.New("a tensor with too few arguments")
	}
	s, ok := args[0].(*storage)
	if !ok { // a storage of unknown type
		return &object{class: rebuildOther}, nil
	}
	offset, ok := args[1].(int)
	shape, okShape := ints(args[2])
	stride, okStride := ints(args[3])
	if !ok || !okShape || !okStride || len(shape) != len(stride) {
		return nil, errors.New("a tensor with malformed sizes")
	}
	v := &view{s, int64(offset), shape, stride}
	return v, v.check()
}

// rebuildOther marks tensors that PyTorch rebuilds in ways not supported here,
// such as sparse and quantised ones.
const rebuildOther = "torch._utils._rebuild_"

// ints reads a tuple of numbers.
func ints(v any) ([]int64, bool) {
	tuple, ok := v.(*types.Tuple)
	if !ok {
		return nil, false
	}
	out := make([]int64, tuple.Len())
	for i := range out {
		n, ok := tuple.Get(i).(int)
		if !ok {
			return nil, false
		}
		out[i] = int64(n)
	}
	return out, true
}

// check reports whether the view lies within its storage and has no more
// elements than it.
func (v *view) check() error {
	if len(v.shape) > 8 || v.offset < 0 || v.offset > v.storage.n {
		return fmt.Errorf("a tensor of %d dimensions at %d in a storage of %d", len(v.shape), v.offset, v.storage.n)
	}
	n, last := int64(1), v.offset
	for i, d := range v.shape {
		if d < 0 || v.stride[i] < 0 {
			return fmt.Errorf("a tensor of shape %v and strides %v", v.shape, v.stride)
		}
		if d > v.storage.n {
			return fmt.Errorf("a tensor of shape %v in a storage of %d", v.shape, v.storage.n)
		}
		if d == 0 {
			return nil
		}
		// The comparisons are divisions so that no product overflows.
		if n > v.storage.n/d || d > 1 && v.stride[i] > (v.storage.n-1)/(d-1) {
			return fmt.Errorf("a tensor of shape %v and strides %v in a storage of %d", v.shape, v.stride, v.storage.n)
		}
		n *= d
		last += (d - 1) * v.stride[i]
	}
	if last >= v.storage.n {
		return fmt.Errorf("a tensor of shape %v and strides %v at %d in a storage of %d", v.shape, v.stride, v.offset, v.storage.n)
	}
	return nil
}

// lazy returns the view as a tensor to read.
func (v *view) lazy() lazy {
	shape := make([]int, len(v.shape))
	for i, d := range v.shape {
		shape[i] = int(d)
	}
	return lazy{v.storage.dtype, shape, func() (safetensors.Tensor, error) {
		data, err := v.gather()
		return safetensors.Tensor{DType: v.storage.dtype, Shape: shape, Data: data}, err
	}}
}

// gather reads the elements of the view in row-major order.
func (v *view) gather() ([]byte, error) {
	n, span := int64(1), int64(1) // elements of the view; from its first to its last in the storage
	contiguous := true
	for i := len(v.shape) - 1; i >= 0; i-- {
		d := v.shape[i]
		contiguous = contiguous && (d == 1 || v.stride[i] == n)
		n *= d
		span += (d - 1) * v.stride[i]
	}
	if n == 0 {
		return nil, nil
	}
	size := int64(safetensors.ElementSize(v.storage.dtype))
	data, err := v.storage.read(v.offset*size, span*size)
	if err != nil || contiguous {
		return data, err
	}
	out := make([]byte, 0, n*size)
	var walk func(dim int, at int64)
	walk = func(dim int, at int64) {
		if dim == len(v.shape) {
			out = append(out, data[at*size:(at+1)*size]...)
			return
		}
		for i := range v.shape[dim] {
			walk(dim+1, at+i*v.stride[dim])
		}
	}
	walk(0, 0)
	return out, nil
}

// decodeZip lists the tensors of a file that torch.save or torch.jit.save
// wrote: a zip archive with a pickle, data.pkl, whose storages are the files
// data/0, data/1, ... beside it, stored without compression.
func decodeZip(r io.ReaderAt, size int64) (*source, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, errCutOff
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
		return nil, errors.New("not a weight file: it is a zip archive without PyTorch's data.pkl; if it holds weights, unpack it first")
	}
	if order, err := readEntry(files[root+"byteorder"]); err == nil && string(order) == "big" {
		return nil, errors.New("it was written on a big-endian machine, which is not supported")
	}
	p, err := files[root+"data.pkl"].Open()
	if err != nil {
		return nil, errCutOff
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

// readEntry reads a small file of an archive.
func readEntry(f *zip.File) ([]byte, error) {
	if f == nil {
		return nil, errors.New("not there")
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, 64))
}

// storageID reads the tuple by which a pickle names a storage: "storage", its
// class, key, device and number of elements. A class that is not known gives no
// storage and no error.
func storageID(id []any) (s *storage, key string, err error) {
	malformed := errors.New("a storage with a malformed id")
	if len(id) < 5 || id[0] != "storage" {
		return nil, "", malformed
	}
	key, okKey := id[2].(string)
	n, okN := id[4].(int)
	if !okKey || !okN || n < 0 {
		return nil, "", malformed
	}
	if t, ok := id[1].(storageType); ok {
		return &storage{dtype: t.dtype, n: int64(n)}, key, nil
	}
	return nil, key, nil
}

// inArchive makes s read from a file of a zip archive of size bytes.
func (s *storage) inArchive(r io.ReaderAt, size int64, f *zip.File, key string) error {
	if f == nil {
		return fmt.Errorf("storage %s is not in the archive: %w", key, errCutOff)
	}
	if f.Method != zip.Store {
		return fmt.Errorf("storage %s is compressed, which torch.save never does; save the file again with PyTorch", key)
	}
	at, err := f.DataOffset()
	length := int64(f.CompressedSize64)
	if err != nil || length < 0 || at+length < at || at+length > size || f.UncompressedSize64 != f.CompressedSize64 {
		return fmt.Errorf("storage %s: %w", key, errCutOff)
	}
	if s.n > length/int64(safetensors.ElementSize(s.dtype)) {
		return fmt.Errorf("storage %s claims %d elements of %s and has %d bytes: %w", key, s.n, s.dtype, length, errCutOff)
	}
	s.read = func(from, n int64) ([]byte, error) {
		data := make([]byte, n)
		if from != 0 || n != length {
			_, err := r.ReadAt(data, at+from)
			return data, err
		}
		// The whole file goes through its checksum.
		e, err := f.Open()
		if err != nil {
			return nil, err
		}
		defer e.Close()
		if _, err := io.ReadFull(e, data); err != nil {
			return nil, err
		}
		if _, err := e.Read(make([]byte, 1)); err != io.EOF {
			return nil, fmt.Errorf("storage %s: %w: %w", key, errCutOff, err)
		}
		return data, nil
	}
	return nil
}

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

// flatten gives the tensors in an unpickled value their dotted names: those in
// nested dictionaries, and in the attributes of modules.
func flatten(value any) (map[string]lazy, error) {
	out := map[string]lazy{}
	// A hostile pickle can make a small web of objects with endless paths.
	visits := 0
	const maxVisits, maxDepth = 1 << 18, 64
	var walk func(name string, value any, depth int) error
	each := func(name string, key, value any, depth int) error {
		k, ok := key.(string)
		switch {
		case !ok:
			return nil // the optimiser's state is keyed by number
		case k == "_modules" || k == "_parameters" || k == "_buffers":
			// Where a module that was saved whole keeps its parts.
		case name == "":
			name = k
		default:
			name += "." + k
		}
		return walk(name, value, depth+1)
	}
	walk = func(name string, value any, depth int) error {
		if visits++; visits > maxVisits || depth > maxDepth || len(name) > 1000 {
			return errors.New("its pickle is malformed: it nests without end")
		}
		switch v := value.(type) {
		case *view:
			out[name] = v.lazy()
		case *types.Dict:
			for _, e := range *v {
				if err := each(name, e.Key, e.Value, depth); err != nil {
					return err
				}
			}
		case *types.OrderedDict:
			for e := v.List.Front(); e != nil; e = e.Next() {
				e := e.Value.(*types.OrderedDictEntry)
				if err := each(name, e.Key, e.Value, depth); err != nil {
					return err
				}
			}
		case *object:
			if strings.HasPrefix(v.class, rebuildOther) {
				out[name] = lazy{dtype: "", read: func() (safetensors.Tensor, error) {
					return safetensors.Tensor{}, errors.New("it is stored as a sparse, quantised or other special tensor; save the model as float16 or float32")
				}}
			}
			for _, e := range v.attrs {
				if err := each(name, e.Key, e.Value, depth); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return out, walk("", value, 0)
}
