package access

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"sync"
	"time"
)

// CookieName is the name of the session cookie.
const CookieName = "clipcue"

const (
	sessionLife = 7 * 24 * time.Hour
	maxSessions = 10_000
)

// ErrToken is the error of a login with a token that is not valid.
var ErrToken = errors.New("this token is not valid")

// session is the login of a browser. Sessions are in memory only, so they end with the
// server, and when their token is removed.
type session struct {
	token string // its hash
	end   time.Time
}

// sessions are those that have not ended, by the hash of the cookie's value.
type sessions struct {
	mu sync.Mutex
	by map[string]session
}

// start returns the cookie value of a new session.
func (s *sessions) start(token string) string {
	id := rand.Text() + rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if len(s.by) >= maxSessions {
		s.evict(now)
	}
	s.by[hash(id)] = session{token, now.Add(sessionLife)}
	return id
}

// evict removes the sessions that have ended or, if none has, the oldest.
func (s *sessions) evict(now time.Time) {
	oldest := ""
	for key, one := range s.by {
		switch {
		case now.After(one.end):
			delete(s.by, key)
		case oldest == "" || one.end.Before(s.by[oldest].end):
			oldest = key
		}
	}
	if len(s.by) >= maxSessions {
		delete(s.by, oldest)
	}
}

// find returns the token hash of a session.
func (s *sessions) find(key string) (token string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.by[key]
	if ok && time.Now().After(one.end) {
		delete(s.by, key)
		ok = false
	}
	return one.token, ok
}

func (s *sessions) remove(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, key)
}

// Login starts a session with the secret of a token, and returns the cookie that the answer
// must set. A wrong secret gives ErrToken, too many attempts from one address a
// [*TooManyError]. ctx is that of a request that went through [Guard.Handler].
func (g *Guard) Login(ctx context.Context, secret string) (*http.Cookie, error) {
	c := callOf(ctx)
	if wait := g.logins.wait(c.address); wait > 0 {
		return nil, &TooManyError{wait}
	}
	list, _ := g.tokens.current()
	t, ok := find(list, secret)
	if !ok {
		g.log.Warn("a login failed", "address", c.address, "request", c.id)
		return nil, ErrToken
	}
	g.sessions.remove(c.session)
	return cookie(c, g.sessions.start(t.Hash), int(sessionLife.Seconds())), nil
}

// Logout ends the session of a request, and returns the cookie that the answer must set.
func (g *Guard) Logout(ctx context.Context) *http.Cookie {
	c := callOf(ctx)
	g.sessions.remove(c.session)
	return cookie(c, "", -1)
}

func cookie(c *call, value string, age int) *http.Cookie {
	return &http.Cookie{Name: CookieName, Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteStrictMode}
}
