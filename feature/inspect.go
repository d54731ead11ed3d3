package feature

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/video"
)

// errPresent means that the stored sequence of a video is up to date.
var errPresent = errors.New("already present")

// inspect returns the provenance and the headers of a video before it is decoded. It
// returns errPresent if the stored features are up to date.
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

// present sets size, modification time and hash in p. It returns errPresent if the stored
// features are up to date.
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
	if _, err := file(s.ID); err != nil {
		return &video.Error{Path: s.Path, Kind: err}
	}
	old, stored := x.stored[s.ID]
	fits := func() bool { return stored && old.Size == p.Size && x.wanted(old, *p) }
	if !fits() || !old.Modified.Equal(p.Modified) {
		// Another run may have stored it since this one started.
		now, err := x.store.Provenance(s.ID)
		switch {
		case errors.Is(err, syscall.ENAMETOOLONG):
			return &video.Error{Path: s.Path, Kind: ErrLongName}
		case err != nil:
			if err := x.store.mayPut(s.ID); err != nil {
				return &video.Error{Path: s.Path, Kind: err}
			}
		case x.made.mismatch(now) == nil:
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

// wanted reports whether a stored sequence is of the stream that this run wants, and of the
// whole video if this run wants that.
func (x *extraction) wanted(old, p Provenance) bool {
	return old.Stream == p.Stream && (old.Partial == "" || x.o.AllowPartial)
}

// forget deletes the stored sequence of a video that failed, if it is of an earlier version
// of the file or not as this run would make it: a video that failed must not be in the
// store. If the file could not be read, its version is unknown, and the sequence stays.
func (x *extraction) forget(j *job) {
	p := j.seq.Provenance
	old, err := x.store.Provenance(j.ID)
	if p.SHA256 == "" || err != nil || old.SHA256 == p.SHA256 && x.wanted(old, p) && x.made.mismatch(old) == nil {
		return
	}
	_ = x.store.remove(j.ID)
}

// another reports whether the path of an earlier run still leads to a file, and to a
// different one.
func another(old, path string) bool {
	there, err := os.Stat(video.Files(old)[0])
	here, e := os.Stat(video.Files(path)[0])
	return old != path && err == nil && e == nil && !os.SameFile(there, here)
}

// unchanged returns an error if a video has changed since inspect.
func unchanged(path string, p Provenance) error {
	info, err := stat(path)
	if err == nil && (info.size != p.Size || !info.modified.Equal(p.Modified)) {
		err = &video.Error{Path: path, Kind: ErrChanging}
	}
	return err
}

// onDisk is the total size of the files of a video and their latest modification time.
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

// Stat returns the size and the modification time of a video as a [Provenance] has them,
// which show whether it has changed. For a sequence of images they are the total size and
// the latest time. A failure of the file is a [*video.Error].
func Stat(path string) (size int64, modified time.Time, err error) {
	d, err := stat(path)
	return d.size, d.modified, err
}

// Hash returns the SHA-256 of a video as a [Provenance] has it, in hexadecimal. For a
// sequence of images it is that of all files in order. Errors are those of [Stat].
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
	f, err := input.Open(file)
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

// fault turns an error of the file system into a failure of the video, and returns other
// errors unchanged.
func fault(path string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return &video.Error{Path: path, Kind: e.Err}
	}
	return err
}

// storedForm returns IDs in the form in which they are stored, so that a video whose name
// comes in another Unicode form from another system is not stored twice. If both forms are
// among the IDs, they are different videos.
func storedForm(stored, ids []string) []string {
	byKey, given := map[string]string{}, map[string]bool{}
	for _, id := range stored {
		byKey[text.Key(id)] = id
	}
	for _, id := range ids {
		given[id] = true
	}
	out := slices.Clone(ids)
	for i, id := range ids {
		if known, ok := byKey[text.Key(id)]; ok && !given[known] {
			out[i], given[known] = known, true
		}
	}
	return out
}

// reusable returns the provenance of the stored sequences of the sources that have the
// recipe of this run. A stored sequence with another recipe is a [*MismatchError], except
// with force one of the sources, which will replace it.
func (s *Store) reusable(ctx context.Context, made Provenance, ids []string, sources []video.Source, force bool) (map[string]Provenance, error) {
	given := make(map[string]bool, len(sources))
	for _, source := range sources {
		given[source.ID] = true
	}
	fit := make(map[string]Provenance, len(sources))
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p, err := s.Provenance(id)
		if err != nil {
			continue // a file that cannot be read counts as missing
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

// mismatch returns how the recipe of a stored sequence differs from that of this run, or
// nil if it does not.
func (p Provenance) mismatch(stored Provenance) *MismatchError {
	for _, m := range []MismatchError{
		{What: "backbone", Have: stored.Backbone, Want: p.Backbone},
		{What: "preprocessing", Have: stored.Preprocessing, Want: p.Preprocessing},
		{What: "sampling", Have: stored.Sampling, Want: p.Sampling},
	} {
		if m.Have != m.Want {
			return &m
		}
	}
	return nil
}

// touch stores a new modification time for a video whose content has not changed, so that
// the next run need not read the video. The error is that of reading the sequence. If it
// cannot be written, the next run reads the video again.
func (s *Store) touch(id string, p Provenance) error {
	q, err := s.Get(id)
	if err == nil {
		q.Provenance.Modified = p.Modified
		_ = s.Put(q)
	}
	return err
}
