// Package webhook sends events to an HTTP server without making the caller wait.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/clipcue/clipcue/internal/crash"
)

// The headers of a request. The signature is "sha256=" and the HMAC-SHA-256, in
// hexadecimal, of the timestamp, a dot and the body, with the shared secret. A server
// should compare it in constant time and refuse old timestamps. A repeated request has the
// same id.
const (
	IDHeader        = "X-Clipcue-Id"
	TimestampHeader = "X-Clipcue-Timestamp"
	SignatureHeader = "X-Clipcue-Signature"
)

const (
	waiting  = 256              // events that wait to be sent
	attempts = 5                // for each event
	patience = 10 * time.Second // for one request, and for the last events at the end
)

// Hook sends events in their order. The zero value is not usable; see [Start].
type Hook struct {
	url    string
	secret []byte
	log    *slog.Logger
	queue  chan []byte
	ended  chan struct{}
	cancel context.CancelFunc
	failed atomic.Int64  // events
	pause  time.Duration // before the second attempt; doubled before each further one
	client http.Client
}

// Start returns a hook that posts events as JSON to an HTTP address. Without a secret,
// requests are not signed.
func Start(address, secret string, log *slog.Logger) (*Hook, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("a webhook must be an http or https address, got %q", address)
	}
	h := &Hook{url: address, secret: []byte(secret), log: log, queue: make(chan []byte, waiting), ended: make(chan struct{}), pause: time.Second}
	h.client = http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	go func() {
		defer close(h.ended)
		defer crash.Recover()
		for body := range h.queue {
			if err := h.deliver(ctx, body); err != nil {
				h.failed.Add(1)
				// The path and the query of the address may be secrets.
				h.log.Warn("an event was not delivered", "webhook", u.Host, "event", string(body), "reason", err)
			}
		}
	}()
	return h, nil
}

// Send queues an event and returns at once. If too many events wait, it is dropped and
// logged.
func (h *Hook) Send(event any) error {
	body, err := json.Marshal(event)
	if err != nil {
		return err
	}
	select {
	case h.queue <- body:
	default:
		h.failed.Add(1)
		h.log.Warn("the webhook is too slow; an event was dropped", "event", string(body))
	}
	return nil
}

// Close waits a few seconds for the events that are queued, and gives up on the rest. It
// returns the number of events that were not delivered. Send must not be called after it.
func (h *Hook) Close() (undelivered int) {
	close(h.queue)
	timer := time.AfterFunc(patience, h.cancel)
	defer timer.Stop()
	<-h.ended
	h.cancel()
	return int(h.failed.Load())
}

// deliver posts an event until the server accepts it.
func (h *Hook) deliver(ctx context.Context, body []byte) (err error) {
	id := rand.Text()
	pause := h.pause
	for n := range attempts {
		if n > 0 {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return errors.Join(err, ctx.Err())
			}
			pause *= 2
		}
		var permanent bool
		if permanent, err = h.post(ctx, id, body); err == nil || permanent || ctx.Err() != nil {
			return err
		}
	}
	return fmt.Errorf("after %d attempts: %w", attempts, err)
}

// post sends one request. permanent reports that a repetition would fail as well.
func (h *Hook) post(ctx context.Context, id string, body []byte) (permanent bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return true, err
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(IDHeader, id)
	r.Header.Set(TimestampHeader, now)
	if len(h.secret) > 0 {
		r.Header.Set(SignatureHeader, Signature(h.secret, now, body))
	}
	answer, err := h.client.Do(r)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err // without the address
		}
		return false, err
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, 1<<16) // so that the connection can be used again
	s := answer.StatusCode
	if s >= 200 && s < 300 {
		return false, nil
	}
	permanent = s >= 300 && s < 500 && s != http.StatusTooManyRequests && s != http.StatusRequestTimeout
	return permanent, fmt.Errorf("the server answered %s", answer.Status)
}

// Signature returns the value of SignatureHeader.
func Signature(secret []byte, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
