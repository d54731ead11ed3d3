package sentencepiece

import (
	"slices"
	"unicode/utf8"
)

// unigram chooses the pieces whose scores have the largest sum.
type unigram struct {
	pieces   map[string]scored
	longest  int     // bytes of the longest piece
	unknown  int     // the id of characters without a piece
	worst    float64 // the score of such a character
	fallback *fallback
	singles  bool // sums are float32, as in SentencePiece
}

// scored is a piece with its score, a logarithm of a probability.
type scored struct {
	id    int
	score float64
}

// unknownPenalty is how much lower the score of an unknown character is than that of any piece.
const unknownPenalty = 10

func (u *unigram) id(token string) (int, bool) {
	p, ok := u.pieces[token]
	return p.id, ok
}

// arrival is the best way to reach a position in a text.
type arrival struct {
	score float64
	from  int // -1 if there is none yet
	id    int
}

func (u *unigram) encode(ids []int, text string) []int {
	best := u.best(text)
	var ends []int // of the pieces, from the last to the first
	for to := len(text); to > 0; to = best[to].from {
		ends = append(ends, to)
	}
	slices.Reverse(ends)
	for i := 0; i < len(ends); i++ {
		piece := best[ends[i]]
		if piece.id != u.unknown {
			ids = append(ids, piece.id)
			continue
		}
		for i+1 < len(ends) && best[ends[i+1]].id == u.unknown {
			i++ // unknown characters in a row are one token
		}
		bytes, ok := u.fallback.of(text[piece.from:ends[i]])
		if !ok {
			bytes = []int{u.unknown}
		}
		ids = append(ids, bytes...)
	}
	return ids
}

// best returns the best ways to reach every position of text.
func (u *unigram) best(text string) []arrival {
	ends := make([]arrival, len(text)+1)
	for i := range ends {
		ends[i].from = -1
	}
	reach := func(from, to, id int, score float64) {
		sum := score + ends[from].score
		if u.singles {
			sum = float64(float32(sum))
		}
		if e := &ends[to]; e.from < 0 || sum > e.score {
			*e = arrival{sum, from, id}
		}
	}
	for from := 0; from < len(text); {
		_, single := utf8.DecodeRuneInString(text[from:])
		known := false
		for to := from; to < len(text) && to-from < u.longest; {
			_, n := utf8.DecodeRuneInString(text[to:])
			to += n
			if p, ok := u.pieces[text[from:to]]; ok {
				reach(from, to, p.id, p.score)
				known = known || to-from == single
			}
		}
		if !known {
			reach(from, from+single, u.unknown, u.worst)
		}
		from += single
	}
	return ends
}
