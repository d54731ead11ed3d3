package nn

import "github.com/clipcue/clipcue/internal/compute"

// Similarity is the cosine of every video embedding with every text embedding,
// times a scale (1/τ).
type Similarity struct {
	device      compute.Device
	scale       float32
	video, text compute.Matrix // [B,E], [C,E], not normalized
	nv, nt      compute.Matrix // normalized
	Logits      compute.Matrix // [B,C]
}

// NewSimilarity computes the logits of video [B,E] against text [C,E]. Its
// matrices are temporary memory of the device.
func NewSimilarity(d compute.Device, video, text compute.Matrix, scale float32) *Similarity {
	// Short enough to be inlined, so that the result is on the caller's stack.
	s := &Similarity{device: d, scale: scale, video: video, text: text}
	s.forward()
	return s
}

func (s *Similarity) forward() {
	d := s.device
	s.nv, s.nt = d.Temp(s.video.Rows, s.video.Cols), d.Temp(s.text.Rows, s.text.Cols)
	s.Logits = d.Temp(s.video.Rows, s.text.Rows)
	d.Normalize(s.nv, s.video)
	d.Normalize(s.nt, s.text)
	d.MulNT(s.Logits, s.nv, s.nt, s.scale, false)
}

// Backward writes the gradients of both sides for dlogits [B,C]. Either may be the zero
// Matrix, which is skipped.
func (s *Similarity) Backward(dvideo, dtext, dlogits compute.Matrix) {
	d := s.device
	defer d.Release(d.Mark())
	if !dvideo.IsZero() {
		g := d.Temp(s.nv.Rows, s.nv.Cols)
		d.MulNN(g, dlogits, s.nt, s.scale, false)
		d.NormalizeGrad(dvideo, g, s.video)
	}
	if !dtext.IsZero() {
		g := d.Temp(s.nt.Rows, s.nt.Cols)
		d.MulTN(g, dlogits, s.nv, s.scale, false)
		d.NormalizeGrad(dtext, g, s.text)
	}
}

// Masked is added to a logit to exclude it from the softmax: its share is exactly 0.
// It is finite, so that its gradient of 0 times the logit is 0 as well.
const Masked = -1e30

// ContrastiveLoss is CLIP's loss over pairs a[i], b[i] [n,E]: the mean of the cross
// entropies of each a against all b and of each b against all a, with cosines
// times scale. mask [n,n], symmetric, is added to the logits of both sides: pairs
// with Masked are not negatives of each other. It may be zero. ContrastiveLoss writes
// the gradients da and db and returns the loss and its derivative by the logarithm
// of scale.
func ContrastiveLoss(d compute.Device, da, db, a, b compute.Matrix, scale float32, mask compute.Matrix) (loss, dlogScale float64) {
	defer d.Release(d.Mark())
	target := make([]int32, a.Rows)
	for i := range target {
		target[i] = int32(i)
	}
	ga, gb := d.Temp(a.Rows, a.Cols), d.Temp(b.Rows, b.Cols)
	d.Zero(da)
	d.Zero(db)
	side := func(da, db, ga, gb, a, b compute.Matrix) {
		defer d.Release(d.Mark())
		s := NewSimilarity(d, a, b, scale)
		if !mask.IsZero() {
			d.Add(s.Logits, mask)
		}
		dlogits := d.Temp(s.Logits.Rows, s.Logits.Cols)
		loss += d.CrossEntropy(dlogits, s.Logits, target) / 2
		dlogScale += d.Dot(dlogits, s.Logits) / 2
		s.Backward(ga, gb, dlogits)
		d.Add(da, ga)
		d.Add(db, gb)
	}
	side(da, db, ga, gb, a, b)
	side(db, da, gb, ga, b, a)
	d.Scale(da, 0.5)
	d.Scale(db, 0.5)
	return loss, dlogScale
}

// PairMask returns a mask for [ContrastiveLoss] with which pairs with an equal key are
// not negatives of each other. Each list has one key per pair. The mask is the zero
// Matrix if all keys of each list differ, otherwise temporary memory of the device.
func PairMask(d compute.Device, keys ...[]string) compute.Matrix {
	var mask []float32
	n := 0
	for _, list := range keys {
		n = len(list)
		at := make(map[string][]int, n)
		for i, k := range list {
			for _, j := range at[k] {
				if mask == nil {
					mask = make([]float32, n*n)
				}
				mask[i*n+j], mask[j*n+i] = Masked, Masked
			}
			at[k] = append(at[k], i)
		}
	}
	if mask == nil {
		return compute.Matrix{}
	}
	m := d.Temp(n, n)
	d.Upload(m, mask)
	return m
}
