package compute

import "math"

// visible calls f for the runs of keys that query i of a segment sees: first
// key row, count, and where the run starts in the query's scores.
func (s *AttentionShape) visible(g Segment, i int, f func(key, count, at int)) int {
	n := g.Keys
	if s.Causal {
		n -= g.Queries - 1 - i
	}
	shared := 0
	if g.Key >= s.Shared && s.Shared > 0 {
		shared = s.Shared
		f(0, shared, 0)
	}
	f(g.Key, n, shared)
	return shared + n
}

func (s *AttentionShape) check(q, kv Matrix) {
	if kv.Cols != 2*q.Cols || q.Cols%s.Heads != 0 {
		panic("compute: attention over matrices that do not fit")
	}
	for _, g := range s.Segments {
		if g.Query < 0 || g.Queries < 0 || g.Query+g.Queries > q.Rows || g.Key < 0 || g.Key+g.Keys > kv.Rows ||
			s.Shared > kv.Rows || g.Keys < 1 || s.Causal && g.Queries > g.Keys {
			panic("compute: attention segment outside its matrices")
		}
	}
}

func dot(a, b []float32) float32 {
	var s float32
	b = b[:len(a)]
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

func axpy(y []float32, a float32, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += a * x[i]
	}
}

// probabilities fills p with the softmax of query row q's scores against the
// keys that it sees and returns how many they are.
func (s *AttentionShape) probabilities(p, q []float32, k Matrix, head int, g Segment, i int) int {
	d := len(q)
	scale := float32(1 / math.Sqrt(float64(d)))
	n := s.visible(g, i, func(key, count, at int) {
		for r := range count {
			p[at+r] = dot(q, k.row(key + r)[head*d:(head+1)*d]) * scale
		}
	})
	softmax(p[:n], p[:n])
	return n
}

func (s *AttentionShape) scores() int {
	n := 0
	for _, g := range s.Segments {
		n = max(n, g.Keys)
	}
	return n + s.Shared
}

func (c *CPU) Attention(out, q, kv Matrix, s *AttentionShape) {
	need(out, q)
	s.check(q, kv)
	d, most := q.Cols/s.Heads, s.scores()
	k, v := kv.ColRange(0, q.Cols), kv.ColRange(q.Cols, 2*q.Cols)
	c.parallel(len(s.Segments)*s.Heads, func(w, item int) {
		g, head := s.Segments[item/s.Heads], item%s.Heads
		p := c.buffer(w, most)
		for i := range g.Queries {
			s.probabilities(p, q.row(g.Query + i)[head*d:(head+1)*d], k, head, g, i)
			y := out.row(g.Query + i)[head*d : (head+1)*d]
			clear(y)
			s.visible(g, i, func(key, count, at int) {
				for r := range count {
					axpy(y, p[at+r], v.row(key + r)[head*d:(head+1)*d])
				}
			})
		}
	})
}

func (c *CPU) AttentionGrad(dq, dkv, dout, q, kv Matrix, s *AttentionShape) {
	need(dq, q)
	need(dkv, kv)
	need(dout, q)
	s.check(q, kv)
	d, most := q.Cols/s.Heads, s.scores()
	scale := float32(1 / math.Sqrt(float64(d)))
	k, v := kv.ColRange(0, q.Cols), kv.ColRange(q.Cols, 2*q.Cols)
	dk, dv := dkv.ColRange(0, q.Cols), dkv.ColRange(q.Cols, 2*q.Cols)
	c.Zero(dkv)
	// Segments that share keys add to the same rows: a head is one worker's.
	c.parallel(s.Heads, func(w, head int) {
		from, to := head*d, (head+1)*d
		buf := c.buffer(w, 2*most)
		p, dp := buf[:most], buf[most:]
		for _, g := range s.Segments {
			for i := range g.Queries {
				x := q.row(g.Query + i)[from:to]
				up := dout.row(g.Query + i)[from:to]
				n := s.probabilities(p, x, k, head, g, i)
				s.visible(g, i, func(key, count, at int) {
					for r := range count {
						dp[at+r] = dot(up, v.row(key + r)[from:to])
						axpy(dv.row(key + r)[from:to], p[at+r], up)
					}
				})
				mean := dot(p[:n], dp[:n])
				y := dq.row(g.Query + i)[from:to]
				clear(y)
				s.visible(g, i, func(key, count, at int) {
					for r := range count {
						ds := p[at+r] * (dp[at+r] - mean) * scale
						axpy(y, ds, k.row(key + r)[from:to])
						axpy(dk.row(key + r)[from:to], ds, x)
					}
				})
			}
		}
	})
}
