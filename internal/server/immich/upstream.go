package immich

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
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
func (s *server) forward(ctx context.Context, f *form, some entries) (json.RawMessage, error) {
	fail := func(format string, a ...any) (json.RawMessage, error) {
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
	return data, nil
}
