package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file://
	_ "gocloud.dev/blob/s3blob"   // s3://
	"gocloud.dev/gcerrors"
)

// Buckets opens buckets by their addresses, each once.
type Buckets struct {
	mu   sync.Mutex
	open map[string]*blob.Bucket
}

// Add makes a bucket available under an address.
func (b *Buckets) Add(address string, bucket *blob.Bucket) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == nil {
		b.open = map[string]*blob.Bucket{}
	}
	b.open[address] = bucket
}

// Open returns the bucket at an address such as s3://name?region=eu-west-1 or file:///folder.
func (b *Buckets) Open(ctx context.Context, address string) (*blob.Bucket, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bucket := b.open[address]; bucket != nil {
		return bucket, nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrBucket, address, err)
	}
	if u.Scheme == "file" {
		// Temporary files are in the bucket's folder, because renaming does not work
		// between disks; and there are no files for attributes.
		v := u.Query()
		v.Set("no_tmp_dir", "true")
		v.Set("metadata", "skip")
		v.Set("create_dir", "true")
		u.RawQuery = v.Encode()
	}
	bucket, err := blob.OpenBucket(context.WithoutCancel(ctx), u.String())
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrBucket, address, err)
	}
	if b.open == nil {
		b.open = map[string]*blob.Bucket{}
	}
	b.open[address] = bucket
	return bucket, nil
}

// Close closes all buckets.
func (b *Buckets) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, bucket := range b.open {
		_ = bucket.Close()
	}
	b.open = nil
}

// isAddress reports whether a path is the address of a bucket or of something in it.
func isAddress(path string) bool { return strings.Contains(path, "://") }

// reachable returns an error unless a bucket exists and can be read.
func reachable(ctx context.Context, b *blob.Bucket, address string) error {
	ok, err := b.IsAccessible(ctx)
	if err != nil {
		return fmt.Errorf("%w %s: %w", ErrBucket, address, err)
	}
	if !ok {
		return fmt.Errorf("%w %s: it does not exist", ErrBucket, address)
	}
	return nil
}

// splitAddress returns the address of the bucket and the name of the object, or a prefix
// of names, in an address such as s3://bucket/folder/video.mp4?region=eu-west-1.
func splitAddress(address string) (bucket, object string, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", "", fmt.Errorf("%s is not an address such as s3://bucket/folder", address)
	}
	object = strings.TrimPrefix(u.Path, "/")
	u.Path, u.RawPath = "", ""
	return u.String(), object, nil
}

// display returns the address of an object without the settings of its bucket.
func display(bucket, object string) string {
	base, _, _ := strings.Cut(bucket, "?")
	return base + "/" + object
}

// results stores the files of workers until the coordinator has committed them.
type results interface {
	put(ctx context.Context, name string, r io.Reader) error
	get(ctx context.Context, name string, w io.Writer) error
	remove(ctx context.Context, name string) error
	clear(ctx context.Context) error
}

// resultsFolder is the prefix of the names of results in a bucket.
const resultsFolder = "clipcue-results/"

// inBucket stores results in a bucket.
type inBucket struct {
	bucket *blob.Bucket
	prefix string
}

func (b inBucket) put(ctx context.Context, name string, r io.Reader) error {
	ctx, cancel := context.WithCancel(ctx) // so that an incomplete object is discarded
	defer cancel()
	w, err := b.bucket.NewWriter(ctx, b.prefix+name, &blob.WriterOptions{ContentType: "application/octet-stream"})
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		cancel()
		return errors.Join(err, w.Close())
	}
	return w.Close()
}

func (b inBucket) get(ctx context.Context, name string, w io.Writer) error {
	return b.bucket.Download(ctx, b.prefix+name, w, nil)
}

func (b inBucket) remove(ctx context.Context, name string) error {
	err := b.bucket.Delete(ctx, b.prefix+name)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil
	}
	return err
}

func (b inBucket) clear(ctx context.Context) error {
	for o, err := range objects(ctx, b.bucket, b.prefix) {
		if err != nil {
			return err
		}
		if err := b.remove(ctx, strings.TrimPrefix(o.Key, b.prefix)); err != nil {
			return err
		}
	}
	return nil
}

// objects returns the objects of a bucket whose names begin with a prefix.
func objects(ctx context.Context, b *blob.Bucket, prefix string) func(yield func(*blob.ListObject, error) bool) {
	return func(yield func(*blob.ListObject, error) bool) {
		list := b.List(&blob.ListOptions{Prefix: prefix})
		for {
			o, err := list.Next(ctx)
			if err == io.EOF || !yield(o, err) || err != nil {
				return
			}
		}
	}
}

// inBroker stores results in the broker's object store.
type inBroker struct {
	store jetstream.ObjectStore
	js    jetstream.JetStream
}

func (b inBroker) put(ctx context.Context, name string, r io.Reader) error {
	_, err := b.store.Put(ctx, jetstream.ObjectMeta{Name: name}, r)
	return err
}

func (b inBroker) get(ctx context.Context, name string, w io.Writer) error {
	r, err := b.store.Get(ctx, name)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	return err
}

func (b inBroker) remove(ctx context.Context, name string) error {
	err := b.store.Delete(ctx, name)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil
	}
	return err
}

// clear also removes parts of objects whose worker was killed while it wrote them, which
// have no name. The stream of an object store is its name after OBJ_.
func (b inBroker) clear(ctx context.Context) error {
	status, err := b.store.Status(ctx)
	if err != nil {
		return err
	}
	s, err := b.js.Stream(ctx, "OBJ_"+status.Bucket())
	if err != nil {
		return err
	}
	return s.Purge(ctx)
}

// results creates the place of results: a folder of a bucket, or the broker's object store
// if the address is "".
func (q *queue) results(ctx context.Context, b *Buckets, fleet, address string) (results, error) {
	if address == "" {
		s, err := q.js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{
			Bucket: fleet + "-results", Storage: jetstream.FileStorage, Replicas: q.replicas,
		})
		return inBroker{s, q.js}, err
	}
	return q.open(ctx, b, fleet, address)
}

// open opens the place of results that the coordinator created.
func (q *queue) open(ctx context.Context, b *Buckets, fleet, address string) (results, error) {
	if address == "" {
		s, err := q.js.ObjectStore(ctx, fleet+"-results")
		return inBroker{s, q.js}, err
	}
	bucket, err := b.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	if err := reachable(ctx, bucket, address); err != nil {
		return nil, err
	}
	return inBucket{bucket, path.Join(resultsFolder, fleet) + "/"}, nil
}
