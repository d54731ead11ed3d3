package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/clipcue/clipcue/internal/crash"
)

// Client is a connection to the broker of a fleet.
type Client struct {
	conn *nats.Conn
	name string // of the fleet: prefix of subjects, streams and buckets
}

// ClientOptions say how to connect to a broker.
type ClientOptions struct {
	Address string  // such as nats://host:4222; several are separated by commas
	Broker  *Broker // in this process, instead of Address
	Fleet   string  // name of the fleet; "" means clipcue
	Token   string
	Creds   string // credentials file of NATS
	CA      string // PEM file with the certificate authority of the broker
}

// maxMessage is the limit of a message in bytes.
const maxMessage = 1 << 20

const (
	// connectTime is the limit for connecting.
	connectTime = 10 * time.Second
	// pingTime is the time between two signs of life of a broker. After three without an
	// answer, another server of the cluster is used.
	pingTime = 5 * time.Second
)

// Connect connects to a broker. The error is a [*BrokerError]. A connection that breaks
// later is restored for as long as the client is open.
func Connect(o ClientOptions) (*Client, error) {
	if o.Fleet == "" {
		o.Fleet = "clipcue"
	}
	if strings.ContainsAny(o.Fleet, ". *>/\\\t\r\n") {
		return nil, fmt.Errorf("the name of a fleet must not contain spaces, dots or any of * > / \\, got %q", o.Fleet)
	}
	settings := []nats.Option{nats.Name("clipcue"), nats.MaxReconnects(-1), nats.ReconnectWait(time.Second), nats.Timeout(connectTime),
		nats.PingInterval(pingTime), nats.MaxPingsOutstanding(2)}
	if o.Token != "" {
		settings = append(settings, nats.Token(o.Token))
	}
	if o.Creds != "" {
		settings = append(settings, nats.UserCredentials(o.Creds))
	}
	if o.CA != "" {
		settings = append(settings, nats.RootCAs(o.CA))
	}
	if o.Broker != nil {
		settings = append(settings, nats.InProcessServer(o.Broker.server))
	}
	conn, err := nats.Connect(o.Address, settings...)
	if err != nil {
		denied := errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired)
		return nil, &BrokerError{plainAddress(o.Address), denied, err}
	}
	return &Client{conn, o.Fleet}, nil
}

// plainAddress returns the addresses of brokers without credentials.
func plainAddress(list string) string {
	var out []string
	for _, a := range strings.Split(list, ",") {
		if u, err := url.Parse(a); err == nil && u.User != nil {
			u.User = nil
			a = u.String()
		}
		out = append(out, a)
	}
	return strings.Join(out, ",")
}

// Close ends the connection.
func (c *Client) Close() { c.conn.Close() }

// subject returns the subject of a kind of message.
func (c *Client) subject(kind string) string { return c.name + "." + kind }

// answer is what the coordinator sends back: a result or an error.
type answer struct {
	Error  string          `json:"error,omitempty"`
	Kind   string          `json:"kind,omitempty"` // of Error, among kinds
	Result json.RawMessage `json:"result,omitempty"`
}

// kinds are errors that are recognized on both sides.
var kinds = map[string]error{"rejected": ErrRejected, "suspended": ErrSuspended, "unknown": errUnknownWorker, "stops": ErrNoCoordinator}

// answerTime is the limit for an answer of the coordinator.
const answerTime = 30 * time.Second

// ask sends a request to the coordinator and decodes its answer.
func (c *Client) ask(ctx context.Context, kind string, request, result any) error {
	data, err := json.Marshal(request)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	m, err := c.conn.RequestWithContext(ctx, c.subject(kind), data)
	switch {
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return fmt.Errorf("%w at %s for the fleet %q", ErrNoCoordinator, plainAddress(c.conn.ConnectedUrl()), c.name)
	case err != nil:
		return err
	}
	var a answer
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return fmt.Errorf("the answer of the coordinator is no JSON: %w", err)
	}
	if known := kinds[a.Kind]; known != nil {
		return fmt.Errorf("%w: %s", known, a.Error)
	}
	if a.Error != "" {
		return errors.New(a.Error)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(a.Result, result)
}

// askUntil is ask, repeated until the coordinator answers or ctx is done.
func (c *Client) askUntil(ctx context.Context, kind string, request, result any) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := c.ask(ctx, kind, request, result)
		if !unanswered(err) {
			return err
		}
		if !sleep(ctx, jitter(wait)) {
			return err
		}
	}
}

// unanswered reports whether a request failed because the coordinator did not answer, or
// because the connection is broken.
func unanswered(err error) bool {
	return errors.Is(err, ErrNoCoordinator) || errors.Is(err, nats.ErrDisconnected) || errors.Is(err, nats.ErrStaleConnection) || errors.Is(err, nats.ErrConnectionReconnecting) || errors.Is(err, nats.ErrReconnectBufExceeded)
}

// serve answers requests of a kind until ctx is done. At most parallel requests are
// handled at the same time. Stop waits for them.
func (c *Client) serve(kind string, parallel int, handle func(data []byte) (any, error)) (stop func(), err error) {
	slots := make(chan struct{}, parallel)
	s, err := c.conn.Subscribe(c.subject(kind), func(m *nats.Msg) {
		slots <- struct{}{}
		go func() {
			defer crash.Recover()
			defer func() { <-slots }()
			result, err := handle(m.Data)
			data, err := encodeAnswer(result, err)
			if err == nil && m.Reply != "" {
				_ = m.Respond(data) // without a connection, the sender asks again
			}
		}()
	})
	return func() {
		_ = s.Unsubscribe()
		for range parallel {
			slots <- struct{}{}
		}
	}, err
}

func encodeAnswer(result any, err error) ([]byte, error) {
	var a answer
	if err != nil {
		a.Error = err.Error()
		for kind, known := range kinds {
			if errors.Is(err, known) {
				a.Kind, a.Error = kind, strings.TrimPrefix(a.Error, known.Error()+": ")
			}
		}
	} else if a.Result, err = json.Marshal(result); err != nil {
		return nil, err
	}
	return json.Marshal(a)
}
