package compute

import "math"

func (s *AttentionShape) check(q, kv Matrix) {
	if kv.Cols != 2*q.Cols || q.Cols%s.Heads != 0 {
		panic("compute: attention over matrices of incompatible shapes")
	}
	for _, g := range s.Segments {
		if g.Query < 0 || g.Queries < 0 || g.Query+g.Queries > q.Rows || g.Key < 0 || g.Key+g.Keys > kv.Rows ||
			s.Shared > kv.Rows || g.Keys < 1 || s.Causal && g.Queries > g.Keys {
			panic("compute: attention segment outside its matrices")
		}
	}
}

// apart reports whether the segments can be seen to have no key rows in common: they are in
// order, and there are no shared rows.
func (s *AttentionShape) apart() bool {
	end := 0
	for _, g := range s.Segments {
		if g.Key < end {
			return false
		}
		end = g.Key + g.Keys
	}
	return s.Shared == 0
}

// attention is one head of one segment. Its keys and values are up to two runs of
// rows: the shared rows and its own.
type attention struct {
	s       *AttentionShape
	g       Segment
	columns Range // of the head
	width   int   // of q
	keys    int   // in both runs together
	shared  int   // of them in the first run
	scale   float32
}

func (s *AttentionShape) of(g Segment, head, width int) attention {
	d := width / s.Heads
	a := attention{s: s, g: g, columns: Range{head * d, (head + 1) * d}, width: width, scale: float32(1 / math.Sqrt(float64(d)))}
	if g.Key >= s.Shared {
		a.shared = s.Shared
	}
	a.keys = a.shared + g.Keys
	return a
}

// queries returns the segment's and head's part of q or of a matrix of its shape.
func (a *attention) queries(q view) view {
	return q.rows(a.g.Query, a.g.Query+a.g.Queries).cols(a.columns.From, a.columns.To)
}

// runs returns the two runs of kv's keys or values.
func (a *attention) runs(kv view, values bool) (shared, own view) {
	if values {
		kv = kv.cols(a.width, 2*a.width)
	}
	kv = kv.cols(a.columns.From, a.columns.To)
	return kv.rows(0, a.shared), kv.rows(a.g.Key, a.g.Key+a.g.Keys)
}

// sees returns the number of keys that query i attends to.
func (a *attention) sees(i int) int {
	if a.s.Causal {
		return a.keys - (a.g.Queries - 1 - i)
	}
	return a.keys
}

// columnPanels packs both runs' rows as the columns of B, rowPanels as its rows.
func (k *kernels) columnPanels(data []float32, shared, own view) panels {
	b := k.panels(data, shared.Rows+own.Rows, own.Cols)
	k.putColumns(&b, 0, shared)
	k.putColumns(&b, shared.Rows, own)
	return b
}

func (k *kernels) rowPanels(data []float32, shared, own view) panels {
	b := k.panels(data, own.Cols, shared.Rows+own.Rows)
	k.putRows(&b, 0, shared, 0, ceil(own.Cols, k.cols))
	k.putRows(&b, shared.Rows, own, 0, ceil(own.Cols, k.cols))
	return b
}

// together is the number of query rows processed at once, so that their scores
// stay in the L1 cache.
const together = 24

// probabilities fills p's rows with the softmax of the scores of the queries
// from i on, and with zeros where a query does not attend to a key.
func (a *attention) probabilities(w *worker, k *kernels, p, q view, keys *panels, i int) {
	seen := keys
	if p.Cols < keys.n {
		part := *keys
		part.n, seen = p.Cols, &part
	}
	w.whole(k, product{y: p, x: q, b: *seen, alpha: 1})
	for r := range p.Rows {
		n, row := a.sees(i+r), p.row(r)
		k.softmax(row[:n], row[:n], a.scale)
		clear(row[n:])
	}
}

func (c *CPU) Attention(out, q, kv Matrix, s *AttentionShape) {
	need(out, q)
	s.check(q, kv)
	c.job = job{y: out.open(), x: q.open(), u: kv.open(), shape: s}
	c.parallel(len(s.Segments)*s.Heads, func(c *CPU, w *worker, item int) {
		s := c.job.shape
		a := s.of(s.Segments[item/s.Heads], item%s.Heads, c.job.x.Cols)
		a.forward(w, c.kernels, c.job.y, c.job.x, c.job.u)
	})
}

func (a *attention) forward(w *worker, k *kernels, out, q, kv view) {
	out, q = a.queries(out), a.queries(q)
	d, rows := q.Cols, min(together, q.Rows)
	columns, lines := k.panelFloats(a.keys, d), k.panelFloats(d, a.keys)
	rest := w.scratch(columns + lines + matrixFloats(rows, a.keys))
	shared, own := a.runs(kv, false)
	keys := k.columnPanels(rest.floats(columns), shared, own)
	shared, own = a.runs(kv, true)
	values := k.rowPanels(rest.floats(lines), shared, own)
	all := rest.matrix(rows, a.keys)
	for i := 0; i < q.Rows; i += rows {
		n := min(rows, q.Rows-i)
		p := all.rows(0, n).cols(0, a.sees(i+n-1))
		a.probabilities(w, k, p, q.rows(i, i+n), &keys, i)
		part := values
		part.k = p.Cols
		w.whole(k, product{y: out.rows(i, i+n), x: p, b: part, alpha: 1})
	}
}

// whole computes a product on one worker.
func (w *worker) whole(k *kernels, p product) {
	w.multiply(k, &p, 0, p.y.Rows, 0, ceil(p.b.n, k.cols))
}

func (c *CPU) AttentionGrad(dq, dkv, dout, q, kv Matrix, s *AttentionShape) {
	need(dq, q)
	need(dkv, kv)
	need(dout, q)
	s.check(q, kv)
	c.Zero(dkv)
	c.job = job{y: dq.open(), x: q.open(), u: kv.open(), v: dkv.open(), w: dout.open(), shape: s}
	if s.apart() {
		c.parallel(len(s.Segments)*s.Heads, func(c *CPU, w *worker, item int) {
			s := c.job.shape
			c.attentionGrad(w, s.Segments[item/s.Heads], item%s.Heads)
		})
		return
	}
	// Segments that share keys add to the same rows, so one worker computes a whole head.
	c.parallel(s.Heads, func(c *CPU, w *worker, head int) {
		for _, g := range c.job.shape.Segments {
			c.attentionGrad(w, g, head)
		}
	})
}

// attentionGrad writes dq and adds to dkv for one head of one segment. With the
// probabilities p, one row a query:
//
//	dv = pᵀ·dout
//	ds = softmax gradient of dout·vᵀ
//	dq = ds·k, dk = dsᵀ·q
func (c *CPU) attentionGrad(w *worker, g Segment, head int) {
	j, k := &c.job, c.kernels
	a := j.shape.of(g, head, j.x.Cols)
	if g.Queries == 0 {
		return
	}
	q, dq, dout := a.queries(j.x), a.queries(j.y), a.queries(j.w)
	d, m, n := q.Cols, q.Rows, a.keys
	columns, lines, perQuery := k.panelFloats(n, d), k.panelFloats(d, n), k.panelFloats(d, m)
	rest := w.scratch(2*columns + lines + 2*perQuery + 2*matrixFloats(m, n) + matrixFloats(n, m))
	sharedKeys, ownKeys := a.runs(j.u, false)
	sharedValues, ownValues := a.runs(j.u, true)
	keys := k.columnPanels(rest.floats(columns), sharedKeys, ownKeys)
	values := k.columnPanels(rest.floats(columns), sharedValues, ownValues)
	keyRows := k.rowPanels(rest.floats(lines), sharedKeys, ownKeys)
	upRows := k.rowPanels(rest.floats(perQuery), view{Cols: d}, dout)
	queryRows := k.rowPanels(rest.floats(perQuery), view{Cols: d}, q)
	p, dp, t := rest.matrix(m, n), rest.matrix(m, n), rest.matrix(n, m)

	a.probabilities(w, k, p, q, &keys, 0)
	k.transposeTo(t, p)
	a.add(w, k, j.v, true, t, upRows)
	w.whole(k, product{y: dp, x: dout, b: values, alpha: 1})
	for i := range m {
		k.softmaxGrad(dp.row(i), p.row(i), dp.row(i), a.scale)
	}
	w.whole(k, product{y: dq, x: dp, b: keyRows, alpha: 1})
	k.transposeTo(t, dp)
	a.add(w, k, j.v, false, t, queryRows)
}

// add adds t·b, one row a key, to the rows of dkv's keys or values.
func (a *attention) add(w *worker, k *kernels, dkv view, values bool, t view, b panels) {
	shared, own := a.runs(dkv, values)
	w.whole(k, product{y: shared, x: t.rows(0, a.shared), b: b, alpha: 1, residual: shared})
	w.whole(k, product{y: own, x: t.rows(a.shared, a.keys), b: b, alpha: 1, residual: own})
}
