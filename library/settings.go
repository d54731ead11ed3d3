package library

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Settings are those with which a library was created. They apply to all its moments.
type Settings struct {
	// Model and Run are paths or names with which the model can be loaded again; "" is the
	// built-in model, and no run.
	Model      string `json:"model"`
	Activation string `json:"activation,omitempty"`
	Precision  string `json:"precision,omitempty"`
	Run        string `json:"run"`

	Fingerprint string  `json:"fingerprint"` // of both
	Preprocess  string  `json:"preprocess"`
	Sampling    string  `json:"sampling"`
	Still       float64 `json:"still,omitempty"` // see feature.Options
	Window      float64 `json:"window"`          // length of a moment in seconds
	Hop         float64 `json:"hop"`             // time between the starts of moments in seconds
	Width       int     `json:"width"`           // E

	// Graph is the minimum number of moments for approximate search. Searches of smaller
	// libraries look at every moment.
	Graph int `json:"graph"`

	// Server is the address of the Weaviate server that has the vectors; "" keeps them in
	// the library's folder. Collection begins the name of their collection there.
	Server     string `json:"server,omitempty"`
	Collection string `json:"collection,omitempty"`

	Captions    []string `json:"captions"` // the background
	Temperature float64  `json:"temperature"`
}

// defaultGraph is the default of Settings.Graph. Exact search of fewer moments is fast
// (bench/README.md), and building a graph takes minutes.
const defaultGraph = 1_000_000

// maxSettings is the most bytes that the stored settings can have. Most of them are the
// background captions.
const maxSettings = 16 << 20

// complete returns s with zero values replaced by those of a library, or the defaults.
func (s Settings) complete(old Settings) (Settings, error) {
	s.Window = cmp.Or(s.Window, old.Window, 4)
	s.Hop = cmp.Or(s.Hop, old.Hop, min(2, s.Window))
	s.Graph = cmp.Or(s.Graph, old.Graph, defaultGraph)
	s.Collection = cmp.Or(old.Collection, "Clipcue"+rand.Text())
	if s.Captions == nil {
		if s.Captions = old.Captions; s.Captions == nil {
			s.Captions = DefaultCaptions()
		}
	}
	if !(s.Window >= 0.1 && s.Window <= 3600) {
		return s, fmt.Errorf("window must be from 0.1 s to an hour, got %g s", s.Window)
	}
	if !(s.Hop >= 0.1 && s.Hop <= s.Window) {
		return s, fmt.Errorf("hop must be from 0.1 s to the window of %g s, so that there are no gaps, got %g s", s.Window, s.Hop)
	}
	return s, nil
}

// MismatchError reports a library that cannot be used with a model or with settings.
type MismatchError struct {
	Dir string // the library
	// What, Have and Want describe the first difference: what it is, the library's value
	// and that of the caller.
	What, Have, Want string
	// Different has the names of all fields of Settings that differ, in JSON.
	Different []string
	// Library and Given are the settings. A search only gives the fingerprint.
	Library, Given Settings
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s: the library was made with %s %s, not %s", e.Dir, e.What, e.Have, e.Want)
}

// compatible returns a MismatchError unless moments of both settings can be in one
// library.
func (s Settings) compatible(dir string, given Settings) error {
	seconds := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) + " s" }
	e := &MismatchError{Dir: dir, Library: s, Given: given}
	server := given.Server
	if s.Server != "" && sameAddress(s.Server, given.Server) {
		server = s.Server
	}
	for _, m := range []struct{ field, what, have, want string }{
		{"model", "the model", s.Fingerprint, given.Fingerprint},
		{"precision", "preprocessing", s.Preprocess, given.Preprocess},
		{"sampling", "sampling", s.Sampling, given.Sampling},
		{"still", "still frames within", fmt.Sprint(s.Still), fmt.Sprint(given.Still)},
		{"window", "windows of", seconds(s.Window), seconds(given.Window)},
		{"hop", "windows every", seconds(s.Hop), seconds(given.Hop)},
		{"server", "vectors in", cmp.Or(s.Server, "its folder"), cmp.Or(server, "its folder")},
		{"captions", "the background captions", captionsID(s.Captions), captionsID(given.Captions)},
	} {
		if m.have == m.want {
			continue
		}
		if len(e.Different) == 0 {
			e.What, e.Have, e.Want = m.what, m.have, m.want
		}
		e.Different = append(e.Different, m.field)
	}
	if len(e.Different) == 0 {
		return nil
	}
	return e
}

// ReadSettings returns the settings of a library without opening its vectors. It also reads
// those of libraries that an older clipcue wrote.
func ReadSettings(ctx context.Context, dir string) (Settings, error) {
	db, err := openDB(ctx, dir, toReadSettings)
	if err != nil {
		return Settings{}, err
	}
	defer db.Close()
	generation, s, err := readSettings(ctx, db)
	if err == nil && generation == 0 {
		err = noLibrary(dir)
	}
	return s, explain(dir, err)
}

// readSettings returns generation 0 for a library without settings.
func readSettings(ctx context.Context, db *sql.DB) (generation int64, s Settings, err error) {
	var text string
	var whole bool
	var size int64
	err = db.QueryRowContext(ctx, "SELECT length(CAST(json AS BLOB)) FROM settings").Scan(&size)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, s, nil
	case err == nil && size > maxSettings:
		return 0, s, fmt.Errorf("settings of %d bytes: %w", size, errDamaged)
	case err == nil:
		err = db.QueryRowContext(ctx, "SELECT coalesce(CAST(generation AS INTEGER), 0), coalesce(CAST(json AS TEXT), ''), "+intact("settings")+" FROM settings").Scan(&generation, &text, &whole)
	}
	if err != nil {
		return 0, s, err
	}
	stored := struct {
		*Settings
		Adapter string `json:"adapter"` // Run in version 1
	}{Settings: &s}
	whole = whole && json.Unmarshal([]byte(text), &stored) == nil
	s.Run = cmp.Or(s.Run, stored.Adapter)
	if _, err := s.complete(Settings{}); err != nil || !whole || generation < 1 || s.Width < 1 || !(s.Temperature > 0) {
		return 0, Settings{}, damaged("settings")
	}
	return generation, s, nil
}

func writeSettings(ctx context.Context, tx *sql.Tx, generation int64, s Settings) error {
	text, err := json.Marshal(s)
	if err == nil && len(text) > maxSettings {
		err = fmt.Errorf("the background captions have %d bytes, more than %d", len(text), maxSettings)
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO settings (only, generation, json) VALUES (1, ?, ?)", generation, text)
	}
	return err
}
