package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The main path over real clips as they are, good and bad: what cannot be used is
// named and counted, and the rest is learned from. The clips stand in the folder
// that CLIPCUE_VIDEOS names or in ../shared/videos beside the module.
func TestRealClips(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	clips := os.Getenv("CLIPCUE_VIDEOS")
	if clips == "" {
		clips = filepath.Join(root, "..", "shared", "videos")
	}
	if _, err := os.Stat(clips); err != nil {
		t.Skip("no real clips: set CLIPCUE_VIDEOS to a folder that has them")
	}
	dir := t.TempDir()
	model := backbone(t, filepath.Join(dir, "backbone"), 3)
	features, run := filepath.Join(dir, "features"), filepath.Join(dir, "run")
	unusable := []string{"decord__corrupted.mp4", "lpms__zero-frame.ts", "media__mp4_sample_audio_only.mp4", "moviepy__result.webm", "wuffs__no-frames.gif"}

	r := clipcue(t, "extract", "--model", model, "--fps", "2", "--out", features, clips, "--json")
	checkError(t, r, exitPartial, "5 videos")
	report := decode[struct {
		Videos, Done int
		Failed       []struct{ ID, Reason string }
	}](t, r)
	var failed []string
	for _, f := range report.Failed {
		failed = append(failed, f.ID)
		if f.Reason == "" || strings.Count(r.stderr, f.ID) != 1 {
			t.Errorf("%s is not named once with a reason, which is %q:\n%s", f.ID, f.Reason, r.stderr)
		}
	}
	if slices.Sort(failed); report.Videos != 32 || report.Done != 27 || !slices.Equal(failed, unusable) {
		t.Errorf("%s", r.stdout)
	}

	labels := write(t, dir, "labels.csv", `path,label,split,start,end
torchvision__v_SoccerJuggling_g23_c01.avi,playing ball,train,,
kinetics_i3d_pytorch__v_CricketShot_g04_c01_rgb.gif,playing ball,train,,
ask-anything__hitting_baseball.mp4,playing ball,test,,
ask-anything__yoga.mp4,moving alone,train,1,8.5
torchvision__hmdb51_Turnk_r_Pippi_Michel_cartwheel_f_cm_np2_le_med_6.avi,moving alone,train,,
video-llama__skateboarding_dog.mp4,moving alone,train,,
ask-anything__jesse_dance.mp4,moving alone,test,,
decord__corrupted.mp4,moving alone,test,,
`)
	r = clipcue(t, "train", "recognition", "--model", model, "--features", features, "--data", labels, "--out", run, "--steps", "4", "--batch", "4")
	checkError(t, r, exitPartial, "1 sample")
	if strings.Count(r.stderr, "decord__corrupted.mp4") != 1 {
		t.Errorf("the sample without features is not named once:\n%s", r.stderr)
	}
	r = clipcue(t, "eval", "recognition", "--run", run, "--features", features, "--data", labels, "--json")
	checkError(t, r, exitPartial, "1 sample")
	if e := decode[evaluationJSON](t, r); e.Videos != 2 || e.Classes != 2 || e.Missing != 1 || e.Top1 == nil {
		t.Errorf("%s", r.stdout)
	}
	// Sampled as in training, although that was not the usual rate.
	good, bad := filepath.Join(clips, "mmaction2__demo.mp4"), filepath.Join(clips, "wuffs__no-frames.gif")
	r = clipcue(t, "classify", "-q", "--run", run, bad, good, "--json")
	checkError(t, r, exitPartial, "1 video")
	named := decode[classifiedJSON](t, r)
	named[1:].check(t, 1, []string{"playing ball", "moving alone"})
	if named[0].Error == "" || named[1].Path != good {
		t.Errorf("%s", r.stdout)
	}
}
