package nn

import "github.com/clipcue/clipcue/internal/compute"

// CosineLoss returns weight times the mean over the rows of 1 − cosine(x, to), both
// [n,E], and writes the gradient with respect to x to dx; to is a constant. For text
// it is the regularizer of KgCoOp (Yao et al., CVPR 2023).
func CosineLoss(d compute.Device, dx, x, to compute.Matrix, weight float64) float64 {
	defer d.Release(d.Mark())
	a, b := d.Temp(x.Rows, x.Cols), d.Temp(x.Rows, x.Cols)
	d.Normalize(a, x)
	d.Normalize(b, to)
	each := weight / float64(x.Rows)
	loss := weight - each*d.Dot(a, b)
	d.Scale(b, float32(-each))
	d.NormalizeGrad(dx, b, x)
	return loss
}
