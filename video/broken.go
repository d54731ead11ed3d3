package video

import (
	"io"
	"os"
)

// whole tells of a file, by its container, whether it goes on to its end, where ffmpeg
// does not.
var whole = map[string]func(*io.SectionReader) bool{
	"gif":          wholeGIF,
	"ogg":          wholeOgg,
	"avi":          wholeAVI,
	"yuv4mpegpipe": wholeY4M,
}

// brokenOff reports whether a file is not finished, as far as [whole] knows.
func brokenOff(path, container string) bool {
	ask := whole[container]
	if ask == nil {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false // for ffmpeg to say
	}
	defer f.Close()
	info, err := f.Stat()
	return err == nil && !ask(io.NewSectionReader(f, 0, info.Size()))
}
