package markfile

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"net/url"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/clipcue/clipcue/internal/text"
)

// fcpxml is a project of Final Cut Pro, version 1.8, which DaVinci Resolve reads, too. Later versions name the
// file of an asset where OpenTimelineIO does not find it. https://developer.apple.com/documentation/professional-video-applications/fcpxml-reference
type fcpxml struct {
	XMLName xml.Name    `xml:"fcpxml"`
	Version string      `xml:"version,attr"`
	Formats []fcpFormat `xml:"resources>format"`
	Assets  []fcpAsset  `xml:"resources>asset"`
	Event   fcpEvent    `xml:"library>event"`
}

type fcpFormat struct {
	ID    string `xml:"id,attr"`
	Frame string `xml:"frameDuration,attr"`
}

type fcpAsset struct {
	ID       string `xml:"id,attr"`
	Name     string `xml:"name,attr"`
	Start    string `xml:"start,attr"`
	HasVideo int    `xml:"hasVideo,attr"`
	Format   string `xml:"format,attr"`
	Source   string `xml:"src,attr"`
}

type fcpEvent struct {
	Name    string `xml:"name,attr"`
	Project struct {
		Name     string `xml:"name,attr"`
		Sequence struct {
			Format string    `xml:"format,attr"`
			Clips  []fcpClip `xml:"spine>asset-clip"`
		} `xml:"sequence"`
	} `xml:"project"`
}

type fcpClip struct {
	Ref      string    `xml:"ref,attr"`
	Name     string    `xml:"name,attr"`
	Offset   string    `xml:"offset,attr"`
	Start    string    `xml:"start,attr"`
	Duration string    `xml:"duration,attr"`
	Format   string    `xml:"format,attr"`
	Marker   fcpMarker `xml:"marker"`
}

type fcpMarker struct {
	Start    string `xml:"start,attr"`
	Duration string `xml:"duration,attr"`
	Value    string `xml:"value,attr"`
	Note     string `xml:"note,attr,omitempty"`
}

// writeFCPXML writes a timeline that plays the spans of all videos in a row, with the labels
// as markers. Its frame rate is that of the first video.
func writeFCPXML(w io.Writer, rows []Row, o Options) error {
	d := fcpxml{Version: "1.8", Event: fcpEvent{Name: "clipcue"}}
	d.Event.Project.Name, d.Event.Project.Sequence.Format = "clipcue", "f1"
	formats := map[fraction]string{}
	var timeline, unit fraction // of the first video, of the current one
	var rate float64
	var first, at int64 // timecode of the current video's frame 0; end of the timeline, in frames
	for i, r := range rows {
		if i == 0 || r.Video != rows[i-1].Video {
			var clock Clock
			var err error
			if rate, clock, err = o.clock(text.Unescape(r.Video)); err != nil {
				return err
			}
			unit, first = frameDuration(rate), labelFrames(clock.Label(0), rate)
			if formats[unit] == "" {
				formats[unit] = "f" + strconv.Itoa(len(formats)+1)
				d.Formats = append(d.Formats, fcpFormat{formats[unit], unit.seconds(1)})
			}
			d.Assets = append(d.Assets, newAsset(len(d.Assets)+1, r.Video, formats[unit], unit.seconds(first)))
		}
		if i == 0 {
			timeline = unit
		}
		from, to := frameRange(r, rate)
		start, length := unit.seconds(first+from), max(1, int64(math.Round(float64(to-from)*unit.float()/timeline.float())))
		d.Event.Project.Sequence.Clips = append(d.Event.Project.Sequence.Clips, fcpClip{
			Ref: d.Assets[len(d.Assets)-1].ID, Name: r.Label, Offset: timeline.seconds(at), Start: start, Duration: timeline.seconds(length), Format: formats[unit],
			Marker: fcpMarker{start, unit.seconds(1), r.Label, scoreText(r)},
		})
		at += length
	}
	if _, err := io.WriteString(w, xml.Header+"<!DOCTYPE fcpxml>\n"); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	return e.Encode(d)
}

func newAsset(n int, video, format, start string) fcpAsset {
	a := fcpAsset{ID: "a" + strconv.Itoa(n), Name: path.Base(filepath.ToSlash(video)), Start: start, HasVideo: 1, Format: format}
	u := url.URL{Path: filepath.ToSlash(text.Unescape(video))}
	if filepath.IsAbs(video) {
		u.Scheme, u.Path = "file", "/"+strings.TrimPrefix(u.Path, "/")
	}
	a.Source = u.String()
	return a
}

// fraction is the duration of a frame in seconds: FCPXML has no decimal times.
type fraction struct{ over, under int64 }

func (f fraction) float() float64 { return float64(f.over) / float64(f.under) }

// seconds returns the duration of n frames.
func (f fraction) seconds(n int64) string {
	if n == 0 {
		return "0s"
	}
	return fmt.Sprintf("%d/%ds", n*f.over, f.under)
}

// frameDuration returns the exact duration of a frame at the rates of video, such as
// 1001/30000 s, and one to a thousandth of a frame per second at others.
func frameDuration(rate float64) fraction {
	if n := math.Round(rate * 1.001); math.Abs(rate-n/1.001) < 1e-3 && rate != math.Round(rate) {
		return fraction{1001, int64(n) * 1000}
	}
	return fraction{1000, max(1, int64(math.Round(rate*1000)))}
}

// nominal is the number of frames that a timecode counts in a second.
func nominal(rate float64) int64 { return max(1, int64(math.Round(rate))) }

// labelFrames returns the number of frames from midnight to a timecode.
func labelFrames(label string, rate float64) int64 {
	n, ok := plainClock(nominal(rate)).Frame(label)
	if !ok {
		return 0
	}
	if minutes := n / nominal(rate) / 60; strings.Contains(label, ";") {
		n -= nominal(rate) / 15 * (minutes - minutes/10) // labels that drop-frame timecodes leave out
	}
	return n
}
