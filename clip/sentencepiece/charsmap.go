package sentencepiece

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// charsmap replaces sequences of characters: the precompiled form of a Unicode normalization. It
// is a double-array trie whose values are positions in a list of texts that end with a zero.
type charsmap struct {
	units []uint32
	texts []byte
}

// newCharsmap reads a precompiled map; nil if data is empty.
func newCharsmap(data []byte) (*charsmap, error) {
	if len(data) == 0 {
		return nil, nil
	}
	if len(data) < 8 {
		return nil, errors.New("the normalization map is cut off")
	}
	n := uint64(binary.LittleEndian.Uint32(data))
	if n < 4 || n%4 != 0 || n > uint64(len(data)-4) {
		return nil, errors.New("the normalization map is damaged")
	}
	m := &charsmap{make([]uint32, n/4), data[4+n:]}
	for i := range m.units {
		m.units[i] = binary.LittleEndian.Uint32(data[4+4*i:])
	}
	if !utf8.Valid(m.texts) {
		return nil, errors.New("the texts of the normalization map are not UTF-8")
	}
	return m, nil
}

// offset is how far a unit's children are from it, combined by exclusive or.
func offset(unit uint32) uint32 { return unit >> 10 << (unit & (1 << 9) >> 6) }

// each calls f with the lengths of the map's keys that text begins with, from short to long, and
// with their replacements, until f returns false.
func (m *charsmap) each(text string, f func(length int, replacement string) bool) {
	at := offset(m.units[0])
	for i := range len(text) {
		at ^= uint32(text[i])
		if int(at) >= len(m.units) {
			return
		}
		unit := m.units[at]
		if unit&(1<<31|0xff) != uint32(text[i]) {
			return
		}
		at ^= offset(unit)
		if unit>>8&1 == 0 {
			continue
		}
		if int(at) >= len(m.units) {
			return
		}
		place := int(m.units[at] &^ (1 << 31))
		if place > len(m.texts) {
			return
		}
		replacement, _, _ := bytes.Cut(m.texts[place:], []byte{0})
		if !f(i+1, string(replacement)) {
			return
		}
	}
}

// longest returns the replacement of the longest key at the start of text, or length 0.
func (m *charsmap) longest(text string) (length int, replacement string) {
	if m != nil {
		m.each(text, func(n int, r string) bool {
			length, replacement = n, r
			return true
		})
	}
	return length, replacement
}

// shortest returns the replacement of the shortest key at the start of text.
func (m *charsmap) shortest(text string) (replacement string, ok bool) {
	m.each(text, func(_ int, r string) bool {
		replacement, ok = r, true
		return false
	})
	return replacement, ok
}

// likeHuggingFace normalizes text as Hugging Face's tokenizers do: a short cluster of characters
// is replaced as a whole by what the shortest key at its start becomes.
func (m *charsmap) likeHuggingFace(text string) string {
	const short = 6 // bytes
	var out strings.Builder
	for clusters := graphemes.FromString(text); clusters.Next(); {
		cluster := clusters.Value()
		if len(cluster) < short {
			if r, ok := m.shortest(cluster); ok {
				out.WriteString(r)
				continue
			}
		}
		for _, c := range cluster {
			if r, ok := m.shortest(string(c)); ok {
				out.WriteString(r)
			} else {
				out.WriteRune(c)
			}
		}
	}
	return out.String()
}
