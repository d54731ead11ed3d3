package bpe

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/clipcue/clipcue/internal/fixture"
)

func full(t testing.TB) *Tokenizer {
	t.Helper()
	tok, err := New(FullVocabulary)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// The expected ids are those of OpenAI's simple_tokenizer.py with ftfy 6.3.
func TestEncode(t *testing.T) {
	for _, c := range []struct {
		what, text string
		want       []int
	}{
		{"words", "a photo of a cat", []int{320, 1125, 539, 320, 2368}},
		{"case", "Brush HAIR", []int{8594, 2225}},
		{"empty", "", nil},
		{"white space", " \t a\u00a0dog\u3000\r\n", []int{320, 1929}},
		{"contractions", "they'll say it's Bob've'd", []int{889, 1342, 1451, 585, 568, 4423, 1200, 1896}},
		{"digits stand alone", "2024", []int{273, 271, 273, 275}},
		{"punctuation", "well...!?'s _x_", []int{1123, 3002, 0, 13610, 338, 318, 343, 318}},
		{"accents", "Café naïve", []int{15304, 1097, 35689, 563}},
		{"decomposed accents", "cafe\u0301", []int{15304}},
		{"other scripts", "東京 Привет", []int{48338, 21078, 361, 26302, 16370, 29503, 110, 22176, 141, 480}},
		{"final sigma", "ΟΔΟΣ ΣΑΣ", []int{138, 123, 138, 112, 138, 123, 139, 480, 139, 225, 138, 109, 139, 480}},
		{"dotted capital I", "İzmir", []int{328, 16384, 89, 6585}},
		{"emoji", "👨\u200d👩\u200d👧 🇺🇸", []int{25023, 26304, 964, 356, 5688}},
		{"entities", "&lt;b&gt; &amp;amp; &eacute; &#39;", []int{283, 321, 285, 261, 4166, 262}},
		{"curly quotes", "don’t say “no”", []int{847, 713, 1451, 257, 871, 257}},
		{"curly quotes as entities", "don&rsquo;t", []int{847, 713}},
		{"entities beside markup", "<b>don&rsquo;t", []int{283, 321, 285, 847, 728, 503, 339}},
		{"ligatures", "ﬁne oﬃce", []int{3797, 2171}},
		{"full width", "ＡＢＣ１２\u3000ｶﾞ", []int{5334, 272, 273, 3909, 361}},
		{"Windows quotes as control characters", "don\u0092t", []int{847, 713}},
		{"control characters", "a\u0007b\ufeff", []int{3937}},
		{"terminal colors", "\u001b[31mred\u001b[0m", []int{736}},
		{"superscripts are numbers", "m² ½", []int{332, 41175, 33613}},
		{"marks", "<|startoftext|>a<|endoftext|>", []int{49406, 320, 49407}},
		{"mark inside punctuation", "!<|endoftext|>", []int{0, 27, 347, 40786, 4160, 91, 285}},
		{"long word", "pneumonoultramicroscopicsilicovolcanoconiosis",
			[]int{28714, 749, 20253, 9800, 535, 532, 1065, 901, 1556, 13697, 9916, 78, 39031, 13903}},
		{"repeats", strings.Repeat("a", 21), []int{23126, 23126, 31095}},
		{"bytes that are not UTF-8", "a\xff\xfe", []int{320, 39802}},
	} {
		if got := full(t).Encode(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q gives %v, want %v", c.what, c.text, got, c.want)
		}
	}
}

// Every line of the fixture has a text and its ids, with or without marks.
func TestVectors(t *testing.T) {
	f, err := os.Open(fixture.Path(t, "tokenizer/vectors.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tok := full(t)
	for d, n := json.NewDecoder(f), 1; d.More(); n++ {
		var v struct {
			Text    string
			IDs     []int
			Special bool
		}
		if err := d.Decode(&v); err != nil {
			t.Fatalf("vector %d: %v", n, err)
		}
		got := tok.Encode(v.Text)
		if v.Special {
			got = slices.Concat([]int{tok.SOT()}, got, []int{tok.EOT()})
		}
		if !slices.Equal(got, v.IDs) {
			t.Errorf("vector %d: %q gives %v, want %v", n, v.Text, got, v.IDs)
		}
	}
}

// The fixture model uses only the first rules.
func TestSmallVocabulary(t *testing.T) {
	f := fixture.Load(t, "clip/expected.safetensors")
	merges, err := strconv.Atoi(f.Metadata["merges"])
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	if err := json.Unmarshal([]byte(f.Metadata["texts"]), &texts); err != nil {
		t.Fatal(err)
	}
	tok, err := New(merges + 514)
	if err != nil {
		t.Fatal(err)
	}
	want, err := f.Tensors["ids"].Int64s()
	if err != nil {
		t.Fatal(err)
	}
	context := f.Tensors["ids"].Shape[1]
	for i, text := range texts {
		ids, err := tok.Tokenize(text, context, false)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]int64, context)
		for k, id := range ids {
			got[k] = int64(id)
		}
		if row := want[i*context : (i+1)*context]; !slices.Equal(got, row) {
			t.Errorf("%q gives %v, want %v", text, got, row)
		}
	}
}

// Every embedded rule equals that in OpenAI's file.
func TestRulesAreOpenAIs(t *testing.T) {
	f, err := os.Open(fixture.Path(t, "tokenizer/bpe_simple_vocab_16e6.txt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	// The file spells bytes that do not print, which have the last ids, as characters from
	// U+0100.
	rules := loadRules()
	spell := map[rune]byte{}
	for id, b := range rules.byID {
		spell[rune(b)] = b
		if first := int(rules.byteID[0]); id >= first {
			spell[rune(256+id-first)] = b
		}
	}
	lines := bufio.NewScanner(z)
	lines.Scan() // the title
	for rank, p := range rules.pairs {
		if !lines.Scan() {
			t.Fatalf("the file ends before rule %d: %v", rank, lines.Err())
		}
		var want []string
		for token := range strings.FieldsSeq(lines.Text()) {
			token, last := strings.CutSuffix(token, "</w>")
			var bytes []byte
			for _, r := range token {
				bytes = append(bytes, spell[r])
			}
			if last {
				bytes = append(bytes, ' ')
			}
			want = append(want, string(bytes))
		}
		got := []string{string(rules.appendToken(nil, int(p.left))), string(rules.appendToken(nil, int(p.right)))}
		if !slices.Equal(got, want) {
			t.Fatalf("rule %d joins %q, want %q", rank, got, want)
		}
	}
}

// Encoding and decoding require that a rule's tokens come before its result.
func TestRulesUseEarlierTokens(t *testing.T) {
	for rank, p := range loadRules().pairs {
		if max(p.left, p.right) >= uint16(512+rank) {
			t.Fatalf("rule %d joins %d and %d, which is no earlier token", rank, p.left, p.right)
		}
	}
}

func TestTokenize(t *testing.T) {
	tok := full(t)
	const text = "a photo of a cat" // five tokens
	for _, c := range []struct {
		context  int
		truncate bool
		want     []int
	}{
		{77, false, []int{49406, 320, 1125, 539, 320, 2368, 49407}},
		{7, false, []int{49406, 320, 1125, 539, 320, 2368, 49407}},
		{6, true, []int{49406, 320, 1125, 539, 320, 49407}},
		{2, true, []int{49406, 49407}},
	} {
		got, err := tok.Tokenize(text, c.context, c.truncate)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("context %d: got %v, error %v, want %v", c.context, got, err, c.want)
		}
	}
	_, err := tok.Tokenize(text, 6, false)
	if err == nil || !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), "7 tokens") {
		t.Errorf("got error %v, want one that names the text and its 7 tokens", err)
	}
	_, err = tok.Tokenize(strings.Repeat("long ", 1000), 77, false)
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("got error %v, want a short one", err)
	}
	if _, err := tok.Tokenize("", 1, true); err == nil {
		t.Error("a context without room for the marks was taken")
	}
}

func TestNewRefuses(t *testing.T) {
	for _, vocabulary := range []int{-1, 0, 513, FullVocabulary + 1} {
		if _, err := New(vocabulary); err == nil || !strings.Contains(err.Error(), fmt.Sprint(vocabulary)) {
			t.Errorf("vocabulary %d: got error %v", vocabulary, err)
		}
	}
	tok, err := New(514)
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Encode("ab"); len(got) != 2 {
		t.Errorf("without rules ab gives %v, want two tokens", got)
	}
}

func TestDecode(t *testing.T) {
	tok := full(t)
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"A  Café's 12€", "a café 's 1 2 € "},
		{"<|startoftext|>日本<|endoftext|>", "<|startoftext|> 日本 <|endoftext|> "},
	} {
		if got := tok.Decode(tok.Encode(c.text)); got != c.want {
			t.Errorf("%q comes back as %q, want %q", c.text, got, c.want)
		}
	}
	if got := tok.Decode([]int{-1, 320, FullVocabulary, 188}); got != "a \x00" {
		t.Errorf("got %q", got)
	}
	if got := tok.Decode([]int{int(tok.rules.byteID[0xff])}); got != "\uFFFD" {
		t.Errorf("a lone byte gives %q", got)
	}
}

func TestConcurrentUse(t *testing.T) {
	tok := full(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if got := tok.Encode("a photo of a cat"); len(got) != 5 {
					t.Errorf("got %v", got)
				}
			}
		})
	}
	wg.Wait()
}

// A hostile word takes time in proportion to its length.
func TestLongWord(t *testing.T) {
	word := strings.Repeat("ab", 1<<18)
	if got := full(t).Decode(full(t).Encode(word)); got != word+" " {
		t.Error("a long word does not come back")
	}
}

func FuzzEncode(f *testing.F) {
	for _, seed := range []string{"a photo of a cat", "don’t &lt;b&gt;", "ＡＢＣ ﬁ İ Σ", "\x1b[0m\xff", "<|endoftext|>'ll 12"} {
		f.Add(seed, FullVocabulary)
		f.Add(seed, 600)
	}
	f.Fuzz(func(t *testing.T, text string, vocabulary int) {
		tok, err := New(vocabulary)
		if err != nil {
			return
		}
		ids := tok.Encode(text)
		for _, id := range ids {
			if id < 0 || id >= vocabulary {
				t.Fatalf("id %d outside a vocabulary of %d", id, vocabulary)
			}
		}
		// Cleaning a clean text does not change it, except that entities which became visible
		// in the first pass are resolved in the second.
		once := tok.Decode(ids)
		if twice := tok.Decode(tok.Encode(once)); twice != once && !strings.Contains(text, "&") {
			t.Errorf("%q becomes %q and then %q", text, once, twice)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	tok := full(b)
	for b.Loop() {
		tok.Encode("An archer shoots an arrow with a bow in the wide green park while people look on.")
	}
}

// Transformers' tokenizer repairs nothing: typographic quotes, entities and the other sigma remain.
func TestTransformersCleaning(t *testing.T) {
	for text, want := range map[string]string{
		" It’s  a\tDOG &amp; “cat” ": "it’s a dog &amp; “cat”",
		"cafe\u0301 ΟΔΟΣ İ":          "café οδοσ i\u0307",
	} {
		if got := Transformers.Clean(text); got != want {
			t.Errorf("%q instead of %q", got, want)
		}
	}
}
