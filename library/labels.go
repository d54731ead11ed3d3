package library

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/label"
)

// Label is what a library learns from marks.
type Label struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	// Texts describe the label. Their mean embedding is the query that the label starts
	// from. Without any it is the name.
	Texts    []string  `json:"texts"`
	Created  time.Time `json:"created"`
	Positive int       `json:"positive"` // marks
	Negative int       `json:"negative"` // marks
	// Method is how its head learns; see [SetTraining].
	Method  label.Method `json:"method"`
	Trained bool         `json:"trained"` // whether it is not linear
	// Point is the operating point that [SetPoint] stored, or zero.
	Point label.Target `json:"point"`
	// Last is the greatest id of its marks. The marks of a label have changed if this or their
	// number has.
	Last int64 `json:"-"`
}

// Mark says that a span of a video shows a label, or does not. It belongs to the content
// of the video: it stays when the video moves and when the library is re-indexed.
type Mark struct {
	ID    int64  `json:"id,omitempty"` // of a mark that a library has
	Label string `json:"label"`
	Video string `json:"video"` // path, or where it was
	// VideoID is the number of the video with the content that was marked, 0 if the library
	// does not have it now. Another video may be at its path.
	VideoID  int64     `json:"video_id,omitempty"`
	Start    float64   `json:"start"` // seconds as a player shows them
	End      float64   `json:"end"`
	Positive bool      `json:"positive"`
	Author   string    `json:"author,omitempty"`
	Time     time.Time `json:"time"`
}

func (m Mark) String() string {
	sign := "negative"
	if m.Positive {
		sign = "positive"
	}
	return fmt.Sprintf("%s mark %q of %s, %g–%g s", sign, m.Label, text.Quote(m.Video), m.Start, m.End)
}

var (
	// ErrNoLabel is wrapped by the error for a label that the library does not have.
	ErrNoLabel = errors.New("the library has no such label")

	// ErrLabelExists is wrapped by the error of [CreateLabel] for a name that is taken.
	ErrLabelExists = errors.New("the library has a label of this name")

	// ErrUnknownVideo is wrapped by the error for a mark of a video that is not in the
	// library.
	ErrUnknownVideo = errors.New("the video is not in the library")

	// ErrOutside is wrapped by the error for a mark outside its video.
	ErrOutside = errors.New("the mark is outside its video")

	// ErrNoMark is wrapped by the error of [RemoveMarks] for a mark that does not exist.
	ErrNoMark = errors.New("there is no such mark")
)

// InvalidError reports a name or a text that a library does not take.
type InvalidError struct{ Reason string }

func (e *InvalidError) Error() string { return e.Reason }

func invalid(format string, args ...any) error { return &InvalidError{fmt.Sprintf(format, args...)} }

// ConflictError reports a mark that covers about the same span as another mark of its
// label: their temporal IoU is at least 0.5, and they are not the same. Old is in the library,
// unless its ID is 0: then both were to be added.
type ConflictError struct{ New, Old Mark }

func (e *ConflictError) Error() string {
	what := "overlaps"
	if e.New.Positive != e.Old.Positive {
		what = "contradicts"
	}
	return fmt.Sprintf("%v: it %s the %v", e.New, what, e.Old)
}

// modify runs do in a transaction that changes an existing library, while no run indexes
// it.
func modify(ctx context.Context, dir string, do func(*sql.Tx) error) error {
	if err := checkFiles(dir, false); err != nil {
		return err
	}
	unlock, err := waitLock(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()
	db, err := openDB(ctx, dir, toWrite)
	if err != nil {
		return err
	}
	defer db.Close()
	return explain(dir, inTx(ctx, db, do))
}

// lockWait is how long a short change waits for others of its kind. Several processes that wait on
// a slow disk take seconds.
const lockWait = 10 * time.Second

// waitLock is lock for a short change. It waits for a short change of another process, but
// not for a run of Index.
func waitLock(ctx context.Context, dir string) (unlock func(), err error) {
	for end := time.Now().Add(lockWait); ; {
		unlock, err = lock(ctx, dir)
		if !errors.Is(err, ErrBusy) || time.Now().After(end) {
			return unlock, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// CreateLabel adds a label to a library. Only its name and texts are used.
func CreateLabel(ctx context.Context, dir string, l Label) error {
	return modify(ctx, dir, func(tx *sql.Tx) error { return createLabel(ctx, tx, l) })
}

func createLabel(ctx context.Context, tx *sql.Tx, l Label) error {
	l.Name = strings.TrimSpace(l.Name)
	if text.Key(l.Name) == "" || !text.IsLine(l.Name) || strings.ContainsRune(l.Name, utf8.RuneError) {
		return invalid("the name of a label must have visible characters and no control characters, in UTF-8, got %q", l.Name)
	}
	for _, t := range l.Texts {
		if strings.TrimSpace(text.Key(t)) == "" {
			return invalid("a text of label %q is empty", l.Name)
		}
		if err := input.CheckQuery(t); err != nil {
			return invalid("label %q: %v", l.Name, err)
		}
	}
	switch _, name, err := findLabel(ctx, tx, l.Name); {
	case err == nil:
		return fmt.Errorf("%q: %w", name, ErrLabelExists)
	case !errors.Is(err, ErrNoLabel):
		return err
	}
	list, err := json.Marshal(append([]string{}, l.Texts...))
	if err == nil {
		_, err = tx.ExecContext(ctx, "INSERT INTO labels (name, texts, created) VALUES (?, ?, ?)", l.Name, string(list), time.Now().UTC().Format(time.RFC3339Nano))
	}
	return err
}

// findLabel returns the id and the stored name of a label.
func findLabel(ctx context.Context, db querier, name string) (id int64, stored string, err error) {
	var i int64
	var s string
	var whole bool
	err = each(ctx, db, "SELECT id, name, "+intact("labels")+" FROM labels", nil, []any{&i, &s, &whole}, func() error {
		if !whole {
			return damaged("labels")
		}
		if text.Key(s) == text.Key(name) {
			id, stored = i, s
		}
		return nil
	})
	if err == nil && id == 0 {
		err = fmt.Errorf("%q: %w", name, ErrNoLabel)
	}
	return id, stored, err
}

// DeleteLabel deletes a label with its marks.
func DeleteLabel(ctx context.Context, dir, name string) error {
	return modify(ctx, dir, func(tx *sql.Tx) error {
		id, _, err := findLabel(ctx, tx, name)
		if err == nil {
			_, err = tx.ExecContext(ctx, "DELETE FROM labels WHERE id = ?", id)
		}
		return err
	})
}

// AddMarks adds marks to a library, all or none, and returns how many are new: a mark that
// the library has already is left as it is. With create, labels that do not exist are
// created. A video is named by its path, or by the end of a path that only one video of the
// library has. A mark of which the time is zero gets the current time. Marks that would conflict with
// each other become one mark, from the first start to the last end, unless they contradict each other;
// joined is how many were added to another one. A video whose file has changed since it was
// indexed is an error that wraps [ErrChanged], because a mark belongs to the indexed content.
func AddMarks(ctx context.Context, dir string, marks []Mark, create bool) (added, joined int, err error) {
	err = modify(ctx, dir, func(tx *sql.Tx) error {
		videos, err := readVideos(ctx, tx)
		if err != nil {
			return err
		}
		var targets []markTarget
		all, videoOf := map[markTarget][]Mark{}, map[markTarget]videoRow{}
		checked := map[int64]bool{} // videos
		for _, m := range marks {
			if _, _, err := findLabel(ctx, tx, m.Label); create && errors.Is(err, ErrNoLabel) {
				if err := createLabel(ctx, tx, Label{Name: m.Label}); err != nil {
					return err
				}
			}
			id, name, err := findLabel(ctx, tx, m.Label)
			if err != nil {
				return err
			}
			v, err := videos.find(m.Video)
			if err != nil {
				return err
			}
			m.ID, m.Label, m.Video = 0, name, v.path
			t := markTarget{id, v.sha256}
			if !checked[v.id] {
				if err := v.unchanged(v.path); err != nil {
					return err
				}
				checked[v.id] = true
			}
			if all[t] == nil {
				targets, videoOf[t] = append(targets, t), v
			}
			var n int
			if all[t], n, err = joinMark(all[t], m); err != nil {
				return err
			}
			joined += n
		}
		for _, t := range targets {
			for _, m := range all[t] {
				isNew, err := addMark(ctx, tx, t.label, videoOf[t], m)
				if err != nil {
					return err
				}
				if isNew {
					added++
				}
			}
		}
		return nil
	})
	if err != nil {
		added, joined = 0, 0
	}
	return added, joined, err
}

// markTarget is the label of a mark and the content of its video.
type markTarget struct {
	label  int64
	sha256 string
}

// joinMark adds a mark to others of its label and video, unless they have it. It is joined with those that it would
// conflict with; n is their number.
func joinMark(marks []Mark, m Mark) (out []Mark, n int, err error) {
	for i := 0; i < len(marks); i++ {
		switch old := marks[i]; {
		case old.same(m):
			return marks, n, nil
		case !old.conflicts(m):
		case old.Positive != m.Positive:
			return nil, 0, &ConflictError{m, old}
		default:
			old.Start, old.End = min(old.Start, m.Start), max(old.End, m.End)
			m, marks = old, slices.Delete(marks, i, i+1)
			n++
			i = -1 // it is longer now
		}
	}
	return append(marks, m), n, nil
}

// same reports whether two marks of a label and a video are the same.
func (m Mark) same(o Mark) bool {
	return math.Abs(o.Start-m.Start) <= rounding && math.Abs(o.End-m.End) <= rounding && o.Positive == m.Positive
}

// conflicts reports whether two marks of a label and a video cover about the same span.
func (m Mark) conflicts(o Mark) bool { return m.engine(0).Overlap(o.engine(0)) >= 0.5 }

// ChangeMarks removes the marks with the given ids and adds others, all or nothing, and
// returns the ids of the added ones. With replace, an added mark takes the place of those
// that it would conflict with. It is AddMarks for interactive programs, with its errors.
func ChangeMarks(ctx context.Context, dir string, remove []int64, add []Mark, replace bool) (ids []int64, err error) {
	err = modify(ctx, dir, func(tx *sql.Tx) error {
		for _, id := range remove {
			if err := removeMark(ctx, tx, id); err != nil {
				return err
			}
		}
		for _, m := range add {
			label, name, err := findLabel(ctx, tx, m.Label)
			if err != nil {
				return err
			}
			v, err := findVideo(ctx, tx, m.Video)
			if err != nil {
				return err
			}
			if err := v.unchanged(v.path); err != nil {
				return err
			}
			m.Label, m.Video = name, v.path
			id, err := placeMark(ctx, tx, label, v, m, replace)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	return ids, err
}

func removeMark(ctx context.Context, tx *sql.Tx, id int64) error {
	r, err := tx.ExecContext(ctx, "DELETE FROM marks WHERE id = ?", id)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fmt.Errorf("mark %d: %w", id, ErrNoMark))
	}
	return nil
}

// placeMark adds a mark, in place of those that it conflicts with if replace is set, and
// returns its id.
func placeMark(ctx context.Context, tx *sql.Tx, label int64, v videoRow, m Mark, replace bool) (id int64, err error) {
	for {
		_, err := addMark(ctx, tx, label, v, m)
		if conflict, ok := errors.AsType[*ConflictError](err); ok && replace {
			if err := removeMark(ctx, tx, conflict.Old.ID); err != nil {
				return 0, err
			}
			continue
		}
		if err != nil {
			return 0, err
		}
		break
	}
	err = tx.QueryRowContext(ctx, `SELECT id FROM marks WHERE label = ? AND sha256 = ? AND positive = ? AND abs(start - ?) <= ? AND abs("end" - ?) <= ? ORDER BY id DESC LIMIT 1`,
		label, v.sha256, m.Positive, m.Start, rounding, m.End, rounding).Scan(&id)
	return id, err
}

// boundary is how far a mark may reach beyond its video, in seconds: the end of the last
// frame is an estimate.
const boundary = 0.5

// rounding is how far apart the times of two marks can be that are the same, in seconds:
// some formats count frames.
const rounding = 0.05

// addMark adds a mark, and reports whether it is new.
func addMark(ctx context.Context, tx *sql.Tx, id int64, v videoRow, m Mark) (bool, error) {
	if !(m.Start >= 0 && m.Start < m.End && m.End <= v.seconds+boundary) {
		return false, fmt.Errorf("%v: %w, which is from 0 to %.4g s", m, ErrOutside, v.seconds)
	}
	if m.Time.IsZero() {
		m.Time = time.Now()
	}
	same := false
	err := eachMark(ctx, tx, "WHERE labels.id = ? AND marks.sha256 = ?", []any{id, v.sha256}, func(old storedMark) error {
		switch {
		case old.same(m):
			same = true
		case old.conflicts(m):
			return &ConflictError{m, old.Mark}
		}
		return nil
	})
	if err != nil || same {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO marks (label, sha256, path, start, "end", positive, author, time) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		id, v.sha256, v.path, m.Start, m.End, m.Positive, m.Author, m.Time.UTC().Format(time.RFC3339Nano))
	return err == nil, err
}

// engine returns the mark for package label.
func (m Mark) engine(video int64) label.Mark {
	return label.Mark{Video: video, Start: m.Start, End: m.End, Positive: m.Positive}
}

// RemoveMarks removes marks, all or none, by label, video, start and end.
func RemoveMarks(ctx context.Context, dir string, marks []Mark) error {
	return modify(ctx, dir, func(tx *sql.Tx) error {
		videos, err := readVideos(ctx, tx)
		if err != nil {
			return err
		}
		for _, m := range marks {
			id, _, err := findLabel(ctx, tx, m.Label)
			if err != nil {
				return err
			}
			v, err := videos.find(m.Video)
			if err != nil {
				return err
			}
			r, err := tx.ExecContext(ctx, `DELETE FROM marks WHERE label = ? AND sha256 = ? AND abs(start - ?) < 1e-3 AND abs("end" - ?) < 1e-3`, id, v.sha256, m.Start, m.End)
			if err != nil {
				return err
			}
			if n, err := r.RowsAffected(); err != nil || n == 0 {
				return errors.Join(err, fmt.Errorf("%q of %s, %g–%g s: %w", m.Label, m.Video, m.Start, m.End, ErrNoMark))
			}
		}
		return nil
	})
}

// Labels returns the labels of the library with the number of their marks, by name.
func (l *Library) Labels(ctx context.Context) ([]Label, error) {
	out := []Label{}
	var x Label
	var list, created string
	var whole bool
	err := each(ctx, l.db, `SELECT labels.id, name, texts, created, coalesce(sum(positive), 0), count(marks.id) - coalesce(sum(positive), 0), coalesce(max(marks.id), 0),
		CASE WHEN EXISTS (SELECT 1 FROM models WHERE models.label = labels.id) THEN 'recognizer' WHEN EXISTS (SELECT 1 FROM trained WHERE trained.label = labels.id) THEN 'kernel' ELSE 'linear' END,
		coalesce((SELECT precision FROM points WHERE points.label = labels.id), 0), coalesce((SELECT recall FROM points WHERE points.label = labels.id), 0), `+intact("labels")+`
		FROM labels LEFT JOIN marks ON marks.label = labels.id GROUP BY labels.id ORDER BY name`, nil,
		[]any{&x.ID, &x.Name, &list, &created, &x.Positive, &x.Negative, &x.Last, &x.Method, &x.Point.Precision, &x.Point.Recall, &whole}, func() error {
			x.Texts, x.Created, x.Trained = nil, parseTime(created), x.Method != label.Linear
			if !whole || json.Unmarshal([]byte(list), &x.Texts) != nil {
				return damaged("labels")
			}
			out = append(out, x)
			return nil
		})
	return out, explain(l.dir, err)
}

// Video returns the path of the video that a path, or the end of one, names.
func (l *Library) Video(ctx context.Context, path string) (string, error) {
	videos, err := readVideos(ctx, l.db)
	if err != nil {
		return "", explain(l.dir, err)
	}
	v, err := videos.find(path)
	return v.path, err
}

// Marks returns the marks of a label, or of all labels if the name is empty, in the order
// in which they were made. Paths are those of the videos now.
func (l *Library) Marks(ctx context.Context, name string) ([]Mark, error) {
	where, args := "", []any(nil)
	if name != "" {
		id, _, err := findLabel(ctx, l.db, name)
		if err != nil {
			return nil, explain(l.dir, err)
		}
		where, args = "WHERE labels.id = ?", []any{id}
	}
	out := []Mark{}
	videos, err := readVideos(ctx, l.db)
	if err == nil {
		err = eachMark(ctx, l.db, where, args, func(m storedMark) error {
			if v, ok := videos.holding(m); ok {
				m.Video, m.VideoID = v.path, v.id
			}
			out = append(out, m.Mark)
			return nil
		})
	}
	return out, explain(l.dir, err)
}

// storedMark is a mark with the SHA-256 of its video.
type storedMark struct {
	Mark
	sha256 string
}

// eachMark calls do for the marks that match the SQL condition.
func eachMark(ctx context.Context, db querier, where string, args []any, do func(storedMark) error) error {
	var m storedMark
	var at string
	var whole bool
	return each(ctx, db, `SELECT marks.id, name, marks.sha256, marks.path, start, "end", positive, author, time, `+intact("marks")+" AND "+intact("labels")+`
		FROM marks JOIN labels ON labels.id = label `+where+" ORDER BY marks.id", args,
		[]any{&m.ID, &m.Label, &m.sha256, &m.Video, &m.Start, &m.End, &m.Positive, &m.Author, &at, &whole}, func() error {
			if !whole {
				return damaged("marks or labels")
			}
			m.Time = parseTime(at)
			return do(m)
		})
}

// videoRow is what marks need of a video.
type videoRow struct {
	id int64
	version
	path, sha256 string
	seconds      float64
}

// videoRows are the videos of a library, by path.
type videoRows []videoRow

func readVideos(ctx context.Context, db querier) (videoRows, error) {
	return selectVideos(ctx, db, "ORDER BY path")
}

// findVideo returns the video of a path, or of the end of one. A whole path is found without
// reading all videos.
func findVideo(ctx context.Context, db querier, path string) (videoRow, error) {
	rows, err := selectVideos(ctx, db, "WHERE path = ?", path)
	if err == nil && len(rows) == 0 {
		rows, err = readVideos(ctx, db)
	}
	if err != nil {
		return videoRow{}, err
	}
	return rows.find(path)
}

func selectVideos(ctx context.Context, db querier, which string, args ...any) (out videoRows, err error) {
	var v videoRow
	var whole bool
	err = each(ctx, db, "SELECT id, size, modified, path, sha256, seconds, "+intact("videos")+" FROM videos "+which, args,
		[]any{&v.id, &v.size, &v.modified, &v.path, &v.sha256, &v.seconds, &whole}, func() error {
			if !whole {
				return damaged("videos")
			}
			out = append(out, v)
			return nil
		})
	return out, err
}

// find returns the video of a path, or of the end of one, with or without its extension.
func (r videoRows) find(path string) (videoRow, error) {
	if absolute, err := filepath.Abs(path); err == nil {
		if i, ok := slices.BinarySearchFunc(r, absolute, func(v videoRow, p string) int { return strings.Compare(v.path, p) }); ok {
			return r[i], nil
		}
	}
	end := "/" + strings.TrimPrefix(filepath.ToSlash(filepath.Clean(path)), "/")
	found := r.ending(text.Key(end))
	if len(found) == 0 { // without the space that the path begins with
		found = r.ending("/" + text.Key(end[1:]))
	}
	switch len(found) {
	case 0:
		return videoRow{}, fmt.Errorf("%s: %w", path, ErrUnknownVideo)
	case 1:
		return found[0], nil
	}
	return videoRow{}, fmt.Errorf("%s: it is not clear which video is meant: %s or %s", path, found[0].path, found[1].path)
}

// ending returns the videos whose paths end with a key. If there are none, it returns those whose paths without the
// extension do: files of other programs may leave it out.
func (r videoRows) ending(end string) (found []videoRow) {
	for _, v := range r {
		if strings.HasSuffix("/"+text.Key(filepath.ToSlash(v.path)), end) {
			found = append(found, v)
		}
	}
	if len(found) > 0 {
		return found
	}
	for _, v := range r {
		name := text.Key(filepath.ToSlash(v.path))
		if strings.HasSuffix("/"+strings.TrimSuffix(name, filepath.Ext(name)), end) {
			found = append(found, v)
		}
	}
	return found
}

// holding returns the video of a mark: the one with its content, at its path if there are
// several.
func (r videoRows) holding(m storedMark) (found videoRow, ok bool) {
	for _, v := range r {
		if v.sha256 == m.sha256 && (!ok || v.path == m.Video) {
			found, ok = v, true
		}
	}
	return found, ok
}
