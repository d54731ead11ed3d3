package library

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/progress"
)

// A label may have recognizers: models that were trained from its marks on the stored frames.
// What they say about a moment is evidence, one more input of the label's head. There are a
// few of them; each has not seen a part of the marked videos, and only it judges that part, so
// that the head can learn from the marks how much the evidence counts. The other videos are
// judged by all, and their mean counts.

// Trainer trains and runs recognizers. An [Embedder] that is one lets labels have
// recognizers; see [Library.Train].
type Trainer interface {
	// TrainModel trains a recognizer on moments that show what the text says, and on others,
	// and returns its model file.
	TrainModel(ctx context.Context, text string, positive, negative []label.Frames, p progress.Func) ([]byte, error)
	// OpenModel returns a function that returns the log-odds of moments by a model file.
	OpenModel(file []byte) (func(context.Context, []label.Frames) ([]float32, error), error)
}

// ErrNoTrainer is wrapped by the error for a label with a recognizer if the [Embedder] is no
// [Trainer].
var ErrNoTrainer = errors.New("this embedder does not run recognizers")

// model is a recognizer of a label.
type model struct {
	held  []string // SHA-256 of marked videos that it has not seen
	scale label.Scale
	file  []byte

	score func(context.Context, []label.Frames) ([]float32, error)
}

// open makes score ready.
func (m *model) open(e Embedder) (err error) {
	t, ok := e.(Trainer)
	if !ok {
		return ErrNoTrainer
	}
	m.score, err = t.OpenModel(m.file)
	return err
}

// models are the recognizers of a label.
type models []*model

// readModels returns the recognizers of a label, none if it has none.
func readModels(ctx context.Context, db querier, id int64) (out models, err error) {
	var held, scale string
	var file []byte
	var whole bool
	err = each(ctx, db, "SELECT held, scale, file, "+intact("models")+" FROM models WHERE label = ? ORDER BY id", []any{id}, []any{&held, &scale, &file, &whole}, func() error {
		m := &model{file: slices.Clone(file)}
		if !whole || json.Unmarshal([]byte(held), &m.held) != nil || json.Unmarshal([]byte(scale), &m.scale) != nil || !m.scale.Check() {
			return damaged("models")
		}
		out = append(out, m)
		return nil
	})
	return out, err
}

func (all models) open(e Embedder) error {
	for _, m := range all {
		if err := m.open(e); err != nil {
			return err
		}
	}
	return nil
}

// judges returns the models that judge a video.
func (all models) judges(sha256 string) models {
	for _, m := range all {
		if slices.Contains(m.held, sha256) {
			return models{m}
		}
	}
	return all
}

// evidence returns what open models say about moments of a video. A moment without frames has
// no evidence.
func (all models) evidence(ctx context.Context, sha256 string, moments []label.Frames) ([]float32, error) {
	out := make([]float32, len(moments))
	var seen []label.Frames
	var at []int
	for i, f := range moments {
		if len(f.Times) > 0 {
			seen, at = append(seen, f), append(at, i)
		}
	}
	judges := all.judges(sha256)
	for _, m := range judges {
		if len(seen) == 0 {
			break
		}
		scores, err := m.score(ctx, seen)
		if err != nil {
			return nil, err
		}
		for i, s := range scores {
			out[at[i]] += m.scale.Apply(s) / float32(len(judges))
		}
	}
	return out, nil
}

// packEvidence returns evidence for storage.
func packEvidence(evidence []float32) (out []byte) {
	for _, x := range evidence {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
	}
	return out
}

// unpackEvidence is the inverse of packEvidence for n moments. It returns nil for another
// number of them.
func unpackEvidence(packed []byte, n int) []float32 {
	if len(packed) != 4*n {
		return nil
	}
	out := make([]float32, n)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(packed[4*i:]))
	}
	return out
}

// storedEvidence returns the evidence of a label by video that the library stores.
func storedEvidence(ctx context.Context, db querier, id int64) (map[int64][]byte, error) {
	out := map[int64][]byte{}
	var video int64
	var packed []byte
	var whole bool
	err := each(ctx, db, "SELECT video, packed, "+intact("evidence")+" FROM evidence WHERE label = ?", []any{id}, []any{&video, &packed, &whole}, func() error {
		if !whole {
			return damaged("evidence")
		}
		out[video] = slices.Clone(packed)
		return nil
	})
	return out, err
}

func insertEvidence(ctx context.Context, tx *sql.Tx, id, video int64, evidence []float32) error {
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO evidence (label, video, packed) VALUES (?, ?, ?)", id, video, packEvidence(evidence))
	return err
}

// consult stores the evidence of the videos that have none, such as those that this run has
// indexed.
func (w *writer) consult(ctx context.Context) error {
	var ids []int64
	var id int64
	if err := each(ctx, w.db, "SELECT DISTINCT label FROM models", nil, []any{&id}, func() error { ids = append(ids, id); return nil }); err != nil {
		return err
	}
	if _, ok := w.e.(Trainer); !ok {
		return nil // evidence is computed when it is needed
	}
	for _, id := range ids {
		if err := w.judge(ctx, id); err != nil {
			return fmt.Errorf("recognizer of label %d: %w", id, err)
		}
	}
	return nil
}

// judge stores the evidence of a label for the videos that have none.
func (w *writer) judge(ctx context.Context, id int64) error {
	type row struct {
		id     int64
		sha256 string
	}
	var todo []row
	var r row
	err := each(ctx, w.db, "SELECT id, sha256 FROM videos WHERE NOT pending AND NOT EXISTS (SELECT 1 FROM evidence WHERE label = ? AND video = videos.id)",
		[]any{id}, []any{&r.id, &r.sha256}, func() error { todo = append(todo, r); return nil })
	if err != nil || len(todo) == 0 {
		return err
	}
	all, err := readModels(ctx, w.db, id)
	if err == nil {
		err = all.open(w.e)
	}
	if err != nil {
		return err
	}
	bar := w.o.Extract.Progress.Start("recognize", int64(len(todo)), "videos")
	defer bar.Finish()
	for _, v := range todo {
		spans, err := spansOf(ctx, w.db, v.id)
		if err != nil {
			return err
		}
		frames, err := frameReader{w.db, w.settings.Width}.of(ctx, v.id, spans)
		if err != nil {
			return err
		}
		evidence, err := all.evidence(ctx, v.sha256, frames)
		if err != nil {
			return err
		}
		if err := inTx(ctx, w.db, func(tx *sql.Tx) error { return insertEvidence(ctx, tx, id, v.id, evidence) }); err != nil {
			return err
		}
		bar.Add(1)
	}
	return nil
}

// spansOf returns the moments of a video, by start.
func spansOf(ctx context.Context, db querier, video int64) (out []label.Frames, err error) {
	var f label.Frames
	err = each(ctx, db, `SELECT start, "end" FROM moments WHERE video = ? ORDER BY start`, []any{video}, []any{&f.Start, &f.End}, func() error {
		out = append(out, f)
		return nil
	})
	return out, err
}
