package feature

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/clipcue/clipcue/internal/exactjson"
	"github.com/clipcue/clipcue/internal/text"
)

// Provenance describes the origin of a sequence: enough to decide whether it fits a model
// and whether its video has changed.
type Provenance struct {
	Source        string    `json:"source"`              // the video's path as it was given
	Size          int64     `json:"size"`                // bytes
	Modified      time.Time `json:"modified"`            // UTC
	SHA256        string    `json:"sha256"`              // hexadecimal
	StartTime     float64   `json:"start_time"`          // timestamp that players show as 0:00, seconds
	Duration      float64   `json:"duration"`            // as declared, seconds; 0 = unknown
	FrameRate     float64   `json:"frame_rate"`          // of the video, average frames per second; 0 = unknown
	Stream        int       `json:"stream,omitempty"`    // number of the requested video stream; 0 = the default one
	Treatment     string    `json:"treatment,omitempty"` // of frames before they are resized; see [video.Info.Treatment]
	Partial       string    `json:"partial,omitempty"`   // why only a part of the video was decoded; "" = all of it
	Decoder       string    `json:"decoder"`
	Backbone      string    `json:"backbone"` // fingerprint
	Preprocessing string    `json:"preprocessing"`
	Sampling      string    `json:"sampling"`
}

// plainProvenance is Provenance without its methods.
type plainProvenance Provenance

// MarshalJSON returns p as JSON. A byte of Source that is not UTF-8 is written as \xHH.
func (p Provenance) MarshalJSON() ([]byte, error) {
	p.Source = text.Escape(p.Source)
	return json.Marshal(plainProvenance(p))
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (p *Provenance) UnmarshalJSON(data []byte) error {
	if err := exactjson.Unmarshal(data, (*plainProvenance)(p)); err != nil {
		return err
	}
	p.Source = text.Unescape(p.Source)
	return nil
}

func parseProvenance(meta map[string]string) (p Provenance, err error) {
	text, ok := meta[provenance]
	if !ok {
		return p, errors.New("no provenance")
	}
	if err := exactjson.Unmarshal([]byte(text), &p); err != nil {
		return p, fmt.Errorf("provenance: %w", err)
	}
	return p, nil
}
