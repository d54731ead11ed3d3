package access

import (
	"context"
	"fmt"
	"net/http"
)

// Role says what somebody may do.
type Role string

// The roles. An editor may also do everything that a viewer may.
const (
	View Role = "view"
	Edit Role = "edit"
)

// ParseRole returns the role of that name.
func ParseRole(name string) (Role, error) {
	switch r := Role(name); r {
	case View, Edit:
		return r, nil
	}
	return "", fmt.Errorf("role must be view or edit, got %q", name)
}

// Identity is who makes a request.
type Identity struct {
	User string // name of the token; "" without tokens
	Role Role   // "" = nobody
}

// Authenticator recognizes who makes a request in another way than by token or session, such
// as by the header of a trusted proxy. It returns false for a request that it does not know.
type Authenticator interface {
	Authenticate(r *http.Request) (Identity, bool)
}

// Of returns who makes the request with this context.
func Of(ctx context.Context) Identity {
	if c := callOf(ctx); c != nil {
		return c.who
	}
	return Identity{}
}

// RequestID returns the ID of the request with this context.
func RequestID(ctx context.Context) string {
	if c := callOf(ctx); c != nil {
		return c.id
	}
	return ""
}

// call is what the middleware knows about a request.
type call struct {
	id      string
	address string // of the client
	secure  bool   // the client uses TLS
	who     Identity
	session string // the key of its session; "" = none
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}
