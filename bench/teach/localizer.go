package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/task/localization"
	"github.com/clipcue/clipcue/train"
)

// localized holds the detections of localizers in the videos that they were not trained on.
type localized struct {
	test     map[int64]bool // these videos
	segments map[string][]label.Segment
}

// compared is the average precision at tIoU 0.5 of the segments of one label in half of the
// videos. The localizer has learned from all true segments of the other half.
type compared struct {
	Label, Group string
	Seed         uint64
	True         int // segments
	Localizer    float64
	Marks        map[string]map[int]float64 // by variant and their number
}

// variant is where the user makes marks, and the precision that segments have to reach.
type variant struct {
	everywhere bool // or only in the videos that the localizer has learned from
	precision  float64
}

func (v variant) String() string {
	where := "the other half"
	if v.everywhere {
		where = "all videos"
	}
	return fmt.Sprintf("marks in %s, precision %g", where, v.precision)
}

// precisions are the operating points that are compared; the first is the default.
var precisions = []float64{defaultPrecision, 0.5}

// contest compares labels with localizers.
func (a *archive) contest(ctx context.Context, o options) error {
	var all []compared
	for seed := range uint64(o.seeds) {
		l, err := a.localize(ctx, o.dir, seed)
		if err != nil {
			return err
		}
		for _, t := range a.choose(o.labels) {
			c, err := a.compare(ctx, t, l, seed)
			if err != nil {
				return fmt.Errorf("label %q: %w", t.name, err)
			}
			fmt.Fprintf(os.Stderr, "%+v\n", c)
			all = append(all, c)
		}
		fmt.Printf("\nseeds: %d\n\n", seed+1)
		reportSegments(os.Stdout, all)
		if err := save(o.json, all); err != nil {
			return err
		}
	}
	return nil
}

// localize trains a localizer on half of the videos with objects and one on half of those
// with motions, as `clipcue train localization --test-share 0.5` does, and applies them to
// the rest. Finished runs in dir are used again.
func (a *archive) localize(ctx context.Context, dir string, seed uint64) (*localized, error) {
	l := &localized{test: map[int64]bool{}, segments: map[string][]label.Segment{}}
	for _, kind := range []synth.Label{synth.LabelObjects, synth.LabelMotions} {
		of := filepath.Join(dir, string(kind))
		d := localization.Data{Path: filepath.Join(of, "segments.csv"), Features: filepath.Join(of, "features"),
			TrainSplit: dataset.Train, EvalSplit: dataset.Test, TestShare: 0.5, SplitSeed: seed}
		source, err := d.Open(feature.BackboneOf(a.model))
		if err != nil {
			return nil, err
		}
		sets, _, err := d.Sets(source)
		if err != nil {
			return nil, err
		}
		run := train.Run{Dir: filepath.Join(of, fmt.Sprintf("localizer-%d", seed)), Resume: true, Note: d, Log: slog.New(slog.DiscardHandler)}
		model, err := trainLocalizer(ctx, a.model, run, sets.Train, seed)
		if err != nil {
			return nil, err
		}
		if err := l.add(ctx, model, sets.Test, a.ids[synth.Kind(kind)]); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// trainLocalizer trains a localizer with default settings. Nothing is selected on test videos.
func trainLocalizer(ctx context.Context, m *clip.Model, run train.Run, videos *localization.Set, seed uint64) (*localization.Localizer, error) {
	c := localization.DefaultConfig()
	c.Train.Seed, c.DetectorTrain.Seed = seed, seed
	if _, err := localization.Train(ctx, c, localization.Run{Run: run, Sets: localization.Sets{Train: videos}, Backbone: m}); err != nil {
		return nil, err
	}
	f, err := adapter.ReadFile(filepath.Join(run.Dir, train.BestFile))
	if err != nil {
		return nil, err
	}
	return localization.New(f, m)
}

// add adds the detections of a localizer in the videos of a set, whose numbers are in ids.
func (l *localized) add(ctx context.Context, model *localization.Localizer, s *localization.Set, ids map[string]int64) error {
	for _, v := range s.Videos {
		q, err := s.Load(v)
		if err != nil {
			return err
		}
		found, err := model.Localize(ctx, q)
		if err != nil {
			return err
		}
		id := ids[v.ID]
		l.test[id] = true
		for _, d := range found {
			l.segments[d.Label] = append(l.segments[d.Label], label.Segment{Video: id, Start: d.Start, End: d.End, Score: d.Score})
		}
	}
	return nil
}

// compare compares a label with a localizer, or returns no true segments if the label does not
// occur in both halves of the videos.
func (a *archive) compare(ctx context.Context, t target, l *localized, seed uint64) (compared, error) {
	truth := slices.DeleteFunc(slices.Clone(a.spans[t.name]), func(k label.Mark) bool { return !l.test[k.Video] })
	c := compared{Label: t.name, Group: t.group, Seed: seed, Marks: map[string]map[int]float64{}}
	if len(truth) == 0 || len(truth) == len(a.spans[t.name]) {
		return c, nil
	}
	c.True, c.Localizer = len(truth), a.segmentPrecision(t.name, l.segments[t.name], truth)
	query, err := a.retriever.EncodeTexts(ctx, []string{t.name})
	if err != nil {
		return c, err
	}
	clip.Normalize(query, len(query))
	for _, everywhere := range []bool{true, false} {
		if err := a.markAndMeasure(ctx, &c, query, l, everywhere, truth); err != nil {
			return c, err
		}
	}
	return c, nil
}

// markAndMeasure lets the user of [archive.teach] mark moments, and adds the measurements.
func (a *archive) markAndMeasure(ctx context.Context, c *compared, query []float32, l *localized, everywhere bool, truth []label.Mark) error {
	random := rand.New(rand.NewPCG(c.Seed, 15))
	match := func(row int) bool { video, _, _ := a.moments.Span(row); return everywhere || !l.test[video] }
	var marks []label.Mark
	for n := range budgets[len(budgets)-1] + 1 {
		teacher, err := label.Teach(a.moments, query, marks)
		if err != nil {
			return err
		}
		for _, p := range precisions {
			if n < 20 || !slices.Contains(budgets, n) {
				continue
			}
			found, _, err := segments(ctx, a.moments, teacher, p)
			if err != nil {
				return err
			}
			found = slices.DeleteFunc(found, func(s label.Segment) bool { return !l.test[s.Video] })
			set(c.Marks, variant{everywhere, p}.String(), n, a.segmentPrecision(c.Label, found, truth))
		}
		marks = append(marks, a.mark(c.Label, a.next(c.Label, teacher, n, random, match)))
	}
	return nil
}

// reportSegments prints the mean average precision of each group in Markdown.
func reportSegments(w io.Writer, all []compared) {
	fmt.Fprintln(w, "| labels | segments of | 20 marks | 50 marks |\n|---|---|---|---|")
	for _, g := range groups {
		rows := slices.DeleteFunc(slices.Clone(all), func(c compared) bool { return c.Group != g || c.True == 0 })
		if len(rows) == 0 {
			continue
		}
		for _, everywhere := range []bool{true, false} {
			for _, p := range precisions {
				v := variant{everywhere, p}.String()
				fmt.Fprintf(w, "| %s | %s | %.3f | %.3f |\n", g, v, mean(rows, func(c compared) float64 { return c.Marks[v][20] }), mean(rows, func(c compared) float64 { return c.Marks[v][50] }))
			}
		}
		segments := 0
		for _, c := range rows {
			segments += c.True
		}
		fmt.Fprintf(w, "| %s | the localizer (%d true segments in %d runs) | %.3f | |\n", g, segments, len(rows), mean(rows, func(c compared) float64 { return c.Localizer }))
	}
}
