package markfile

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// elan is an annotation file of ELAN, version 2.8 of the format, as far as clipcue uses it.
type elan struct {
	XMLName     xml.Name         `xml:"ANNOTATION_DOCUMENT"`
	XSI         string           `xml:"xmlns:xsi,attr"`
	Schema      string           `xml:"xsi:noNamespaceSchemaLocation,attr"` // some readers require it
	Author      string           `xml:"AUTHOR,attr"`
	Date        string           `xml:"DATE,attr"`
	Format      string           `xml:"FORMAT,attr"`
	Version     string           `xml:"VERSION,attr"`
	Header      elanHeader       `xml:"HEADER"`
	Slots       []elanSlot       `xml:"TIME_ORDER>TIME_SLOT"`
	Tiers       []elanTier       `xml:"TIER"`
	Types       []elanType       `xml:"LINGUISTIC_TYPE"`
	Constraints []elanConstraint `xml:"CONSTRAINT"`
}

type elanHeader struct {
	File  string      `xml:"MEDIA_FILE,attr"`
	Units string      `xml:"TIME_UNITS,attr"`
	Media []elanMedia `xml:"MEDIA_DESCRIPTOR"`
}

type elanMedia struct {
	URL      string `xml:"MEDIA_URL,attr"`
	Origin   int64  `xml:"TIME_ORIGIN,attr,omitempty"` // milliseconds in the medium at time 0
	MIME     string `xml:"MIME_TYPE,attr"`
	Relative string `xml:"RELATIVE_MEDIA_URL,attr,omitempty"`
}

type elanSlot struct {
	ID   string `xml:"TIME_SLOT_ID,attr"`
	Time string `xml:"TIME_VALUE,attr,omitempty"` // milliseconds; "": between its neighbors
}

type elanTier struct {
	ID          string           `xml:"TIER_ID,attr"`
	Type        string           `xml:"LINGUISTIC_TYPE_REF,attr"`
	Parent      string           `xml:"PARENT_REF,attr,omitempty"`
	Annotations []elanAnnotation `xml:"ANNOTATION"`
}

type elanAnnotation struct {
	Aligned *elanAligned `xml:"ALIGNABLE_ANNOTATION"`
	Ref     *elanRef     `xml:"REF_ANNOTATION"`
}

type elanAligned struct {
	ID    string `xml:"ANNOTATION_ID,attr"`
	From  string `xml:"TIME_SLOT_REF1,attr"`
	To    string `xml:"TIME_SLOT_REF2,attr"`
	Value string `xml:"ANNOTATION_VALUE"`
}

type elanRef struct {
	ID    string `xml:"ANNOTATION_ID,attr"`
	Of    string `xml:"ANNOTATION_REF,attr"`
	Value string `xml:"ANNOTATION_VALUE"`
}

type elanType struct {
	ID         string `xml:"LINGUISTIC_TYPE_ID,attr"`
	Alignable  bool   `xml:"TIME_ALIGNABLE,attr"`
	Graphic    bool   `xml:"GRAPHIC_REFERENCES,attr"`
	Constraint string `xml:"CONSTRAINTS,attr,omitempty"`
}

type elanConstraint struct {
	Name        string `xml:"STEREOTYPE,attr"`
	Description string `xml:"DESCRIPTION,attr"`
}

// Linguistic types of the tiers that clipcue writes.
const (
	elanLabel = "clipcue label"
	elanScore = "clipcue score" // of the annotation of the parent tier
)

// writeELAN writes a tier for each label. Scores are a tier below it.
func writeELAN(w io.Writer, rows []Row, _ Options) error {
	d := elan{XSI: "http://www.w3.org/2001/XMLSchema-instance", Schema: "http://www.mpi.nl/tools/elan/EAFv2.8.xsd", Format: "2.8", Version: "2.8", Header: elanHeader{Units: "milliseconds", Media: []elanMedia{elanMediaOf(rows[0].Video)}},
		Types: []elanType{{ID: elanLabel, Alignable: true}, {ID: elanScore, Constraint: "Symbolic_Association"}},
		Constraints: []elanConstraint{{"Symbolic_Association",
			"1-1 association with a parent annotation"}}}
	date := time.Unix(0, 0)
	whole := make([]Row, len(rows)) // times in milliseconds
	names := map[string]bool{}
	for i, r := range rows {
		if r.Time.After(date) {
			date = r.Time
		}
		r.Start = math.Round(r.Start * 1000)
		r.End = max(r.Start+1, math.Round(r.End*1000))
		whole[i], names[r.Label] = r, true
	}
	d.Date = date.UTC().Format(time.RFC3339)
	all := layers(whole)
	for _, l := range all {
		names[l.name] = true
	}
	for _, l := range all {
		d.add(l, names)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	out := xml.NewEncoder(w)
	out.Indent("", "    ")
	return out.Encode(d)
}

// add adds the tiers of a layer whose times are in milliseconds.
func (d *elan) add(l *layer, names map[string]bool) {
	labels := elanTier{ID: l.name, Type: elanLabel}
	scores := elanTier{Type: elanScore, Parent: l.name}
	slot := func(ms float64) string {
		d.Slots = append(d.Slots, elanSlot{"ts" + strconv.Itoa(len(d.Slots)+1), strconv.FormatInt(int64(ms), 10)})
		return d.Slots[len(d.Slots)-1].ID
	}
	for _, r := range l.rows {
		from, to := slot(r.Start), slot(r.End)
		id := "a" + from[len("ts"):]
		labels.Annotations = append(labels.Annotations, elanAnnotation{Aligned: &elanAligned{id, from, to, r.Label}})
		if r.Score != nil {
			scores.Annotations = append(scores.Annotations, elanAnnotation{Ref: &elanRef{"a" + to[len("ts"):], id, number(*r.Score)}})
		}
	}
	d.Tiers = append(d.Tiers, labels)
	if len(scores.Annotations) > 0 {
		scores.ID = l.name + " score"
		if names[scores.ID] {
			scores.ID = unused(names, scores.ID)
		}
		names[scores.ID] = true
		d.Tiers = append(d.Tiers, scores)
	}
}

func elanMediaOf(video string) elanMedia {
	mime := map[string]string{".mp4": "video/mp4", ".mov": "video/quicktime", ".mpg": "video/mpeg", ".mpeg": "video/mpeg"}
	u := url.URL{Path: filepath.ToSlash(video)}
	if filepath.VolumeName(video) != "" {
		u.Path = "/" + u.Path
	}
	if strings.HasPrefix(u.Path, "/") {
		u.Scheme = "file"
	}
	return elanMedia{URL: u.String(), MIME: cmp.Or(mime[strings.ToLower(path.Ext(video))], "video/*")}
}

// drive matches the start of the path of a file URL of Windows.
var drive = regexp.MustCompile(`^/[A-Za-z]:/`)

// sounds are extensions of files without pictures.
var sounds = []string{".wav", ".wave", ".mp3", ".m4a", ".aac", ".aif", ".aiff", ".au", ".flac", ".ogg", ".oga", ".opus", ".wma"}

// medium returns the first video or, if the types and extensions of the media tell none, the first medium.
// It also returns the number of further videos.
func (d *elan) medium() (m elanMedia, further int) {
	isVideo := func(m elanMedia) bool { return strings.HasPrefix(strings.ToLower(m.MIME), "video/") }
	noSound := func(m elanMedia) bool {
		return !slices.Contains(sounds, strings.ToLower(path.Ext(cmp.Or(m.Relative, m.URL))))
	}
	both := func(m elanMedia) bool { return isVideo(m) && noSound(m) } // types can be wrong
	for _, is := range []func(elanMedia) bool{both, isVideo, noSound} {
		n := 0
		for _, x := range d.Header.Media {
			if is(x) {
				if n++; n == 1 {
					m = x
				}
			}
		}
		if n > 0 {
			return m, n - 1
		}
	}
	if len(d.Header.Media) > 0 {
		m = d.Header.Media[0]
	}
	return m, 0
}

// video returns the path of the media file, relative if the file has it so, or "".
func (m elanMedia) video() string {
	u, err := url.Parse(cmp.Or(m.Relative, m.URL))
	switch {
	case err != nil:
		return ""
	case m.Relative != "":
		return strings.TrimPrefix(path.Clean("/"+u.Path), "/")
	case drive.MatchString(u.Path):
		return u.Path[1:]
	}
	return strings.TrimPrefix(u.Path, "./")
}

// readELAN reads the annotations that have times of their own. The label is the value of an
// annotation, or the name of the tier if it has none.
func readELAN(data []byte, o Options) (rows []Row, err error) {
	in := xml.NewDecoder(bytes.NewReader(data))
	in.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is UTF-8 already
	var d elan
	if err := in.Decode(&d); err != nil {
		return nil, err
	}
	if d.Header.Units != "" && d.Header.Units != "milliseconds" {
		return nil, fmt.Errorf("times are in %q, not in milliseconds", d.Header.Units)
	}
	slots, err := d.times()
	if err != nil {
		return nil, err
	}
	medium, further := d.medium()
	o.lost("further videos of a file", further)
	video, origin := medium.video(), medium.Origin
	at := map[string]int{} // index of the row of an annotation
	lost := 0
	for _, tier := range d.Tiers {
		for _, a := range tier.Annotations {
			if a.Aligned == nil {
				if tier.Type != elanScore {
					lost++
				}
				continue
			}
			from, to := slots[a.Aligned.From], slots[a.Aligned.To]
			if from == nil || to == nil {
				lost++
				continue
			}
			at[a.Aligned.ID] = len(rows)
			rows = append(rows, Row{Video: video, Start: float64(*from+origin) / 1000, End: float64(*to+origin) / 1000, Label: cmp.Or(oneLine(a.Aligned.Value), tier.ID)})
		}
	}
	o.lost("annotations without times of their own", lost)
	return rows, d.readScores(rows, at)
}

// times returns the times of the slots in milliseconds, nil for those without one.
func (d *elan) times() (map[string]*int64, error) {
	out := map[string]*int64{}
	for _, s := range d.Slots {
		if _, ok := out[s.ID]; ok {
			return nil, fmt.Errorf("the time slot %q is defined twice", s.ID)
		}
		out[s.ID] = nil
		if value := strings.TrimSpace(s.Time); value != "" {
			ms, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("the time of the time slot %q is %q, not a whole number of milliseconds", s.ID, s.Time)
			}
			out[s.ID] = &ms
		}
	}
	return out, nil
}

// readScores sets the scores of rows.
func (d *elan) readScores(rows []Row, at map[string]int) error {
	for _, tier := range d.Tiers {
		if tier.Type != elanScore {
			continue
		}
		for _, a := range tier.Annotations {
			if a.Ref == nil {
				continue
			}
			i, ok := at[a.Ref.Of]
			score, err := strconv.ParseFloat(strings.TrimSpace(a.Ref.Value), 64)
			if !ok || err != nil {
				return fmt.Errorf("annotation %q is the score %q of annotation %q, which is no number or of no annotation", a.Ref.ID, a.Ref.Value, a.Ref.Of)
			}
			rows[i].Score = &score
		}
	}
	return nil
}
