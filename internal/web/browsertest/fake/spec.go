package fake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// schema is as much of a JSON schema as the bodies of the API need.
type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Properties map[string]*schema
	Required   []string
	Items      *schema
}

// spec is the committed description of the API.
type spec struct {
	schemas map[string]*schema
	bodies  map[string]*schema // by method and pattern
	mux     *http.ServeMux
}

func parseSpec(text []byte) (*spec, error) {
	var in struct {
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct{ Schema *schema }
			}
		}
		Components struct{ Schemas map[string]*schema }
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, err
	}
	s := &spec{schemas: in.Components.Schemas, bodies: map[string]*schema{}, mux: http.NewServeMux()}
	for path, operations := range in.Paths {
		for method, o := range operations {
			if c, ok := o.RequestBody.Content["application/json"]; ok {
				pattern := strings.ToUpper(method) + " " + path
				s.bodies[pattern] = c.Schema
				s.mux.Handle(pattern, http.NotFoundHandler())
			}
		}
	}
	return s, nil
}

// check returns an error for a body that the real server refuses.
func (s *spec) check(r *http.Request) error {
	_, pattern := s.mux.Handler(r)
	want := s.bodies[pattern]
	if want == nil {
		return nil
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	return s.fits(v, want, "body")
}

// fits returns an error if a value does not have the type that a schema describes.
func (s *spec) fits(v any, want *schema, at string) error {
	if name, ok := strings.CutPrefix(want.Ref, "#/components/schemas/"); ok {
		want = s.schemas[name]
	}
	types := fmt.Sprint(want.Type) // one, or a list with "null"
	switch v := v.(type) {
	case map[string]any:
		if types != "object" {
			return fmt.Errorf("%s is an object, want %s", at, types)
		}
		for _, name := range want.Required {
			if _, ok := v[name]; !ok {
				return fmt.Errorf("%s lacks %s", at, name)
			}
		}
		for name, x := range v {
			if want.Properties[name] == nil {
				return fmt.Errorf("unexpected property %s.%s", at, name)
			}
			if err := s.fits(x, want.Properties[name], at+"."+name); err != nil {
				return err
			}
		}
		return nil
	case []any:
		if !strings.Contains(types, "array") {
			return fmt.Errorf("%s is a list, want %s", at, types)
		}
		for _, x := range v {
			if err := s.fits(x, want.Items, at); err != nil {
				return err
			}
		}
		return nil
	}
	kinds := map[string][]string{"string": {"string"}, "bool": {"boolean"}, "float64": {"number", "integer"}, "<nil>": {"null"}}
	if !slices.ContainsFunc(kinds[fmt.Sprintf("%T", v)], func(k string) bool { return strings.Contains(types, k) }) {
		return fmt.Errorf("%s is %v, want %s", at, v, types)
	}
	return nil
}
