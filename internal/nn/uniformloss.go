package nn

import "github.com/clipcue/clipcue/internal/compute"

// UniformLoss returns weight times the mean over the rows of logits [n,C] of the cross
// entropy against a distribution that is the same for all classes (Hendrycks et al.
// 2019), and writes its gradient. It is the mean of the cross entropies against each
// class.
func UniformLoss(d compute.Device, dlogits, logits compute.Matrix, weight float64) float64 {
	defer d.Release(d.Mark())
	n, c := logits.Rows, logits.Cols
	from, target := make([]int32, n*c), make([]int32, n*c)
	for i := range from {
		from[i], target[i] = int32(i/c), int32(i%c)
	}
	x, dx := d.Temp(n*c, c), d.Temp(n*c, c)
	d.Gather(x, nil, logits, from)
	loss := d.CrossEntropy(dx, x, target)
	d.Zero(dlogits)
	d.ScatterAdd(dlogits, from, dx, nil)
	d.Scale(dlogits, float32(weight))
	return weight * loss
}
