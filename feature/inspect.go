package feature

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/clipcue/clipcue/video"
)

// errPresent means that the store holds a video as it is now.
var errPresent = errors.New("already present")

// inspect finds out all that there is to know about a video before it is
// decoded. It returns errPresent if its features are up to date.
func (x *extraction) inspect(ctx context.Context, s video.Source) (p Provenance, headers *video.Info, err error) {
	p = x.made
	p.Source = s.Path
	if err = x.present(ctx, s, &p); err != nil {
		return p, nil, err
	}
	if headers, err = video.Probe(ctx, s.Path, x.o.video()); err != nil {
		return p, nil, err
	}
	p.StartTime, p.Duration, p.FrameRate, p.Treatment = headers.StartTime, headers.Duration, headers.FrameRate, headers.Treatment()
	p.Decoder, err = video.DecoderVersion(ctx)
	return p, headers, err
}

// present enters into p what tells a file from others. It returns errPresent if
// the store holds the features of just this one.
func (x *extraction) present(ctx context.Context, s video.Source, p *Provenance) error {
	info, err := stat(s.Path)
	if err != nil {
		return err
	}
	p.Size, p.Modified = info.size, info.modified
	if x.store == nil {
		p.SHA256, err = Hash(ctx, s.Path)
		return err
	}
	if _, err := x.store.path(s.ID); err != nil {
		return &video.Error{Path: s.Path, Kind: err}
	}
	old, stored := x.stored[s.ID]
	fits := func() bool { return stored && old.Size == p.Size && x.wanted(old, *p) }
	if !fits() || !old.Modified.Equal(p.Modified) {
		// Another run may have stored it since this one began.
		now, err := x.store.Provenance(s.ID)
		switch {
		case errors.Is(err, syscall.ENAMETOOLONG):
			return &video.Error{Path: s.Path, Kind: ErrLongName}
		case err == nil && x.made.mismatch(now) == nil:
			old, stored = now, true
		}
	}
	if fits() && old.Modified.Equal(p.Modified) {
		return errPresent
	}
	if p.SHA256, err = Hash(ctx, s.Path); err != nil {
		return err
	}
	if fits() && old.SHA256 == p.SHA256 && x.store.touch(s.ID, *p) == nil {
		return errPresent
	}
	if stored && !x.o.Force && another(old.Source, s.Path) {
		return &video.Error{Path: s.Path, Kind: ErrIDTaken, Reason: old.Source}
	}
	return nil
}

// wanted reports whether what is stored of a video is of the stream, and as whole, as
// this run wants it.
func (x *extraction) wanted(old, p Provenance) bool {
	return old.Stream == p.Stream && (old.Partial == "" || x.o.AllowPartial)
}

// forget removes what the store holds of a video that has failed, if it is of what
// the file was before, or not what this run would have made: a video that failed is
// not in the store. If the file could not even be read, nobody knows, and it stays.
func (x *extraction) forget(j *job) {
	p := j.seq.Provenance
	old, err := x.store.Provenance(j.ID)
	if p.SHA256 == "" || err != nil || old.SHA256 == p.SHA256 && x.wanted(old, p) && x.made.mismatch(old) == nil {
		return
	}
	if path, err := x.store.path(j.ID); err == nil {
		_ = os.Remove(path)
	}
}

// another reports whether the path that an earlier run was given still leads to
// a file, and to a different one.
func another(old, path string) bool {
	there, err := os.Stat(video.Files(old)[0])
	here, e := os.Stat(video.Files(path)[0])
	return old != path && err == nil && e == nil && !os.SameFile(there, here)
}

// unchanged returns an error if a video is not what inspect saw any more.
func unchanged(path string, p Provenance) error {
	info, err := stat(path)
	if err == nil && (info.size != p.Size || !info.modified.Equal(p.Modified)) {
		err = &video.Error{Path: path, Kind: ErrChanging}
	}
	return err
}

// onDisk is what the file system tells of a video: the size of its files together,
// and when the latest of them was modified.
type onDisk struct {
	size     int64
	modified time.Time // UTC
}

func stat(path string) (d onDisk, err error) {
	for _, file := range video.Files(path) {
		info, err := os.Stat(file)
		if err != nil {
			return d, fault(path, err)
		}
		if !info.Mode().IsRegular() {
			return d, &video.Error{Path: path, Kind: ErrNotFile}
		}
		d.size += info.Size()
		if t := info.ModTime().UTC(); t.After(d.modified) {
			d.modified = t
		}
	}
	return d, nil
}

// Stat tells what a Provenance has of a video's file, and of the files of a sequence
// of pictures together, without reading them: by these one sees whether it has
// changed. An error that lies with the file is a [video.Error].
func Stat(path string) (size int64, modified time.Time, err error) {
	d, err := stat(path)
	return d.size, d.modified, err
}

// Hash returns the SHA-256 of a video's files, one after the other, in hexadecimal,
// as a Provenance has it. Errors are those of [Stat].
func Hash(ctx context.Context, path string) (string, error) {
	h := sha256.New()
	for _, file := range video.Files(path) {
		if err := add(ctx, h, file); err != nil {
			return "", fault(path, err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func add(ctx context.Context, to io.Writer, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(to, reader(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return f.Read(p)
	}))
	return err
}

type reader func([]byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }

// fault lays what the file system says of a video at its door; other errors are
// returned as they are.
func fault(path string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return &video.Error{Path: path, Kind: e.Err}
	}
	return err
}

// reusable returns the provenance of those sources' sequences that the store
// holds as this run would make them, as far as the store can tell. A sequence
// that was made otherwise is a [MismatchError]; force lets it pass if it is one
// of the sources', which will replace it.
func (s *Store) reusable(ctx context.Context, made Provenance, sources []video.Source, force bool) (map[string]Provenance, error) {
	given := make(map[string]bool, len(sources))
	for _, source := range sources {
		given[source.ID] = true
	}
	ids, err := s.IDs()
	if err != nil {
		return nil, err
	}
	fit := make(map[string]Provenance, len(sources))
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p, err := s.Provenance(id)
		if err != nil {
			continue // a file that cannot be read is as good as none
		}
		if m := made.mismatch(p); m == nil {
			if given[id] {
				fit[id] = p
			}
		} else if !force || !given[id] {
			m.Store, m.ID = s.dir, id
			return nil, m
		}
	}
	return fit, nil
}

// mismatch tells in what the making of a stored sequence differs from this run's.
func (made Provenance) mismatch(stored Provenance) *MismatchError {
	for _, m := range []MismatchError{
		{What: "backbone", Have: stored.Backbone, Want: made.Backbone},
		{What: "preprocessing", Have: stored.Preprocessing, Want: made.Preprocessing},
		{What: "sampling", Have: stored.Sampling, Want: made.Sampling},
	} {
		if m.Have != m.Want {
			return &m
		}
	}
	return nil
}

// touch notes the modification time of a video whose content is the recorded
// one, so that the next run need not read it. An error means that the sequence is
// of no use; where the store cannot be written, the next run reads the video again.
func (s *Store) touch(id string, p Provenance) error {
	q, err := s.Get(id)
	if err == nil {
		q.Provenance.Modified = p.Modified
		_ = s.Put(q)
	}
	return err
}
