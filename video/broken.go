package video

// brokenOff reports whether a file is not finished, where ffmpeg does not tell.
func brokenOff(path, container string) bool {
	switch container {
	case "gif":
		return !wholeGIF(path)
	case "ogg":
		return !wholeOgg(path)
	case "avi":
		return !wholeAVI(path)
	case "yuv4mpegpipe":
		return !wholeY4M(path)
	}
	return false
}
