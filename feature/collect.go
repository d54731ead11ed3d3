package feature

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/clipcue/clipcue/internal/text"
)

// Recipe returns what all sequences of a run share: the Backbone, Preprocessing, Sampling
// and Stream of their provenance.
func (o Options) Recipe(enc Encoder) (Provenance, error) {
	if _, err := o.validate(); err != nil {
		return Provenance{}, err
	}
	return o.recipe(enc), nil
}

func (o Options) recipe(enc Encoder) Provenance {
	return Provenance{
		Stream:        o.Stream,
		Backbone:      enc.Fingerprint(),
		Preprocessing: o.preprocessing(enc.Config()),
		Sampling:      o.Sampling.String(),
	}
}

// Collection adds sequences to a store that other processes or machines extracted.
type Collection struct {
	store  *Store
	made   Provenance
	leave  func()
	failed map[string]bool // text.Key of the IDs in failuresFile
}

// Collect registers a writer of sequences of a recipe, as [Extract] does: other recipes get
// [ErrBusy], and a stored sequence of another recipe is a [*MismatchError].
func (s *Store) Collect(made Provenance) (*Collection, error) {
	leave, err := s.enter(made)
	if err != nil {
		return nil, err
	}
	c := &Collection{s, made, leave, map[string]bool{}}
	if err := c.check(); err != nil {
		leave()
		return nil, err
	}
	return c, nil
}

// check compares the recipes of all stored sequences, and reads which videos failed.
func (c *Collection) check() error {
	ids, _, err := c.store.list()
	if err != nil {
		return err
	}
	for _, id := range ids {
		// A file that cannot be read counts as missing.
		if p, err := c.store.Provenance(id); err == nil {
			if m := c.made.mismatch(p); m != nil {
				m.Store, m.ID = c.store.dir, id
				return m
			}
		}
	}
	failed, err := c.store.failures()
	for _, f := range failed {
		c.failed[text.Key(f.ID)] = true
	}
	return err
}

// Close ends the registration.
func (c *Collection) Close() { c.leave() }

// Add stores a sequence of the recipe, completely or not at all.
func (c *Collection) Add(q *Sequence) error {
	if m := c.made.mismatch(q.Provenance); m != nil {
		m.Store, m.ID = c.store.dir, q.ID
		return m
	}
	if q.Provenance.Stream != c.made.Stream {
		return fmt.Errorf("%s: the features are of video stream %d, not %d", q.ID, q.Provenance.Stream, c.made.Stream)
	}
	err := c.store.Put(q)
	if errors.Is(err, syscall.ENAMETOOLONG) {
		err = fmt.Errorf("%s: %w", text.Quote(q.ID), ErrLongName)
	}
	if key := text.Key(q.ID); err == nil && c.failed[key] {
		delete(c.failed, key)
		err = c.store.updateFailures(nil, map[string]bool{key: true})
	}
	return err
}

// Fail lists a video in failures.jsonl, and deletes a stored sequence of an earlier version
// of it.
func (c *Collection) Fail(id, path, reason string) error {
	if _, err := file(id); err == nil {
		if err := c.store.remove(id); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	key := text.Key(id)
	c.failed[key] = true
	f := Failure{Path: path, ID: id, Reason: reason, Time: time.Now().UTC().Truncate(time.Millisecond)}
	return c.store.updateFailures([]Failure{f}, map[string]bool{key: true})
}

// CheckID returns an error unless a sequence with the ID can be stored.
func (c *Collection) CheckID(id string) error {
	name, err := file(id)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(c.store.dir, name)); errors.Is(err, syscall.ENAMETOOLONG) {
		return ErrLongName
	}
	return c.store.mayPut(id)
}
