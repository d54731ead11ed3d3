package label_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/tiny"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/ffmpeg"
	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/video"
)

// TestMotionsOfRenderedVideos marks four videos of each motion and one of each of its
// opposites. The frames of both are the same; only their order differs.
func TestMotionsOfRenderedVideos(t *testing.T) {
	for _, name := range []string{"ffmpeg", "ffprobe"} {
		if _, err := ffmpeg.Command(t.Context(), name); err != nil {
			t.Skip(err)
		}
	}
	classes := []string{"growing", "shrinking", "appearing", "vanishing"}
	const perClass = 12
	dir := t.TempDir()
	_, err := synth.Generate(t.Context(), dir, synth.Options{Kind: synth.KindMotions, Classes: classes, PerClass: perClass, Simple: true, Width: 64, Height: 64, FPS: 8, TestShare: -1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	model, err := tiny.Load(clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	listing, err := video.Discover([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	sources := listing.Videos
	found := map[string]label.Moment{}
	shown := map[string]label.Frames{}
	if _, err := feature.ExtractFunc(t.Context(), model, sources, feature.Options{Sampling: video.AtRate(8)}, func(q *feature.Sequence) error {
		mean := make([]float32, q.Width)
		for j := range q.Len() {
			row := slices.Clone(q.Row(j))
			clip.Normalize(row, q.Width)
			for k, v := range row {
				mean[k] += v
			}
		}
		clip.Normalize(mean, q.Width)
		end := q.Timestamps[q.Len()-1]
		found[q.ID] = label.Moment{End: end, Embedding: mean}
		shown[q.ID] = label.Frames{Features: q.Features, Times: q.Timestamps, End: end}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var sample []label.Frames
	for _, s := range sources {
		sample = append(sample, shown[s.ID])
	}
	directions := label.LearnDirections(model.Config().Embed, sample)
	m := label.NewMoments(directions, len(sources))
	var class []string
	for i, s := range sources {
		x, f := found[s.ID], shown[s.ID]
		x.Motion = directions.Describe(directions.Project(f.Features), f.Times, f.Start, f.End)
		x.Video = int64(i)
		if err := m.Add(x); err != nil {
			t.Fatal(err)
		}
		class = append(class, filepath.Base(filepath.Dir(s.Path)))
	}
	right, total := 0, 0
	for _, c := range [][2]string{{"growing", "shrinking"}, {"shrinking", "growing"}, {"appearing", "vanishing"}, {"vanishing", "appearing"}} {
		first, opposite := slices.Index(class, c[0]), slices.Index(class, c[1])
		var marks []label.Mark
		for i := range 4 {
			_, start, end := m.Span(first + i)
			marks = append(marks, label.Mark{Video: int64(first + i), Start: start, End: end, Positive: true},
				label.Mark{Video: int64(opposite + i), Start: start, End: end})
		}
		text := make([]float32, model.Config().Embed)
		text[0] = 1 // says nothing
		teacher, err := label.Teach(m, text, marks)
		if err != nil {
			t.Fatal(err)
		}
		// Each further video of the motion has to score higher than each of the opposite.
		for i := 4; i < perClass; i++ {
			for j := 4; j < perClass; j++ {
				total++
				if teacher.Scores()[first+i] > teacher.Scores()[opposite+j] {
					right++
				}
			}
		}
		t.Logf("%s: %d of %d pairs so far", c[0], right, total)
	}
	if float64(right) < 0.85*float64(total) {
		t.Errorf("%d of %d pairs of opposite motions are in order", right, total)
	}
}
