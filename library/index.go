package library

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/progress"
	"github.com/clipcue/clipcue/vector"
	"github.com/clipcue/clipcue/video"
)

// Options say how videos are indexed.
type Options struct {
	// Settings are what a new library is made with: Window, Hop, Captions, Graph,
	// Server, and the names of the model. What is zero is taken from a library that is there, or is
	// the default: windows of 4 s every 2 s, and the captions of Captions.
	Settings Settings
	// Extract says how videos are decoded; Force and Watch are not used.
	Extract feature.Options

	// Reindex re-indexes the given videos even if they have not changed. Without any
	// videos, or with settings that differ from the library's, it re-indexes all.
	Reindex bool
	// Prune drops videos, and folders, that are no longer where they were.
	Prune bool
}

// Report is the account of a run. Videos = Done + Present + Moved + len(Failed) +
// Remaining.
type Report struct {
	Videos    int               `json:"videos"`    // that the run was to bring up to date
	Done      int               `json:"done"`      // indexed in this run
	Present   int               `json:"present"`   // up to date in the library
	Moved     int               `json:"moved"`     // known by another path, where they are no longer
	Failed    []feature.Failure `json:"failed"`    // in the order of paths
	Partial   []feature.Failure `json:"partial"`   // of those that are done, the ones that could be decoded only in part
	Remaining int               `json:"remaining"` // not finished because the run was stopped
	Moments   int               `json:"moments"`   // of those that are done

	Changed  []string `json:"changed"`  // in the library and not among those given, but not as they were
	Missing  []string `json:"missing"`  // in the library, but not where they were
	Pruned   int      `json:"pruned"`   // of Missing, dropped
	Repaired int      `json:"repaired"` // videos that were re-indexed because their vectors were lost

	Seconds         float64 `json:"seconds"`
	FramesPerSecond float64 `json:"frames_per_second"`
	EncoderBusy     float64 `json:"encoder_busy"`

	LibraryVideos  int `json:"library_videos"` // in the library at the end
	LibraryMoments int `json:"library_moments"`
}

// String tells the account in a line.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %.1f s: %d indexed", english.Plural(r.Videos, "video", ""), r.Seconds, r.Done)
	if r.Done > 0 {
		fmt.Fprintf(&b, " as %s", english.Plural(r.Moments, "moment", ""))
	}
	fmt.Fprintf(&b, ", %d already present, %d failed", r.Present, len(r.Failed))
	for _, n := range []struct {
		n    int
		what string
	}{{r.Moved, "moved"}, {r.Remaining, "still to do"}, {len(r.Missing) - r.Pruned, "missing"}, {r.Pruned, "dropped"}, {len(r.Changed), "changed"}} {
		if n.n > 0 {
			fmt.Fprintf(&b, ", %d %s", n.n, n.what)
		}
	}
	fmt.Fprintf(&b, "; the library holds %s of %s", english.Plural(r.LibraryMoments, "moment", ""), english.Plural(r.LibraryVideos, "video", ""))
	return b.String()
}

// Index brings a library up to date with videos, and makes it if need be. paths are
// videos and folders; without any it brings up to date all that the library knows:
// its videos, and what is new in the folders that it was given before.
//
// A video is known by its absolute path. It is up to date if its size is the
// recorded one and either its modification time or its SHA-256. One of the same
// content as a video that is gone has moved, and is not done again. Videos that are
// missing or have changed and are not among the given ones are only reported; see
// Options.Prune.
//
// Each video is added in one transaction, as soon as its frames are encoded: a run
// that was killed, or whose disk was full, is gone on with by the same call. There
// is one run at a time; another is refused. A library of another model, sampling or
// other windows is refused with a [MismatchError]; see Options.Reindex.
//
// A part of a damaged video that Options.Extract allowed stays until the video changes.
// A video that fails is among Report.Failed and in [Info.Failed], is not in the
// library, and is tried again by the next run that it is given to. Errors are those
// of [feature.ExtractFunc] beside.
func Index(ctx context.Context, dir string, enc feature.Encoder, e Embedder, paths []string, o Options) (Report, error) {
	r := Report{Failed: []feature.Failure{}, Partial: []feature.Failure{}, Changed: []string{}, Missing: []string{}}
	began := time.Now()
	old, err := ReadSettings(ctx, dir) // under the lock they are read again
	if errors.Is(err, ErrNotLibrary) && len(paths) == 0 {
		return r, err
	}
	if _, err := o.Settings.complete(old); err != nil {
		return r, err
	}
	given, unreadable, err := discover(paths)
	if err != nil {
		return r, err
	}
	r.skip(unreadable)
	if err := os.MkdirAll(filepath.Join(dir, thumbnailsFolder), 0o777); err != nil {
		return r, explain(dir, err)
	}
	unlock, err := lock(ctx, dir)
	if err != nil {
		return r, err
	}
	defer unlock()
	w := &writer{dir: dir, enc: enc, e: e, o: o, r: &r}
	if w.db, err = openDB(ctx, dir, true); err != nil {
		return r, err
	}
	defer w.db.Close()
	err = w.run(ctx, paths, given)
	if w.vectors != nil {
		err = errors.Join(err, w.vectors.Close())
	}
	if e := w.db.QueryRowContext(context.Background(), "SELECT (SELECT count(*) FROM videos WHERE NOT pending), (SELECT count(*) FROM moments)").Scan(&r.LibraryVideos, &r.LibraryMoments); err == nil {
		err = e
	}
	r.Seconds = time.Since(began).Seconds()
	return r, explain(dir, err)
}

// writer is a run.
type writer struct {
	dir      string
	db       *sql.DB
	vectors  vector.Index
	enc      feature.Encoder
	e        Embedder
	o        Options
	r        *Report
	settings Settings
	captions *background
	films    *films
}

// run does the work with the videos that were found at paths.
func (w *writer) run(ctx context.Context, paths, given []string) error {
	all, err := w.begin(ctx, len(paths) == 0)
	if err != nil {
		return err
	}
	if err := w.reconcile(ctx); err != nil {
		return err
	}
	known, err := w.survey(ctx)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		given, err = w.folders(ctx)
	} else {
		err = w.remember(ctx, paths)
	}
	if err != nil {
		return err
	}
	todo, err := w.choose(ctx, given, known, all, len(paths) > 0)
	if err != nil {
		return err
	}
	if err := w.prune(ctx); err != nil {
		return err
	}
	if len(todo) == 0 {
		return w.graph(ctx)
	}
	if err := w.extract(ctx, todo); err != nil {
		return err
	}
	return w.graph(ctx)
}

// graph makes the vectors' graph, or adds to it what is new, if they are so many.
func (w *writer) graph(ctx context.Context) error {
	var bar *progress.Stage
	defer func() { bar.Finish() }()
	return w.vectors.Build(ctx, func(done, total int) {
		if bar == nil {
			bar = w.o.Extract.Progress.Start("graph", int64(total), "moments")
		}
		bar.Set(int64(done))
	})
}

// begin settles what the run makes, and opens the vectors. It returns true if all
// videos have to be re-indexed.
func (w *writer) begin(ctx context.Context, noneGiven bool) (all bool, err error) {
	generation, old, err := readSettings(ctx, w.db)
	if err == nil {
		err = verify(ctx, w.db, "folders", "videos", "failures")
	}
	if err != nil {
		return false, err
	}
	s := &w.settings
	if *s, err = w.o.Settings.complete(old); err != nil {
		return false, err
	}
	if w.captions, err = newBackground(ctx, w.e, s.Captions); err != nil {
		return false, err
	}
	s.Fingerprint, s.Preprocess, s.Sampling = w.e.Fingerprint(), feature.Preprocessing(w.enc.Config()), w.o.Extract.Sampling.String()
	s.Width, s.Temperature = w.captions.width, w.captions.temperature
	if generation > 0 {
		err := old.fits(w.dir, *s)
		if err != nil && !w.o.Reindex {
			return false, err
		}
		all = w.o.Reindex && (err != nil || noneGiven)
	}
	err = inTx(ctx, w.db, func(tx *sql.Tx) error {
		if all {
			if _, err := tx.ExecContext(ctx, "DELETE FROM moments; UPDATE videos SET pending = 1, moments = 0, background = 0"); err != nil {
				return err
			}
		}
		if all || generation == 0 {
			generation++
			// A run that was killed here may have left them.
			if err := os.RemoveAll(vectorsIn(w.dir, generation)); err != nil {
				return err
			}
		}
		if err := writeSettings(ctx, tx, generation, *s); err != nil {
			return err
		}
		w.vectors, err = openVectors(ctx, w.dir, generation, *s, true)
		return err
	})
	if all && err == nil && old.Server != "" {
		w.drop(ctx, generation-1, old)
	}
	w.films = &films{root: filepath.Join(w.dir, thumbnailsFolder), window: s.Window, hop: s.Hop, by: map[string]*film{}}
	return all, err
}

// drop removes a generation from a server. One that cannot be removed costs nothing
// but space there.
func (w *writer) drop(ctx context.Context, generation int64, old Settings) {
	if x, err := openVectors(ctx, w.dir, generation, old, true); err == nil {
		_ = x.Drop(ctx)
	}
}

// complete takes over what is zero from a library's settings, or the defaults.
func (s Settings) complete(old Settings) (Settings, error) {
	s.Window = cmp.Or(s.Window, old.Window, 4)
	s.Hop = cmp.Or(s.Hop, old.Hop, min(2, s.Window))
	s.Graph = cmp.Or(s.Graph, old.Graph, DefaultGraph)
	s.Server = cmp.Or(s.Server, old.Server)
	s.Collection = cmp.Or(old.Collection, "Clipcue"+rand.Text())
	if s.Captions == nil {
		if s.Captions = old.Captions; s.Captions == nil {
			s.Captions = Captions()
		}
	}
	if !(s.Window >= 0.1 && s.Window <= 3600) {
		return s, fmt.Errorf("windows of %g s: they have to be of 0.1 s to an hour", s.Window)
	}
	if !(s.Hop >= 0.1 && s.Hop <= s.Window) {
		return s, fmt.Errorf("windows of %g s every %g s: the second has to be from 0.1 s to the first, so that they leave no gaps", s.Window, s.Hop)
	}
	return s, nil
}

// record is what the library knows of a video.
type record struct {
	id, size, modified int64
	sha256             string
	pending            bool
	there              bool // at its path
	same               bool // in size and time
}

// survey looks for all videos of the library where they were.
func (w *writer) survey(ctx context.Context) (map[string]record, error) {
	known := map[string]record{}
	var path string
	var k record
	var missing bool
	var gone, back []int64
	err := each(ctx, w.db, "SELECT path, id, size, modified, sha256, pending, missing FROM videos ORDER BY path", nil,
		[]any{&path, &k.id, &k.size, &k.modified, &k.sha256, &k.pending, &missing}, func() error {
			size, modified, err := feature.Stat(path)
			k.there = err == nil
			k.same = k.there && size == k.size && modified.UnixNano() == k.modified
			known[path] = k
			switch {
			case !k.there && !missing:
				gone = append(gone, k.id)
			case k.there && missing:
				back = append(back, k.id)
			}
			return ctx.Err()
		})
	if err != nil {
		return nil, err
	}
	return known, inTx(ctx, w.db, func(tx *sql.Tx) error {
		return errors.Join(change(ctx, tx, "UPDATE videos SET missing = 1 WHERE id = ?", gone), change(ctx, tx, "UPDATE videos SET missing = 0 WHERE id = ?", back))
	})
}

// change executes a statement for each id.
func change(ctx context.Context, tx *sql.Tx, statement string, ids []int64) error {
	for _, id := range ids {
		if _, err := tx.ExecContext(ctx, statement, id); err != nil {
			return err
		}
	}
	return nil
}

// discover lists the videos of paths by absolute path.
//
// Folders that cannot be read are returned as unreadable.
func discover(paths []string) (given []string, unreadable []*video.Error, err error) {
	for _, path := range paths {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return nil, nil, err
		}
		// One by one, since two folders may hold videos of the same names.
		found, err := video.Discover([]string{absolute})
		if err != nil {
			return nil, nil, err
		}
		unreadable = append(unreadable, found.Unreadable...)
		for _, s := range found.Videos {
			given = append(given, filepath.Clean(s.Path))
		}
	}
	return given, unreadable, nil
}

// skip counts folders that cannot be read as failed videos.
func (r *Report) skip(unreadable []*video.Error) {
	for _, e := range unreadable {
		r.Failed = append(r.Failed, feature.NewFailure(e.Path, e))
		r.Videos++
	}
}

// remember notes the folders among paths.
func (w *writer) remember(ctx context.Context, paths []string) error {
	for _, path := range paths {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		if info, err := os.Stat(absolute); err == nil && info.IsDir() {
			if _, err := w.db.ExecContext(ctx, "INSERT OR IGNORE INTO folders (path) VALUES (?)", absolute); err != nil {
				return err
			}
		}
	}
	return nil
}

// folders lists the videos of the folders that the library was given before. One
// that cannot be searched is a failure; one that is gone is forgotten with its videos.
func (w *writer) folders(ctx context.Context) (given []string, err error) {
	paths, err := texts(ctx, w.db, nil, "SELECT path FROM folders ORDER BY path")
	for _, path := range paths {
		found, unreadable, err := discover([]string{path})
		w.r.skip(unreadable)
		if w.o.Prune && errors.Is(err, fs.ErrNotExist) {
			if _, err := w.db.ExecContext(ctx, "DELETE FROM folders WHERE path = ?", path); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			w.r.Failed = append(w.r.Failed, feature.Failure{Path: path, ID: path, Reason: err.Error(), Time: time.Now().UTC().Truncate(time.Millisecond)})
			w.r.Videos++
		}
		given = append(given, found...)
	}
	return given, err
}

// choose tells which videos have to be decoded.
func (w *writer) choose(ctx context.Context, given []string, known map[string]record, all, named bool) ([]video.Source, error) {
	wanted := map[string]bool{}
	for _, path := range given {
		wanted[path] = true
	}
	for path, k := range known {
		switch {
		case !k.there: // though a link to it may be
			delete(wanted, path)
			w.r.Missing = append(w.r.Missing, path)
		case wanted[path]:
		case all || !named || k.pending:
			wanted[path] = true
		case !k.same:
			w.r.Changed = append(w.r.Changed, path)
		}
	}
	slices.Sort(w.r.Missing)
	slices.Sort(w.r.Changed)
	var todo []video.Source
	for _, path := range slices.Sorted(maps.Keys(wanted)) {
		w.r.Videos++
		k, old := known[path]
		done := old && k.same && !k.pending && !(w.o.Reindex && named)
		if !done && !w.o.Reindex {
			var err error
			if done, err = w.recognize(ctx, path, k, old); err != nil {
				return nil, err
			}
		}
		if done {
			w.r.Present++
		} else {
			todo = append(todo, video.Source{Path: path, ID: path})
		}
	}
	w.r.Present -= w.r.Moved
	w.r.Remaining = len(todo)
	return todo, nil
}

// recognize reports whether the library has a video by its content: the same that
// it had, with another time, or one that was moved here.
func (w *writer) recognize(ctx context.Context, path string, k record, old bool) (bool, error) {
	size, modified, err := feature.Stat(path)
	if err != nil || k.pending || old && size != k.size {
		return false, nil // feature says what is wrong with it
	}
	was := map[string]int64{} // SHA-256 of what it may be
	if old {
		was[k.sha256] = k.id
	} else {
		var sum string
		var id int64
		if err := each(ctx, w.db, "SELECT sha256, id FROM videos WHERE missing AND NOT pending AND size = ? ORDER BY id", []any{size}, []any{&sum, &id}, func() error {
			was[sum] = id
			return nil
		}); err != nil || len(was) == 0 {
			return false, err
		}
	}
	sum, err := feature.Hash(ctx, path)
	if err != nil {
		return false, ctx.Err()
	}
	id, same := was[sum]
	if !same {
		return false, nil
	}
	if !old {
		w.r.Moved++
		var from string
		if err := w.db.QueryRowContext(ctx, "SELECT path FROM videos WHERE id = ?", id).Scan(&from); err != nil {
			return false, err
		}
		w.r.Missing = slices.DeleteFunc(w.r.Missing, func(m string) bool { return m == from })
	}
	_, err = w.db.ExecContext(ctx, "UPDATE videos SET path = ?, modified = ?, missing = 0 WHERE id = ?", path, modified.UnixNano(), id)
	return true, err
}

// extract decodes, encodes and adds videos, and notes those that fail.
func (w *writer) extract(ctx context.Context, todo []video.Source) error {
	o := w.o.Extract
	o.OnFrame, o.Force = w.films.watch, false
	account, err := feature.ExtractFunc(ctx, w.enc, todo, o, func(q *feature.Sequence) error { return w.add(context.WithoutCancel(ctx), q) })
	r := w.r
	r.Done, r.Remaining, r.Partial = account.Done, account.Remaining, account.Partial
	r.FramesPerSecond, r.EncoderBusy = account.FramesPerSecond, account.EncoderBusy
	r.Failed = append(r.Failed, account.Failed...)
	if errors.Is(err, feature.ErrAllFailed) && r.Present+r.Moved > 0 { // not all
		err = nil
	}
	return errors.Join(err, w.fail(context.WithoutCancel(ctx), account.Failed))
}

// add puts a video into the library, in the place of what stood there of it.
func (w *writer) add(ctx context.Context, q *feature.Sequence) error {
	defer w.films.discard(q.ID)
	spans, err := windows(q, w.settings.Window, w.settings.Hop)
	if err != nil {
		return err
	}
	embeddings := make([]float32, 0, len(spans)*w.settings.Width)
	background := 0.
	for _, s := range spans {
		y, err := w.e.Video(ctx, q, s.start, s.end)
		if err != nil {
			return fmt.Errorf("%s: %w", q.ID, err)
		}
		embeddings = append(embeddings, y...)
		background += w.captions.log(y)
	}
	film := w.films.take(q.ID)
	if film == nil || len(film.times) == 0 {
		return fmt.Errorf("%s: no frame was seen of it", q.ID)
	}
	defer os.RemoveAll(film.folder) // what was not moved
	var dropped dropped
	err = inTx(ctx, w.db, func(tx *sql.Tx) error {
		if err := dropped.video(ctx, tx, q.ID); err != nil {
			return err
		}
		p := q.Provenance
		added, err := tx.ExecContext(ctx, "INSERT INTO videos (path, size, modified, sha256, seconds, partial, moments, background) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			q.ID, p.Size, p.Modified.UnixNano(), p.SHA256, spans[len(spans)-1].end, p.Partial, len(spans), background)
		if err != nil {
			return err
		}
		id, err := added.LastInsertId()
		if err != nil {
			return err
		}
		ids := make([]int64, len(spans))
		for i, s := range spans {
			n := film.number(s)
			added, err := tx.ExecContext(ctx, `INSERT INTO moments (video, start, "end", thumbnail, picture) VALUES (?, ?, ?, ?, ?)`, id, s.start, s.end, n, film.sums[n])
			if err != nil {
				return err
			}
			if ids[i], err = added.LastInsertId(); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM failures WHERE path = ?", q.ID); err != nil {
			return err
		}
		if err := film.move(w.films.root, id); err != nil {
			return err
		}
		return w.vectors.Add(ctx, ids, embeddings)
	})
	if err != nil {
		return err
	}
	w.r.Moments += len(spans)
	return w.remove(ctx, dropped)
}

// dropped are what rows that were deleted had: it may go once that is committed.
type dropped struct{ videos, moments []int64 }

// video deletes what the library has of a path.
func (d *dropped) video(ctx context.Context, tx *sql.Tx, path string) error {
	var id int64
	err := each(ctx, tx, "SELECT moments.id FROM moments JOIN videos ON videos.id = video WHERE path = ?", []any{path}, []any{&id}, func() error {
		d.moments = append(d.moments, id)
		return nil
	})
	if err == nil {
		err = each(ctx, tx, "DELETE FROM videos WHERE path = ? RETURNING id", []any{path}, []any{&id}, func() error {
			d.videos = append(d.videos, id)
			return nil
		})
	}
	return err
}

func (w *writer) remove(ctx context.Context, d dropped) error {
	for _, id := range d.videos {
		if err := os.RemoveAll(filepath.Join(w.films.root, strconv.FormatInt(id, 10))); err != nil {
			return err
		}
	}
	if len(d.moments) == 0 {
		return nil
	}
	return w.vectors.Delete(ctx, d.moments)
}

// fail notes videos that failed. What the library had of them is no longer what
// they show.
func (w *writer) fail(ctx context.Context, failed []feature.Failure) error {
	var dropped dropped
	for _, f := range failed {
		w.films.discard(f.ID)
		err := inTx(ctx, w.db, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO failures (path, reason, time) VALUES (?, ?, ?)", f.Path, f.Reason, f.Time.Format(time.RFC3339Nano))
			return errors.Join(err, dropped.video(ctx, tx, f.Path))
		})
		if err != nil {
			return err
		}
	}
	return w.remove(ctx, dropped)
}

// prune drops the videos that are missing, if that is asked for, and forgets
// failures of files that are gone.
func (w *writer) prune(ctx context.Context) error {
	if w.o.Prune {
		var dropped dropped
		err := inTx(ctx, w.db, func(tx *sql.Tx) error {
			for _, path := range w.r.Missing {
				if err := dropped.video(ctx, tx, path); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		w.r.Pruned = len(dropped.videos)
		if err := w.remove(ctx, dropped); err != nil {
			return err
		}
	}
	failed, err := texts(ctx, w.db, nil, "SELECT path FROM failures")
	if err != nil {
		return err
	}
	for _, path := range failed {
		if _, _, err := feature.Stat(path); errors.Is(err, fs.ErrNotExist) {
			if _, err := w.db.ExecContext(ctx, "DELETE FROM failures WHERE path = ?", path); err != nil {
				return err
			}
		}
	}
	return nil
}

func parseTime(text string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, text)
	return t
}
