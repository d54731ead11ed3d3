package server

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

// checkQuery is a middleware that answers requests whose query would be ignored in part: package huma takes the first
// of repeated parameters, and the default for empty ones.
func checkQuery(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(c huma.Context, next func(huma.Context)) {
		u := c.URL()
		values, err := url.ParseQuery(u.RawQuery)
		if err != nil {
			_ = huma.WriteErr(api, c, http.StatusBadRequest, fmt.Sprintf("The query of the address cannot be read: %v.", err)) // the client has gone
			return
		}
		var faults []error
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if fault := queryFault(c.Operation().Parameters, name, values[name]); fault != "" {
				faults = append(faults, &huma.ErrorDetail{Location: "query." + name, Message: fault})
			}
		}
		if faults != nil {
			_ = huma.WriteErr(api, c, http.StatusUnprocessableEntity, "validation failed", faults...)
			return
		}
		next(c)
	}
}

// queryFault returns what is wrong with the values of a parameter, or "". Texts may be empty.
func queryFault(known []*huma.Param, name string, values []string) string {
	i := slices.IndexFunc(known, func(p *huma.Param) bool { return p.In == "query" && p.Name == name })
	if i < 0 {
		return fmt.Sprintf("there is no parameter %.100q", name)
	}
	schema := known[i].Schema
	switch {
	case schema.Type != huma.TypeArray && len(values) > 1:
		return fmt.Sprintf("the parameter %s is given %d times", name, len(values))
	case (schema.Type != huma.TypeString || len(schema.Enum) > 0) && slices.Contains(values, ""):
		return fmt.Sprintf("the parameter %s is empty", name)
	}
	return ""
}
