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
)

// server makes requests, again where that may help: all that are made may be
// repeated without harm.
type server struct {
	address string
	o       Options
	client  *http.Client
}

// largest is the most that an answer may be: a Get of 256 vectors has a few MB.
const largest = 256 << 20

func newServer(address string, o Options) server {
	o.Timeout = cmp.Or(o.Timeout, time.Minute)
	o.Retries = cmp.Or(o.Retries, 5)
	return server{address, o, &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}}
}

// refusal is an answer with a status that is no success.
type refusal struct {
	server string
	status int
	text   string
}

func (r *refusal) Error() string {
	hint := ""
	if r.status == http.StatusUnauthorized || r.status == http.StatusForbidden {
		hint = " (is the key right?)"
	}
	return fmt.Sprintf("%s: %d %s: %s%s", r.server, r.status, http.StatusText(r.status), r.text, hint)
}

// busy says that the server may answer later.
func (r *refusal) busy() bool {
	switch r.status {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

func (s *server) strange(what string) error {
	return fmt.Errorf("%s: the server's answer makes no sense: %s; is it Weaviate 1.35 or later?", s.address, what)
}

// message is how Weaviate tells of an error.
type message struct{ Message string }

func (m message) String() string { return m.Message }

// ask sends a request in JSON and decodes the answer, nil for none.
func (s *server) ask(ctx context.Context, method, path string, request, answer any) error {
	var body []byte
	if request != nil {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return err
		}
	}
	for try := 0; ; try++ {
		data, err := s.once(ctx, method, path, body)
		if err == nil {
			if answer != nil {
				if err := json.Unmarshal(data, answer); err != nil {
					return s.strange(err.Error())
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
		case <-time.After(wait/2 + rand.N(wait)): // so that many clients do not come back at once
		}
	}
}

func (s *server) once(ctx context.Context, method, path string, body []byte) ([]byte, error) {
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
		return nil, err // it names the request and the address
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, largest+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.address, err)
	}
	if len(data) > largest {
		return nil, &refusal{s.address, response.StatusCode, fmt.Sprintf("the answer has more than %d bytes", largest)}
	}
	if response.StatusCode/100 != 2 {
		var told struct{ Error []message }
		text := strings.TrimSpace(string(data[:min(len(data), 300)]))
		if json.Unmarshal(data, &told) == nil && len(told.Error) > 0 {
			text = told.Error[0].Message
		}
		return nil, &refusal{s.address, response.StatusCode, text}
	}
	return data, nil
}

// query asks in GraphQL, which tells of errors with the status of success.
func (s *server) query(ctx context.Context, text string, data any) error {
	answer := struct {
		Data   any
		Errors []message
	}{Data: data}
	if err := s.ask(ctx, http.MethodPost, "/v1/graphql", map[string]string{"query": text}, &answer); err != nil {
		return err
	}
	if len(answer.Errors) > 0 {
		return fmt.Errorf("%s: %s", s.address, answer.Errors[0].Message)
	}
	return nil
}
