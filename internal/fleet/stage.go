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
