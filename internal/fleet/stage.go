package fleet

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"sync"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/clipcue/clipcue/feature"
)

// stage returns the path of a file with the content of a unit. An object is downloaded
// into a folder, because ffmpeg has no network.
func stage(ctx context.Context, b *Buckets, u Unit, dir string) (string, error) {
	if u.Bucket == "" {
		size, modified, err := feature.Stat(u.Source)
		if err == nil && (size != u.Size || !modified.Equal(u.Modified)) {
			err = ErrChanged
		}
		return u.Source, err
	}
	bucket, err := b.Open(ctx, u.Bucket)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "video"+path.Ext(u.Object))
	err = retry(ctx, permanent, func() error { return download(ctx, bucket, u, file) })
	return file, err
}

// shelf has the videos that a worker has downloaded. One of which the worker had a span stays
// until the worker gets another video, because the spans of a video come one after the other.
type shelf struct {
	buckets *Buckets
	dir     string

	mu    sync.Mutex
	items map[string]*shelved // by the content of the video
}

type shelved struct {
	load  func() (path string, err error)
	dir   string
	users int
}

// get returns the path of a file with the content of a unit. The caller must call release, and
// say whether a span of the same video may follow.
func (s *shelf) get(ctx context.Context, u Unit) (path string, release func(keep bool), err error) {
	if u.Bucket == "" {
		path, err = stage(ctx, s.buckets, u, "")
		return path, func(bool) {}, err
	}
	key := u.content()
	s.mu.Lock()
	for other, x := range s.items {
		if other != key && x.users == 0 {
			s.drop(other)
		}
	}
	x := s.items[key]
	if x == nil {
		x = &shelved{}
		if x.dir, err = os.MkdirTemp(s.dir, "download-"); err != nil {
			s.mu.Unlock()
			return "", nil, err
		}
		x.load = sync.OnceValues(func() (string, error) { return stage(ctx, s.buckets, u, x.dir) })
		if s.items == nil {
			s.items = map[string]*shelved{}
		}
		s.items[key] = x
	}
	x.users++
	s.mu.Unlock()
	release = func(keep bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if x.users--; x.users == 0 && !keep {
			s.drop(key)
		}
	}
	if path, err = x.load(); err != nil {
		release(false)
		return "", nil, err
	}
	return path, release, nil
}

// drop deletes a video.
func (s *shelf) drop(key string) {
	_ = os.RemoveAll(s.items[key].dir)
	delete(s.items, key)
}

// permanent reports whether an operation on a bucket need not be repeated.
func permanent(err error) bool {
	switch gcerrors.Code(err) {
	case gcerrors.NotFound, gcerrors.PermissionDenied, gcerrors.InvalidArgument, gcerrors.Canceled:
		return true
	}
	return false
}

// download writes the version of an object that was submitted to a file.
func download(ctx context.Context, bucket *blob.Bucket, u Unit, file string) (err error) {
	before, err := bucket.Attributes(ctx, u.Object)
	if err != nil {
		return err
	}
	if before.ETag != u.ETag || before.Size != u.Size {
		return ErrChanged
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r, err := bucket.NewReader(ctx, u.Object, nil)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // the size and the checksum show what is missing
	sum := md5.New()                 //nolint:gosec // against damage in transfer; it is what S3 stores
	n, err := io.Copy(io.MultiWriter(f, sum), r)
	switch {
	case err != nil:
		return err
	case n != u.Size:
		return fmt.Errorf("%s: received %d of %d bytes", u.Source, n, u.Size)
	case len(before.MD5) > 0 && !bytes.Equal(sum.Sum(nil), before.MD5):
		return fmt.Errorf("%s: %w", u.Source, ErrChecksum)
	}
	after, err := bucket.Attributes(ctx, u.Object)
	if err == nil && after.ETag != before.ETag {
		err = ErrChanged
	}
	return err
}
