package dataset_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/clipcue/clipcue/dataset"
)

// Load a manifest, take its training split, and find the stored features.
func Example() {
	dir, err := os.MkdirTemp("", "dataset")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	manifest := filepath.Join(dir, "labels.csv")
	text := "path,label,split\nclips/a.mp4,wave,train\nclips/b.mp4,run,train\nclips/c.mp4,run,test\n"
	if err := os.WriteFile(manifest, []byte(text), 0o644); err != nil {
		log.Fatal(err)
	}

	d, err := dataset.Load(manifest, dataset.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := d.Validate(); err != nil {
		log.Fatal(err)
	}
	train, err := d.Split(dataset.Train)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Classes)
	matched, missing := train.Match(dataset.NewResolver([]string{"a.mp4", "c.mp4"}))
	for _, m := range matched {
		fmt.Println(m.ID, "shows", m.Label)
	}
	for _, m := range missing {
		fmt.Println("missing:", m.Err)
	}
	// Output:
	// [run wave]
	// a.mp4 shows wave
	// missing: "clips/b.mp4": not found in the feature store
}
