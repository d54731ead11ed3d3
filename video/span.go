package video

// Span is an interval of time in a video, in seconds.
type Span struct {
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

// Duration returns the length of the span.
func (s Span) Duration() float64 { return s.End - s.Start }

// Overlap returns the length of the part that both spans share, 0 if there is none.
func (s Span) Overlap(t Span) float64 { return max(0, min(s.End, t.End)-max(s.Start, t.Start)) }

// TIoU returns the temporal intersection over union of two spans, from 0 to 1.
func (s Span) TIoU(t Span) float64 {
	both := s.Overlap(t)
	if !(both > 0) {
		return 0
	}
	return both / (s.End - s.Start + t.End - t.Start - both)
}
