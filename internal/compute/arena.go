package compute

// Mark is a point in the life of temporary memory.
type Mark struct{ chunk, used int }

// arena hands out temporary memory from chunks that it keeps: after the first
// step of a kind, the next allocates nothing.
type arena struct {
	chunks [][]float32
	at     Mark
}

const chunkFloats = 1 << 20

func (a *arena) alloc(n int) []float32 {
	// Rows begin on cache lines.
	size := (n + 15) &^ 15
	for a.at.chunk < len(a.chunks) {
		c := a.chunks[a.at.chunk]
		if a.at.used+size <= len(c) {
			s := c[a.at.used : a.at.used+n : a.at.used+n]
			a.at.used += size
			return s
		}
		a.at = Mark{chunk: a.at.chunk + 1}
	}
	a.chunks = append(a.chunks, make([]float32, max(size, chunkFloats)))
	return a.alloc(n)
}

func (a *arena) mark() Mark { return a.at }

func (a *arena) release(m Mark) { a.at = m }
