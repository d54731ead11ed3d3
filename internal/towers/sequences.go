package towers

import (
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
)

// Sequences describes how texts are laid out in the rows of one matrix.
//
// CLIP's tower is causal, and takes the row of the end of a text. Tokens after it never matter, so
// there is no padding, and the rows that all texts begin with are computed once: first the shared
// rows, then the own rows of each text. Own rows attend to the shared rows and, causally, to the
// own rows of their text. The result is the same as encoding each text alone. In other towers,
// padding fills each text up to the context, and no rows are shared.
type Sequences struct {
	TokenRows, Tokens   []int32 // rows with token vectors, and their tokens
	PromptRows, Prompts []int32 // rows with prompt vectors, and their rows in the table

	positions        []int32 // of each row in its text
	classRows, zeros []int32 // rows with the class token of PoolClass
	attends          nn.AttentionPattern
}

// LayOut lays out texts. An element of a text is a token, or ^p for row p of a table of prompt
// vectors. All texts begin with the same elements, as many as shared says.
func (t *TextTower) LayOut(texts [][]int, shared int) *Sequences {
	// An empty list of rows is not nil, which would stand for all rows.
	s := &Sequences{TokenRows: []int32{}, PromptRows: []int32{}}
	design, context := t.size.Words, t.size.Context
	if design.whole() {
		shared = 0
	}
	full := &compute.AttentionShape{Causal: !design.Bidirectional, Shared: shared}
	last := &compute.AttentionShape{Causal: !design.Bidirectional, Shared: shared}
	s.attends.Full, s.attends.Last = full, last
	for i, element := range texts[0][:shared] {
		s.add(element, i)
	}
	if shared > 0 {
		full.Segments = append(full.Segments, compute.Segment{Queries: shared, Keys: shared})
	}
	for i, text := range texts {
		at := s.Rows()
		switch {
		case design.Pool == PoolClass:
			s.addWithClass(text, shared, i, t.size)
			continue
		case design.whole():
			s.addPadded(text, context, design.Pad)
		default:
			for j, element := range text[shared:] {
				s.add(element, shared+j)
			}
		}
		n := s.Rows() - at
		full.Segments = append(full.Segments, compute.Segment{Query: at, Queries: n, Key: at, Keys: n})
		row, keys := design.pooled(len(text)-shared, n)
		last.Segments = append(last.Segments, compute.Segment{Query: i, Queries: 1, Key: at, Keys: keys})
		s.attends.LastRows = append(s.attends.LastRows, int32(at+row))
	}
	return s
}

// RowsOf returns how many rows a text takes.
func (t *TextTower) RowsOf(text []int) int {
	if t.size.Words.whole() {
		return t.size.Context
	}
	return len(text)
}

// pooled returns which of the rows of a text of the given length is used, and how many rows it
// attends to.
func (d TextDesign) pooled(length, rows int) (row, keys int) {
	row = length - 1
	switch d.Pool {
	case PoolFirst:
		row = 0
	case PoolLast:
		row = rows - 1
	}
	if d.Bidirectional {
		return row, rows
	}
	return row, row + 1
}

// add adds one row.
func (s *Sequences) add(element, position int) {
	row := int32(len(s.positions))
	s.positions = append(s.positions, int32(position))
	if element < 0 {
		s.PromptRows, s.Prompts = append(s.PromptRows, row), append(s.Prompts, int32(^element))
	} else {
		s.TokenRows, s.Tokens = append(s.TokenRows, row), append(s.Tokens, int32(element))
	}
}

// addPadded adds the rows of a whole context.
func (s *Sequences) addPadded(text []int, context, pad int) {
	for i := range context {
		if i < len(text) {
			s.add(text[i], i)
		} else {
			s.add(pad, i)
		}
	}
}

// addWithClass adds the own rows of a text and, at the position after the context, the class
// token. OpenCLIP's mask, with which CoCa was trained, hides the position after each padding
// token instead of the token itself. So the class token sees the first padding token, and sees
// itself only after a text without padding.
func (s *Sequences) addWithClass(text []int, shared, i int, size Sizes) {
	at, pad := s.Rows(), size.Words.Pad
	for j := shared; j < min(len(text)+1, size.Context); j++ {
		element := pad
		if j < len(text) {
			element = text[j]
		}
		if j == 0 || text[j-1] != pad {
			s.add(element, j)
		}
	}
	n := s.Rows() - at
	row := int32(s.Rows())
	s.positions = append(s.positions, int32(size.Context))
	s.classRows, s.zeros = append(s.classRows, row), append(s.zeros, 0)
	keys := n
	if len(text) == size.Context {
		keys++
	}
	a := &s.attends
	a.Full.Segments = append(a.Full.Segments,
		compute.Segment{Query: at, Queries: n, Key: at, Keys: n},
		compute.Segment{Query: at + n, Queries: 1, Key: at, Keys: keys})
	a.Last.Segments = append(a.Last.Segments, compute.Segment{Query: i, Queries: 1, Key: at, Keys: keys})
	a.LastRows = append(a.LastRows, row)
}

// Rows returns the number of rows of the matrix that s describes.
func (s *Sequences) Rows() int { return len(s.positions) }

// Texts returns the number of texts.
func (s *Sequences) Texts() int { return len(s.attends.LastRows) }
