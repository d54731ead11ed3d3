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
	"github.com/shirou/gopsutil/v4/disk"

	"github.com/clipcue/clipcue/internal/crash"
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
type Broker struct {
	server *server.Server
	stop   context.CancelFunc
	ended  chan struct{}
}

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
		JetStreamMaxMemory: maxQueue, JetStreamMaxStore: maxResults,
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
	b := &Broker{server: s, ended: make(chan struct{})}
	ctx, b.stop = context.WithCancel(context.WithoutCancel(ctx))
	go b.revive(ctx, o.Dir)
	return b, nil
}

// Limits of JetStream in bytes. The disk is the limit; without these, it is 75 % of what is
// free when the broker starts.
const (
	maxQueue   = 1 << 30
	maxResults = 1 << 50
)

const (
	// diskTime is the time between two looks at the disk.
	diskTime = time.Second
	// scarce is the number of free bytes below which the disk counts as full.
	scarce = 8 << 20
)

// revive starts JetStream again when there is space on a disk that was full: it stops for good
// after a write failed.
func (b *Broker) revive(ctx context.Context, dir string) {
	defer crash.Recover()
	defer close(b.ended)
	full := false
	for sleep(ctx, diskTime) {
		u, err := disk.UsageWithContext(ctx, dir)
		switch {
		case err != nil:
		case u.Free < scarce:
			full = true
		case u.Free >= 2*scarce && (full || !b.server.JetStreamEnabled()):
			_ = b.server.ShutdownJetStream()
			err := b.server.EnableJetStream(&server.JetStreamConfig{StoreDir: dir, MaxMemory: maxQueue, MaxStore: maxResults, SyncAlways: true, CompressOK: true})
			full = err != nil
		}
	}
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
	b.stop()
	<-b.ended
	b.server.Shutdown()
	b.server.WaitForShutdown()
}
