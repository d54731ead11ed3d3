// Package weaviate stores vectors on a Weaviate server, for libraries that several machines
// share. It uses the server's REST and GraphQL interfaces, as of v1.35, through net/http:
// the official client adds gRPC and a hundred packages for five kinds of requests.
//
// All requests are idempotent, so failed ones are retried. Ids are the second half of
// UUIDs. A change of more than 256 vectors takes several requests and is not atomic.
//
// The key is sent only to the address that [Open] is given: redirects are not followed.
// Answers are limited to the size that an answer to the request can have.
package weaviate

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clipcue/clipcue/progress"
	"github.com/clipcue/clipcue/vector"
)

var (
	// ErrKey is wrapped by the error of a server that requires another key.
	ErrKey = errors.New("the server requires another key")

	// ErrAnswer is wrapped by the error for an answer that Weaviate does not give.
	ErrAnswer = errors.New("unexpected answer")

	// ErrAddress is wrapped by the error for an address that is not one of a server.
	ErrAddress = errors.New("invalid address of a Weaviate server")
)

// Options control the requests.
type Options struct {
	// Key is sent for authentication, if it is not empty.
	Key string
	// Timeout is the time limit of a request; 0 means a minute.
	Timeout time.Duration
	// Retries is how often a request is repeated that failed on the way, or for which
	// the server was too busy; 0 means 5. The first wait is a quarter of a second; each
	// is twice the one before.
	Retries int
}

// collection is a [vector.Index] on a server, see [Open].
type collection struct {
	server server
	name   string
	width  int
}

var _ vector.Index = (*collection)(nil)

// many is the largest number of objects in a request.
const many = 256

var validName = regexp.MustCompile(`^[A-Z][0-9A-Za-z_]{0,230}$`)

// class describes a collection.
type class struct {
	Class             string      `json:"class"`
	Description       string      `json:"description"`
	Vectorizer        string      `json:"vectorizer"`
	VectorIndexType   string      `json:"vectorIndexType"`
	VectorIndexConfig indexConfig `json:"vectorIndexConfig"`
}

type indexConfig struct {
	Distance string `json:"distance"`
}

// Open opens a collection of vectors of the given width on the server at a URL such as
// http://localhost:8080, and creates it if it does not exist.
//
// The server searches with its own approximate index. An Add or Delete of more than 256 ids
// takes several requests: after an error a part may have been done. Search is limited by the
// server's QUERY_MAXIMUM_RESULTS, 10,000 by default.
func Open(ctx context.Context, address, name string, width int, o Options) (vector.Index, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %q", ErrAddress, address)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "": // it could be a password
		return nil, fmt.Errorf("%w: only a scheme, host, port and path are allowed", ErrAddress)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("%w: %q is not like http://localhost:8080", ErrAddress, address)
	case !validName.MatchString(name):
		return nil, fmt.Errorf("name of a collection must be a capital followed by letters, digits and _, got %q", name)
	case width < 1:
		return nil, fmt.Errorf("width must be at least 1, got %d", width)
	}
	c := &collection{newServer(strings.TrimSuffix(u.String(), "/"), o), name, width}
	want := class{
		Class: name, Description: fmt.Sprintf("clipcue: unit vectors of width %d", width),
		Vectorizer: "none", VectorIndexType: "hnsw", VectorIndexConfig: indexConfig{"cosine"},
	}
	var found class
	err = c.server.ask(ctx, http.MethodGet, "/v1/schema/"+name, nil, answerSize(1, 0), &found)
	if status(err) == http.StatusNotFound {
		// Another client may create it at the same moment.
		if err = c.server.ask(ctx, http.MethodPost, "/v1/schema", want, answerSize(1, 0), nil); err == nil || status(err) == http.StatusUnprocessableEntity {
			if again := c.server.ask(ctx, http.MethodGet, "/v1/schema/"+name, nil, answerSize(1, 0), &found); again == nil {
				err = nil
			}
		}
	}
	if err != nil {
		return nil, err
	}
	if found.Description != want.Description || found.VectorIndexConfig != want.VectorIndexConfig {
		return nil, fmt.Errorf("%s: the collection %s is %q with distance %q, not %q with distance cosine",
			address, name, found.Description, found.VectorIndexConfig.Distance, want.Description)
	}
	return c, nil
}

// Width returns the number of elements of a vector.
func (c *collection) Width() int { return c.width }

// prefix is the first half of all UUIDs; the second is the id.
const prefix = "636c6970-6375-6500-"

func uuid(id int64) string {
	h := hex.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(id)))
	return prefix + h[:4] + "-" + h[4:]
}

func idOf(uuid string) (int64, error) {
	rest, ok := strings.CutPrefix(uuid, prefix)
	if ok && len(rest) == 17 && rest[4] == '-' {
		if id, err := strconv.ParseUint(rest[:4]+rest[5:], 16, 64); err == nil {
			return int64(id), nil
		}
	}
	return 0, fmt.Errorf("the collection has an object %q of another program", uuid)
}

type object struct {
	Class  string    `json:"class"`
	ID     string    `json:"id"`
	Vector []float32 `json:"vector,omitempty"`
}

// Add stores vectors [n,E] under n ids.
func (c *collection) Add(ctx context.Context, ids []int64, vectors []float32) error {
	if err := vector.CheckAdd(c.width, ids, vectors); err != nil {
		return err
	}
	for part := range slices.Chunk(ids, many) {
		var batch struct {
			Objects []object `json:"objects"`
		}
		for i, id := range part {
			batch.Objects = append(batch.Objects, object{c.name, uuid(id), vectors[i*c.width:][:c.width]})
		}
		vectors = vectors[len(part)*c.width:]
		var answers []struct {
			Result struct {
				Status string
				Errors struct{ Error []message }
			}
		}
		if err := c.server.ask(ctx, http.MethodPost, "/v1/batch/objects", batch, answerSize(len(part), c.width), &answers); err != nil {
			return err
		}
		if len(answers) != len(part) {
			return c.server.invalid(fmt.Sprintf("%d results for %d objects", len(answers), len(part)))
		}
		for i, a := range answers {
			if a.Result.Status != "SUCCESS" || len(a.Result.Errors.Error) > 0 {
				return fmt.Errorf("%s: id %d was not stored: %v", c.server.address, part[i], a.Result.Errors.Error)
			}
		}
	}
	return ctx.Err()
}

// uuids returns those of ids, each once.
func uuids(ids []int64) []string {
	sorted := slices.Compact(slices.Sorted(slices.Values(ids)))
	list := make([]string, len(sorted))
	for i, id := range sorted {
		list[i] = uuid(id)
	}
	return list
}

// Delete removes ids.
func (c *collection) Delete(ctx context.Context, ids []int64) error {
	for part := range slices.Chunk(uuids(ids), many) {
		type where struct {
			Path     []string `json:"path"`
			Operator string   `json:"operator"`
			Values   []string `json:"valueTextArray"`
		}
		var request struct {
			Match struct {
				Class string `json:"class"`
				Where where  `json:"where"`
			} `json:"match"`
			Output string `json:"output"`
		}
		request.Match.Class, request.Output = c.name, "minimal"
		request.Match.Where = where{[]string{"id"}, "ContainsAny", part}
		var answer struct{ Results struct{ Failed int } }
		if err := c.server.ask(ctx, http.MethodDelete, "/v1/batch/objects", request, answerSize(len(part), 0), &answer); err != nil {
			return err
		}
		if n := answer.Results.Failed; n > 0 {
			return fmt.Errorf("%s: %d of %d ids were not deleted", c.server.address, n, len(part))
		}
	}
	return ctx.Err()
}

// hit is an object of a GraphQL answer.
type hit struct {
	Additional struct {
		ID       string
		Distance float32
		Vector   []float32
	} `json:"_additional"`
}

// get requests objects through GraphQL.
func (c *collection) get(ctx context.Context, arguments, fields string, limit int64) ([]hit, error) {
	var data struct{ Get map[string][]hit }
	if err := c.server.query(ctx, fmt.Sprintf("{Get{%s(%s){_additional{%s}}}}", c.name, arguments, fields), limit, &data); err != nil {
		return nil, err
	}
	return data.Get[c.name], nil
}

// Get returns the vectors [n,E] of n ids.
func (c *collection) Get(ctx context.Context, ids []int64) ([]float32, error) {
	found := map[string][]float32{}
	for part := range slices.Chunk(uuids(ids), many) {
		list := `"` + strings.Join(part, `","`) + `"`
		hits, err := c.get(ctx, fmt.Sprintf(`limit:%d,where:{path:["id"],operator:ContainsAny,valueText:[%s]}`, len(part), list), "id vector", answerSize(len(part), c.width))
		if err != nil {
			return nil, err
		}
		for _, h := range hits {
			if len(h.Additional.Vector) != c.width {
				return nil, c.server.invalid(fmt.Sprintf("a vector of width %d", len(h.Additional.Vector)))
			}
			found[h.Additional.ID] = h.Additional.Vector
		}
	}
	vectors := make([]float32, 0, len(ids)*c.width)
	for _, id := range ids {
		x, ok := found[uuid(id)]
		if !ok {
			return nil, fmt.Errorf("%s, %s: id %d is %w", c.server.address, c.name, id, vector.ErrNotFound)
		}
		vectors = append(vectors, x...)
	}
	return vectors, nil
}

// maxResults is more than any server returns.
const maxResults = 1 << 20

// Search returns the k vectors nearest to a query that the server's index finds.
func (c *collection) Search(ctx context.Context, query []float32, k int) ([]vector.Hit, error) {
	if err := vector.CheckSearch(c.width, query, k); err != nil {
		return nil, err
	}
	var list strings.Builder
	for i, v := range query {
		if i > 0 {
			list.WriteByte(',')
		}
		list.WriteString(strconv.FormatFloat(float64(v), 'g', -1, 32))
	}
	found, err := c.get(ctx, fmt.Sprintf("limit:%d,nearVector:{vector:[%s]}", k, list.String()), "id distance", answerSize(min(k, maxResults), 0))
	if err != nil {
		return nil, err
	}
	hits := make([]vector.Hit, len(found))
	for i, h := range found {
		id, err := idOf(h.Additional.ID)
		if err != nil {
			return nil, err
		}
		hits[i] = vector.Hit{ID: id, Score: 1 - h.Additional.Distance}
	}
	slices.SortFunc(hits, func(a, b vector.Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID))
	})
	return hits, nil
}

// Len returns the number of vectors.
func (c *collection) Len(ctx context.Context) (int, error) {
	var data struct {
		Aggregate map[string][]struct{ Meta struct{ Count int } }
	}
	if err := c.server.query(ctx, fmt.Sprintf("{Aggregate{%s{meta{count}}}}", c.name), answerSize(1, 0), &data); err != nil {
		return 0, err
	}
	if len(data.Aggregate[c.name]) != 1 {
		return 0, c.server.invalid("no count")
	}
	return data.Aggregate[c.name][0].Meta.Count, nil
}

// IDs iterates over all ids, page by page.
func (c *collection) IDs(ctx context.Context) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		after := "00000000-0000-0000-0000-000000000000"
		for {
			var page struct{ Objects []object }
			path := fmt.Sprintf("/v1/objects?class=%s&limit=%d&after=%s", c.name, 4*many, after)
			if err := c.server.ask(ctx, http.MethodGet, path, nil, answerSize(4*many, 0), &page); err != nil {
				yield(0, err)
				return
			}
			for _, o := range page.Objects {
				id, err := idOf(o.ID)
				if !yield(id, err) || err != nil {
					return
				}
				if o.ID <= after {
					yield(0, c.server.invalid("objects out of order"))
					return
				}
				after = o.ID
			}
			if len(page.Objects) == 0 {
				return
			}
		}
	}
}

// Build does nothing: the server maintains its own index.
func (c *collection) Build(context.Context, progress.Func) error { return nil }

// Verify does nothing: the server is responsible for its own files.
func (c *collection) Verify(context.Context) error { return nil }

// Location returns the server's address.
func (c *collection) Location() string { return c.server.address }

// Drop deletes the collection and closes the connection.
func (c *collection) Drop(ctx context.Context) error {
	return errors.Join(c.server.ask(ctx, http.MethodDelete, "/v1/schema/"+c.name, nil, answerSize(1, 0), nil), c.Close())
}

// Close closes idle connections.
func (c *collection) Close() error {
	c.server.client.CloseIdleConnections()
	return nil
}

// status returns that of a refusal, 0 for any other error.
func status(err error) int {
	if refusal, ok := errors.AsType[*refusal](err); ok {
		return refusal.status
	}
	return 0
}
