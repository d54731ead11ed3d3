package playback

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/clipcue/clipcue/internal/filelock"
)

// folderPrefix begins the name of a cache's folder.
const folderPrefix = "serve-"

// cache is a folder of files that were made on demand. Its methods are not safe for
// concurrent use.
type cache struct {
	dir   string
	lock  *os.File // held while the folder is used
	limit int64    // bytes
	size  int64    // bytes of all files
	by    map[string]*entry
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
	if err := removeAbandoned(parent); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent, folderPrefix)
	if err != nil {
		return nil, err
	}
	c := &cache{dir: dir, limit: limit, by: map[string]*entry{}}
	if c.lock, err = os.Open(dir); err == nil {
		_, err = filelock.Try(c.lock)
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func removeAbandoned(parent string) error {
	entries, err := os.ReadDir(parent)
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), folderPrefix) {
			continue
		}
		dir := filepath.Join(parent, e.Name())
		// A folder that is being created is not locked yet.
		if info, err := e.Info(); err != nil || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		if f, err := os.Open(dir); err == nil {
			if free, err := filelock.Try(f); free && err == nil {
				_ = os.RemoveAll(dir) // or the next server does it
			}
			f.Close()
		}
	}
	return err
}

func (c *cache) path(key string) string { return filepath.Join(c.dir, key) }

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

func (c *cache) close() error {
	err := os.RemoveAll(c.dir)
	if c.lock != nil {
		err = errors.Join(err, c.lock.Close())
	}
	return err
}
