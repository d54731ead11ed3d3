package vector_test

import (
	"testing"

	"github.com/clipcue/clipcue/vector"
	"github.com/clipcue/clipcue/vector/internal/vectortest"
)

func open(t *testing.T, dir string, width int, o vector.Options) vector.Index {
	t.Helper()
	x, err := vector.Open(dir, width, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func TestEmbedded(t *testing.T) {
	vectortest.Run(t, func(t *testing.T, width int) vector.Index {
		return open(t, t.TempDir(), width, vector.Options{})
	})
}
