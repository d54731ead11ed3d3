package library

import (
	"context"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

// Options control how videos are indexed.
type Options struct {
	// Settings are those of a new library: Window, Hop, Captions, Graph, Server, and the
	// names of the model. Zero values are taken from an existing library, or are the
	// defaults: windows of 4 s every 2 s, and the captions of Captions. Server is never
	// taken from a library: see [ServerError].
	Settings Settings
	// ServerKey is sent to Settings.Server for authentication, if it is not empty.
	ServerKey string
	// Extract controls decoding; Force and OnFrame are not used.
	Extract feature.Options

	// Extracted, if set, is called with the videos that are about to be encoded. It returns a
	// function that returns the features of one of them that were extracted elsewhere, by
	// its path. They are used instead of encoding the video if its content, its frames and
	// the recipe are those of this run; the frames are only decoded, for the thumbnails. Videos
	// without such features are encoded.
	Extracted func(ctx context.Context, videos []video.Source) (func(path string) (*feature.Sequence, error), error)

	// Reindex re-indexes the given videos even if they have not changed. Without any
	// videos, or with settings that differ from the library's, it re-indexes all.
	Reindex bool
	// Prune is called before videos that were deleted are removed from the library, with
	// their paths and the number of videos in the library. An error keeps them and ends
	// the run. If Prune is nil, no video is removed.
	Prune func(gone []string, total int) error
}

// Report is the summary of a run. Videos = Done + Present + Moved + len(Failed) +
// Remaining.
type Report struct {
	Videos    int               `json:"videos"`              // that the run had to bring up to date
	Done      int               `json:"done"`                // indexed in this run
	Indexed   []string          `json:"indexed"`             // paths of these
	Present   int               `json:"present"`             // up to date in the library
	Moved     int               `json:"moved"`               // known by another path, where they no longer exist
	NotVideos map[string]int    `json:"not_videos"`          // number of skipped files and folders, by extension or reason
	Failed    []feature.Failure `json:"failed"`              // in the order of paths
	Partial   []feature.Failure `json:"partial"`             // those of Done that were decoded only in part
	Corrected []feature.Failure `json:"corrected,omitempty"` // those of Done with wrong timestamps that were corrected
	Remaining int               `json:"remaining"`           // not processed because the run ended early
	Moments   int               `json:"moments"`             // of the videos in Done

	Changed []string `json:"changed"` // in the library and not among the given ones, but changed
	Missing []string `json:"missing"` // in the library, but not at their paths
	// Unreachable are those of Missing that may still exist, with the reason: their folder
	// cannot be read, or is empty. They are never removed.
	Unreachable []feature.Failure `json:"unreachable"`
	Pruned      int               `json:"pruned"`   // those of Missing that were removed
	Repaired    int               `json:"repaired"` // re-indexed because their vectors were lost

	Seconds         float64 `json:"seconds"`
	FramesPerSecond float64 `json:"frames_per_second"`
	EncoderBusy     float64 `json:"encoder_busy"`

	LibraryVideos  int `json:"library_videos"` // in the library at the end
	LibraryMoments int `json:"library_moments"`
}

func newReport() Report {
	return Report{NotVideos: map[string]int{}, Failed: []feature.Failure{}, Partial: []feature.Failure{}, Unreachable: []feature.Failure{}, Indexed: []string{}, Changed: []string{}, Missing: []string{}}
}

// String returns the summary as one line.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %.1f s: %d indexed", english.Plural(r.Videos, "video", ""), r.Seconds, r.Done)
	if r.Done > 0 {
		fmt.Fprintf(&b, " as %s", english.Plural(r.Moments, "moment", ""))
	}
	fmt.Fprintf(&b, ", %d already present, %d failed", r.Present, len(r.Failed))
	for _, n := range []struct {
		n    int
		what string
	}{{r.Moved, "moved"}, {r.Remaining, "still to do"}, {len(r.Missing) - r.Pruned, "missing"}, {r.Pruned, "removed"}, {len(r.Changed), "changed"}} {
		if n.n > 0 {
			fmt.Fprintf(&b, ", %d %s", n.n, n.what)
		}
	}
	fmt.Fprintf(&b, "; the library holds %s of %s", english.Plural(r.LibraryMoments, "moment", ""), english.Plural(r.LibraryVideos, "video", ""))
	return b.String()
}
