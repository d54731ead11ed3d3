package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/clipcue/clipcue/internal/server/access"
)

type loginInput struct {
	Body struct {
		Token string `json:"token" maxLength:"200"`
	}
}

type cookieOutput struct {
	Cookie http.Cookie `header:"Set-Cookie"`
}

func (s *Server) sessionOperations() {
	operation(s, http.MethodGet, "/session", "get-session", "Tell who is asking", s.getSession, anybody)
	operation(s, http.MethodPost, "/session", "log-in", "Exchange a token for a session cookie", s.login, status(http.StatusNoContent), anybody)
	operation(s, http.MethodDelete, "/session", "log-out", "End the session", s.logout, status(http.StatusNoContent), anybody)
}

// mayEdit reports whether the one who asks is an editor.
func mayEdit(ctx context.Context) bool { return access.Of(ctx).Role == access.Edit }

func (s *Server) getSession(ctx context.Context, _ *struct{}) (*body[Session], error) {
	who := access.Of(ctx)
	return &body[Session]{Session{Required: s.o.Guard.Required(), User: who.User, Role: string(who.Role)}}, nil
}

func (s *Server) login(ctx context.Context, in *loginInput) (*cookieOutput, error) {
	cookie, err := s.o.Guard.Login(ctx, in.Body.Token)
	if many, ok := errors.AsType[*access.TooManyError](err); ok {
		return nil, huma.ErrorWithHeaders(huma.Error429TooManyRequests("Too many attempts to log in. Try again later."),
			http.Header{"Retry-After": {fmt.Sprint(math.Ceil(many.Wait.Seconds()))}})
	}
	if errors.Is(err, access.ErrToken) {
		return nil, huma.Error401Unauthorized("This token is not valid.")
	}
	if err != nil {
		return nil, err
	}
	return &cookieOutput{*cookie}, nil
}

func (s *Server) logout(ctx context.Context, _ *struct{}) (*cookieOutput, error) {
	return &cookieOutput{*s.o.Guard.Logout(ctx)}, nil
}
