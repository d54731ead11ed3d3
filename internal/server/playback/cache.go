package playback

import (
	"os"
	"path/filepath"
	"time"

	"github.com/clipcue/clipcue/internal/tempfolder"
)

// folderPrefix begins the name of a cache's folder.
const folderPrefix = "serve-"

// cache is a folder of files that were made on demand. Its methods are not safe for
// concurrent use.
type cache struct {
	folder *tempfolder.Folder
	limit  int64 // bytes
	size   int64 // bytes of all files
	by     map[string]*entry
}

type entry struct {
	size int64
	used time.Time
}

// newCache creates a folder below parent, and removes the folders of servers that were
// killed.
func newCache(parent string, limit int64) (*cache, error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, err
	}
	folder, err := tempfolder.Make(parent, folderPrefix)
	if err != nil {
		return nil, err
	}
	return &cache{folder: folder, limit: limit, by: map[string]*entry{}}, nil
}

func (c *cache) path(key string) string { return filepath.Join(c.folder.Path, key) }

// open returns the file of a key, or nil if there is none.
func (c *cache) open(key string) *os.File {
	e := c.by[key]
	if e == nil {
		return nil
	}
	f, err := os.Open(c.path(key))
	if err != nil { // somebody cleaned the folder
		c.drop(key)
		return nil
	}
	e.used = time.Now()
	return f
}

// add takes over the file of a key, and removes those that were not used for the longest
// time until the rest is within the limit.
func (c *cache) add(key string) error {
	info, err := os.Stat(c.path(key))
	if err != nil {
		return err
	}
	if old := c.by[key]; old != nil { // two processes made it
		c.size -= old.size
	}
	c.by[key] = &entry{info.Size(), time.Now()}
	c.size += info.Size()
	for c.size > c.limit && len(c.by) > 1 {
		oldest := ""
		for k, e := range c.by {
			if k != key && (oldest == "" || e.used.Before(c.by[oldest].used)) {
				oldest = k
			}
		}
		c.drop(oldest)
	}
	return nil
}

func (c *cache) drop(key string) {
	c.size -= c.by[key].size
	delete(c.by, key)
	_ = os.Remove(c.path(key)) // readers keep what they have open
}

func (c *cache) close() error { return c.folder.Close() }
