package server

import "github.com/clipcue/clipcue/video"

// playable reports whether browsers can play a file itself.
func (s *Server) playable(info *video.Info) bool {
	return info.Codec == "h264" && info.PixelFormat == "yuv420p"
}
