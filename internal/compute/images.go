package compute

func (c *CPU) ExtractPatches(dst, images Matrix, size, patch, first int) {
	c.job = job{y: dst.open(), x: images.open(), size: size, patch: patch, first: first}
	c.parallel(images.Rows, func(c *CPU, _ *worker, n int) {
		j := &c.job
		size, patch := j.size, j.patch
		grid := size / patch
		src := j.x.row(n)
		at := n * (j.first + grid*grid)
		for i := range j.first {
			clear(j.y.row(at + i))
		}
		for p := range grid * grid {
			row := j.y.row(at + j.first + p)
			for ch := range 3 {
				for y := range patch {
					from := ch*size*size + (p/grid*patch+y)*size + p%grid*patch
					copy(row[(ch*patch+y)*patch:][:patch], src[from:])
				}
			}
		}
	})
}

func (c *CPU) NormalizePixels(dst Matrix, rgb []byte, mean, std [3]float32) {
	c.job = job{y: dst.open(), rgb: rgb}
	for ch := range c.levels {
		for v := range c.levels[ch] {
			c.levels[ch][v] = (float32(v)/255 - mean[ch]) / std[ch]
		}
	}
	c.parallel(dst.Rows, func(c *CPU, _ *worker, n int) {
		cols := c.job.y.Cols
		plane, levels := cols/3, &c.levels
		src, row := c.job.rgb[n*cols:(n+1)*cols], c.job.y.row(n)
		for i := range plane {
			row[i] = levels[0][src[3*i]]
			row[plane+i] = levels[1][src[3*i+1]]
			row[2*plane+i] = levels[2][src[3*i+2]]
		}
	})
}
