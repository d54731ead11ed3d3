package bpe

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/binary"
	"io"
	"sync"
)

//go:generate go run ./gen -out merges.gz

// merges holds CLIP's merge rules, ordered by rank and compressed: the ids of the two
// tokens of each rule, in two little-endian bytes each. See ./gen.
//
//go:embed merges.gz
var merges []byte

// maxRules is the number of rules in merges.
const maxRules = 48894

// pair is two neighboring tokens.
type pair struct{ left, right uint16 }

// rules are the merge rules in memory.
type rules struct {
	pairs  []pair          // by rank; a pair's tokens have lower ids than its result
	rank   map[pair]uint16 // the inverse of pairs
	byteID [256]uint16     // the id of each byte inside a word
	byID   [256]byte       // the inverse of byteID
}

// loadRules unpacks the rules when the first tokenizer is created: most commands need
// none.
var loadRules = sync.OnceValue(func() *rules {
	z, err := gzip.NewReader(bytes.NewReader(merges))
	if err != nil {
		panic(err) // the embedded file is damaged
	}
	data, err := io.ReadAll(z)
	if err != nil {
		panic(err)
	}
	r := &rules{pairs: make([]pair, maxRules), rank: make(map[pair]uint16, maxRules)}
	for i := range r.pairs {
		p := pair{binary.LittleEndian.Uint16(data[4*i:]), binary.LittleEndian.Uint16(data[4*i+2:])}
		r.pairs[i], r.rank[p] = p, uint16(i)
	}
	// Bytes that print in Latin-1 come first, then the others.
	id := uint16(0)
	for _, first := range []bool{true, false} {
		for b := range 256 {
			if printable := b >= '!' && b <= '~' || b >= '¡' && b <= '¬' || b >= '®'; printable == first {
				r.byteID[b], r.byID[id] = id, byte(b)
				id++
			}
		}
	}
	return r
})

// printing is the number of bytes that print in Latin-1.
const printing = 188

// endsWord reports whether a token that is not a mark ends a word.
func (r *rules) endsWord(id int) bool {
	for id >= 512 {
		id = int(r.pairs[id-512].right)
	}
	return id >= 256
}

// appendToken appends the bytes of a token that is not a mark, and a space if it ends a
// word.
func (r *rules) appendToken(out []byte, id int) []byte {
	switch {
	case id < 256:
		return append(out, r.byID[id])
	case id < 512:
		return append(out, r.byID[id-256], ' ')
	}
	p := r.pairs[id-512]
	return r.appendToken(r.appendToken(out, int(p.left)), int(p.right))
}
