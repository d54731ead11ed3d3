package feature

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// bytesOf returns the size in memory of a sequence with n frames.
func bytesOf(n int64) int64 { return n * (2*4 + 8) }

// cachedIDs returns the IDs in a cache, the most recently used first.
func (c *Cache) ids() (ids []string) {
	for e := c.latest.Front(); e != nil; e = e.Next() {
		ids = append(ids, e.Value.(*cached).id)
	}
	return ids
}

func TestCacheDropsWhatWasNotAskedForLongest(t *testing.T) {
	s := create(t)
	for _, id := range []string{"a", "b", "c", "d"} {
		put(t, s, sequence(id, 1, 2, 3))
	}
	put(t, s, sequence("large", make([]float64, 100)...))
	c := NewCache(s, bytesOf(7)) // two and a bit
	tests := []struct {
		get  string
		want []string
	}{
		{"a", []string{"a"}},
		{"b", []string{"b", "a"}},
		{"a", []string{"a", "b"}},
		{"c", []string{"c", "a"}},
		{"a", []string{"a", "c"}},
		{"d", []string{"d", "a"}},
		{"large", nil},
		{"b", []string{"b"}},
	}
	for i, step := range tests {
		q, err := c.Get(step.get)
		if err != nil || q.ID != step.get {
			t.Fatalf("step %d: got %v, error %v", i, q, err)
		}
		if got := c.ids(); !slices.Equal(got, step.want) {
			t.Errorf("step %d, %s: holds %v, want %v", i, step.get, got, step.want)
		}
		if want := bytesOf(int64(3 * len(step.want))); c.used != want {
			t.Errorf("step %d: counts %d bytes, want %d", i, c.used, want)
		}
	}
}

func TestCacheReadsOnce(t *testing.T) {
	s := create(t)
	put(t, s, sequence("a", 1))
	c := NewCache(s, 0)
	first, err := c.Get("a")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(s.Dir(), "a.safetensors")); err != nil {
		t.Fatal(err)
	}
	if again, err := c.Get("a"); err != nil || again != first {
		t.Errorf("got %v, error %v, want the same sequence", again, err)
	}
}

func TestCacheForgetsErrors(t *testing.T) {
	s := create(t)
	c := NewCache(s, 0)
	if _, err := c.Get("a"); !errors.Is(err, ErrNotStored) {
		t.Fatalf("got error %v, want %v", err, ErrNotStored)
	}
	put(t, s, sequence("a", 1))
	if _, err := c.Get("a"); err != nil {
		t.Error(err)
	}
}

func TestCacheIsSafeForConcurrentUse(t *testing.T) {
	s := create(t)
	for i := range 10 {
		put(t, s, sequence(fmt.Sprint(i), make([]float64, 1+i)...))
	}
	c := NewCache(s, bytesOf(20))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				id := (i*7 + g*3) % 11 // 10 is not stored
				q, err := c.Get(fmt.Sprint(id))
				switch {
				case id == 10:
					if !errors.Is(err, ErrNotStored) {
						t.Errorf("got error %v", err)
					}
				case err != nil:
					t.Error(err)
				case q.Len() != 1+id:
					t.Errorf("%d: %d frames", id, q.Len())
				}
			}
		})
	}
	wg.Wait()
	var held int64
	for _, id := range c.ids() {
		q, _ := c.Get(id)
		held += bytesOf(int64(q.Len()))
	}
	if held != c.used || held > bytesOf(20) {
		t.Errorf("holds %d bytes, counts %d, may hold %d", held, c.used, bytesOf(20))
	}
}
