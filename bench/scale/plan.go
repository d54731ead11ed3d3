package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/clipcue/clipcue/bench/suite"
	"github.com/clipcue/clipcue/bench/usage"
)

// hours returns the time that extraction takes, in hours, for the given hours of video:
// decoding is the core-seconds per hour of video, rate the images per second and core.
func hours(video, decoding, fps, rate float64, cores int) float64 {
	return video * (decoding + 3600*fps/rate) / (3600 * float64(cores))
}

// encoding measures the image tower of a size on all threads.
func (r *runner) encoding(size, precision string) (suite.Result, error) {
	u, err := r.program("bench", "image", "--size", size, "--precision", precision, "--json")
	if err != nil {
		return suite.Result{}, err
	}
	var all struct {
		Results []suite.Result `json:"results"`
	}
	if err := json.Unmarshal(u.Output, &all); err != nil {
		return suite.Result{}, err
	}
	if len(all.Results) == 0 {
		return suite.Result{}, fmt.Errorf("clipcue bench: no results in %s", u.Output)
	}
	return all.Results[0], nil
}

// backbones measures how long the image towers take for an image, and the peak at that time.
func backbones(r *runner) error {
	for _, size := range of(r, []string{"ViT-B/32", "ViT-B/16", "ViT-L/14"}, []string{"tiny"}) {
		for _, precision := range []string{"float32", "int8"} {
			if r.prepare {
				continue
			}
			s, err := r.encoding(size, precision)
			if err != nil {
				return err
			}
			r.add(Point{Series: size + " " + precision, X: 1, Seconds: 1 / s.PerSecond,
				More: map[string]float64{"peak_gflops": s.PeakGFLOPS, "peak_share": s.PeakShare}})
		}
	}
	return nil
}

// planned is the number of videos of each resolution.
const planned = 2

// plan predicts the time of an extraction from the rates of its parts, and measures it.
func plan(r *runner) error {
	cores := runtime.GOMAXPROCS(0)
	model, size, err := r.backbone()
	if err != nil {
		return err
	}
	dir := filepath.Join(r.dir, "plan")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	var clips []string
	for _, s := range sizes[1:4] {
		ten, err := r.ten(moving, s.name, s.width, s.height)
		if err != nil {
			return err
		}
		clip, err := r.long(ten, s.name+"-60", of(r, 6, 1))
		if err != nil {
			return err
		}
		if _, err := r.copies(clip, filepath.Join("plan", s.name), of(r, planned, 1)); err != nil {
			return err
		}
		clips = append(clips, clip)
	}
	for _, precision := range []string{"float32", "int8"} {
		if r.prepare {
			continue
		}
		predicted, err := r.predict(clips, size, precision, cores)
		if err != nil {
			return err
		}
		name := "predicted, " + precision
		r.add(Point{Series: name, X: float64(len(clips)), Seconds: predicted})
		if err := r.point("measured, "+precision, float64(len(clips)), func() (usage.Usage, error) {
			return r.extract("--model", model, "--precision", precision, "--fps", "2", dir)
		}); err != nil {
			return err
		}
	}
	return nil
}

// predict returns the predicted seconds for the planned videos like each of the clips.
func (r *runner) predict(clips []string, size, precision string, cores int) (float64, error) {
	s, err := r.encoding(size, precision)
	if err != nil {
		return 0, err
	}
	seconds := 0.
	for _, clip := range clips {
		length := of(r, 60., 10)
		u, err := r.child("decode", clip, "2")
		if err != nil {
			return 0, err
		}
		video := of(r, planned, 1.) * length / 3600
		seconds += 3600 * hours(video, u.CPU*3600/length, 2, s.PerSecond/float64(cores), cores)
	}
	return seconds, nil
}
