package video_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/clipcue/clipcue/video"
)

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
