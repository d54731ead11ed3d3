package library_test

import (
	"context"
	"encoding/json"
	"log"
	"net/http"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/retrieval"
)

// A service that answers GET /?q=a+man+opens+a+door with moments as JSON. The
// library is opened once; searches may run at the same time.
func ExampleLibrary_Search() {
	model, err := clip.Load("ViT-B-16.pt", clip.Options{Towers: clip.TextTower})
	if err != nil {
		log.Fatal(err)
	}
	embedder := retrieval.Baseline(model)
	moments, err := library.Open(context.Background(), "lib")
	if err != nil {
		log.Fatal(err)
	}
	defer moments.Close()
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		found, err := moments.Search(r.Context(), embedder, r.FormValue("q"), 10)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		json.NewEncoder(w).Encode(found)
	})
	log.Fatal(http.ListenAndServe("localhost:8080", nil))
}
