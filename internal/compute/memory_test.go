package compute

import "testing"

// uploaded returns a view with the given values inside a larger matrix, so that
// its rows are neither aligned nor adjacent.
func uploaded(d Device, rows, cols int, values []float32) Matrix {
	m := d.New(rows+2, cols+3).RowRange(1, rows+1).ColRange(2, cols+2)
	d.Upload(m, values)
	return m
}

// downloaded returns a matrix's rows.
func downloaded(d Device, m Matrix) [][]float32 {
	flat, rows := make([]float32, m.Rows*m.Cols), make([][]float32, m.Rows)
	d.Download(flat, m)
	for i := range rows {
		rows[i] = flat[i*m.Cols : (i+1)*m.Cols]
	}
	return rows
}

// A device in another package creates matrices with its own type of buffer.
func TestMatrixOfAnotherDevice(t *testing.T) {
	type handle struct{ id int }
	m := NewMatrix(5, 7, 8, handle{3}).RowRange(2, 4).ColRange(1, 6).RowRange(1, 2)
	buffer, offset, stride := m.Memory()
	if m.Rows != 1 || m.Cols != 5 || buffer != (handle{3}) || offset != 3*8+1 || stride != 8 || m.IsZero() {
		t.Errorf("view [%d,%d] at %d with stride %d of %v", m.Rows, m.Cols, offset, stride, buffer)
	}
}

// After steps of different sizes, only the memory for the largest step is kept.
func TestTemporaryMemoryDoesNotPileUp(t *testing.T) {
	d := newCPU(1, generic)
	for i := range 40 {
		mark := d.Mark()
		for range 3 {
			d.Temp(1000+50*i, 1000)
		}
		d.Release(mark)
	}
	total := 0
	for _, c := range d.memory.arena.chunks {
		total += len(c.floats)
	}
	if most := 2 * 3 * 3000 * 1024; total > most {
		t.Errorf("%d floats are held for steps that need half of %d", total, most)
	}
}

func TestPeak(t *testing.T) {
	for _, k := range available() {
		if rate := newCPU(1, k).Peak(); !(rate > 1e8 && rate < 1e13) {
			t.Errorf("%s: %v operations a second", k.name, rate)
		}
	}
}
