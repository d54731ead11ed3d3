package feature

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/ffmpeg"
	"github.com/clipcue/clipcue/video"
)

// unusable are the real clips that have no features, and the reason.
var unusable = map[string]string{
	"decord__corrupted.mp4":            "damaged",
	"lpms__zero-frame.ts":              "no frames",
	"media__mp4_sample_audio_only.mp4": "no video stream",
	"moviepy__result.webm":             "the file is empty",
	"wuffs__no-frames.gif":             "no frames",
}

// Exactly the real clips that cannot be decoded fail. The clips are in the folder
// CLIPCUE_VIDEOS, or in ../shared/videos next to the module.
func TestExtractRealClips(t *testing.T) {
	dir := os.Getenv("CLIPCUE_VIDEOS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "videos")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no real clips: set CLIPCUE_VIDEOS to a folder that has them")
	}
	if _, err := ffmpeg.Command(t.Context(), "ffmpeg"); err != nil {
		t.Skip(err)
	}
	m, err := clip.New(clip.RandomWeights(clip.Config{
		Embed: 16, ImageSize: 32, PatchSize: 16, VisionWidth: 32, VisionLayers: 1, VisionHeads: 2,
		Context: 8, Vocab: 514, TextWidth: 32, TextLayers: 1, TextHeads: 2, Activation: "quick_gelu", Eps: 1e-5,
	}, 1), clip.Options{Towers: clip.ImageTower})
	if err != nil {
		t.Fatal(err)
	}
	sources := discover(t, dir)
	s := create(t)
	o := Options{Sampling: video.AtRate(4)}
	r := extract(t, m, sources, s, o)
	t.Log(r)
	failed := map[string]bool{}
	for _, f := range r.Failed {
		failed[f.ID] = true
		if want, ok := unusable[f.ID]; !ok || !strings.Contains(f.Reason, want) {
			t.Errorf("%s: %s", f.ID, f.Reason)
		}
	}
	for _, source := range sources {
		q, err := s.Get(source.ID)
		if (err == nil) == failed[source.ID] || (err == nil) == (unusable[source.ID] != "") {
			t.Errorf("%s: error %v", source.ID, err)
		}
		if err != nil {
			continue
		}
		p := q.Provenance
		// Headers round durations and count sound, too: half a second is allowed.
		if n := math.Floor(p.Duration*4) + 1; math.Abs(float64(q.Len())-n) > 2 {
			t.Errorf("%s: %d frames in %g s", q.ID, q.Len(), p.Duration)
		}
		if d := q.Timestamps[0] - p.StartTime; d < -1e-6 || d > 0.1 {
			t.Errorf("%s: the first frame is at %g s, the video begins at %g s", q.ID, q.Timestamps[0], p.StartTime)
		}
	}
	if again := extract(t, m, sources, s, o); again.Skipped != r.Done || len(again.Failed) != len(r.Failed) {
		t.Errorf("%v, then %v", r, again)
	}
}
