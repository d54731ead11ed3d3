package video

import (
	"io"
	"os"
)

// whole maps containers whose truncation ffmpeg does not notice to functions that report
// whether a file is complete.
var whole = map[string]func(*io.SectionReader) bool{
	"gif":           wholeGIF,
	"ogg":           wholeOgg,
	"avi":           wholeAVI,
	"asf":           wholeASF,
	"mxf":           wholeMXF,
	"matroska,webm": wholeMatroska,
	"yuv4mpegpipe":  wholeY4M,
}

// truncated reports whether a file is incomplete, as far as [whole] can tell.
func truncated(path, container string) bool {
	ask := whole[container]
	if ask == nil {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false // ffmpeg reports the error
	}
	defer f.Close()
	info, err := f.Stat()
	return err == nil && !ask(io.NewSectionReader(f, 0, info.Size()))
}
