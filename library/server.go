package library

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/clipcue/clipcue/vector"
	"github.com/clipcue/clipcue/vector/weaviate"
)

// Server is a Weaviate server that the caller trusts. A library names the server that
// has its vectors, but that alone does not make clipcue connect to it: the library may
// come from somebody else.
type Server struct {
	Address string // such as http://localhost:8080
	Key     string // sent to Address for authentication, if it is not empty
}

// ServerError reports a library whose vectors are on a server that the caller did not
// give.
type ServerError struct {
	Dir     string // the library
	Address string // the server that it names
}

func (e *ServerError) Error() string {
	return fmt.Sprintf("%s: the vectors are on %s, which was not given as a server to connect to", e.Dir, e.Address)
}

// sameAddress reports whether two addresses are of the same server.
func sameAddress(a, b string) bool {
	normal := func(address string) string {
		u, err := url.Parse(address)
		if err != nil {
			return address
		}
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		return fmt.Sprintf("%s://%s@%s:%s%s?%s", u.Scheme, u.User, strings.ToLower(u.Hostname()), port, strings.TrimSuffix(u.Path, "/"), u.RawQuery)
	}
	return a == b || normal(a) == normal(b)
}

// openVectors opens the index that holds a generation of a library's vectors: in its
// folder, or on one of the servers.
func openVectors(ctx context.Context, dir string, generation int64, s Settings, write bool, servers ...Server) (vector.Index, error) {
	if s.Server == "" {
		return vector.Open(vectorsIn(dir, generation), s.Width, vector.Options{ReadOnly: !write, Graph: s.Graph})
	}
	for _, server := range servers {
		if sameAddress(server.Address, s.Server) {
			return weaviate.Open(ctx, server.Address, fmt.Sprintf("%s_%d", s.Collection, generation), s.Width, weaviate.Options{Key: server.Key})
		}
	}
	return nil, &ServerError{dir, s.Server}
}

func vectorsIn(dir string, generation int64) string {
	return filepath.Join(dir, vectorsPrefix+strconv.FormatInt(generation, 10))
}

// isVectors reports whether a name is that of a folder of vectors, and of which
// generation.
func isVectors(name string) (generation int64, ok bool) {
	digits, ok := strings.CutPrefix(name, vectorsPrefix)
	generation, err := strconv.ParseInt(digits, 10, 64)
	return generation, ok && err == nil
}
