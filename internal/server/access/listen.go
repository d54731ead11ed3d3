package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"
)

// OpenError is the error of a server that others could reach, and that has no tokens.
type OpenError struct{ Address string }

func (e *OpenError) Error() string {
	return fmt.Sprintf("others can reach the server at %s, and it has no tokens", e.Address)
}

// InUseError is the error of an address that another program listens on.
type InUseError struct{ Address string }

func (e *InUseError) Error() string {
	return fmt.Sprintf("another program already listens on %s", e.Address)
}

// Listen listens on an address such as 127.0.0.1:8080. An address that other machines can
// reach, or a host name in the options, gives an [*OpenError] unless requests need a token.
func (g *Guard) Listen(ctx context.Context, address string) (net.Listener, error) {
	if len(g.o.Hosts) > 0 && !g.Required() {
		return nil, &OpenError{g.o.Hosts[0]}
	}
	l, err := Listen(ctx, address)
	if err != nil {
		return nil, err
	}
	tcp, _ := l.Addr().(*net.TCPAddr)
	g.localOnly = tcp != nil && tcp.IP.IsLoopback()
	if !g.localOnly && !g.Required() {
		return nil, errors.Join(&OpenError{address}, l.Close())
	}
	return l, nil
}

// CheckAddress returns an error for a text that is no address to listen on, such as 127.0.0.1:8080.
// The host may be unknown.
func CheckAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if _, err := net.DefaultResolver.LookupPort(context.Background(), "tcp", port); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	return nil
}

// Listen listens on an address. Anybody who reaches it is accepted.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &InUseError{address}
	}
	return l, err
}

// CheckFree returns the error that listening on an address gives now, for programs that have
// long work to do before.
func CheckFree(ctx context.Context, address string) error {
	l, err := Listen(ctx, address)
	if err != nil {
		return err
	}
	return l.Close()
}

// Server returns a server for a handler, with limits on the headers of requests. The
// handler limits bodies and answers, because these differ. Call Listen before.
func (g *Guard) Server(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           g.Handler(handler),
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10, // a path of 4,096 characters, each written as %F0%A0%9C%B4, reaches the handler
		ErrorLog:          slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
	}
}

// headerTime is how long a client may take to send the headers of a request.
const headerTime = 5 * time.Second
