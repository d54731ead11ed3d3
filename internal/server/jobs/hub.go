package jobs

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/clipcue/clipcue/internal/server/problem"
)

// Hub sends events to all clients that listen.
type Hub struct {
	current func() []Job // sent first; nil = none

	mu      sync.Mutex
	clients map[chan []byte]bool
	closed  chan struct{}
	ended   bool
}

const (
	maxClients = 200
	backlog    = 64               // events for which a client may be late
	heartbeat  = 15 * time.Second // keeps proxies from closing the connection
	// streamLife is how long a client listens before it connects again. So the end of its
	// session reaches it.
	streamLife = 15 * time.Minute
)

// NewHub returns a hub without clients.
func NewHub() *Hub {
	return &Hub{clients: map[chan []byte]bool{}, closed: make(chan struct{})}
}

// Publish sends an event. data must be valid for encoding/json. A client that is too late is
// disconnected: it connects again and gets the present state.
func (h *Hub) Publish(event string, data any) {
	line := format(event, data)
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		select {
		case c <- line:
		default:
			delete(h.clients, c)
			close(c)
		}
	}
}

// Close disconnects all clients.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ended {
		h.ended = true
		close(h.closed)
	}
}

func (h *Hub) subscribe() (c chan []byte, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended || len(h.clients) >= maxClients {
		return nil, false
	}
	c = make(chan []byte, backlog)
	h.clients[c] = true
	return c, true
}

func (h *Hub) unsubscribe(c chan []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.clients, c)
}

// ServeHTTP sends the jobs that have not ended, and then all events, as text/event-stream.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	events, ok := h.subscribe()
	if !ok {
		problem.RetryAfter(w.Header(), 5*time.Second)
		problem.Write(w, http.StatusServiceUnavailable, "Too many clients listen to events, or the server is shutting down.")
		return
	}
	defer h.unsubscribe(events)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // of nginx
	control := http.NewResponseController(w)
	send := func(line []byte) bool {
		_, err := w.Write(line)
		return err == nil && control.Flush() == nil
	}
	if !send([]byte("retry: 2000\n\n")) {
		return
	}
	if h.current != nil {
		for _, j := range h.current() {
			if !send(format("job", j)) {
				return
			}
		}
	}
	beat, end := time.NewTicker(heartbeat), time.NewTimer(streamLife)
	defer beat.Stop()
	defer end.Stop()
	for {
		line := []byte(": alive\n\n")
		select {
		case <-r.Context().Done():
			return
		case <-h.closed:
			return
		case <-end.C:
			return
		case <-beat.C:
		case event, ok := <-events:
			if !ok {
				return
			}
			line = event
		}
		if !send(line) {
			return
		}
	}
}

func format(event string, data any) []byte {
	encoded, err := json.Marshal(data)
	if err != nil { // a defect, as data is ours
		panic(err)
	}
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", event, encoded)
}
