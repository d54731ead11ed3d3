package compute

func (c *CPU) Patches(dst, images Matrix, size, patch int) {
	grid := size / patch
	c.parallel(images.Rows, func(_, n int) {
		src := images.row(n)
		first := n * (1 + grid*grid)
		clear(dst.row(first))
		for p := range grid * grid {
			row := dst.row(first + 1 + p)
			for ch := range 3 {
				for y := range patch {
					from := ch*size*size + (p/grid*patch+y)*size + p%grid*patch
					copy(row[(ch*patch+y)*patch:][:patch], src[from:])
				}
			}
		}
	})
}

func (c *CPU) Pixels(dst Matrix, rgb []byte, mean, std [3]float32) {
	var table [3][256]float32
	for ch := range table {
		for v := range table[ch] {
			table[ch][v] = (float32(v)/255 - mean[ch]) / std[ch]
		}
	}
	plane := dst.Cols / 3
	c.parallel(dst.Rows, func(_, n int) {
		src, row := rgb[n*dst.Cols:(n+1)*dst.Cols], dst.row(n)
		for i := range plane {
			row[i] = table[0][src[3*i]]
			row[plane+i] = table[1][src[3*i+1]]
			row[2*plane+i] = table[2][src[3*i+2]]
		}
	})
}
