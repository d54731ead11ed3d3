package dataset

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Store is where videos' features are: a feature.Store.
type Store interface {
	Dir() string
	IDs() ([]string, error)
	// Failures are the reasons for which it lacks videos, by their ids.
	Failures() (map[string]string, error)
}

// ErrNoFeatures is wrapped by the error for an empty feature store.
var ErrNoFeatures = errors.New("the feature store is empty")

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
