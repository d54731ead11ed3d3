package library

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sort"

	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/progress"
)

// ErrNoFrames is wrapped by the error of [Library.Train] for a library that does not
// store the frames of the marked videos. An older clipcue indexed them.
var ErrNoFrames = errors.New("the library does not store the frames of the marked videos")

// ErrReindexed is wrapped by the error of [SetTraining] for a library that was re-indexed since.
var ErrReindexed = errors.New("the library was re-indexed during the training")

// recognizer is what was trained from the marks of a label.
type recognizer struct {
	models     models
	evidence   map[int64][]float32 // by video
	generation int64
}

// scaled is the number of moments that the scales of models are measured on.
const scaled = 4096

// trainRecognizer trains recognizers for a label from its marks and the stored frames, and
// compares its linear head with one that they give evidence to; see
// [label.Teacher.CompareWith].
func (l *Library) trainRecognizer(ctx context.Context, t *Teacher, p progress.Func) (*recognizer, label.Comparison, error) {
	r := &recognizer{generation: l.generation, evidence: map[int64][]float32{}}
	lessons, err := t.teacher.Lessons()
	if err != nil {
		return nil, label.Comparison{}, err
	}
	for _, lesson := range lessons {
		m, err := l.trainModel(ctx, t, lesson, p)
		if err != nil {
			return nil, label.Comparison{}, err
		}
		r.models = append(r.models, m)
	}
	evidence, err := l.judgeAll(ctx, t.m, r, p)
	if err != nil {
		return nil, label.Comparison{}, explain(l.dir, err)
	}
	c, err := t.teacher.CompareWith(ctx, evidence)
	return r, c, err
}

// trainModel trains one recognizer.
func (l *Library) trainModel(ctx context.Context, t *Teacher, lesson label.Lesson, p progress.Func) (*model, error) {
	trainer, ok := t.e.(Trainer)
	if !ok {
		return nil, ErrNoTrainer
	}
	var examples [2][]label.Frames
	for i, rows := range [][]int{lesson.Positive, lesson.Negative} {
		frames, err := l.framesOf(ctx, t.m.moments, rows)
		if err != nil {
			return nil, explain(l.dir, err)
		}
		if len(frames) == 0 {
			return nil, fmt.Errorf("%s: %w", l.dir, ErrNoFrames)
		}
		examples[i] = frames
	}
	file, err := trainer.TrainModel(ctx, t.text, examples[0], examples[1], p)
	if err != nil {
		return nil, err
	}
	m := &model{file: file}
	for video := range lesson.Held {
		m.held = append(m.held, t.m.videos[video].sha256)
	}
	sort.Strings(m.held)
	if err := m.open(t.e); err != nil {
		return nil, err
	}
	sample, err := l.framesOf(ctx, t.m.moments, t.m.moments.Sample(scaled))
	if err != nil {
		return nil, explain(l.dir, err)
	}
	scores, err := m.score(ctx, sample)
	if err == nil {
		m.scale = label.NewScale(scores)
	}
	return m, err
}

// framesOf returns the frames of those moments that have some.
func (l *Library) framesOf(ctx context.Context, m *label.Moments, rows []int) (out []label.Frames, err error) {
	for _, row := range rows {
		var f label.Frames
		var video int64
		video, f.Start, f.End = m.Span(row)
		frames, err := l.frames().of(ctx, video, []label.Frames{f})
		if err != nil {
			return nil, err
		}
		if len(frames[0].Times) > 0 {
			out = append(out, frames[0])
		}
	}
	return out, nil
}

// judgeAll sets the evidence of all videos, and returns that of each moment.
func (l *Library) judgeAll(ctx context.Context, m *Moments, r *recognizer, p progress.Func) ([]float32, error) {
	bar := p.Start("recognize", int64(m.moments.Len()), "moments")
	defer bar.Finish()
	var all []float32
	err := m.eachVideo(func(video int64, spans []label.Frames) error {
		evidence, err := l.evidenceOf(ctx, m, r.models, video, spans)
		if err == nil {
			r.evidence[video], all = evidence, append(all, evidence...)
			bar.Add(int64(len(spans)))
		}
		return err
	})
	return all, err
}

// evidenceOf returns what open models say about the moments of a video.
func (l *Library) evidenceOf(ctx context.Context, m *Moments, all models, video int64, spans []label.Frames) ([]float32, error) {
	frames, err := l.frames().of(ctx, video, spans)
	if err != nil {
		return nil, err
	}
	return all.evidence(ctx, m.videos[video].sha256, frames)
}

// eachVideo calls do with the moments of each video.
func (m *Moments) eachVideo(do func(video int64, spans []label.Frames) error) error {
	for row := 0; row < m.moments.Len(); {
		video, _, _ := m.moments.Span(row)
		var spans []label.Frames
		for ; row < m.moments.Len(); row++ {
			v, start, end := m.moments.Span(row)
			if v != video {
				break
			}
			spans = append(spans, label.Frames{Start: start, End: end})
		}
		if err := do(video, spans); err != nil {
			return err
		}
	}
	return nil
}

// cachedEvidence is the evidence of a label for each moment, and the last of the models that
// gave it.
type cachedEvidence struct {
	last     int64
	evidence []float32
}

// evidence returns the evidence of a label for each moment, and its models, both nil for a
// label without a recognizer. What is not stored is computed.
func (l *Library) evidence(ctx context.Context, e Embedder, m *Moments, id int64) ([]float32, models, error) {
	var last int64
	if err := l.db.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM models WHERE label = ?", id).Scan(&last); err != nil || last == 0 {
		return nil, nil, err
	}
	all, err := readModels(ctx, l.db, id)
	if err != nil {
		return nil, nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if c, ok := m.evidence[id]; ok && c.last == last {
		return c.evidence, all, nil
	}
	stored, err := storedEvidence(ctx, l.db, id)
	if err != nil {
		return nil, nil, err
	}
	c := cachedEvidence{last: last}
	err = m.eachVideo(func(video int64, spans []label.Frames) error {
		x := unpackEvidence(stored[video], len(spans))
		if x == nil {
			if err := all.open(e); err != nil {
				return err
			}
			if x, err = l.evidenceOf(ctx, m, all, video, spans); err != nil {
				return err
			}
		}
		c.evidence = append(c.evidence, x...)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	m.evidence[id] = c
	return c.evidence, all, nil
}

// store stores a recognizer.
func (r *recognizer) store(ctx context.Context, tx *sql.Tx, id int64) error {
	var generation int64
	if err := tx.QueryRowContext(ctx, "SELECT generation FROM settings").Scan(&generation); err != nil {
		return err
	}
	if generation != r.generation {
		return ErrReindexed
	}
	for _, m := range r.models {
		if err := insertModel(ctx, tx, id, m); err != nil {
			return err
		}
	}
	known := map[int64]bool{}
	var video int64
	if err := each(ctx, tx, "SELECT id FROM videos", nil, []any{&video}, func() error { known[video] = true; return nil }); err != nil {
		return err
	}
	for video, evidence := range r.evidence {
		if known[video] { // still
			if err := insertEvidence(ctx, tx, id, video, evidence); err != nil {
				return err
			}
		}
	}
	return nil
}

func insertModel(ctx context.Context, tx *sql.Tx, id int64, m *model) error {
	held, err := json.Marshal(m.held)
	if err != nil {
		return err
	}
	scale, err := json.Marshal(m.scale)
	if err == nil {
		_, err = tx.ExecContext(ctx, "INSERT INTO models (label, held, scale, file) VALUES (?, ?, ?, ?)", id, string(held), string(scale), m.file)
	}
	return err
}
