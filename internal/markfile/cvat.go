package markfile

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/clipcue/clipcue/internal/text"
)

// cvat is a file of CVAT for images 1.1, as far as clipcue writes it. CVAT has tags only in
// images, also in those that are frames of a video.
type cvat struct {
	XMLName xml.Name    `xml:"annotations"`
	Version string      `xml:"version"`
	Mode    string      `xml:"meta>task>mode"`
	Labels  []string    `xml:"meta>task>labels>label>name"`
	Source  string      `xml:"meta>source"`
	Images  []cvatImage `xml:"image"`
}

type cvatImage struct {
	ID   int64     `xml:"id,attr"`
	Name string    `xml:"name,attr"`
	Tags []cvatTag `xml:"tag"`
}

type cvatTag struct {
	Label  string `xml:"label,attr"`
	Source string `xml:"source,attr"`
}

// maxTags is the largest number of frames in a file.
const maxTags = 5_000_000

// writeCVAT writes a tag for each frame of a span: CVAT has no spans without a shape.
func writeCVAT(w io.Writer, rows []Row, o Options) error {
	rate, _, err := o.clock(rows[0].Video)
	if err != nil {
		return err
	}
	d := cvat{Version: "1.1", Source: rows[0].Video, Mode: "annotation"}
	tags := map[int64][]cvatTag{} // by frame
	ends := map[string]int64{}    // by label
	touching, n := 0, int64(0)
	for _, r := range rows {
		from, to := frameRange(r, rate)
		last, known := ends[r.Label]
		if !known {
			d.Labels = append(d.Labels, r.Label)
		} else if from <= last {
			touching++
			from = last
		}
		if n += max(0, to-from); n > maxTags {
			return fmt.Errorf("the spans of %s have more than %d frames, and CVAT needs a tag for each", text.Quote(r.Video), maxTags)
		}
		for f := from; f < to; f++ {
			tags[f] = append(tags[f], cvatTag{r.Label, "auto"})
		}
		ends[r.Label] = max(last, to)
	}
	o.lost("borders between spans of a label that touch or overlap", touching)
	for _, f := range slices.Sorted(maps.Keys(tags)) {
		d.Images = append(d.Images, cvatImage{f, fmt.Sprintf("frame_%06d", f), tags[f]})
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	return e.Encode(d)
}

// cvatFrame matches the name that CVAT gives to a frame of a video.
var cvatFrame = regexp.MustCompile(`^frame_(\d+)(\.\w+)?$`)

// cvatReader reads a file as a stream: it can have millions of shapes.
type cvatReader struct {
	tags   sightings // of no video
	tracks []Row     // in frames
	source string    // the video
	step   int64
	lost   map[string]int
	tasks  []cvatTask // of a project
	task   *string    // ID of the task that has the annotations; nil before the first one

	path  []string // the open elements
	frame string   // number of the open image, "" if it is no frame
	label string   // of the open track
	from  int64    // of its visible part
	last  int64    // its last shape
	shown bool     // it is visible at its last shape
}

// cvatTask is a task of a project.
type cvatTask struct {
	id     string
	source string // the video
	step   int64
}

// readCVAT reads the labels of frames, and the visible parts of tracks, of all shapes.
func readCVAT(data []byte, o Options) ([]Row, error) {
	in := xml.NewDecoder(bytes.NewReader(data))
	in.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is UTF-8 already
	c := cvatReader{tags: sightings{}, step: 1, lost: map[string]int{}}
	for {
		token, err := in.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = c.token(token)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(c.path) > 0 {
		return nil, fmt.Errorf("it is cut off within the element %q", c.path[len(c.path)-1])
	}
	for what, n := range c.lost {
		o.lost(what, n)
	}
	return c.rows(o)
}

// rows converts frames to seconds.
func (c *cvatReader) rows(o Options) ([]Row, error) {
	tags := sightings{}
	for k, frames := range c.tags {
		tags[sighting{c.source, k.label}] = frames
	}
	rows, err := tags.rows(c.step, o)
	if err != nil {
		return nil, err
	}
	for _, t := range c.tracks {
		r, err := o.frameRow(c.source, t.Label, t.Start, t.End)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// cvatDepth is the largest number of open elements.
const cvatDepth = 32

func (c *cvatReader) token(t xml.Token) error {
	switch t := t.(type) {
	case xml.StartElement:
		c.path = append(c.path, t.Name.Local)
		if c.path[0] != "annotations" || len(c.path) > cvatDepth {
			return fmt.Errorf("the element %q is not one of CVAT's annotations", t.Name.Local)
		}
		return c.open(t)
	case xml.EndElement:
		if len(c.path) == 0 || c.path[len(c.path)-1] != t.Name.Local {
			return fmt.Errorf("the element %q ends before it starts", t.Name.Local)
		}
		if len(c.path) == 2 && t.Name.Local == "track" {
			c.hide(c.last + c.step)
		}
		c.path = c.path[:len(c.path)-1]
	case xml.CharData:
		c.meta(strings.TrimSpace(string(t)))
	}
	return nil
}

// meta handles text.
func (c *cvatReader) meta(s string) {
	if s == "" || len(c.path) < 3 || c.path[1] != "meta" {
		return
	}
	source, step := &c.source, &c.step
	if n := len(c.tasks); n > 0 && c.inProjectTask() {
		if len(c.path) == 6 && c.path[5] == "id" {
			c.tasks[n-1].id = s
		}
		source, step = &c.tasks[n-1].source, &c.tasks[n-1].step
	}
	switch c.path[len(c.path)-1] {
	case "source":
		*source = s
	case "frame_filter":
		if n, err := strconv.ParseInt(strings.TrimPrefix(s, "step="), 10, 32); err == nil && n > 0 {
			*step = n
		}
	}
}

// inProjectTask reports whether the open elements are those of a task in the description of a project.
func (c *cvatReader) inProjectTask() bool {
	return len(c.path) >= 5 && c.path[1] == "meta" && c.path[2] == "project" && c.path[4] == "task"
}

// chooseTask handles the task of a track, an image or a tag, "" if the file does not say it. The
// frames of several tasks are those of several videos.
func (c *cvatReader) chooseTask(id string) error {
	switch {
	case c.task != nil && *c.task != id:
		return fmt.Errorf("it has annotations of several tasks of a project (%q and %q); export each task from CVAT", *c.task, id)
	case c.task != nil:
		return nil
	case id == "" && len(c.tasks) > 1:
		return fmt.Errorf("its annotations do not say to which of the %d tasks of a project they belong; export each task from CVAT", len(c.tasks))
	}
	c.task = &id
	for _, t := range c.tasks {
		if t.id == id || len(c.tasks) == 1 {
			c.source, c.step = cmp.Or(t.source, c.source), t.step
		}
	}
	return nil
}

// open handles the start of an element.
func (c *cvatReader) open(t xml.StartElement) error {
	attributes := map[string]string{}
	for _, a := range t.Attr {
		attributes[a.Name.Local] = a.Value
	}
	inTrack := len(c.path) == 3 && c.path[1] == "track"
	if len(c.path) == 5 && c.inProjectTask() {
		c.tasks = append(c.tasks, cvatTask{step: 1})
	}
	if len(c.path) == 2 && slices.Contains([]string{"track", "image", "tag"}, t.Name.Local) {
		if err := c.chooseTask(attributes["task_id"]); err != nil {
			return err
		}
	}
	switch name := t.Name.Local; {
	case len(c.path) == 2 && name == "track":
		c.label, c.shown, c.last = attributes["label"], false, -1
	case len(c.path) == 2 && name == "image":
		if m := cvatFrame.FindStringSubmatch(attributes["name"]); m != nil {
			c.frame = m[1]
		} else {
			c.frame = ""
			c.lost["images that are not frames of a video"]++
		}
	case name == "attribute":
		c.lost["attributes"]++
	case inTrack:
		frame, err := cvatNumber(attributes["frame"])
		if err != nil {
			return err
		}
		return c.shape(frame, attributes["outside"] != "1")
	case len(c.path) == 2 && name == "tag":
		return c.tag(attributes["label"], attributes["frame"])
	case len(c.path) == 3 && c.path[1] == "image" && c.frame != "":
		return c.tag(attributes["label"], c.frame)
	}
	return nil
}

// tag handles a label of a frame.
func (c *cvatReader) tag(label, frame string) error {
	n, err := cvatNumber(frame)
	if err == nil {
		c.tags.add("", label, n)
	}
	return err
}

func cvatNumber(frame string) (int64, error) {
	n, err := strconv.ParseInt(frame, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("the frame of a tag or shape is %q, not a number from 0 on", frame)
	}
	return n, nil
}

// shape handles a shape of the open track.
func (c *cvatReader) shape(frame int64, visible bool) error {
	if frame <= c.last {
		return fmt.Errorf("frame %d of a track of %q follows frame %d", frame, c.label, c.last)
	}
	if !visible {
		c.hide(frame)
	} else if !c.shown {
		c.shown, c.from = true, frame
	}
	c.last = frame
	if len(c.tracks) > maxRows {
		return errRows
	}
	return nil
}

// hide ends the visible part of the open track.
func (c *cvatReader) hide(frame int64) {
	if c.shown {
		c.tracks = append(c.tracks, Row{Label: c.label, Start: float64(c.from), End: float64(frame)})
	}
	c.shown = false
}
