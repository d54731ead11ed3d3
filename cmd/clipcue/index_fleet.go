package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/fleet"
	"github.com/clipcue/clipcue/video"
)

// addFleet adds the flags of a fleet that extracts the features of a library.
func (b *brokerFlags) addFleet(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&b.address, "fleet", "", "address of the broker of a fleet that extracts the features")
	f.StringVar(&b.fleet, "fleet-name", "clipcue", "name of the fleet, if several use one broker")
	f.StringVar(&b.creds, "creds", "", "credentials file of NATS, for an external broker")
	f.StringVar(&b.ca, "tls-ca", "", "PEM file with the certificate authority of the broker")
}

// extracted is what a library asks for features that were extracted elsewhere.
type extracted = func(ctx context.Context, videos []video.Source) (func(path string) (*feature.Sequence, error), error)

// extractedBy returns a function that has a fleet extract the features of videos. The options
// must be those of the fleet.
func (a *app) extractedBy(b brokerFlags, enc feature.Encoder, o feature.Options) extracted {
	return func(ctx context.Context, videos []video.Source) (func(string) (*feature.Sequence, error), error) {
		client, err := b.connect(nil)
		if err != nil {
			return nil, err
		}
		defer client.Close()
		s, err := client.Status(ctx)
		if err != nil {
			return nil, err
		}
		if err := sameRecipe(s.Recipe, enc, o); err != nil {
			return nil, err
		}
		store, err := feature.Open(s.Store)
		if err != nil {
			return nil, fmt.Errorf("the feature store of the fleet must be in the same folder on this machine: %w", err)
		}
		ids, err := storeIDs(store, videos)
		if err != nil {
			return nil, err
		}
		videos = slices.Clone(videos)
		for i, v := range videos {
			videos[i].ID = ids[v.Path]
		}
		r, err := fleet.SubmitFiles(ctx, client, videos, a.progress)
		if err != nil {
			return nil, err
		}
		a.warnEach(r.Refused)
		if _, err := a.fleetWait(ctx, client); err != nil {
			return nil, err
		}
		return func(path string) (*feature.Sequence, error) { return store.Get(ids[path]) }, nil
	}
}

// sameRecipe returns an error unless a fleet extracts what a library needs.
func sameRecipe(r fleet.Recipe, enc feature.Encoder, o feature.Options) error {
	want, err := o.Recipe(enc)
	if err != nil {
		return err
	}
	for _, c := range []struct{ what, have, want string }{
		{"backbone", r.Backbone, want.Backbone},
		{"preprocessing", r.Preprocessing, want.Preprocessing},
		{"sampling", r.Sampling, want.Sampling},
		{"video stream", fmt.Sprint(r.Stream), fmt.Sprint(want.Stream)},
	} {
		if c.have != c.want {
			return fmt.Errorf("the fleet extracts with %s %s, but the library needs %s", c.what, c.have, c.want)
		}
	}
	return nil
}

// storeIDs returns the IDs that videos have in a store, by path. New ones get an ID from
// their path.
func storeIDs(store *feature.Store, videos []video.Source) (map[string]string, error) {
	stored, err := store.IDs()
	if err != nil {
		return nil, err
	}
	ids := map[string]string{}
	for _, v := range videos {
		rest := strings.TrimPrefix(v.Path, filepath.VolumeName(v.Path))
		ids[v.Path] = strings.TrimPrefix(filepath.ToSlash(rest), "/")
	}
	for _, id := range stored {
		p, err := store.Provenance(id)
		if err != nil {
			continue // a file that cannot be read counts as missing
		}
		if _, ok := ids[p.Source]; ok {
			ids[p.Source] = id
		}
	}
	return ids, nil
}
