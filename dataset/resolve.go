package dataset

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/video"
)

// Resolver finds the stored ID that a path in an annotation refers to. Both are paths below
// folders that may differ, so one has to end with the other by whole elements:
// "videos/wave/a.mp4" and "wave/a.mp4" match. Extensions of video formats are ignored, in
// folder names a space equals an underscore, backslashes are slashes, and names are compared
// in one Unicode form. The longest common ending wins, then the same extension, then the
// same spelling. If that does not decide, the error is [ErrAmbiguous].
type Resolver struct {
	entries []entry // sorted by key
	failed  *Resolver
	reasons map[string]string // by IDs of failed
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

// Resolve returns the ID that p refers to. The error is [ErrNotFound] or [ErrAmbiguous]. In
// p, \xHH may be a byte that is not UTF-8, as in the JSON that clipcue writes.
func (r *Resolver) Resolve(p string) (id string, err error) {
	id, err = r.resolve(p)
	if raw := text.Unescape(p); errors.Is(err, ErrNotFound) && raw != p {
		if found, e := r.resolve(raw); e == nil {
			return found, nil
		}
	}
	return id, err
}

func (r *Resolver) resolve(p string) (id string, err error) {
	key := resolveKey(p)
	if key == "" {
		return "", &notFoundError{p, ""}
	}
	// IDs that end with p, including p itself.
	if found := r.below(key); len(found) > 0 {
		return pick(p, found)
	}
	// IDs that p ends with, the longest first.
	for end := strings.LastIndexByte(key[:len(key)-1], 0); end >= 0; end = strings.LastIndexByte(key[:end], 0) {
		if found := r.equal(key[:end+1]); len(found) > 0 {
			return pick(p, found)
		}
	}
	if r.failed != nil {
		if id, err := r.failed.Resolve(p); err == nil {
			return "", &notFoundError{p, " because its extraction failed: " + r.reasons[id]}
		}
	}
	file := key[:strings.IndexByte(key, 0)+1]
	if near := r.below(file); len(near) > 0 {
		return "", &notFoundError{p, fmt.Sprintf(" (%q is in another folder)", near[0].id)}
	}
	return "", &notFoundError{p, ""}
}

// notFoundError is [ErrNotFound] with the path and an explanation. There may be millions.
type notFoundError struct{ path, why string }

func (e *notFoundError) Error() string { return fmt.Sprintf("%q: %v%s", e.path, ErrNotFound, e.why) }

func (e *notFoundError) Unwrap() error { return ErrNotFound }

// resolveKey returns a path in reverse order, the file's stem first, with a zero byte after
// each element: paths with a common ending have keys with a common prefix, and are adjacent
// when sorted.
func resolveKey(p string) string {
	elements := strings.Split(normalPath(p), "/")
	slices.Reverse(elements)
	var b strings.Builder
	for i, e := range elements {
		if i == 0 {
			e = video.TrimExtension(text.Key(e))
		} else {
			e = text.Key(strings.ReplaceAll(e, "_", " "))
		}
		if e != "" {
			b.WriteString(e)
			b.WriteByte(0)
		}
	}
	return b.String()
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

// pick decides between IDs that have the same ending in common with p: the same spelling,
// the same path, or the same file name.
func pick(p string, found []entry) (string, error) {
	rank := func(id string) int {
		a, b := pathKey(id), pathKey(p)
		switch {
		case normalPath(id) == normalPath(p):
			return 3
		case a == b:
			return 2
		case path.Base(a) == path.Base(b):
			return 1
		}
		return 0
	}
	var best, second string
	highest := -1
	for i, e := range found {
		if i > 0 && highest == 3 {
			break
		}
		switch n := rank(e.id); {
		case n > highest:
			highest, best, second = n, e.id, ""
		case n == highest && second == "":
			second = e.id
		}
	}
	if second != "" {
		return "", fmt.Errorf("%q: %w: %q and %q", p, ErrAmbiguous, best, second)
	}
	return best, nil
}

// Matched is a sample and the ID of its stored features.
type Matched struct {
	Sample
	ID string
}

// Missing is a sample without stored features, and the reason.
type Missing struct {
	Sample
	Err error
}

// Match finds the stored features of every sample. Each sample is in exactly one of the
// results, in the order of d. Two different paths that resolve to one ID are both missing,
// because one of them would get the features of another video, also if they are in different
// parts of the data, such as training and test.
func (d *Dataset) Match(r *Resolver) (matched []Matched, missing []Missing) {
	type answer struct {
		id  string
		err error
	}
	answers := make(map[string]answer, len(d.Samples))
	owner := map[string]string{}  // by ID, the first path that resolved to it
	shared := map[string]string{} // by ID, a second path
	for i := range len(d.whole) + len(d.Samples) {
		s := at(d.whole, d.Samples, i)
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
		} else if _, ok := shared[id]; !ok && pathKey(first) != pathKey(p) {
			shared[id] = p
		}
	}
	for _, s := range d.Samples {
		a := answers[normalPath(s.Path)]
		if other, ok := shared[a.id]; ok && a.err == nil {
			a.err = fmt.Errorf("%q and %q both resolve to the stored %q", owner[a.id], other, a.id)
		}
		if a.err != nil {
			missing = append(missing, Missing{s, a.err})
		} else {
			matched = append(matched, Matched{s, a.id})
		}
	}
	return matched, missing
}

// at returns element i of two lists, one after the other.
func at[T any](a, b []T, i int) T {
	if i < len(a) {
		return a[i]
	}
	return b[i-len(a)]
}
