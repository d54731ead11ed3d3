package video_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/clipcue/clipcue/video"
)

// Decode two frames per second at the size that CLIP takes. Truncated videos yield the
// frames before the damage.
func ExampleFrames() {
	ctx := context.Background()
	options := video.Options{Sampling: video.AtRate(2), Size: 224}
	for frame, err := range video.Frames(ctx, "clip.mp4", options) {
		switch {
		case errors.Is(err, video.ErrDamaged):
			log.Print(err) // the frames before it are good
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println(frame.Time, len(frame.Pix))
		}
	}
}

// List the videos below a folder, and report the folders that cannot be read.
func ExampleDiscover() {
	found, err := video.Discover([]string{"videos"})
	if err != nil {
		log.Fatal(err)
	}
	for _, v := range found.Videos {
		fmt.Println(v.ID, v.Path)
	}
	for _, folder := range found.Unreadable {
		log.Print(folder)
	}
}

// Find out what is unusual about a video before extracting features from it.
func ExampleCheck() {
	report, err := video.Check(context.Background(), "clip.mp4", video.CheckOptions{Decode: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Frames, report.Width, report.Height, report.Notes)
}

func ExampleParseSampling() {
	s, err := video.ParseSampling("fps=2")
	if err != nil {
		log.Fatal(err)
	}
	fps, ok := s.Rate()
	fmt.Println(s, fps, ok)
	_, err = video.ParseSampling("often")
	fmt.Println(err)
	// Output:
	// fps=2 2 true
	// sampling must be fps=RATE, frames=NUMBER or all, got "often"
}

func ExampleResizer_Resize() {
	frame := video.Frame{Width: 320, Height: 240, Pix: make([]byte, 3*320*240)}
	var r video.Resizer
	small, err := r.Resize(frame, 224, video.Fit{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(small.Width, small.Height, len(small.Pix))
	// Output: 224 224 150528
}
