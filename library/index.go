package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/vector"
	"github.com/clipcue/clipcue/video"
)

// Index updates a library with videos, and creates it if necessary. paths are videos and
// folders; without any, it updates all that the library knows: its videos, and what is new
// in the folders that it was given before.
//
// A video is known by its absolute path. It is up to date if its size is the recorded one
// and either its modification time or its SHA-256 is. A video with the content of one that
// was deleted has moved, and is not encoded again. Videos that are missing, or have changed
// and are not among the given ones, are only reported; see Options.Prune.
//
// Each video is added in one transaction, as soon as its frames are encoded: the same call
// resumes a run that was interrupted. There is one run at a time; a second one fails with
// ErrBusy. A library of another model, sampling or other windows fails with a
// [MismatchError]; see Options.Reindex.
//
// A part of a damaged video that Options.Extract allowed stays until the video changes. A
// video that fails is in Report.Failed and in [Info.Failed], is not in the library, and is
// tried again by the next run that it is given to. Other errors are those of
// [feature.ExtractFunc].
func Index(ctx context.Context, dir string, enc feature.Encoder, e Embedder, paths []string, o Options) (Report, error) {
	r := newReport()
	began := time.Now()
	old, err := ReadSettings(ctx, dir) // read again under the lock
	if errors.Is(err, ErrNotLibrary) && len(paths) == 0 || errors.Is(err, ErrForeign) {
		return r, err
	}
	if _, err := o.Settings.complete(old); err != nil {
		return r, err
	}
	given, rest, err := discover(paths)
	if err != nil {
		return r, err
	}
	r.skip(rest)
	root, err := create(dir)
	if err != nil {
		return r, explain(dir, err)
	}
	defer root.Close()
	unlock, err := lock(ctx, dir)
	if err != nil {
		return r, err
	}
	defer unlock()
	w := &writer{dir: dir, root: root, enc: enc, e: e, o: o, r: &r}
	if w.db, err = openDB(ctx, dir, toWrite); err != nil {
		return r, err
	}
	defer w.db.Close()
	err = w.run(ctx, paths, given)
	if w.vectors != nil {
		err = errors.Join(err, w.vectors.Close())
	}
	if e := w.db.QueryRowContext(context.WithoutCancel(ctx), "SELECT (SELECT count(*) FROM videos WHERE NOT pending), (SELECT count(*) FROM moments)").Scan(&r.LibraryVideos, &r.LibraryMoments); err == nil {
		err = e
	}
	r.Seconds = time.Since(began).Seconds()
	return r, explain(dir, err)
}

// create opens the folder of a library, and creates it if necessary. A folder that has
// no library but what looks like parts of one is refused, because a run deletes such
// files if no moment refers to them.
func create(dir string) (_ *os.Root, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	if err := checkFiles(dir, true); err != nil {
		return nil, err
	}
	root, err := input.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			root.Close()
		}
	}()
	if info, err := root.Stat(dbFile); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		if name := foreign(root); name != "" {
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, name), ErrForeign)
		}
	}
	if err := root.Mkdir(thumbnailsFolder, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	for _, name := range folderNames(root) {
		if err := checkFolder(root, name); err != nil {
			return nil, err
		}
	}
	return root, nil
}

// checkFolder returns an error unless name is a folder in root, and no link to one.
func checkFolder(root *os.Root, name string) error {
	info, err := root.Lstat(name)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: filepath.Join(root.Name(), name), Err: syscall.ENOTDIR}
	}
	return err
}

// foreign returns the name of something in a folder without a library that a library
// would treat as its own, "" for nothing.
func foreign(root *os.Root) string {
	for _, name := range folderNames(root) {
		info, err := root.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.IsDir() && name == thumbnailsFolder { // an interrupted run made it
			if entries, err := fs.ReadDir(root.FS(), name); err == nil && len(entries) == 0 {
				continue
			}
		}
		return name
	}
	return ""
}

// folderNames lists the folder of thumbnails and the folders of vectors.
func folderNames(root *os.Root) []string {
	names := []string{thumbnailsFolder}
	entries, _ := fs.ReadDir(root.FS(), ".")
	for _, e := range entries {
		if _, ok := isVectors(e.Name()); ok {
			names = append(names, e.Name())
		}
	}
	return names
}

// writer is a run.
type writer struct {
	dir      string
	root     *os.Root // of dir
	db       *sql.DB
	vectors  vector.Index
	enc      feature.Encoder
	e        Embedder
	o        Options
	r        *Report
	settings Settings
	captions *background
	films    *films
	total    int      // videos in the library at the start
	forget   []string // folders that were deleted
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
	if err := w.deriveBlank(ctx); err != nil {
		return err
	}
	folders, err := texts(ctx, w.db, nil, "SELECT path FROM folders ORDER BY path")
	if err != nil {
		return err
	}
	known, err := w.survey(ctx, folders)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		given = w.discoverAgain(folders)
	} else if err = w.remember(ctx, paths); err != nil {
		return err
	}
	todo, err := w.choose(ctx, given, known, all, len(paths) > 0)
	if err != nil {
		return err
	}
	if err := w.prune(ctx); err != nil {
		return err
	}
	if len(todo) > 0 {
		if err := w.extract(ctx, todo); err != nil {
			return err
		}
	}
	if err := w.graph(ctx); err != nil {
		return err
	}
	if err := w.calibrate(ctx); err != nil {
		return err
	}
	return w.consult(ctx)
}

// graph builds the graph of the vectors, or adds the new ones to it, if there are enough.
func (w *writer) graph(ctx context.Context) error {
	return w.vectors.Build(ctx, w.o.Extract.Progress)
}

// begin determines the settings and opens the vectors. It returns true if all videos have
// to be re-indexed.
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
	if generation > 0 && old.Server != "" && s.Server == "" {
		return false, &ServerError{w.dir, old.Server}
	}
	if w.captions, err = newBackground(ctx, w.e, s.Captions); err != nil {
		return false, err
	}
	s.Fingerprint, s.Preprocess, s.Sampling = w.e.Fingerprint(), feature.Preprocessing(w.enc.Config()), w.o.Extract.Sampling.String()
	s.Still, s.Width, s.Temperature = w.o.Extract.Still, w.captions.width, w.captions.temperature
	if generation > 0 {
		err := old.compatible(w.dir, *s)
		if err != nil && !w.o.Reindex {
			return false, err
		}
		all = w.o.Reindex && (err != nil || noneGiven)
	}
	if err := w.openGeneration(ctx, generation, all); err != nil {
		return false, err
	}
	if all && old.Server != "" {
		w.drop(ctx, generation, old)
	}
	w.films = &films{root: w.root, window: s.Window, hop: s.Hop, by: map[string]*film{}}
	return all, nil
}

// openGeneration opens the vectors of a generation, or of the next one if all videos are
// to be re-indexed or there are none yet.
func (w *writer) openGeneration(ctx context.Context, generation int64, all bool) error {
	return inTx(ctx, w.db, func(tx *sql.Tx) (err error) {
		if all {
			if _, err := tx.ExecContext(ctx, "DELETE FROM moments; DELETE FROM frames; DELETE FROM trained WHERE label IN (SELECT label FROM models); DELETE FROM models; DELETE FROM evidence; UPDATE videos SET pending = 1, moments = 0, background = 0"); err != nil {
				return err
			}
		}
		if all || generation == 0 {
			generation++
			// An interrupted run may have left them.
			if err := w.root.RemoveAll(vectorsPrefix + strconv.FormatInt(generation, 10)); err != nil {
				return err
			}
		}
		if err := writeSettings(ctx, tx, generation, w.settings); err != nil {
			return err
		}
		w.vectors, err = openVectors(ctx, w.dir, generation, w.settings, true, w.server())
		return err
	})
}

// server is the only one that the run connects to.
func (w *writer) server() Server { return Server{w.o.Settings.Server, w.o.ServerKey} }

// drop removes a generation from the server, if it is the one that the caller gave. One
// that stays costs nothing but space there.
func (w *writer) drop(ctx context.Context, generation int64, old Settings) {
	if x, err := openVectors(ctx, w.dir, generation, old, true, w.server()); err == nil {
		_ = x.Drop(ctx)
	}
}

// discover lists the videos of paths by absolute path. Folders that cannot be read, and the
// number of other files, are in rest.
func discover(paths []string) (given []string, rest video.Listing, err error) {
	rest.Skipped = map[string]int{}
	for _, path := range paths {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return nil, rest, err
		}
		// One by one, because two folders may have videos of the same names.
		found, err := video.Discover([]string{absolute})
		if err != nil {
			return nil, rest, err
		}
		rest.Unreadable = append(rest.Unreadable, found.Unreadable...)
		for reason, n := range found.Skipped {
			rest.Skipped[reason] += n
		}
		for _, s := range found.Videos {
			given = append(given, filepath.Clean(s.Path))
		}
	}
	return given, rest, nil
}

// skip adds what is not a video to the report. A folder that cannot be read counts as a
// failed video.
func (r *Report) skip(rest video.Listing) {
	for _, e := range rest.Unreadable {
		r.Failed = append(r.Failed, feature.NewFailure(e.Path, e))
		r.Videos++
	}
	for reason, n := range rest.Skipped {
		r.NotVideos[reason] += n
	}
}

// remember stores the folders among paths.
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

// discoverAgain lists the videos of the folders that the library was given before. A
// folder that cannot be searched is a failure, unless it was deleted and is to be pruned.
func (w *writer) discoverAgain(folders []string) (given []string) {
	for _, path := range folders {
		found, rest, err := discover([]string{path})
		w.r.skip(rest)
		if w.o.Prune != nil && errors.Is(err, fs.ErrNotExist) && whyMissing(path, folders) == nil {
			w.forget = append(w.forget, path)
			continue
		}
		if err != nil {
			w.r.Failed = append(w.r.Failed, failure(path, err))
			w.r.Videos++
		}
		given = append(given, found...)
	}
	return given
}

// failure returns the failure of a video or folder at the current time.
func failure(path string, err error) feature.Failure {
	return feature.Failure{Path: path, ID: path, Reason: err.Error(), Time: time.Now().UTC().Truncate(time.Millisecond)}
}

// extract adds videos, and records those that fail.
func (w *writer) extract(ctx context.Context, todo []video.Source) error {
	todo, err := w.adopt(ctx, todo)
	if err == nil && len(todo) > 0 {
		err = w.process(ctx, w.enc, todo, func(q *feature.Sequence) error { return w.add(context.WithoutCancel(ctx), q) })
	}
	if r := w.r; errors.Is(err, feature.ErrAllFailed) && r.Present+r.Moved+r.Done > 0 { // not all
		err = nil
	}
	return err
}

// process decodes videos, encodes them with enc and passes them to use.
func (w *writer) process(ctx context.Context, enc feature.Encoder, todo []video.Source, use func(*feature.Sequence) error) error {
	o := w.o.Extract
	o.OnFrame, o.Force = w.films.watch, false
	account, err := feature.ExtractFunc(ctx, enc, todo, o, use)
	r := w.r
	r.Done, r.Remaining = r.Done+account.Done, account.Remaining
	r.Partial, r.Corrected = append(r.Partial, account.Partial...), append(r.Corrected, account.Corrected...)
	r.FramesPerSecond, r.EncoderBusy = account.FramesPerSecond, account.EncoderBusy
	r.Failed = append(r.Failed, account.Failed...)
	return errors.Join(err, w.fail(context.WithoutCancel(ctx), account.Failed))
}
