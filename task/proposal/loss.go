package proposal

// The settings of the focal loss, as in Lin et al. (2017) and ActionFormer.
const (
	focalAlpha = 0.25
	focalGamma = 2
)

// learn adds to the gradients of all tensors for windows x [R,E] and returns the loss. It is
// the sum of the focal loss of actionness over all rows and, over the rows that are assigned
// to a segment, the distance-IoU loss and the cross entropy of the quality with the achieved
// IoU as target. Each is divided by the number of assigned rows.
func (t *Detector) learn(x []float32, l *layout, want targets) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.device
	defer d.Release(d.Mark())
	rows, found := len(x)/t.embed, len(want.rows)
	features, action, box := d.Temp(rows, t.embed), d.Temp(l.rows, 1), d.Temp(l.rows, 3)
	d.Upload(features, x)
	var k tape
	t.forward(action, box, features, l, &k)

	each := 1 / float64(max(found, 1))
	daction, dbox, target := d.Temp(l.rows, 1), d.Temp(l.rows, 3), d.Temp(l.rows, 1)
	d.Upload(target, want.action)
	loss := d.FocalLoss(daction, action, target, focalAlpha, focalGamma, each)
	d.Zero(dbox)
	if found > 0 {
		mine, dmine := d.Temp(found, 3), d.Temp(found, 3)
		distances, iou := d.Temp(found, 2), d.Temp(found, 1)
		d.Gather(mine, nil, box, want.rows)
		d.Upload(distances, want.distances)
		loss += d.IntervalLoss(dmine.ColRange(0, 2), iou, mine.ColRange(0, 2), distances, t.config.BoxWeight*each)
		loss += d.FocalLoss(dmine.ColRange(2, 3), mine.ColRange(2, 3), iou, 0, 0, t.config.QualityWeight*each)
		d.ScatterAdd(dbox, want.rows, dmine, nil)
	}
	t.back(daction, dbox, l, &k)
	return loss
}
