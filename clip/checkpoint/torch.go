package checkpoint

import (
	"errors"
	"strings"

	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/nlpodyssey/gopickle/types"
)

// storageTypes are the element types of PyTorch's storage classes.
var storageTypes = map[string]string{
	"torch.DoubleStorage": "F64", "torch.FloatStorage": "F32", "torch.HalfStorage": "F16", "torch.BFloat16Storage": "BF16",
	"torch.LongStorage": "I64", "torch.IntStorage": "I32", "torch.ShortStorage": "I16", "torch.CharStorage": "I8",
	"torch.ByteStorage": "U8", "torch.BoolStorage": "BOOL",
}

// storageType is a storage class in a pickle.
type storageType struct{ dtype string }

// findTorch returns the few classes and functions that state dicts need, or nil.
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
// such as sparse and quantized ones.
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

// storageID reads the tuple by which a pickle refers to a storage: "storage", its
// class, key, device and number of elements. An unknown class gives no storage and no
// error.
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

// flatten returns the tensors of an unpickled value by their dotted names: those in
// nested dictionaries, and in the attributes of modules.
func flatten(value any) (map[string]lazy, error) {
	out := map[string]lazy{}
	// A hostile pickle can have few objects with endless paths between them.
	visits := 0
	const maxVisits, maxDepth = 1 << 18, 64
	var walk func(name string, value any, depth int) error
	each := func(name string, key, value any, depth int) error {
		k, ok := key.(string)
		switch {
		case !ok:
			return nil // the optimizer's state is keyed by number
		case k == "_modules" || k == "_parameters" || k == "_buffers":
			// The parts of a module that was saved whole.
		case name == "":
			name = k
		default:
			name += "." + k
		}
		return walk(name, value, depth+1)
	}
	walk = func(name string, value any, depth int) error {
		if visits++; visits > maxVisits || depth > maxDepth || len(name) > 1000 {
			return errors.New("its pickle is malformed: nested too deeply")
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
					return safetensors.Tensor{}, errors.New("sparse, quantized and other special tensors are not supported")
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
