package exactjson

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// check returns an error for data with an object that has a name twice, or in two cases if it is decoded to a
// structure. Other faults are left to the decoder. Names of maps, such as the tokens of a vocabulary, may
// differ only in case.
func check(data []byte, into any) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowInvalidUTF8(true))
	err := checkValue(d, reflect.TypeOf(into))
	if fault, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if !errors.Is(err, jsontext.ErrDuplicateName) {
			return nil
		}
		return fmt.Errorf("the key %.200q is twice in an object, at byte %d", fault.JSONPointer.LastToken(), fault.ByteOffset)
	}
	if _, ok := errors.AsType[*caseError](err); ok {
		return err
	}
	return nil // it ended too early
}

// caseError reports names that differ only in case.
type caseError struct {
	name, wrong string
	at          int64 // byte after the object
}

func (e *caseError) Error() string {
	return fmt.Sprintf("the keys %q and %.200q of an object differ only in case, before byte %d: remove one", e.name, e.wrong, e.at)
}

// checkValue checks the next value, which is decoded to type t, or ignored if t is nil.
func checkValue(d *jsontext.Decoder, t reflect.Type) error {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	kind := d.PeekKind()
	if t == nil || decodesItself(t) || kind != '{' && kind != '[' {
		return d.SkipValue()
	}
	switch k := t.Kind(); {
	case kind == '{' && k == reflect.Struct:
		return checkStruct(d, namesOf(t))
	case kind == '{' && k == reflect.Map, kind == '[' && (k == reflect.Slice || k == reflect.Array):
		return checkElements(d, t.Elem())
	}
	return d.SkipValue()
}

// checkElements checks the values of an object or a list.
func checkElements(d *jsontext.Decoder, t reflect.Type) error {
	open, err := d.ReadToken()
	for err == nil && d.PeekKind() != '}' && d.PeekKind() != ']' {
		if open.Kind() == '{' {
			_, err = d.ReadToken()
		}
		if err == nil {
			err = checkValue(d, t)
		}
	}
	if err == nil {
		_, err = d.ReadToken()
	}
	return err
}

func checkStruct(d *jsontext.Decoder, fields names) error {
	var found []string
	var wrong []caseError
	_, err := d.ReadToken()
	for err == nil && d.PeekKind() != '}' {
		var token jsontext.Token
		if token, err = d.ReadToken(); err != nil {
			return err
		}
		name := token.String()
		t, ok := fields.types[name]
		if right := fields.folded[fold(name)]; ok {
			found = append(found, name)
		} else if right != "" {
			wrong = append(wrong, caseError{name: right, wrong: name})
		}
		err = checkValue(d, t)
	}
	if err == nil {
		_, err = d.ReadToken()
	}
	for _, e := range wrong {
		if slices.Contains(found, e.name) {
			e.at = d.InputOffset()
			return &e
		}
	}
	return err
}

// names are the names of the fields of a structure in JSON.
type names struct {
	types  map[string]reflect.Type
	folded map[string]string // the name, by its fold
}

var known sync.Map // names by type

func namesOf(t reflect.Type) names {
	if n, ok := known.Load(t); ok {
		return n.(names)
	}
	n := names{map[string]reflect.Type{}, map[string]string{}}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || f.Anonymous && name == "" || f.Tag.Get("json") == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		n.types[name], n.folded[fold(name)] = f.Type, name
	}
	known.Store(t, n)
	return n
}

// fold returns the same text for texts that differ only in case.
func fold(s string) string { return strings.ToLower(strings.ToUpper(s)) }

// decodesItself reports whether a type has a method that decodes it.
func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}
