package checkpoint

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/types"
)

// maxPickle bounds the pickles in a weight file, in bytes. They hold names and
// shapes, about 100 bytes a tensor. Loading one takes at most a few hundred times its
// size.
const maxPickle = 2 << 20

// maxMarks bounds how deep a pickle's marks may nest.
const maxMarks = 256

// unpickle runs a pickle that readPickle has checked. Classes and functions
// that find does not know become inert objects: nothing is imported or called.
func unpickle(data []byte, find func(class string) any, storage func(id []any) (any, error)) (value any, err error) {
	// gopickle panics on a dictionary with an odd number of items and the like.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("its pickle is malformed: %v", p)
		}
	}()
	u := pickle.NewUnpickler(bytes.NewReader(data))
	u.FindClass = func(module, name string) (any, error) {
		if known := find(module + "." + name); known != nil {
			return known, nil
		}
		return &class{module + "." + name}, nil
	}
	u.PersistentLoad = func(id any) (any, error) {
		if tuple, ok := id.(*types.Tuple); ok && storage != nil {
			return storage(*tuple)
		}
		return nil, errors.New("a persistent id is not a tuple")
	}
	value, err = u.Load()
	if err != nil {
		return nil, fmt.Errorf("its pickle is malformed: %.200s", err)
	}
	return value, nil
}

// class is any Python class or function that findTorch does not know.
type class struct{ name string }

func (c *class) Call(...any) (any, error)  { return &object{class: c.name}, nil }
func (c *class) PyNew(...any) (any, error) { return &object{class: c.name}, nil }

// object is an instance of a class, or a function's result. It has only the attributes
// and items with a name.
type object struct {
	class string
	attrs []types.DictEntry
}

func (o *object) Set(key, value any) {
	o.attrs = append(o.attrs, types.DictEntry{Key: key, Value: value})
}
func (o *object) Append(any) {}
func (o *object) Add(any)    {}

func (o *object) PySetState(state any) error {
	if d, ok := state.(*types.Dict); ok {
		o.attrs = append(o.attrs, *d...)
	}
	return nil
}

// function is a Python function that findTorch knows.
type function func(args ...any) (any, error)

func (f function) Call(args ...any) (any, error) { return f(args...) }

// readPickle reads one pickle, up to and including its STOP, and checks what gopickle
// does not: that only opcodes of torch.save occur, and that no length exceeds the bytes
// of the file. Frames, which only help a reader to buffer, are not in the result; length
// counts them.
func readPickle(r *bufio.Reader) (data []byte, length int64, err error) {
	p := &pickleReader{r: r}
	marks := 0
	for {
		begin := len(p.data)
		op, err := p.take(1)
		if err != nil {
			return nil, 0, err
		}
		code := op[0]
		switch code {
		case '(':
			marks++
		case 't', 'd', 'l', 'u', 'e', '1', 'o', 'i', 0x90, 0x91:
			marks--
		}
		if marks < 0 || marks > maxMarks {
			return nil, 0, errors.New("its pickle is malformed: marks do not pair up")
		}
		form, ok := opcodes[code]
		if !ok {
			return nil, 0, fmt.Errorf("its pickle has opcode %#x, which torch.save does not write", code)
		}
		if err := p.argument(form); err != nil {
			return nil, 0, err
		}
		if code == frame {
			p.data = p.data[:begin]
		}
		if code == '.' {
			return p.data, p.length, nil
		}
	}
}

// pickleReader collects the bytes of a pickle.
type pickleReader struct {
	r      *bufio.Reader
	data   []byte
	length int64 // bytes read
}

// take reads n bytes.
func (p *pickleReader) take(n uint64) ([]byte, error) {
	if n > maxPickle || p.length+int64(n) > maxPickle {
		return nil, fmt.Errorf("its pickle is larger than %d bytes, more than any weight file's", maxPickle)
	}
	at := len(p.data)
	p.data = append(p.data, make([]byte, n)...)
	if _, err := io.ReadFull(p.r, p.data[at:]); err != nil {
		return nil, ErrDamaged
	}
	p.length += int64(n)
	return p.data[at:], nil
}

// argument reads what follows an opcode.
func (p *pickleReader) argument(form argument) error {
	if form.width > 0 {
		arg, err := p.take(uint64(form.width))
		if err != nil {
			return err
		}
		if form.counts {
			var wide [8]byte
			copy(wide[:], arg)
			if _, err := p.take(binary.LittleEndian.Uint64(wide[:])); err != nil {
				return err
			}
		}
	}
	for range form.lines {
		if err := p.line(); err != nil {
			return err
		}
	}
	return nil
}

// line reads a line of text.
func (p *pickleReader) line() error {
	for range 4096 {
		c, err := p.take(1)
		if err != nil {
			return err
		}
		if c[0] == '\n' {
			return nil
		}
	}
	return errors.New("its pickle is malformed: a line is too long")
}

// argument is what follows an opcode: width bytes, which count the bytes after
// them if counts is set, or lines of text.
type argument struct {
	width  int
	counts bool
	lines  int
}

// frame is the opcode that announces how many bytes belong together.
const frame = 0x95

// opcodes are those that torch.save writes in any protocol. Left out are
// extension codes, out-of-band buffers and numbers of more than 255 bytes.
var opcodes = func() map[byte]argument {
	table := map[byte]argument{
		'K': {width: 1}, 'h': {width: 1}, 'q': {width: 1}, 0x80: {width: 1},
		'M': {width: 2},
		'J': {width: 4}, 'j': {width: 4}, 'r': {width: 4},
		'G': {width: 8}, frame: {width: 8},
		'U': {width: 1, counts: true}, 'C': {width: 1, counts: true}, 0x8a: {width: 1, counts: true}, 0x8c: {width: 1, counts: true},
		'T': {width: 4, counts: true}, 'X': {width: 4, counts: true}, 'B': {width: 4, counts: true},
		0x8d: {width: 8, counts: true}, 0x8e: {width: 8, counts: true}, 0x96: {width: 8, counts: true},
		'I': {lines: 1}, 'F': {lines: 1}, 'L': {lines: 1}, 'S': {lines: 1}, 'V': {lines: 1}, 'g': {lines: 1}, 'p': {lines: 1}, 'P': {lines: 1},
		'c': {lines: 2}, 'i': {lines: 2},
	}
	for _, c := range []byte("(.012NRabd}elo]st)uQ\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94") {
		table[c] = argument{}
	}
	return table
}()
