package dataset

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// ErrNotFound means that no stored id belongs to a path.
var ErrNotFound = errors.New("not found in the feature store")

// Resolver finds the stored id that a path in an annotation means. Both are paths
// below folders that need not be the same, so that one has to end in the other by
// whole elements: "videos/wave/a.mp4" and "wave/a.mp4" belong together. Endings
// of video files do not count, in folder names neither does space against
// underscore, and backslashes are slashes. The longest common ending wins, then
// the same file ending; what is left equal is an error.
type Resolver struct {
	entries []entry // sorted by key
	failed  *Resolver
	reasons map[string]string // by ids of failed
}

type entry struct{ key, id string }

// NewResolver indexes the ids of a store. A lookup takes logarithmic time.
func NewResolver(ids []string) *Resolver {
	r := &Resolver{entries: make([]entry, len(ids))}
	for i, id := range ids {
		r.entries[i] = entry{resolveKey(id), id}
	}
	slices.SortFunc(r.entries, func(a, b entry) int {
		if c := strings.Compare(a.key, b.key); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	r.entries = slices.Compact(r.entries)
	return r
}

// Resolve returns the id that p means. Errors: ErrNotFound, or one that names two
// ids between which nothing decides.
func (r *Resolver) Resolve(p string) (id string, err error) {
	key := resolveKey(p)
	if key == "" {
		return "", fmt.Errorf("%q: %w", p, ErrNotFound)
	}
	// Ids that end in p, p itself among them.
	if found := r.below(key); len(found) > 0 {
		return pick(p, found)
	}
	// Ids that p ends in, the longest first.
	for end := strings.LastIndexByte(key[:len(key)-1], 0); end >= 0; end = strings.LastIndexByte(key[:end], 0) {
		if found := r.equal(key[:end+1]); len(found) > 0 {
			return pick(p, found)
		}
	}
	if r.failed != nil {
		if id, err := r.failed.Resolve(p); err == nil {
			return "", fmt.Errorf("%q: %w because its extraction failed: %s", p, ErrNotFound, r.reasons[id])
		}
	}
	file := key[:strings.IndexByte(key, 0)+1]
	if near := r.below(file); len(near) > 0 {
		return "", fmt.Errorf("%q: %w (%q lies in another folder)", p, ErrNotFound, near[0].id)
	}
	return "", fmt.Errorf("%q: %w", p, ErrNotFound)
}

// resolveKey turns a path around, the file's stem first, and ends each element
// with a zero byte: paths with a common ending get a common prefix, and they lie
// side by side when sorted.
func resolveKey(p string) string {
	elements := strings.Split(normalPath(p), "/")
	slices.Reverse(elements)
	var b strings.Builder
	for i, e := range elements {
		if i == 0 {
			e = trimVideoExtension(e)
		} else {
			e = strings.ReplaceAll(e, "_", " ")
		}
		if e != "" {
			b.WriteString(e)
			b.WriteByte(0)
		}
	}
	return b.String()
}

// normalPath is a path with slashes, without "." and repeated slashes.
func normalPath(p string) string {
	return path.Clean(strings.ReplaceAll(strings.TrimSpace(p), `\`, "/"))
}

// below returns the entries whose keys start with a key.
func (r *Resolver) below(key string) []entry {
	return r.span(key, func(k string) bool { return strings.HasPrefix(k, key) })
}

func (r *Resolver) equal(key string) []entry {
	return r.span(key, func(k string) bool { return k == key })
}

// span returns the entries from key on that are in a range.
func (r *Resolver) span(key string, in func(string) bool) []entry {
	i, _ := slices.BinarySearchFunc(r.entries, key, func(e entry, k string) int { return strings.Compare(e.key, k) })
	rest := r.entries[i:]
	n, _ := slices.BinarySearchFunc(rest, false, func(e entry, _ bool) int {
		if in(e.key) {
			return -1
		}
		return 1
	})
	return rest[:n]
}

// pick decides between ids that have the same ending in common with p: the very
// path, else the very file name.
func pick(p string, found []entry) (string, error) {
	p = normalPath(p)
	var best, second string
	rank := -1
	for i, e := range found {
		if i > 0 && rank == 2 {
			break
		}
		id := normalPath(e.id)
		n := 0
		if id == p {
			n = 2
		} else if path.Base(id) == path.Base(p) {
			n = 1
		}
		switch {
		case n > rank:
			rank, best, second = n, e.id, ""
		case n == rank && second == "":
			second = e.id
		}
	}
	if second != "" {
		return "", fmt.Errorf("%q may mean %q or %q; write more of its path", p, best, second)
	}
	return best, nil
}

// Matched is a sample and the stored id of its video.
type Matched struct {
	Sample
	ID string
}

// Missing is a sample whose video is not to be had, and why.
type Missing struct {
	Sample
	Err error
}

// Match finds the stored video of every sample; each sample is in exactly one of
// the results, in d's order. Two different paths that come to one id are missing,
// too: one of them would get another video's features.
func (d *Dataset) Match(r *Resolver) (matched []Matched, missing []Missing) {
	type answer struct {
		id  string
		err error
	}
	answers := make(map[string]answer, len(d.Samples))
	owner := map[string]string{}  // id -> the first path that came to it
	shared := map[string]string{} // id -> a second path
	for _, s := range d.Samples {
		p := normalPath(s.Path)
		if _, ok := answers[p]; ok {
			continue
		}
		id, err := r.Resolve(s.Path)
		answers[p] = answer{id, err}
		if err != nil {
			continue
		}
		if first, ok := owner[id]; !ok {
			owner[id] = p
		} else if _, ok := shared[id]; !ok && first != p {
			shared[id] = p
		}
	}
	for _, s := range d.Samples {
		a := answers[normalPath(s.Path)]
		if other, ok := shared[a.id]; ok && a.err == nil {
			a.err = fmt.Errorf("%q and %q both come to the stored %q", owner[a.id], other, a.id)
		}
		if a.err != nil {
			missing = append(missing, Missing{s, a.err})
		} else {
			matched = append(matched, Matched{s, a.id})
		}
	}
	return matched, missing
}
