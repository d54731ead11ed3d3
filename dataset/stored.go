package dataset

import (
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

// Stored makes the resolver of what a store holds, which tells of the videos that
// failed why they are not there. A store that holds nothing is an error.
func Stored(s Store) (*Resolver, error) {
	ids, err := s.IDs()
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s holds no features; make them with: clipcue extract --model MODEL --out %s VIDEOS", s.Dir(), s.Dir())
	}
	r := NewResolver(ids)
	r.reasons, err = s.Failures()
	if len(r.reasons) > 0 {
		r.failed = NewResolver(slices.Collect(maps.Keys(r.reasons)))
	}
	return r, err
}
