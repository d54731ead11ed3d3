package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// BrokerOptions configure the embedded broker.
type BrokerOptions struct {
	Address string // host:port; port 0 means any free one
	Dir     string // of its files
	Token   string // of clients; required unless Address is a loopback address
	Cert    string // TLS certificate and its key, PEM files; "" means no TLS
	Key     string
}

// Broker is an embedded NATS server with JetStream.
type Broker struct{ server *server.Server }

// startTime is the limit for a broker to accept connections.
const startTime = 20 * time.Second

// StartBroker starts a broker. JetStream flushes each message to the disk.
func StartBroker(ctx context.Context, o BrokerOptions) (*Broker, error) {
	host, port, err := net.SplitHostPort(o.Address)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil || number < 0 || number > 1<<16-1 {
		return nil, fmt.Errorf("%s: the port must be 0 to 65535", o.Address)
	}
	if o.Token == "" && !loopback(host) {
		return nil, &OpenError{o.Address}
	}
	if number == 0 {
		number = server.RANDOM_PORT
	}
	// nats-server ends the program if it cannot listen.
	if err := canListen(ctx, o.Address); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	settings := &server.Options{
		Host: host, Port: number, JetStream: true, StoreDir: o.Dir, SyncAlways: true,
		Authorization: o.Token, NoSigs: true, NoLog: true, NoSystemAccount: true, MaxPayload: maxMessage,
	}
	if o.Cert != "" {
		pair, err := tls.LoadX509KeyPair(o.Cert, o.Key)
		if err != nil {
			return nil, err
		}
		settings.TLS, settings.TLSConfig = true, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	s, err := server.NewServer(settings)
	if err != nil {
		return nil, err
	}
	s.Start()
	if !s.ReadyForConnections(startTime) || !s.JetStreamEnabled() {
		s.Shutdown()
		return nil, errors.New("the embedded broker did not start; is its folder " + o.Dir + " writable?")
	}
	return &Broker{s}, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func canListen(ctx context.Context, address string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return l.Close()
}

// Address returns the host and port that clients use.
func (b *Broker) Address() string { return b.server.Addr().String() }

// Close stops the broker.
func (b *Broker) Close() {
	b.server.Shutdown()
	b.server.WaitForShutdown()
}
