package label

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/crash"
)

// Moment is a span of a video with what the head looks at.
type Moment struct {
	Video      int64   // id
	Start, End float64 // seconds
	Embedding  []float32
	Motion     []float32 // of Directions.Describe; nil for a moment that does not move
	Packed     []byte    // of Moments.Packed, in place of Motion; nil for none
}

// Moments holds the moments of an archive in memory: 4 bytes for each element of an
// embedding and 1 for each element of a motion descriptor. Add all moments before you use
// it; then it may be used by several goroutines.
type Moments struct {
	embed      int
	directions *Directions
	embeddings []float32 // [n,E]
	levels     []byte    // [n,stride]
	stride     int
	scales     []float32
	spans      []span

	stats func() *stats
}

// span is the place of a moment.
type span struct {
	video      int64
	start, end float64
}

func (s span) overlap(t span) float64 {
	if s.video != t.video {
		return 0
	}
	return max(0, min(s.end, t.end)-max(s.start, t.start))
}

// NewMoments returns an empty archive whose motions are described in the directions, with room
// for n moments.
func NewMoments(d *Directions, n int) *Moments {
	embed, stride := len(d.rows[0]), compute.Int8Stride(d.Width())
	m := &Moments{embed: embed, directions: d, stride: stride, embeddings: make([]float32, 0, n*embed), levels: make([]byte, 0, n*stride),
		scales: make([]float32, 0, n), spans: make([]span, 0, n)}
	m.stats = sync.OnceValue(m.measure)
	return m
}

// Add appends a moment. Moments must be sorted by video and start. The embedding must have
// length 1.
func (m *Moments) Add(x Moment) error {
	if len(x.Embedding) != m.embed {
		return fmt.Errorf("the embedding has width %d, want %d", len(x.Embedding), m.embed)
	}
	s := span{x.Video, x.Start, x.End}
	if n := len(m.spans); n > 0 && compareSpans(m.spans[n-1], s) > 0 {
		return fmt.Errorf("moments are not sorted: video %d at %g s follows video %d at %g s", x.Video, x.Start, m.spans[n-1].video, m.spans[n-1].start)
	}
	at := len(m.levels)
	m.levels = append(m.levels, make([]byte, m.stride)...)
	scale, err := m.quantize(m.levels[at:], x)
	if err != nil {
		m.levels = m.levels[:at]
		return err
	}
	m.embeddings, m.scales, m.spans = append(m.embeddings, x.Embedding...), append(m.scales, scale), append(m.spans, s)
	return nil
}

// quantize writes the levels of a motion descriptor and returns their scale.
func (m *Moments) quantize(levels []byte, x Moment) (scale float32, err error) {
	width := m.directions.Width()
	switch {
	case x.Packed != nil && len(x.Packed) != PackedMotion(m.directions):
		return 0, fmt.Errorf("the packed motion descriptor has %d bytes, want %d", len(x.Packed), PackedMotion(m.directions))
	case x.Packed != nil:
		copy(levels, x.Packed[4:])
		return math.Float32frombits(binary.LittleEndian.Uint32(x.Packed)), nil
	case x.Motion == nil:
		x.Motion = make([]float32, width)
	}
	if len(x.Motion) != width {
		return 0, fmt.Errorf("the motion descriptor has width %d, want %d", len(x.Motion), width)
	}
	scale, _ = compute.QuantizeRow(levels, x.Motion)
	return scale, nil
}

// PackedMotion returns the number of bytes of [Moments.Packed].
func PackedMotion(d *Directions) int { return 4 + compute.Int8Stride(d.Width()) }

// Packed appends the motion descriptor of a moment to dst as it is in memory: its scale
// (float32, little-endian) and 8-bit levels.
func (m *Moments) Packed(dst []byte, i int) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(m.scales[i]))
	return append(dst, m.levels[i*m.stride:][:m.stride]...)
}

func compareSpans(a, b span) int {
	return cmp.Or(cmp.Compare(a.video, b.video), cmp.Compare(a.start, b.start))
}

// Directions returns what motions are described in.
func (m *Moments) Directions() *Directions { return m.directions }

// Len returns the number of moments.
func (m *Moments) Len() int { return len(m.spans) }

// Span returns where a moment is.
func (m *Moments) Span(i int) (video int64, start, end float64) {
	s := m.spans[i]
	return s.video, s.start, s.end
}

func (m *Moments) embedding(i int) []float32 { return m.embeddings[i*m.embed:][:m.embed] }

// motion writes a motion descriptor to dst [M].
func (m *Moments) motion(dst []float64, i int) {
	levels, scale := m.levels[i*m.stride:][:m.stride], float64(m.scales[i])
	for j := range dst {
		dst[j] = scale * (float64(levels[j]) - 128)
	}
}

// of returns the range of the moments of a video.
func (m *Moments) of(video int64) (from, to int) {
	at := func(v int64) int {
		i, _ := slices.BinarySearchFunc(m.spans, v, func(s span, v int64) int { return cmp.Compare(s.video, v) })
		return i
	}
	return at(video), at(video + 1)
}

// showing returns the moments that show a mark: those that overlap it nearly as much as
// the one that overlaps it most.
func (m *Moments) showing(k Mark) (rows []int) {
	from, to := m.of(k.Video)
	most := 0.
	for i := from; i < to; i++ {
		most = max(most, m.spans[i].overlap(k.span()))
	}
	for i := from; i < to; i++ {
		if o := m.spans[i].overlap(k.span()); o > 0 && o >= 0.75*most {
			rows = append(rows, i)
		}
	}
	return rows
}

// Shows reports whether a moment overlaps a mark.
func (m *Moments) Shows(k Mark) bool { return len(m.showing(k)) > 0 }

// touched returns for each moment whether it overlaps a mark by at least share of itself.
func (m *Moments) touched(marks []Mark, share float64) []bool {
	out := make([]bool, m.Len())
	for _, k := range marks {
		from, to := m.of(k.Video)
		for i := from; i < to; i++ {
			if o := m.spans[i].overlap(k.span()); o > share*(m.spans[i].end-m.spans[i].start) {
				out[i] = true
			}
		}
	}
	return out
}

// row writes the embedding and the motion of a moment to dst [E+M].
func (m *Moments) row(dst []float64, i int) {
	for j, v := range m.embedding(i) {
		dst[j] = float64(v)
	}
	m.motion(dst[m.embed:], i)
}

// Sample returns up to n moments at random: those with the lowest hashes.
func (m *Moments) Sample(n int) []int {
	type hashed struct {
		hash uint64
		row  int
	}
	all := make([]hashed, m.Len())
	for i, s := range m.spans {
		all[i] = hashed{mix(uint64(s.video), math.Float64bits(s.start)), i}
	}
	slices.SortFunc(all, func(a, b hashed) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.row, b.row)) })
	out := make([]int, min(n, len(all)))
	for i := range out {
		out[i] = all[i].row
	}
	return out
}

// mix hashes two words (the finalizer of SplitMix64, twice).
func mix(words ...uint64) (h uint64) {
	for _, w := range words {
		h += w + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// Scores returns the score of each moment under a head. A score is a log-odds: the label
// is as likely as not at 0, if the prior is right.
func (m *Moments) Scores(h *Head) []float32 {
	out := make([]float32, m.Len())
	const part = 1024
	var group sync.WaitGroup
	parts := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			defer crash.Recover()
			s := newScorer(h, m.embed, m.stride)
			for first := range parts {
				s.score(out[first:min(len(out), first+part)], m, first)
			}
		})
	}
	for first := 0; first < len(out); first += part {
		parts <- first
	}
	close(parts)
	group.Wait()
	return out
}

// scorer multiplies moments by a head. The weights of the motion are quantized twice, the
// second time what the first lost: 16 bits in all.
type scorer struct {
	h      *Head
	kernel *kernel
	coarse compute.Int8Query
	fine   compute.Int8Query
	steps  [2]float32
	at     []int32
	dots   [2][]int32
}

func newScorer(h *Head, embed, stride int) *scorer {
	s := &scorer{h: h, kernel: h.kernel.clone()}
	motion := h.Weights[embed:]
	row := make([]byte, stride)
	rest := make([]float32, len(motion))
	s.steps[0], _ = compute.QuantizeRow(row, motion)
	s.coarse.Set(row)
	for i, v := range motion {
		rest[i] = v - s.steps[0]*float32(int(row[i])-128)
	}
	s.steps[1], _ = compute.QuantizeRow(row, rest)
	s.fine.Set(row)
	return s
}

// score writes the scores of len(dst) moments from first on.
func (s *scorer) score(dst []float32, m *Moments, first int) {
	for len(s.at) < len(dst) {
		s.at = append(s.at, int32(len(s.at)))
	}
	for i := range s.dots {
		s.dots[i] = slices.Grow(s.dots[i][:0], len(dst))[:len(dst)]
	}
	rows := m.levels[first*m.stride:][:len(dst)*m.stride]
	s.coarse.Dots(s.dots[0], rows, s.at[:len(dst)])
	s.fine.Dots(s.dots[1], rows, s.at[:len(dst)])
	text := s.h.Weights[:m.embed]
	for i := range dst {
		motion := float64(m.scales[first+i]) * (float64(s.steps[0])*float64(s.dots[0][i]) + float64(s.steps[1])*float64(s.dots[1][i]))
		dst[i] = float32(compute.Dot(text, m.embedding(first+i)) + motion + s.h.Bias)
	}
	if s.kernel == nil {
		return
	}
	exact, narrow := make([]float64, m.directions.Width()), make([]float32, m.directions.Width())
	for i := range dst {
		m.motion(exact, first+i)
		for j, v := range exact {
			narrow[j] = float32(v)
		}
		dst[i] += float32(s.kernel.at(m.embedding(first+i), narrow))
	}
}
