package recognition

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/train"
)

// FewShotResult is the accuracy over few-shot episodes.
type FewShotResult struct {
	Episodes int       `json:"episodes"`
	Top1     float64   `json:"top1"`    // mean
	Top1CI   float64   `json:"top1_ci"` // half the width of its 95 % interval
	Top5     float64   `json:"top5"`
	Each     []float64 `json:"each"` // top-1 of every episode
	Missing  int       `json:"missing"`

	top5 []float64
}

func (r *FewShotResult) summarize() {
	r.Episodes = len(r.Each)
	r.Top1, r.Top1CI = ConfidenceInterval(r.Each)
	r.Top5, _ = ConfidenceInterval(r.top5)
}

// EpisodesFile is the name of the file with the [FewShotResult] in a run folder.
const EpisodesFile = "episodes.json"

// EpisodeDir returns the name of the run folder of an episode.
func EpisodeDir(i int) string { return fmt.Sprintf("episode-%03d", i) }

// FewShot trains and tests a recognizer on every episode, each in its own folder below the
// run folder, and returns the summary. With Resume, completed episodes are not repeated.
func FewShot(ctx context.Context, c Config, r Run, data *Source, episodes []dataset.Episode) (*FewShotResult, error) {
	if len(episodes) == 0 {
		return nil, errors.New("no episodes")
	}
	out := &FewShotResult{}
	bar := r.Progress.Start("episodes", int64(len(episodes)), "episodes")
	defer bar.Finish()
	for i, e := range episodes {
		sub := r
		sub.Dir = filepath.Join(r.Dir, EpisodeDir(i))
		sub.Note = map[string]any{"data": r.Note, "episode": i}
		var err error
		if sub.Train, err = data.Set(e.Train); err != nil {
			return nil, err
		}
		test, err := data.Set(e.Test)
		if err != nil {
			return nil, err
		}
		// An episode with missing shots would be a different problem.
		if n := len(sub.Train.Missing); n > 0 {
			return nil, fmt.Errorf("episode %d: %d training videos have no features: %w", i, n, sub.Train.Missing[0].Err)
		}
		out.Missing += len(test.Missing)
		sub.Val, sub.Test, sub.Progress = nil, nil, nil
		if _, err := Train(ctx, c, sub); err != nil {
			out.summarize()
			return out, fmt.Errorf("episode %d: %w", i, err)
		}
		f, err := adapter.ReadFile(filepath.Join(sub.Dir, train.BestFile))
		if err != nil {
			return nil, err
		}
		model, err := New(f, r.Backbone)
		if err != nil {
			return nil, err
		}
		result, err := model.Evaluate(ctx, test, c.Eval)
		if err != nil {
			return nil, fmt.Errorf("episode %d: %w", i, err)
		}
		if r.Log != nil {
			r.Log.Info("episode", "number", i, "top1", math.Round(result.Top1*1e4)/1e4, "videos", result.Videos)
		}
		out.Each = append(out.Each, result.Top1)
		out.top5 = append(out.top5, result.Top5)
		bar.Add(1)
	}
	out.summarize()
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return nil, err
	}
	return out, atomicfile.MemberBytes(filepath.Join(r.Dir, EpisodesFile), append(b, '\n'))
}

// ConfidenceInterval returns the mean of x and half the width of its 95 % confidence
// interval by Student's distribution, 0 for a single value.
func ConfidenceInterval(x []float64) (mean, half float64) {
	mean, n := stat.Mean(x, nil), float64(len(x))
	if n > 1 {
		t := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.975)
		half = t * stat.StdDev(x, nil) / math.Sqrt(n)
	}
	return mean, half
}

// Summary describes the set in one line, for a log.
func (s *Set) Summary() string {
	return fmt.Sprintf("%d videos of %d classes, %d missing", len(s.Videos), len(s.Classes), len(s.Missing))
}
