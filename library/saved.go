package library

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/clipcue/clipcue/internal/text"
)

// SavedSearch is a query that a library stores under a name.
type SavedSearch struct {
	Name    string    `json:"name"`
	Query   Query     `json:"query"`
	Created time.Time `json:"created"`
}

// ErrNoSearch is wrapped by the error for a saved search that the library does not have.
var ErrNoSearch = errors.New("the library has no saved search of this name")

// SaveSearch stores a query in a library, in place of one of the same name. Paths of files
// and folders become absolute.
func SaveSearch(ctx context.Context, dir, name string, q Query) error {
	if strings.TrimSpace(text.Key(name)) == "" || !text.IsLine(name) {
		return invalid("the name of a saved search must be a line with visible characters, got %q", name)
	}
	if _, err := q.Split(); err != nil {
		return err
	}
	if _, err := q.Filter.conditions(); err != nil {
		return err
	}
	for _, list := range []*[]string{&q.Images, &q.Videos} {
		absolute := []string{}
		for _, path := range *list {
			path, err := filepath.Abs(path)
			if err != nil {
				return err
			}
			absolute = append(absolute, path)
		}
		*list = absolute
	}
	if q.Filter.Folder != "" {
		folder, err := filepath.Abs(q.Filter.Folder)
		if err != nil {
			return err
		}
		q.Filter.Folder = folder
	}
	data, err := json.Marshal(text.Map(q, text.Escape)) // paths may not be UTF-8
	if err != nil {
		return err
	}
	return modify(ctx, dir, func(tx *sql.Tx) error {
		old, err := findSearch(ctx, tx, name)
		switch {
		case err == nil:
			name = old.Name
		case !errors.Is(err, ErrNoSearch):
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO searches (name, query, created) VALUES (?, ?, ?)", name, string(data), time.Now().UTC().Format(time.RFC3339Nano))
		return err
	})
}

// DeleteSearch deletes a saved search.
func DeleteSearch(ctx context.Context, dir, name string) error {
	return modify(ctx, dir, func(tx *sql.Tx) error {
		s, err := findSearch(ctx, tx, name)
		if err == nil {
			_, err = tx.ExecContext(ctx, "DELETE FROM searches WHERE name = ?", s.Name)
		}
		return err
	})
}

// SavedSearch returns a saved search.
func (l *Library) SavedSearch(ctx context.Context, name string) (SavedSearch, error) {
	s, err := findSearch(ctx, l.db, name)
	return s, explain(l.dir, err)
}

// SavedSearches returns the saved searches by name.
func (l *Library) SavedSearches(ctx context.Context) ([]SavedSearch, error) {
	s, err := readSearches(ctx, l.db)
	return s, explain(l.dir, err)
}

func findSearch(ctx context.Context, db querier, name string) (SavedSearch, error) {
	all, err := readSearches(ctx, db)
	for _, s := range all {
		if text.Key(s.Name) == text.Key(name) {
			return s, err
		}
	}
	if err == nil {
		err = fmt.Errorf("%q: %w", name, ErrNoSearch)
	}
	return SavedSearch{}, err
}

func readSearches(ctx context.Context, db querier) ([]SavedSearch, error) {
	out := []SavedSearch{}
	var name, query, created string
	var whole bool
	err := each(ctx, db, "SELECT name, query, created, "+intact("searches")+" FROM searches ORDER BY name", nil, []any{&name, &query, &created, &whole}, func() error {
		s := SavedSearch{Name: name, Created: parseTime(created)}
		if !whole || json.Unmarshal([]byte(query), &s.Query) != nil {
			return damaged("searches")
		}
		s.Query = text.Map(s.Query, text.Unescape)
		out = append(out, s)
		return nil
	})
	return out, err
}
