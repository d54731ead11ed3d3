// Package compute is clipcue's arithmetic: float32 matrices and the steps that
// the model is made of, each a whole operation on device memory. It is the one
// place that knows of threads, SIMD instructions and memory layout; everything
// above speaks to a [Device].
//
// Every operation gives the same bits for the same input whatever the number of
// threads: sums are never split between workers.
//
// On amd64 the inner loops are assembly for AVX2 or AVX-512, on arm64 for NEON,
// that the program in gen writes; everywhere else, and as what the assembly is
// tested against, they are plain Go. The environment variable CLIPCUE_CPU picks
// generic, avx2, avx512 or neon; without it the machine's best is used. NEON has
// been tested by emulation only: nobody has measured how fast it is.
package compute

// Matrix is a row-major float32 matrix in a device's memory, or a view of some
// rows or columns of one. The zero Matrix means "none" where an operation takes
// an optional argument. Only the device that allocated a matrix can access its
// memory; callers use [Device.Upload] and [Device.Download].
type Matrix struct {
	Rows, Cols     int
	stride, offset int // in elements: between rows, and of the first element
	buffer         any
}

// NewMatrix returns a matrix of the first rows·stride elements of buffer. It is
// for implementations of [Device], which choose the buffer's type and keep it
// unexported.
func NewMatrix(rows, cols, stride int, buffer any) Matrix {
	return Matrix{Rows: rows, Cols: cols, stride: stride, buffer: buffer}
}

// Memory returns the buffer that was passed to [NewMatrix], the offset of m's
// first element in it, and the distance between rows, both in elements. It is for
// implementations of [Device].
func (m Matrix) Memory() (buffer any, offset, stride int) { return m.buffer, m.offset, m.stride }

// IsZero reports whether m is the zero Matrix.
func (m Matrix) IsZero() bool { return m.buffer == nil }

// RowRange returns a view of rows from..to-1.
func (m Matrix) RowRange(from, to int) Matrix {
	if from < 0 || to < from || to > m.Rows {
		panic("compute: row range outside the matrix")
	}
	m.Rows, m.offset = to-from, m.offset+from*m.stride
	return m
}

// ColRange returns a view of columns from..to-1.
func (m Matrix) ColRange(from, to int) Matrix {
	if from < 0 || to < from || to > m.Cols {
		panic("compute: column range outside the matrix")
	}
	m.Cols, m.offset = to-from, m.offset+from
	return m
}

// Activation is the non-linearity inside an MLP.
type Activation uint8

const (
	Identity  Activation = iota
	QuickGELU            // x·sigmoid(1.702x), OpenAI's CLIP
	GELU                 // x·Φ(x) by erf, OpenCLIP's later models
)

func (a Activation) String() string {
	return [...]string{"identity", "quick_gelu", "gelu"}[a]
}

// Form says which products a packed [Weight] will be used for.
type Form uint8

const (
	Forward  Form = 1 << iota // y = x·wᵀ
	Backward                  // dx = dy·w
	// ForwardInt8 is Forward with the weights, and then each row of x, rounded to
	// 8 bits: a few times as fast, and off by about a hundredth. What is not
	// finite in x gets lost.
	ForwardInt8
)

// Weight is a matrix [Out,In] in the layout that the device multiplies fastest.
// It holds a copy: after the source changes, call [Device.Repack].
type Weight struct {
	Out, In int
	Packed  any // the device's own representation
}

// Epilogue is what [Device.Linear] does to a product before storing it:
// y = act(x·wᵀ + Bias) + Residual. Zero fields do nothing.
type Epilogue struct {
	Bias     Matrix // [1,Out]
	Act      Activation
	Residual Matrix // [rows,Out], may be y itself
}

// Segment is a run of query rows that attend to a run of key rows.
type Segment struct {
	Query, Queries int // first row and count in q
	Key, Keys      int // first row and count in kv
}

// AttentionShape says who attends to whom. Each segment's queries see its keys;
// segments whose keys start at or after Shared see the rows 0..Shared-1 too.
// With Causal the segment's last query sees all its keys, the one before it all
// but the last, and so on; the shared rows stay visible to every query.
type AttentionShape struct {
	Heads    int
	Causal   bool
	Shared   int
	Segments []Segment
}

// AdamWStep are the constants of one AdamW step (Loshchilov & Hutter 2019), in
// PyTorch's formulation.
type AdamWStep struct {
	Step                      int // 1 for the first
	LearningRate, WeightDecay float64
	Beta1, Beta2, Eps         float64
}

// Range is the rows From..To-1.
type Range struct{ From, To int }

// Device does the arithmetic. A Device is used by one goroutine at a time; it
// spreads each operation over its own workers. Shapes that do not fit together
// are a programming error and panic.
type Device interface {
	// New returns a zeroed matrix that lives as long as it is referenced.
	New(rows, cols int) Matrix
	// Temp returns a matrix of undefined content that is valid until the
	// Release of a mark taken before.
	Temp(rows, cols int) Matrix
	// Mark and Release bracket the life of temporary matrices.
	Mark() Mark
	Release(Mark)
	// Upload and Download copy row by row between a matrix and a dense slice.
	Upload(dst Matrix, src []float32)
	Download(dst []float32, src Matrix)
	Copy(dst, src Matrix)
	Zero(dst Matrix)

	// Pack prepares w [Out,In] for the named products; Repack takes over
	// changed values of the same shape.
	Pack(w Matrix, forms Form) *Weight
	Repack(dst *Weight, w Matrix)

	// Linear writes y [n,Out] = act(x [n,In]·wᵀ + bias) + residual.
	Linear(y, x Matrix, w *Weight, e Epilogue)
	// InputGrad writes dx [n,In] = dy [n,Out]·w, added to dx if accumulate.
	InputGrad(dx, dy Matrix, w *Weight, accumulate bool)
	// MulNT, MulNN and MulTN write c = alpha·a·bᵀ, alpha·a·b and alpha·aᵀ·b for
	// plain matrices, added to c if accumulate.
	MulNT(c, a, b Matrix, alpha float32, accumulate bool)
	MulNN(c, a, b Matrix, alpha float32, accumulate bool)
	MulTN(c, a, b Matrix, alpha float32, accumulate bool)
	// SumRows adds the sum over the rows of x to dst [1,Cols].
	SumRows(dst, x Matrix)

	// Activate writes y = act(x); ActivateGrad writes dx = dy·act'(x).
	Activate(y, x Matrix, act Activation)
	ActivateGrad(dx, dy, x Matrix, act Activation)

	// LayerNorm writes y = (x-mean)/sqrt(var+eps)·gamma + beta for each row.
	LayerNorm(y, x, gamma, beta Matrix, eps float32)
	// LayerNormGrad writes dx, added to dx if accumulate, and adds to dgamma and
	// dbeta unless they are zero matrices.
	LayerNormGrad(dx, dy, x, gamma Matrix, eps float32, accumulate bool, dgamma, dbeta Matrix)

	// Attention writes softmax(q·kᵀ/sqrt(D/heads))·v, head by head, to out
	// [nq,D]; kv is [nk,2D], keys before values.
	Attention(out, q, kv Matrix, s *AttentionShape)
	// AttentionGrad writes dq [nq,D] and dkv [nk,2D] for the gradient dout.
	AttentionGrad(dq, dkv, dout, q, kv Matrix, s *AttentionShape)

	// Gather copies src's rows from[i] to dst's rows to[i]; ScatterAdd adds
	// them. A nil list stands for 0,1,2….
	Gather(dst Matrix, to []int32, src Matrix, from []int32)
	ScatterAdd(dst Matrix, to []int32, src Matrix, from []int32)
	// Add adds src to dst. AddCycle adds src's rows in turn, again and again;
	// AddCycleGrad is its gradient: it adds dst's rows to src's.
	Add(dst, src Matrix)
	AddCycle(dst, src Matrix)
	AddCycleGrad(src, dst Matrix)
	Scale(dst Matrix, by float32)
	// Mean writes to dst's row i the mean of src's rows in ranges[i]; MeanGrad
	// adds the gradient to dsrc. No range may be empty.
	Mean(dst, src Matrix, ranges []Range)
	MeanGrad(dsrc, ddst Matrix, ranges []Range)

	// Normalize writes each row of x divided by its L2 norm (at least 1e-12, as
	// PyTorch's F.normalize); NormalizeGrad writes the gradient dx.
	Normalize(y, x Matrix)
	NormalizeGrad(dx, dy, x Matrix)
	// CrossEntropy returns the mean over the rows of -log softmax(logits)[target]
	// and writes its gradient to dlogits unless that is a zero matrix.
	CrossEntropy(dlogits, logits Matrix, target []int32) float64
	// Softmax writes each row's softmax to y.
	Softmax(y, x Matrix)
	// Focal returns weight times the sum over all entries of the focal loss (Lin et
	// al. 2017) of a sigmoid, |t-p|^gamma times the cross entropy, for targets t in
	// 0..1 (Li et al. 2020), and writes its gradient. gamma is 0 or at least 1; an
	// alpha above 0 weighs targets of 1 by alpha and of 0 by 1-alpha. Entries whose
	// target is below 0 do not count.
	FocalLoss(dlogits, logits, target Matrix, alpha, gamma, weight float64) float64
	// Intervals compares intervals around points, given by the logarithms of their
	// distances to start and end [n,2], with the true distances target [n,2], which
	// are above 0. It writes each one's intersection over union to iou [n,1],
	// returns weight times the sum of the distance-IoU losses (Zheng et al. 2020, in
	// one dimension) and writes its gradient.
	IntervalLoss(dlogs, iou, logs, target Matrix, weight float64) float64

	// Patches cuts images [n,3·size·size], channel by channel, into rows of
	// 3·patch·patch, in dst [n·(1+(size/patch)²), 3·patch²]; each image's first
	// row is zero and stands for the class token.
	ExtractPatches(dst, images Matrix, size, patch int)
	// Pixels writes images' RGB bytes (height, width, channel) as (x/255-mean)/std,
	// channel by channel, to dst [n,3·size·size].
	NormalizePixels(dst Matrix, rgb []byte, mean, std [3]float32)

	// AdamW updates param and its moments m and v in place.
	AdamW(param, grad, m, v Matrix, s AdamWStep)
	// Dot is the sum of the products of all entries.
	Dot(a, b Matrix) float64
}
