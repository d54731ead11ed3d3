package flags

import (
	"cmp"
	"os"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/library"
)

// Server is the Weaviate server that a command may connect to. It comes from the user,
// never from a library, because the key is sent to it.
type Server struct{ Address string }

// Add adds --server.
func (s *Server) Add(c *cobra.Command) {
	c.Flags().StringVar(&s.Address, "server", "", "address of the Weaviate server that has the vectors")
}

// Trusted returns the address of --server, or else that of CLIPCUE_WEAVIATE_URL.
func (s Server) Trusted() string { return cmp.Or(s.Address, os.Getenv("CLIPCUE_WEAVIATE_URL")) }

// Key returns the key for Trusted.
func (s Server) Key() string { return os.Getenv("CLIPCUE_WEAVIATE_KEY") }

// Open opens a library for reading.
func (s Server) Open(c *cobra.Command, dir string) (*library.Library, error) {
	return library.Open(c.Context(), dir, library.Server{Address: s.Trusted(), Key: s.Key()})
}
