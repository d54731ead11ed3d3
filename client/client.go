// Package client uses the API of clipcue serve from Go programs.
//
//	c, err := client.New("http://127.0.0.1:8765", "")
//	found, err := c.Search(ctx, client.SearchQuery{Q: "a man opens a door"}, 10, 0)
//
// Numbers of videos, labels and marks are those of the library. Times are seconds as a
// player shows them.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client sends requests to a server. It is safe for concurrent use.
type Client struct {
	// HTTP sends the requests. It may be replaced before the first one.
	HTTP *http.Client

	base  *url.URL
	token string
}

// New returns a client of the server at an address such as http://127.0.0.1:8765. The token
// is empty for a server without tokens.
func New(address, token string) (*Client, error) {
	base, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("%q is not the address of a server, such as http://127.0.0.1:8765", address)
	}
	return &Client{HTTP: http.DefaultClient, base: base.JoinPath("api", "v1"), token: token}, nil
}

// Error is the answer of the server to a request that it refuses (RFC 9457).
type Error struct {
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

func (e *Error) Error() string { return fmt.Sprintf("the server answers %d: %s", e.Status, e.Detail) }

// largest is the size in bytes of the largest answer.
const largest = 256 << 20

// do sends a request and decodes its answer into out, which may be nil.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, in, out any) error {
	answer, err := c.send(ctx, method, path, query, in)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if out == nil || answer.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, largest)).Decode(out); err != nil {
		return fmt.Errorf("the answer to %s %s cannot be read: %w", method, path, err)
	}
	return nil
}

// send sends a request. The answer has a status below 300.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	to := c.base.JoinPath(path)
	to.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, method, to.String(), body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := c.HTTP.Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode < 300 {
		return answer, nil
	}
	defer answer.Body.Close()
	e := &Error{Status: answer.StatusCode}
	if json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(e) != nil || e.Detail == "" {
		e.Detail = answer.Status
	}
	return nil, e
}

// Library describes the library.
func (c *Client) Library(ctx context.Context) (out Library, err error) {
	return out, c.do(ctx, http.MethodGet, "library", nil, nil, &out)
}

// Search finds moments. The results are at most limit, after the first offset.
func (c *Client) Search(ctx context.Context, q SearchQuery, limit, offset int) (out Found, err error) {
	return out, c.do(ctx, http.MethodGet, "search", page(q.values(), limit, offset), nil, &out)
}

// values returns the query as the parameters of a request.
func (q SearchQuery) values() url.Values {
	v := url.Values{"without": q.Without, "like": q.Like, "example": q.Example}
	for _, id := range q.Label {
		v.Add("label", strconv.FormatInt(id, 10))
	}
	for name, text := range map[string]string{"q": q.Q, "folder": q.Folder, "path": q.Path, "since": q.Since, "until": q.Until} {
		if text != "" {
			v.Set(name, text)
		}
	}
	for name, x := range map[string]float64{"min_seconds": q.MinSeconds, "max_seconds": q.MaxSeconds} {
		if x != 0 {
			v.Set(name, strconv.FormatFloat(x, 'g', -1, 64))
		}
	}
	return v
}

func page(v url.Values, limit, offset int) url.Values {
	v.Set("limit", strconv.Itoa(limit))
	v.Set("offset", strconv.Itoa(offset))
	return v
}

// Videos lists videos by name, and returns how many there are. text is a part of the name
// or folder, or empty.
func (c *Client) Videos(ctx context.Context, text string, limit, offset int) (videos []Video, total int, err error) {
	var out struct {
		Videos []Video
		Total  int
	}
	err = c.do(ctx, http.MethodGet, "videos", page(url.Values{"q": {text}}, limit, offset), nil, &out)
	return out.Videos, out.Total, err
}

// Labels lists the labels.
func (c *Client) Labels(ctx context.Context) ([]Label, error) {
	var out struct{ Labels []Label }
	err := c.do(ctx, http.MethodGet, "labels", nil, nil, &out)
	return out.Labels, err
}

// CreateLabel creates a label, described by texts.
func (c *Client) CreateLabel(ctx context.Context, name string, texts ...string) (out Label, err error) {
	in := map[string]any{"name": name}
	if len(texts) > 0 {
		in["texts"] = texts
	}
	return out, c.do(ctx, http.MethodPost, "labels", nil, in, &out)
}

// DeleteLabel deletes a label with its marks.
func (c *Client) DeleteLabel(ctx context.Context, label int64) error {
	return c.do(ctx, http.MethodDelete, fmt.Sprintf("labels/%d", label), nil, nil, nil)
}

// Feed returns moments to mark: likely, uncertain or random ones, or suspects, which are marks.
func (c *Client) Feed(ctx context.Context, label int64, feed string, limit int) (out Feed, err error) {
	return out, c.do(ctx, http.MethodGet, fmt.Sprintf("labels/%d/feed", label), url.Values{"feed": {feed}, "limit": {strconv.Itoa(limit)}}, nil, &out)
}

// Mark adds marks to a label, all or none. With replace, they take the place of marks that
// contradict or overlap them.
func (c *Client) Mark(ctx context.Context, label int64, marks []NewMark, replace bool) (out Changed, err error) {
	return out, c.do(ctx, http.MethodPost, fmt.Sprintf("labels/%d/marks", label), nil, map[string]any{"marks": marks, "replace": replace}, &out)
}

// Unmark removes marks of a label, all or none.
func (c *Client) Unmark(ctx context.Context, label int64, marks ...int64) (out Changed, err error) {
	return out, c.do(ctx, http.MethodDelete, fmt.Sprintf("labels/%d/marks", label), nil, map[string]any{"ids": marks}, &out)
}

// Quality estimates the precision and recall of a label at its operating point.
func (c *Client) Quality(ctx context.Context, label int64) (out Quality, err error) {
	return out, c.do(ctx, http.MethodGet, fmt.Sprintf("labels/%d/quality", label), nil, nil, &out)
}

// Segments lists the segments that show a label, by video and start.
func (c *Client) Segments(ctx context.Context, label int64, limit, offset int) (out SegmentList, err error) {
	return out, c.do(ctx, http.MethodGet, fmt.Sprintf("labels/%d/segments", label), page(url.Values{}, limit, offset), nil, &out)
}

// AddJob starts a job.
func (c *Client) AddJob(ctx context.Context, j NewJob) (out Job, err error) {
	return out, c.do(ctx, http.MethodPost, "jobs", nil, j, &out)
}

// Job describes a job.
func (c *Client) Job(ctx context.Context, id string) (out Job, err error) {
	return out, c.do(ctx, http.MethodGet, "jobs/"+url.PathEscape(id), nil, nil, &out)
}

// Wait waits until a job has ended. A job that failed or was canceled is an error.
func (c *Client) Wait(ctx context.Context, id string) (Job, error) {
	for {
		j, err := c.Job(ctx, id)
		switch {
		case err != nil:
			return j, err
		case j.State == Done:
			return j, nil
		case j.State.Ended():
			return j, errors.New(strings.TrimSpace(fmt.Sprintf("%s: the job is %s %s", j.Title, j.State, j.Error)))
		}
		select {
		case <-ctx.Done():
			return j, context.Cause(ctx)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// JobFile opens the file of a job that has one.
func (c *Client) JobFile(ctx context.Context, id string) (io.ReadCloser, error) {
	answer, err := c.send(ctx, http.MethodGet, "jobs/"+url.PathEscape(id)+"/file", nil, nil)
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

// Event is a change on the server: "job" with a [Job], "library" or "labels".
type Event struct {
	Name string
	Data json.RawMessage
}

// Events yields the changes on the server until ctx is done or the connection ends, which is
// an error.
func (c *Client) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		answer, err := c.send(ctx, http.MethodGet, "events", nil, nil)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer answer.Body.Close()
		lines := bufio.NewScanner(answer.Body)
		lines.Buffer(nil, 16<<20)
		var e Event
		for lines.Scan() {
			field, value, _ := strings.Cut(lines.Text(), ":")
			value = strings.TrimPrefix(value, " ")
			switch {
			case field == "event":
				e.Name = value
			case field == "data":
				e.Data = append(e.Data, value...)
			case lines.Text() == "" && e.Name != "":
				if !yield(e, nil) {
					return
				}
				e = Event{}
			}
		}
		if ctx.Err() == nil {
			yield(Event{}, errors.Join(errors.New("the connection ended"), lines.Err()))
		}
	}
}
