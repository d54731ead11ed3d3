package feature

import (
	"container/list"
	"sync"
)

// Cache keeps the most recently used sequences of a store in memory. Several goroutines may
// use it; a sequence that is being read is read only once.
type Cache struct {
	store *Store
	limit int64

	mu     sync.Mutex
	used   int64
	byID   map[string]*list.Element // of *cached
	latest *list.List               // most recently used first
}

type cached struct {
	id    string
	get   func() (*Sequence, error)
	bytes int64 // 0 while it is being read
}

// NewCache returns a cache for the given number of bytes of features and timestamps; 0
// means 1 GiB.
func NewCache(store *Store, bytes int64) *Cache {
	if bytes <= 0 {
		bytes = 1 << 30
	}
	return &Cache{store: store, limit: bytes, byID: map[string]*list.Element{}, latest: list.New()}
}

// Get returns a sequence as [Store.Get] does. The sequence is shared and must not be
// changed. One that is larger than the cache is read each time. Errors are not cached.
func (c *Cache) Get(id string) (*Sequence, error) {
	c.mu.Lock()
	at, ok := c.byID[id]
	if ok {
		c.latest.MoveToFront(at)
	} else {
		e := &cached{id: id}
		at = c.latest.PushFront(e)
		c.byID[id] = at
		e.get = sync.OnceValues(func() (*Sequence, error) {
			q, err := c.store.Get(id)
			c.settle(at, q, err)
			return q, err
		})
	}
	get := at.Value.(*cached).get
	c.mu.Unlock()
	return get()
}

// settle records the result of a read, and drops sequences that exceed the limit.
func (c *Cache) settle(at *list.Element, q *Sequence, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.drop(at)
		return
	}
	e := at.Value.(*cached)
	e.bytes = 4*int64(cap(q.Features)) + 8*int64(cap(q.Timestamps))
	c.used += e.bytes
	for old := c.latest.Back(); old != nil && c.used > c.limit; {
		next := old.Prev()
		if old.Value.(*cached).bytes > 0 {
			c.drop(old)
		}
		old = next
	}
}

func (c *Cache) drop(at *list.Element) {
	e := c.latest.Remove(at).(*cached)
	delete(c.byID, e.id)
	c.used -= e.bytes
}
