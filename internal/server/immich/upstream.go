package immich

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/clipcue/clipcue/internal/input"
)

// upstreamError is the failure of the other server.
type upstreamError struct {
	server *url.URL
	reason string
}

func (e *upstreamError) Error() string {
	return fmt.Sprintf("the server %s: %s", e.server.Redacted(), e.reason)
}

func (e *upstreamError) status() int { return http.StatusBadGateway }

// viaHeader has the servers that have forwarded a request, so that none does it twice.
const viaHeader = "Clipcue-Via"

// errLoop is the error of a request that comes back to the server.
var errLoop = &formError{http.StatusLoopDetected, "the other server forwards requests to this server"}

// reply is the answer of the other server.
type reply struct {
	whole   json.RawMessage
	outputs map[string]json.RawMessage // of the tasks that it was asked for, and the image's size
}

const (
	upstreamTime = 10 * time.Minute // it may have to download a model
	maxAnswer    = 64 << 20         // bytes
)

// upstream does not follow redirects: the server is the one that the user has named.
var upstream = &http.Client{
	Timeout:       upstreamTime,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// forward asks the other server for some of the entries.
func (s *server) forward(ctx context.Context, f *form, some entries) (*reply, error) {
	fail := func(format string, a ...any) (*reply, error) {
		return nil, &upstreamError{s.o.Upstream, fmt.Sprintf(format, a...)}
	}
	body, kind, err := f.encode(some)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.o.Upstream.JoinPath("predict").String(), body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", kind)
	r.Header[viaHeader] = append(slices.Clone(f.via), s.id)
	answer, err := upstream.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return fail("%v", err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fail("%v", err)
	case answer.StatusCode != http.StatusOK:
		return fail("it answers %s", answer.Status)
	case len(data) > maxAnswer || !json.Valid(data):
		return fail("its answer is not JSON of at most %d bytes", maxAnswer)
	}
	out, err := read(data, f, some)
	if err != nil {
		return fail("%v", err)
	}
	return out, nil
}

// read returns an answer if it has an output for all tasks. Immich would take a missing one for
// the fact that a photo has no faces.
func read(data []byte, f *form, some entries) (*reply, error) {
	out := &reply{data, map[string]json.RawMessage{}}
	if f.old != nil {
		if isEmpty(data) {
			return nil, errors.New("its answer is empty")
		}
		return out, nil
	}
	var all map[string]json.RawMessage
	if err := input.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("its answer is not a JSON object: %w", err)
	}
	for task := range some {
		if isEmpty(all[task]) {
			return nil, fmt.Errorf("its answer lacks %s", task)
		}
		out.outputs[task] = all[task]
	}
	for _, name := range []string{"imageHeight", "imageWidth"} {
		if size, ok := all[name]; ok {
			out.outputs[name] = size
		}
	}
	return out, nil
}

// isEmpty reports whether an output is none. A list without elements is one: a photo without faces.
func isEmpty(output json.RawMessage) bool {
	var b bytes.Buffer
	if len(output) == 0 || json.Compact(&b, output) != nil {
		return true
	}
	return slices.Contains([]string{"null", "{}", `""`}, b.String())
}
