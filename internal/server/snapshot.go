package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clipcue/clipcue/library"
)

// checkEvery is how often the library's revision is read: changes by other processes are
// seen this much later. Changes by this process are seen at once.
const checkEvery = 300 * time.Millisecond

// library holds the current snapshot of a library.
type state struct {
	dir     string
	servers []library.Server
	// changed is called when the library or its labels have changed.
	changed func(before, now library.Revision)

	lessons lessons

	mu      sync.Mutex
	now     *snapshot
	file    os.FileInfo // of its database
	epoch   int         // how often another database took its place
	checked time.Time
	opened  time.Time
	took    time.Duration // to open now
}

// snapshot is a library as it was at a time.
type snapshot struct {
	*library.Library
	lessons *lessons
	videos  []library.Video // by path
	byID    map[int64]*library.Video
	byPath  map[string]*library.Video
	folders []string // that the library was given

	mu       sync.Mutex // guards the following
	revision library.Revision
	users    int // requests, and 1 while it is the current one
}

// publish tells browsers what changed.
func (s *Server) publish(before, now library.Revision) {
	if before.Moments != now.Moments {
		s.hub.Publish("library", struct {
			Generation string `json:"generation"`
		}{now.Moments})
	}
	if before.Labels != now.Labels {
		s.hub.Publish("labels", struct {
			Revision string `json:"revision"`
		}{now.Labels})
	}
}

// use returns the current snapshot, which the caller must release. now asks for the
// library as it is at this moment.
func (s *state) use(ctx context.Context, now bool) (*snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == nil || now || time.Since(s.checked) >= checkEvery {
		if err := s.check(ctx); err != nil {
			return nil, err
		}
	}
	s.now.mu.Lock()
	s.now.users++
	s.now.mu.Unlock()
	return s.now, nil
}

// check replaces the snapshot if the library has changed.
func (s *state) check(ctx context.Context) error {
	if err := s.checkPlace(); err != nil {
		return err
	}
	var before, r library.Revision
	if s.now != nil {
		var err error
		if r, err = s.revision(ctx, s.now.Library); err != nil {
			return err
		}
		s.now.mu.Lock()
		before = s.now.revision
		s.now.revision.Labels = r.Labels
		s.now.mu.Unlock()
	}
	if s.now != nil && before.Moments != r.Moments && s.now.waits(ctx, s.opened, s.took) {
		r.Moments = before.Moments
	}
	if s.now == nil || before.Moments != r.Moments {
		next, err := s.open(ctx)
		if err != nil {
			return err
		}
		if s.now != nil {
			s.now.release()
		}
		s.now, r = next, next.revision
	}
	first := s.checked.IsZero()
	s.checked = time.Now()
	if !first && before != r && s.changed != nil {
		s.changed(before, r)
	}
	return nil
}

// checkPlace drops the snapshot if the library is not at its place, or another one is: a
// backup may have been restored. The open files would be those of the old one.
func (s *state) checkPlace() error {
	info, err := os.Stat(filepath.Join(s.dir, "library.db"))
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s: %w", s.dir, library.ErrNotLibrary)
	}
	if s.now != nil && (err != nil || !os.SameFile(info, s.file)) {
		s.now.release()
		s.now = nil
		s.epoch++
	}
	s.file = info
	return err
}

// revision returns the revision of a library. It differs for libraries that took each
// other's place.
func (s *state) revision(ctx context.Context, l *library.Library) (library.Revision, error) {
	r, err := l.Revision(ctx)
	r.Moments, r.Labels = fmt.Sprintf("%d.%s", s.epoch, r.Moments), fmt.Sprintf("%d.%s", s.epoch, r.Labels)
	return r, err
}

// patience is how many times longer something is used than it took to load while a run
// indexes, because the library changes with every video.
const patience = 20

// waits reports whether what was loaded at a time should be used although the library has
// changed since.
func (x *snapshot) waits(ctx context.Context, loaded time.Time, took time.Duration) bool {
	if time.Since(loaded) >= patience*took {
		return false
	}
	return errors.Is(x.Busy(ctx), library.ErrBusy)
}

func (s *state) open(ctx context.Context) (_ *snapshot, err error) {
	begin := time.Now()
	lib, err := library.Open(ctx, s.dir, s.servers...)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			lib.Close()
		}
	}()
	x := &snapshot{Library: lib, lessons: &s.lessons, users: 1, byID: map[int64]*library.Video{}, byPath: map[string]*library.Video{}}
	if x.revision, err = s.revision(ctx, lib); err != nil {
		return nil, err
	}
	if x.videos, err = lib.Videos(ctx); err != nil {
		return nil, err
	}
	if x.folders, err = lib.Folders(ctx); err != nil {
		return nil, err
	}
	for i := range x.videos {
		v := &x.videos[i]
		x.byID[v.ID], x.byPath[v.Path] = v, v
	}
	s.opened, s.took = time.Now(), time.Since(begin)
	return x, nil
}

// close releases the current snapshot.
func (s *state) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now != nil {
		s.now.release()
		s.now = nil
	}
	s.lessons.close()
}

// release ends a use of the snapshot. The last one closes it.
func (x *snapshot) release() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.users--; x.users > 0 {
		return
	}
	x.Close()
}

// label returns the label with a number.
func (x *snapshot) label(ctx context.Context, id int64) (library.Label, error) {
	all, err := x.Labels(ctx)
	if err != nil {
		return library.Label{}, err
	}
	if i := slices.IndexFunc(all, func(l library.Label) bool { return l.ID == id }); i >= 0 {
		return all[i], nil
	}
	return library.Label{}, notFound("label", id)
}

// video returns the video with a number.
func (x *snapshot) video(id int64) (*library.Video, error) {
	if v := x.byID[id]; v != nil {
		return v, nil
	}
	return nil, notFound("video", id)
}

// unchanged returns the video with a number if its file is as it was when it was indexed.
func (x *snapshot) unchanged(id int64) (*library.Video, error) {
	v, err := x.video(id)
	if err == nil {
		err = v.Unchanged()
	}
	return v, err
}

// place returns the name of a video and its folder, relative to the folder that the library
// was given. With several of those, it begins with the name of that folder.
func (x *snapshot) place(path string) (name, folder string) {
	name = filepath.Base(path)
	best := ""
	for _, f := range x.folders {
		if len(f) > len(best) && below(path, f) {
			best = f
		}
	}
	if best == "" {
		return name, ""
	}
	relative, err := filepath.Rel(best, filepath.Dir(path))
	if err != nil || relative == "." {
		relative = ""
	}
	if len(x.folders) > 1 {
		relative = filepath.Join(filepath.Base(best), relative)
	}
	return name, filepath.ToSlash(relative)
}

// below reports whether a path is below a folder.
func below(path, folder string) bool {
	return strings.HasPrefix(path, strings.TrimSuffix(folder, string(filepath.Separator))+string(filepath.Separator))
}
