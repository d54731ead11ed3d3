package main

import (
	"fmt"
	"math"
)

// wordGroups is the number of groups of four bytes whose products fit into 16 bits, because
// package compute limits the weights (wordGroups in int8.go). A product of bytes then takes
// 1 + 1/wordGroups multiplications per vector.
const wordGroups = 2

// loopWords adds the products for all k, four groups of bytes at a time. VPMADDUBSW adds two
// products in 16 bits and would saturate; VPADDW adds those of wordGroups groups; VPMADDWD
// with ones adds pairs in 32 bits. The vector registers: the sums in 32 bits, those in 16
// bits, a row of B, an element of A, and products.
func (t *amd64Tile) loopWords() {
	ones := t.k(float64(math.Float32frombits(0x00010001)))
	words := t.mr * t.nv
	b := 2 * words
	a, products := b+t.nv, b+t.nv+1
	t.op("SHRQ $2, CX")
	t.op("PCALIGN $64")
	t.at("loop")
	t.op("PREFETCHT1 (DX)")
	t.op("ADDQ $64, DX")
	for u := range 4 {
		t.loadB(u, b)
		for r := range t.mr {
			t.broadcastA(u, r, a)
			for j := range t.nv {
				sum := t.sum(r, j)
				word := words + sum
				if u%wordGroups == 0 {
					t.op("VPMADDUBSW %s, %s, %s", t.v(b+j), t.v(a), t.v(word))
				} else {
					t.op("VPMADDUBSW %s, %s, %s", t.v(b+j), t.v(a), t.v(products))
					t.op("VPADDW %s, %s, %s", t.v(products), t.v(word), t.v(word))
				}
				if (u+1)%wordGroups == 0 {
					t.op("VPMADDWD %s, %s, %s", ones, t.v(word), t.v(word))
					t.op("VPADDD %s, %s, %s", t.v(word), t.v(sum), t.v(sum))
				}
			}
		}
	}
	t.advance(4)
	t.op("DECQ CX")
	t.op("JNZ loop")
}

// vexVPDPBUSD returns VPDPBUSD b, a, sum for the registers Y<n> in the encoding of AVX-VNNI.
// Go's assembler only knows that of AVX-512.
func vexVPDPBUSD(b, a, sum int) string {
	high := (1-sum>>3)<<7 | 1<<6 | (1-b>>3)<<5 | 2 // inverted high bits of the registers; map 0F38
	source := (^a&15)<<3 | 1<<2 | 1                // inverted register; 256 bits; prefix 66
	return fmt.Sprintf("BYTE $0xc4; BYTE $0x%02x; BYTE $0x%02x; BYTE $0x50; BYTE $0x%02x", high, source, 3<<6|sum&7<<3|b&7)
}
