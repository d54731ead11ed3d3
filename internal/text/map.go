package text

import (
	"encoding/json"
	"reflect"
)

// Map returns a copy of v in which f was applied to every string: in exported fields,
// lists and maps, and behind pointers. Types with their own form in JSON are unchanged.
func Map[T any](v T, f func(string) string) T {
	in := reflect.ValueOf(&v).Elem()
	return mapped(in, f).Interface().(T)
}

var marshaler = reflect.TypeFor[json.Marshaler]()

func mapped(v reflect.Value, f func(string) string) reflect.Value {
	if v.Type().Implements(marshaler) {
		return v
	}
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.String:
		out.SetString(f(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(mapped(v.Elem(), f))
		}
	case reflect.Interface:
		if !v.IsNil() {
			out.Set(mapped(v.Elem(), f))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out.Field(i).Set(mapped(v.Field(i), f))
			}
		}
	case reflect.Slice, reflect.Array:
		mapList(out, v, f)
	case reflect.Map:
		if v.IsNil() {
			break
		}
		out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
		for key, x := range v.Seq2() {
			out.SetMapIndex(mapped(key, f), mapped(x, f))
		}
	}
	return out
}

// mapList sets out, which holds v, to the mapped items of v. Numbers stay shared.
func mapList(out, v reflect.Value, f func(string) string) {
	if k := v.Type().Elem().Kind(); k <= reflect.Complex128 || v.Len() == 0 {
		return
	}
	if v.Kind() == reflect.Slice {
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
	}
	for i := range v.Len() {
		out.Index(i).Set(mapped(v.Index(i), f))
	}
}
