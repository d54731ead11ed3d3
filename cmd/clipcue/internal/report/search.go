package report

import (
	"fmt"
	"path/filepath"

	"github.com/dustin/go-humanize/english"

	"github.com/clipcue/clipcue/library"
)

// Search returns a page with the results of a search and their thumbnails. kind is "text",
// "combined" or a kind of example; made are the settings of the library, and thumbnail
// returns the JPEG file of a result.
func Search(query, kind string, found *library.Response, made library.Settings, thumbnail func(library.Result) ([]byte, error)) *Report {
	s := Section{Title: "Moments, the likeliest first"}
	for _, r := range found.Results {
		strip := Strip{Title: r.Video, Label: fmt.Sprintf("%s, %.1f %%", r.Time, 100*r.Score)}
		if r.Missing {
			strip.Note = "The video did not exist when the library was last updated."
		}
		if r.Blank {
			strip.Note = "Most frames of this moment show nothing."
		}
		picture, err := thumbnail(r)
		switch {
		case r.Changed:
			strip.Note = "The file of the video has changed since it was indexed. Index it again with clipcue index."
		case err != nil:
			strip.Note = "The thumbnail cannot be read: " + reason(r.Thumbnail, err)
		default:
			strip.Frames = []Frame{{Time: r.Best + min(made.Window, r.End-r.Best)/2, Picture: picture}}
		}
		s.Strips = append(s.Strips, strip)
	}
	page := &Report{Title: query, Verdict: english.Plural(len(found.Results), "result", "") + ".", Footer: Version()}
	example := "1 for the same frames and 0 for a moment that is no more similar than others"
	switch kind {
	case "text":
		s.Text = fmt.Sprintf("The score is the probability that the model gives the text query for the moment, among %d background captions.", len(made.Captions))
	case "combined":
		s.Text = fmt.Sprintf("The score is the geometric mean of the scores of the parts of the query, times 1 minus that of each excluded text. The score of a text is its probability among %d background captions; that of an example is %s.", len(made.Captions), example)
	default:
		page.Title = "Like " + filepath.Base(query)
		s.Text = "The score is " + example + "."
	}
	for _, w := range found.Warnings {
		page.Sections = append(page.Sections, Section{Title: "Note", Text: w.Text})
	}
	page.Sections = append(page.Sections, s)
	return page
}
