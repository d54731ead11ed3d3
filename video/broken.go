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
	return inFile(path, func(f *io.SectionReader) bool { return !ask(f) })
}

// inFile returns what ask says about a file, or nothing if it cannot be opened, which ffmpeg
// reports.
func inFile[T any](path string, ask func(*io.SectionReader) T) (answer T) {
	f, err := os.Open(path)
	if err != nil {
		return answer
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		answer = ask(io.NewSectionReader(f, 0, info.Size()))
	}
	return answer
}
