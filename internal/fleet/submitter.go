package fleet

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/progress"
	"github.com/clipcue/clipcue/video"
)

// SubmitReport is the summary of a submission.
type SubmitReport struct {
	Videos     int               `json:"videos"`
	Submitted  int               `json:"submitted"`
	Present    int               `json:"present"` // in the store
	Known      int               `json:"known"`   // submitted before
	Refused    []string          `json:"refused"` // one line each
	Unreadable []feature.Failure `json:"unreadable"`
}

// batchBytes and batchUnits limit the units of a message.
const (
	batchBytes = maxMessage / 4
	batchUnits = 500
)

// Submit sends videos to the coordinator: files, folders and addresses in buckets.
func Submit(ctx context.Context, c *Client, b *Buckets, paths []string, p progress.Func) (r SubmitReport, err error) {
	r = SubmitReport{Refused: []string{}, Unreadable: []feature.Failure{}}
	s := &submitter{client: c, report: &r, bar: p.Start("submit", 0, "videos")}
	defer s.bar.Finish()
	var local []string
	for _, path := range paths {
		if !isAddress(path) {
			local = append(local, path)
			continue
		}
		if err := s.bucket(ctx, b, path); err != nil {
			return r, err
		}
	}
	if len(local) > 0 {
		if err := s.files(ctx, local); err != nil {
			return r, err
		}
	}
	if err := s.send(ctx); err != nil {
		return r, err
	}
	if r.Videos == 0 {
		return r, fmt.Errorf("%w in %q", video.ErrNoVideos, paths)
	}
	return r, nil
}

// SubmitFiles sends videos of this machine to the coordinator, under their IDs.
func SubmitFiles(ctx context.Context, c *Client, videos []video.Source, p progress.Func) (r SubmitReport, err error) {
	r = SubmitReport{Refused: []string{}, Unreadable: []feature.Failure{}}
	s := &submitter{client: c, report: &r, bar: p.Start("submit", int64(len(videos)), "videos")}
	defer s.bar.Finish()
	if err := s.sources(ctx, videos); err != nil {
		return r, err
	}
	return r, s.send(ctx)
}

// submitter is a submission in progress.
type submitter struct {
	client *Client
	report *SubmitReport
	bar    *progress.Stage
	batch  []Unit
	bytes  int
}

func (s *submitter) add(ctx context.Context, u Unit) error {
	s.report.Videos++
	s.batch = append(s.batch, u)
	s.bytes += 300 + len(u.ID) + len(u.Source) + len(u.Bucket) + len(u.Object)
	if len(s.batch) == batchUnits || s.bytes > batchBytes {
		return s.send(ctx)
	}
	return nil
}

// send sends the batch, and then those of it that had to be hashed.
func (s *submitter) send(ctx context.Context) error {
	for round := 0; len(s.batch) > 0; round++ {
		var got receipt
		if err := s.client.ask(ctx, "submit", s.batch, &got); err != nil {
			return err
		}
		if round > 0 && len(got.Unhashed) > 0 {
			return errors.New("the coordinator does not accept the hashes of videos")
		}
		s.report.Submitted += got.Accepted
		s.report.Present += got.Present
		s.report.Known += got.Known
		s.report.Refused = append(s.report.Refused, got.Refused...)
		var err error
		if s.batch, err = s.hash(ctx, s.batch, got.Unhashed); err != nil {
			return err
		}
	}
	s.bytes = 0
	s.bar.Set(int64(s.report.Videos))
	return nil
}

// hash returns the units with the given numbers with the SHA-256 of their files.
func (s *submitter) hash(ctx context.Context, units []Unit, which []int) ([]Unit, error) {
	out := make([]Unit, len(which))
	broken := make([]*video.Error, len(which))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i, at := range which {
		if at < 0 || at >= len(units) {
			return nil, fmt.Errorf("the coordinator asks for video %d of %d", at, len(units))
		}
		g.Go(func() (err error) {
			defer crash.Recover()
			out[i] = units[at]
			out[i].SHA256, err = feature.Hash(ctx, units[at].Source)
			if e, ok := errors.AsType[*video.Error](err); ok {
				broken[i], err = e, nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var kept []Unit
	for i, u := range out {
		if broken[i] != nil {
			s.unreadable(u.ID, broken[i])
		} else {
			kept = append(kept, u)
		}
	}
	return kept, nil
}

func (s *submitter) unreadable(id string, err *video.Error) {
	s.report.Unreadable = append(s.report.Unreadable, feature.NewFailure(id, err))
}

// files adds videos of this machine. Workers find them under the same paths.
func (s *submitter) files(ctx context.Context, paths []string) error {
	absolute := make([]string, len(paths))
	for i, path := range paths {
		var err error
		if absolute[i], err = filepath.Abs(path); err != nil {
			return err
		}
	}
	found, err := video.Discover(absolute)
	if err != nil && (!errors.Is(err, video.ErrNoVideos) || s.report.Videos == 0) {
		return err
	}
	for _, e := range found.Unreadable {
		s.unreadable(e.Path, e)
	}
	return s.sources(ctx, found.Videos)
}

// sources adds videos of this machine under their IDs.
func (s *submitter) sources(ctx context.Context, videos []video.Source) error {
	for _, v := range videos {
		size, modified, err := feature.Stat(v.Path)
		if e, ok := errors.AsType[*video.Error](err); ok {
			s.report.Videos++
			s.unreadable(v.ID, e)
			continue
		}
		if err != nil {
			return err
		}
		if err := s.add(ctx, Unit{ID: v.ID, Source: v.Path, Size: size, Modified: modified}); err != nil {
			return err
		}
	}
	return nil
}

// bucket adds the videos below an address, or the one object at it.
func (s *submitter) bucket(ctx context.Context, b *Buckets, address string) error {
	name, prefix, err := splitAddress(address)
	if err != nil {
		return err
	}
	bucket, err := b.Open(ctx, name)
	if err != nil {
		return err
	}
	if err := reachable(ctx, bucket, name); err != nil {
		return err
	}
	for o, err := range objects(ctx, bucket, prefix) {
		if err != nil {
			return fmt.Errorf("%w %s: %w", ErrBucket, name, err)
		}
		id, ok := idBelow(o.Key, prefix)
		if !ok || o.IsDir {
			continue
		}
		a, err := bucket.Attributes(ctx, o.Key)
		if err != nil {
			return fmt.Errorf("%s: %w", display(name, o.Key), err)
		}
		u := Unit{ID: id, Source: display(name, o.Key), Size: a.Size, Modified: a.ModTime.UTC(), Bucket: name, Object: o.Key, ETag: a.ETag}
		if err := s.add(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

// idBelow returns the ID of an object below a prefix, which is a folder or the object
// itself. It returns false for objects that are not below it and those that are no videos.
func idBelow(key, prefix string) (id string, ok bool) {
	if key == prefix {
		return path.Base(key), true
	}
	id = key
	if folder := strings.TrimSuffix(prefix, "/"); folder != "" {
		if id, ok = strings.CutPrefix(key, folder+"/"); !ok {
			return "", false
		}
	}
	return id, video.TrimExtension(path.Base(id)) != path.Base(id)
}

// ReadManifest returns the paths and addresses in a CSV file with a column named path, or
// with one column.
func ReadManifest(file string) (paths []string, err error) {
	f, err := input.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.FieldsPerRecord = -1
	column := -1
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return paths, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if column < 0 {
			column = max(0, slices.Index(record, "path"))
			if record[column] == "path" {
				continue
			}
		}
		if column < len(record) && record[column] != "" {
			paths = append(paths, record[column])
		}
	}
}
