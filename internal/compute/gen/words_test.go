package main

import "testing"

// The encodings are those of LLVM's assembler.
func TestVEXEncoding(t *testing.T) {
	for registers, want := range map[[3]int]string{
		{12, 15, 10}: "BYTE $0xc4; BYTE $0x42; BYTE $0x05; BYTE $0x50; BYTE $0xd4",
		{1, 2, 3}:    "BYTE $0xc4; BYTE $0xe2; BYTE $0x6d; BYTE $0x50; BYTE $0xd9",
		{8, 0, 7}:    "BYTE $0xc4; BYTE $0xc2; BYTE $0x7d; BYTE $0x50; BYTE $0xf8",
	} {
		if got := vexVPDPBUSD(registers[0], registers[1], registers[2]); got != want {
			t.Errorf("%v: %s instead of %s", registers, got, want)
		}
	}
}
