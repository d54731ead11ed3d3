package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/tiny"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/markfile"
	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/task/retrieval"
	"github.com/clipcue/clipcue/video"
)

const (
	window = 2.0 // seconds of a moment
	rate   = 8   // frames per second
)

// archive is a library with its truth, in memory.
type archive struct {
	moments   *label.Moments
	frames    []label.Frames // of each moment, nil if no recognizers are trained
	videos    int
	model     *clip.Model
	retriever *retrieval.Retriever
	shows     map[string]map[int]bool         // label, moments
	spans     map[string][]label.Mark         // label, true segments
	unlisted  map[string]map[int]bool         // label, moments that the user skips and nothing counts: the truth does not list what they show
	skipped   map[string][]label.Mark         // the same as spans
	kinds     map[string]synth.Kind           // of the videos in which a label occurs
	ids       map[synth.Kind]map[string]int64 // numbers of videos, by the IDs of their features
}

// film is a video with its features and true segments.
type film struct {
	q    *feature.Sequence
	kind synth.Kind
	rows []markfile.Row
	more []synth.Visit // what rows do not list
}

func newArchive(ctx context.Context, o options) (*archive, error) {
	model, err := tiny.Load(clip.Options{})
	if err != nil {
		return nil, err
	}
	var films []film
	seconds := 0.
	for _, w := range []synth.Options{
		{Kind: synth.KindUntrimmed, Label: synth.LabelObjects, Total: o.objects, Seconds: 60, Width: 64, Height: 64, FPS: rate, TestShare: -1},
		{Kind: synth.KindUntrimmed, Label: synth.LabelMotions, Total: o.motions, Seconds: 12, Width: 64, Height: 64, FPS: rate, TestShare: -1},
	} {
		more, err := encode(ctx, model, filepath.Join(o.dir, string(w.Label)), w)
		if err != nil {
			return nil, err
		}
		seconds += float64(w.Total) * w.Seconds
		films = append(films, more...)
	}
	hop := (seconds - window*float64(len(films))) / float64(o.moments)
	a := &archive{moments: label.NewMoments(directions(model.Config().Embed, films, hop), o.moments), videos: len(films), model: model, retriever: retrieval.Baseline(model),
		shows: map[string]map[int]bool{}, spans: map[string][]label.Mark{}, unlisted: map[string]map[int]bool{}, skipped: map[string][]label.Mark{}, kinds: map[string]synth.Kind{}, ids: map[synth.Kind]map[string]int64{}}
	for i, f := range films {
		if err := a.add(ctx, int64(i+1), f, hop, o.recognize); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// encode renders videos and encodes their frames, each once.
func encode(ctx context.Context, model *clip.Model, dir string, w synth.Options) (films []film, err error) {
	if _, err := synth.Generate(ctx, dir, w, nil); err != nil {
		return nil, err
	}
	rows, err := markfile.Read(filepath.Join(dir, "segments.csv"), markfile.CSV, markfile.Options{})
	if err != nil {
		return nil, err
	}
	truth := map[string][]markfile.Row{}
	for _, r := range rows {
		truth[filepath.Base(r.Video)] = append(truth[filepath.Base(r.Video)], r)
	}
	unlisted, err := synth.Unlisted(w)
	if err != nil {
		return nil, err
	}
	found, err := video.Discover([]string{filepath.Join(dir, "videos")})
	if err != nil {
		return nil, err
	}
	store, err := feature.Create(filepath.Join(dir, "features"))
	if err != nil {
		return nil, err
	}
	if _, err = feature.Extract(ctx, model, found.Videos, store, feature.Options{Sampling: video.AtRate(rate)}); err != nil {
		return nil, err
	}
	for _, v := range found.Videos {
		q, err := store.Get(v.ID)
		if err != nil {
			return nil, err
		}
		films = append(films, film{q, synth.Kind(w.Label), truth[filepath.Base(q.ID)], unlisted["videos/"+filepath.Base(q.ID)]})
	}
	slices.SortFunc(films, func(a, b film) int { return cmp.Compare(a.q.ID, b.q.ID) })
	return films, nil
}

// directions learns the directions of changes from a sample of moments.
func directions(embed int, films []film, hop float64) *label.Directions {
	var sample []label.Frames
	for i, f := range films {
		for k := i % 20; ; k += 20 {
			x, ok := f.frames(hop * float64(k))
			if !ok {
				break
			}
			sample = append(sample, x)
		}
	}
	return label.LearnDirections(embed, sample)
}

// frames returns the frames of the moment at start as a library stores them, or false after
// the end of the video.
func (f film) frames(start float64) (label.Frames, bool) {
	q := f.q
	if start+window > q.Timestamps[q.Len()-1]+1./rate {
		return label.Frames{}, false
	}
	from, to := q.Span(start, start+window)
	times := make([]float64, to-from)
	for i := range times {
		times[i] = q.Timestamps[from+i] - q.Provenance.StartTime
	}
	features, times, err := label.UnpackFrames(label.PackFrames(q.Features[from*q.Width:to*q.Width], times), q.Width)
	return label.Frames{Features: features, Times: times, Start: start, End: start + window}, err == nil
}

// add adds the moments of a video, and their frames if keep is set.
func (a *archive) add(ctx context.Context, id int64, f film, hop float64, keep bool) error {
	q := f.q
	set(a.ids, f.kind, q.ID, id)
	for k := 0; ; k++ {
		start := hop * float64(k)
		x, ok := f.frames(start)
		if !ok {
			break
		}
		embedding, err := a.retriever.EncodeVideo(ctx, q, start, start+window)
		if err != nil {
			return err
		}
		row, d := a.moments.Len(), a.moments.Directions()
		if keep {
			a.frames = append(a.frames, x)
		}
		motion := d.Describe(d.Project(x.Features), x.Times, x.Start, x.End)
		if err := a.moments.Add(label.Moment{Video: id, Start: start, End: start + window, Embedding: embedding, Motion: motion}); err != nil {
			return err
		}
		for _, r := range f.rows {
			shared := min(r.End, start+window) - max(r.Start, start)
			if shared >= window/2 || shared >= 0.75*(r.End-r.Start) {
				set(a.shows, r.Label, row, true)
			}
		}
		for _, v := range f.more {
			if min(v.End, start+window)-max(v.Start, start) >= min(1, v.End-v.Start)/4 {
				set(a.unlisted, v.Class, row, true)
			}
		}
	}
	for _, v := range f.more {
		a.skipped[v.Class] = append(a.skipped[v.Class], label.Mark{Video: id, Start: v.Start, End: v.End})
	}
	for _, r := range f.rows {
		a.kinds[r.Label] = f.kind
		a.spans[r.Label] = append(a.spans[r.Label], label.Mark{Video: id, Start: r.Start, End: r.End, Positive: true})
	}
	return nil
}

func set[K, L comparable, V any](m map[K]map[L]V, key K, inner L, value V) {
	if m[key] == nil {
		m[key] = map[L]V{}
	}
	m[key][inner] = value
}

// target is a label to learn.
type target struct {
	name, group string
	share       float64 // of the moments that show it
}

// choose returns n labels each that are frequent, rare, and of motions.
func (a *archive) choose(n int) (out []target) {
	names := map[synth.Kind][]target{}
	for name, rows := range a.shows {
		k := a.kinds[name]
		names[k] = append(names[k], target{name: name, share: float64(len(rows)) / float64(a.moments.Len())})
	}
	for k := range names {
		slices.SortFunc(names[k], func(a, b target) int { return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(a.name, b.name)) })
	}
	take := func(group string, list []target) {
		for _, t := range list {
			t.group = group
			out = append(out, t)
		}
	}
	objects, motions := names[synth.Kind(synth.LabelObjects)], names[synth.Kind(synth.LabelMotions)]
	n = min(n, len(objects)/2, len(motions))
	take("objects", objects[:n])
	take("rare objects", objects[len(objects)-n:])
	take("motions", motions[:n])
	return out
}

func (t target) String() string { return fmt.Sprintf("%s (%s, %.2f %%)", t.name, t.group, 100*t.share) }
