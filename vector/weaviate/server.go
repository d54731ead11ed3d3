package weaviate

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/internal/text"
)

// server sends requests, and retries them after temporary failures: all requests are
// idempotent.
type server struct {
	address string
	o       Options
	client  *http.Client
}

func newServer(address string, o Options) server {
	o.Timeout = cmp.Or(o.Timeout, time.Minute)
	o.Retries = cmp.Or(o.Retries, 5)
	return server{address, o, &http.Client{
		Transport: http.DefaultTransport.(*http.Transport).Clone(),
		// A redirect could lead the key and the vectors to another host, or to plain http.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answerSize returns the largest size in bytes of an answer about n objects with vectors of
// a width, 0 for none.
func answerSize(n, width int) int64 { return 1<<20 + int64(n)*(512+24*int64(width)) }

// refusal is an answer with a status other than success.
type refusal struct {
	server string
	status int
	text   string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("%s: %d %s: %s", r.server, r.status, http.StatusText(r.status), r.text)
}

// Is reports whether target is ErrKey and the server requires another key.
func (r *refusal) Is(target error) bool {
	return target == ErrKey && (r.status == http.StatusUnauthorized || r.status == http.StatusForbidden)
}

// busy reports whether the server may answer later.
func (r *refusal) busy() bool {
	switch r.status {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

func (s *server) invalid(what string) error {
	return fmt.Errorf("%s: %w: %s", s.address, ErrAnswer, what)
}

// message is an error in an answer.
type message struct{ Message string }

func (m message) String() string { return text.Quote(m.Message[:min(len(m.Message), 300)]) }

// ask sends a request in JSON and decodes the answer of at most limit bytes, nil for none.
func (s *server) ask(ctx context.Context, method, path string, request any, limit int64, answer any) error {
	var body []byte
	if request != nil {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return err
		}
	}
	for try := 0; ; try++ {
		data, err := s.once(ctx, method, path, body, limit)
		if err == nil {
			if answer != nil {
				if err := json.Unmarshal(data, answer); err != nil {
					return s.invalid(err.Error())
				}
			}
			return nil
		}
		if refused, ok := errors.AsType[*refusal](err); ctx.Err() != nil || ok && !refused.busy() {
			return err
		}
		if try == s.o.Retries {
			return fmt.Errorf("%w (after %d attempts)", err, try+1)
		}
		wait := 250 * time.Millisecond << min(try, 6)
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", s.address, ctx.Err())
		case <-time.After(wait/2 + rand.N(wait)): // so that many clients do not return at once
		}
	}
}

func (s *server) once(ctx context.Context, method, path string, body []byte, limit int64) ([]byte, error) {
	release, err := memory.Request(limit, "an answer of "+s.address)
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, s.address+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if s.o.Key != "" {
		request.Header.Set("Authorization", "Bearer "+s.o.Key)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err // with the request and the address
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.address, err)
	}
	if int64(len(data)) > limit {
		return nil, &refusal{s.address, response.StatusCode, fmt.Sprintf("the answer has more than %d bytes", limit)}
	}
	if response.StatusCode/100 == 3 {
		return nil, &refusal{s.address, response.StatusCode, fmt.Sprintf("redirected to %q, which is not followed", response.Header.Get("Location"))}
	}
	if response.StatusCode/100 != 2 {
		var answer struct{ Error []message }
		reason := text.Quote(strings.TrimSpace(string(data[:min(len(data), 300)])))
		if json.Unmarshal(data, &answer) == nil && len(answer.Error) > 0 {
			reason = answer.Error[0].String()
		}
		return nil, &refusal{s.address, response.StatusCode, reason}
	}
	return data, nil
}

// query sends a GraphQL query. GraphQL reports errors with the status of success.
func (s *server) query(ctx context.Context, query string, limit int64, data any) error {
	answer := struct {
		Data   any
		Errors []message
	}{Data: data}
	if err := s.ask(ctx, http.MethodPost, "/v1/graphql", map[string]string{"query": query}, limit, &answer); err != nil {
		return err
	}
	if len(answer.Errors) > 0 {
		return fmt.Errorf("%s: %v", s.address, answer.Errors[0])
	}
	return nil
}
