package checkpoint

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/fixture"
	"github.com/google/go-cmp/cmp"
)

// The values that pickled writes, in addition to int, string, bool and nil.
type (
	dict   []any // keys and values in turn
	list   []any
	tuple  []any
	global string // "module name"
	call   struct {
		function any
		args     tuple
	}
	instance struct { // an instance with its state
		class string
		state any
	}
	persistent tuple
	raw        string
)

// pickled writes protocol 2 as torch.save does.
func pickled(v any) []byte { return append(appendPickle([]byte{0x80, 2}, v), '.') }

func appendPickle(out []byte, v any) []byte {
	all := func(open string, items []any, end string) []byte {
		out = append(out, open...)
		for _, item := range items {
			out = appendPickle(out, item)
		}
		return append(out, end...)
	}
	switch v := v.(type) {
	case nil:
		return append(out, 'N')
	case bool:
		if v {
			return append(out, 0x88)
		}
		return append(out, 0x89)
	case int:
		return binary.LittleEndian.AppendUint64(append(out, 0x8a, 8), uint64(v))
	case string:
		out = binary.LittleEndian.AppendUint32(append(out, 'X'), uint32(len(v)))
		return append(out, v...)
	case global:
		return fmt.Appendf(out, "c%s\n", strings.Replace(string(v), " ", "\n", 1))
	case tuple:
		return all("(", v, "t")
	case list:
		return all("](", v, "e")
	case dict:
		return all("}(", v, "u")
	case persistent:
		return append(appendPickle(out, tuple(v)), 'Q')
	case call:
		return append(appendPickle(appendPickle(out, v.function), v.args), 'R')
	case instance:
		out = append(appendPickle(out, global(v.class)), ')', 0x81)
		return append(appendPickle(out, v.state), 'b')
	case raw:
		return append(out, v...)
	}
	panic(fmt.Sprintf("%T", v))
}

// tensor is the pickle of a tensor over a float storage, as torch.save writes it.
func tensor(key string, elements, offset int, shape, stride tuple) any {
	return typed("torch FloatStorage", key, elements, offset, shape, stride)
}

func typed(class, key string, elements, offset int, shape, stride tuple) any {
	return call{global("torch._utils _rebuild_tensor_v2"), tuple{
		persistent{"storage", global(class), key, "cpu", elements}, offset, shape, stride, false,
		call{global("collections OrderedDict"), nil}}}
}

func makeZip(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, data := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// floats returns the bytes of 0, 1, 2, ...
func floats(n int) []byte {
	var out []byte
	for i := range n {
		out, _ = binary.Append(out, binary.LittleEndian, float32(i))
	}
	return out
}

// state is a state dict with CLIP's landmark and one more tensor.
func state(name string, v any) dict {
	return dict{"visual.conv1.weight", tensor("0", 24, 0, tuple{2, 3, 2, 2}, tuple{12, 4, 2, 1}), name, v}
}

// archive is a file of torch.save with storages of 24, 6 and 4000 floats.
func archive(t testing.TB, value any) []byte {
	return makeZip(t, map[string][]byte{"x/data.pkl": pickled(value), "x/data/0": floats(24), "x/data/1": floats(6), "x/data/2": floats(4000)})
}

func openBytes(t *testing.T, data []byte) (*Weights, error) {
	t.Helper()
	return readAll(filepath.Join(write(t, map[string]any{"x.pt": data}), "x.pt"))
}

func TestTorchViews(t *testing.T) {
	for name, c := range map[string]struct {
		tensor any
		want   Tensor
	}{
		"whole":           {tensor("1", 6, 0, tuple{2, 3}, tuple{3, 1}), loaded([]int{2, 3}, []float32{0, 1, 2, 3, 4, 5})},
		"part":            {tensor("1", 6, 2, tuple{3}, tuple{1}), loaded([]int{3}, []float32{2, 3, 4})},
		"transposed":      {tensor("1", 6, 0, tuple{3, 2}, tuple{1, 3}), loaded([]int{3, 2}, []float32{0, 3, 1, 4, 2, 5})},
		"every other":     {tensor("1", 6, 1, tuple{3}, tuple{2}), loaded([]int{3}, []float32{1, 3, 5})},
		"one row":         {tensor("1", 6, 3, tuple{1, 3}, tuple{99, 1}), loaded([]int{1, 3}, []float32{3, 4, 5})},
		"number":          {tensor("1", 6, 5, nil, nil), loaded([]int{}, []float32{5})},
		"empty":           {tensor("1", 6, 0, tuple{0, 3}, tuple{3, 1}), loaded([]int{0, 3}, []float32{})},
		"parameter":       {call{global("torch._utils _rebuild_parameter"), tuple{tensor("1", 6, 0, tuple{6}, tuple{1}), true, nil}}, loaded([]int{6}, []float32{0, 1, 2, 3, 4, 5})},
		"halves":          {typed("torch HalfStorage", "1", 12, 1, tuple{1}, tuple{1}), loaded([]int{1}, []float32{0})},
		"brain floats":    {typed("torch BFloat16Storage", "1", 12, 3, tuple{1}, tuple{1}), loaded([]int{1}, []float32{1})},
		"doubles":         {typed("torch DoubleStorage", "1", 3, 0, tuple{1}, tuple{1}), loaded([]int{1}, []float32{0.0078125})},
		"over channels":   {tensor("0", 24, 0, tuple{2, 3, 2, 2}, tuple{12, 1, 6, 3}), loaded([]int{2, 3, 2, 2}, []float32{0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, 12, 15, 18, 21, 13, 16, 19, 22, 14, 17, 20, 23})},
		"expanded":        {tensor("1", 6, 2, tuple{3, 2}, tuple{0, 1}), loaded([]int{3, 2}, []float32{2, 3, 2, 3, 2, 3})},
		"ignored strides": {tensor("1", 6, 4, tuple{1, 1, 2}, tuple{0, 7, 1}), loaded([]int{1, 1, 2}, []float32{4, 5})},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := openBytes(t, archive(t, state("visual.proj", c.tensor)))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(content(c.want), content(w.Tensors["visual.proj"])); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestTorchRefused(t *testing.T) {
	conv := tensor("0", 24, 0, tuple{2, 3, 2, 2}, tuple{12, 4, 2, 1})
	many := dict{"visual.conv1.weight", conv}
	for i := range 50 {
		many = append(many, fmt.Sprintf("transformer.resblocks.%d.ln_1.bias", i),
			tensor("2", 4000, 0, tuple{4000}, tuple{1}))
	}
	huge := 1 << 62
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"beyond the storage":    {state("visual.proj", tensor("1", 6, 1, tuple{6}, tuple{1})), "[6]"},
		"stride beyond":         {state("visual.proj", tensor("1", 6, 0, tuple{2, 2}, tuple{5, 1})), "[5 1]"},
		"stride overflows":      {state("visual.proj", tensor("1", 6, 0, tuple{2, 2}, tuple{huge, huge})), "strides"},
		"size overflows":        {state("visual.proj", tensor("1", 6, 0, tuple{huge, huge}, tuple{0, 0})), "shape"},
		"offset overflows":      {state("visual.proj", tensor("1", 6, huge*2-1, tuple{2}, tuple{1})), "storage of 6"},
		"negative offset":       {state("visual.proj", tensor("1", 6, -1, tuple{2}, tuple{1})), "storage of 6"},
		"negative size":         {state("visual.proj", tensor("1", 6, 0, tuple{-2}, tuple{1})), "[-2]"},
		"negative stride":       {state("visual.proj", tensor("1", 6, 5, tuple{2}, tuple{-1})), "[-1]"},
		"expanded without end":  {state("visual.proj", tensor("1", 6, 0, tuple{huge, huge}, tuple{0, 0})), "a tensor of shape"},
		"expanded too far":      {state("visual.proj", tensor("1", 6, 0, tuple{1 << 20, 1 << 19}, tuple{0, 0})), "its tensors have"},
		"too many dimensions":   {state("visual.proj", tensor("1", 6, 0, tuple{1, 1, 1, 1, 1, 1, 1, 1, 1}, tuple{1, 1, 1, 1, 1, 1, 1, 1, 1})), "9 dimensions"},
		"shape without strides": {state("visual.proj", tensor("1", 6, 0, tuple{2}, nil)), "malformed"},
		"storage too short":     {state("visual.proj", tensor("1", 7, 0, tuple{7}, tuple{1})), "has 7 elements"},
		"storage claims all":    {state("visual.proj", tensor("1", huge, 0, tuple{huge}, tuple{1})), "claims"},
		"negative storage":      {state("visual.proj", tensor("1", -1, 0, tuple{2}, tuple{1})), "malformed id"},
		"no such storage":       {state("visual.proj", tensor("9", 6, 0, tuple{2}, tuple{1})), "storage 9 is not in the archive"},
		"a path as storage":     {state("visual.proj", tensor("../data.pkl", 6, 0, tuple{2}, tuple{1})), "not in the archive"},
		"malformed id":          {state("visual.proj", persistent{"storage"}), "malformed id"},
		"id is no tuple":        {state("visual.proj", raw("NQ")), "not a tuple"},
		"integers as weights":   {state("visual.proj", typed("torch CharStorage", "1", 6, 0, tuple{6}, tuple{1})), "I8"},
		"unknown storage":       {state("visual.proj", typed("torch.storage UntypedStorage", "1", 6, 0, tuple{6}, tuple{1})), `"visual.proj": sparse, quantized`},
		"sparse":                {state("visual.proj", call{global("torch._utils _rebuild_sparse_tensor"), nil}), `"visual.proj": sparse, quantized`},
		"views of one storage":  {many, "its tensors have"},
		"no tensors":            {dict{"epoch", 0}, "no tensors"},
		"a list":                {list{1, 2}, "no tensors"},
		"a loop":                {raw("}q\x00X\x01\x00\x00\x00ah\x00s"), "nested too deeply"},
		"unhashable key":        {raw("ccollections\nOrderedDict\n)RC\x01xNs"), "malformed"},
		"odd items":             {raw("}(X\x01\x00\x00\x00au"), "malformed"},
		"empty stack":           {raw("0"), "malformed"},
		"marks that are open":   {raw(strings.Repeat("(", 1000)), "marks do not pair up"},
		"marks that are shut":   {raw("tt"), "marks do not pair up"},
		"an extension":          {raw("\x82\x01"), "0x82"},
		"bytes without end":     {raw("B\xff\xff\xff\xff"), "larger than"},
		"text without end":      {raw("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"), "larger than"},
		"a line without end":    {raw("I" + strings.Repeat("1", 1<<20)), "line is too long"},
		"an empty number":       {raw("\x8a\x00"), "malformed"},
		"a pickle of 5 MB":      {string(make([]byte, 5<<20)), "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openBytes(t, archive(t, c.value))
			if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 500 {
				t.Errorf("got error %v, want a short one with %q", err, c.want)
			}
		})
	}
}

// Functions that a pickle requests are not called, and do not affect the weights.
func TestTorchExecutesNothing(t *testing.T) {
	dir := t.TempDir()
	mark := filepath.Join(dir, "mark")
	v := append(state("visual.proj", tensor("1", 6, 0, tuple{6}, tuple{1})),
		"evil", call{global("os system"), tuple{"touch " + mark}},
		"config", instance{"argparse Namespace", dict{"lr", 1}},
		"rng", call{global("numpy.core.multiarray _reconstruct"), tuple{global("numpy ndarray"), tuple{0}, "b"}},
		"old", raw("(ios\nsystem\n"), "counts", call{global("collections defaultdict"), tuple{global("builtins int")}})
	if _, err := openBytes(t, archive(t, v)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("the pickle's command was run")
	}
}

// A graph of dictionaries with more paths than can be walked.
func TestTorchWeb(t *testing.T) {
	value := raw("}q\x00")
	for i := range 40 {
		value += raw(fmt.Sprintf("}q%c(X\x01\x00\x00\x00ah%cX\x01\x00\x00\x00bh%cu", i+1, i, i))
	}
	if _, err := openBytes(t, archive(t, value)); err == nil || !strings.Contains(err.Error(), "nested too deeply") {
		t.Errorf("got error %v", err)
	}
}

func TestTorchContainers(t *testing.T) {
	proj := tensor("1", 6, 0, tuple{6}, tuple{1})
	prefixed := dict{}
	for i, v := range state("visual.proj", proj) {
		if i%2 == 0 {
			v = "module." + v.(string)
		}
		prefixed = append(prefixed, v)
	}
	module := instance{"clip.model CLIP", dict{"training", true, "_modules", dict{"visual", instance{"clip.model VisionTransformer", dict{
		"_parameters", dict{"proj", proj}, "_modules", dict{"conv1", instance{"torch.nn Conv2d", dict{
			"_parameters", dict{"weight", tensor("0", 24, 0, tuple{2, 3, 2, 2}, tuple{12, 4, 2, 1})}}}}}}}}}
	ordered := raw("ccollections\nOrderedDict\n)R(")
	for _, v := range state("visual.proj", proj) {
		ordered = raw(appendPickle([]byte(ordered), v))
	}
	ordered += "u"
	for name, c := range map[string]struct {
		value  any
		format string
	}{
		"state dict":               {state("visual.proj", proj), "openai-state-dict"},
		"ordered state dict":       {ordered, "openai-state-dict"},
		"checkpoint":               {dict{"epoch", 3, "state_dict", prefixed, "optimizer", dict{"state", dict{0, dict{"exp_avg", proj}}}}, "openclip-training"},
		"a module that was saved":  {module, "openai-state-dict"},
		"with OpenAI's counters":   {append(state("visual.proj", proj), "input_resolution", typed("torch LongStorage", "1", 3, 0, nil, nil)), "openai-state-dict"},
		"with protocol 4's frames": {raw("\x95\x00\x00\x00\x00\x00\x00\x00\x00" + string(appendPickle(nil, state("visual.proj", proj)))), "openai-state-dict"},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := openBytes(t, archive(t, c.value))
			if err != nil {
				t.Fatal(err)
			}
			if len(w.Tensors) != 2 || !slices.Equal(values(w.Tensors["visual.proj"]), []float32{0, 1, 2, 3, 4, 5}) || w.Format != c.format {
				t.Errorf("got %v of format %s", w.Tensors, w.Format)
			}
			if want := map[bool]string{true: "quick_gelu"}[strings.Contains(name, "counters")]; w.Activation != want {
				t.Errorf("activation %q, want %q", w.Activation, want)
			}
		})
	}
}

func TestTorchArchiveForm(t *testing.T) {
	data := pickled(state("visual.proj", tensor("1", 6, 0, tuple{6}, tuple{1})))
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	for name, content := range map[string][]byte{"x/data.pkl": data, "x/data/0": floats(24), "x/data/1": floats(6)} {
		w, err := z.Create(name) // compressed
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := openBytes(t, packed.Bytes()); err == nil || !strings.Contains(err.Error(), "compressed") {
		t.Errorf("compressed storages: got error %v", err)
	}
	big := makeZip(t, map[string][]byte{"x/data.pkl": data, "x/data/0": floats(24), "x/data/1": floats(6), "x/byteorder": []byte("big")})
	if _, err := openBytes(t, big); err == nil || !strings.Contains(err.Error(), "big-endian") {
		t.Errorf("big-endian: got error %v", err)
	}
}

// legacy is a file as torch.save wrote before PyTorch 1.6.
func legacy(value any, keys list, storages ...[]byte) []byte {
	out := []byte("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.")
	out = append(out, pickled(dict{"protocol_version", 1001, "little_endian", true, "type_sizes", dict{"int", 4}})...)
	out = append(out, pickled(value)...)
	out = append(out, pickled(keys)...)
	for _, s := range storages {
		out = binary.LittleEndian.AppendUint64(out, uint64(len(s)/4))
		out = append(out, s...)
	}
	return out
}

func TestLegacy(t *testing.T) {
	value := state("visual.proj", tensor("1", 6, 0, tuple{3, 2}, tuple{1, 3}))
	keys := list{"1", "0"}
	w, err := openBytes(t, legacy(value, keys, floats(6), floats(24)))
	if err != nil {
		t.Fatal(err)
	}
	if got := values(w.Tensors["visual.proj"]); !slices.Equal(got, []float32{0, 3, 1, 4, 2, 5}) {
		t.Errorf("got %v", got)
	}
	if got := values(w.Tensors["visual.conv1.weight"]); len(got) != 24 || got[23] != 23 {
		t.Errorf("got %v", got)
	}
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"cut off":             {legacy(value, keys, floats(6), floats(23)[:90]), "does not match"},
		"cut in the data":     {legacy(value, keys, floats(6), floats(24))[:len(legacy(value, keys, floats(6), floats(24)))-1], "cut off"},
		"no storages":         {legacy(value, keys), "cut off"},
		"no list of storages": {legacy(value, nil), `storage "0" is not in the file`},
		"unknown storage":     {legacy(value, list{"7"}, floats(6)), `"7"`},
		"a storage twice":     {legacy(value, list{"1", "1"}, floats(6), floats(6)), `"1"`},
		"wrong count":         {legacy(value, keys, floats(5)), "5 elements"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := openBytes(t, c.file); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}

// Any bytes give an error or consistent tensors.
func FuzzDecode(f *testing.F) {
	good := state("visual.proj", tensor("1", 6, 1, tuple{2, 2}, tuple{1, 2}))
	f.Add(archive(f, good))
	f.Add(legacy(good, list{"0", "1"}, floats(24), floats(6)))
	f.Add([]byte("PK\x03\x04"))
	if data, err := os.ReadFile(fixture.Path(f, "clip/openclip.safetensors")); err == nil {
		f.Add(data[:min(len(data), 4096)])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decode(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		if tensors, err := s.list(s.tensors); err == nil {
			for name, v := range tensors {
				n := 1
				for _, d := range v.Shape {
					n *= d
				}
				if data, err := v.Read(); err == nil && n != len(data) {
					t.Errorf("tensor %q of shape %v has %d elements", name, v.Shape, len(data))
				}
			}
		}
	})
}

// Only pickles, so that the fuzzer need not preserve archives.
func FuzzPickle(f *testing.F) {
	f.Add(pickled(state("visual.proj", tensor("1", 6, 1, tuple{2, 2}, tuple{1, 2}))))
	f.Add(pickled(dict{"state_dict", instance{"a B", dict{"c", list{1, "x", nil, true}}}}))
	f.Add([]byte("\x80\x04\x95\x03\x00\x00\x00\x00\x00\x00\x00}\x94."))
	f.Fuzz(func(t *testing.T, data []byte) {
		archive := makeZip(t, map[string][]byte{"x/data.pkl": data, "x/data/0": floats(24), "x/data/1": floats(6)})
		s, err := decode(bytes.NewReader(archive), int64(len(archive)))
		if err == nil {
			_, _ = s.list(s.tensors)
		}
	})
}

// Configurations give an error or plausible values.
func FuzzConfiguration(f *testing.F) {
	f.Add([]byte(`{"model_cfg":{"quick_gelu":true,"vision_cfg":{"width":4,"head_width":2,"norm_kwargs":{"eps":1e-6}},"text_cfg":{"heads":1}},"preprocess_cfg":{"mean":[0,0,0],"std":[1,1,1]}}`))
	f.Add([]byte(`{"hidden_act":"gelu","num_attention_heads":3,"layer_norm_eps":1e-5}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		check := func(w Weights, err error) {
			if err == nil && (w.Activation == "" || w.VisionHeads < 0 || w.TextHeads < 0 || w.Eps <= 0) {
				t.Errorf("%s gives %+v", data, w)
			}
		}
		var w Weights
		_, err := w.fromOpenCLIP(data, "testdata/none", 64)
		check(w, err)
		w = Weights{}
		_, err = w.fromTransformers(data, data, "testdata/none")
		check(w, err)
	})
}

func loaded(shape []int, data []float32) Tensor { return InMemory(data, shape...) }
