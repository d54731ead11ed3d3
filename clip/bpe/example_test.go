package bpe_test

import (
	"fmt"
	"log"

	"github.com/clipcue/clipcue/clip/bpe"
)

// Token ids between SOT and EOT, as the text tower reads them.
func ExampleTokenizer_Tokenize() {
	tokenizer, err := bpe.New(bpe.FullVocabulary)
	if err != nil {
		log.Fatal(err)
	}
	ids, err := tokenizer.Tokenize("a photo of a cat", 77, false)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ids)
	// Output: [49406 320 1125 539 320 2368 49407]
}
