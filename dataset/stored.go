package dataset

import (
	"fmt"
	"maps"
	"slices"
)

// Store is the part of a feature.Store that [Stored] uses.
type Store interface {
	Dir() string
	IDs() ([]string, error)
	// Failures returns the reasons for which videos are missing, by their IDs.
	Failures() (map[string]string, error)
}

// Stored returns a resolver for the contents of a store. For videos that failed, its
// errors include the reason. An empty store is an error that wraps [ErrNoFeatures].
func Stored(s Store) (*Resolver, error) {
	ids, err := s.IDs()
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s: %w", s.Dir(), ErrNoFeatures)
	}
	r := NewResolver(ids)
	r.reasons, err = s.Failures()
	if len(r.reasons) > 0 {
		r.failed = NewResolver(slices.Collect(maps.Keys(r.reasons)))
	}
	return r, err
}
