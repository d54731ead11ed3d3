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
	TanhGELU             // its approximation by tanh, SigLIP
	SiLU                 // x·sigmoid(x), in gated MLPs

	activations = iota
)

func (a Activation) String() string {
	return [activations]string{"identity", "quick_gelu", "gelu", "gelu_tanh", "silu"}[a]
}

// Form is a set of the products that a packed [Weight] is used for.
type Form uint8

const (
	Forward  Form = 1 << iota // y = x·wᵀ
	Backward                  // dx = dy·w
	// ForwardInt8 is Forward with the weights and each row of x quantized to int8.
	// It is a few times faster, with an error of about 1%. If a row of x is not
	// finite, its results are NaN.
	ForwardInt8
)

// Weight is a matrix [Out,In] in the layout that the device multiplies fastest.
// It holds a copy: after the source changes, call [Device.Repack].
type Weight struct {
	Out, In int
	Packed  any // the device's own representation
}

// Epilogue holds the operations that [Device.Linear] applies to a product before
// storing it: y = act(x·wᵀ + Bias) + Residual. Zero fields are skipped.
type Epilogue struct {
	Bias     Matrix // [1,Out]
	Act      Activation
	Residual Matrix // [rows,Out], may be y itself
}

// Segment is a range of query rows that attend to a range of key rows.
type Segment struct {
	Query, Queries int // first row and count in q
	Key, Keys      int // first row and count in kv
}

// AttentionShape defines which rows attend to which. The queries of a segment
// attend to the segment's keys. Segments whose keys start at or after Shared also
// attend to the rows 0..Shared-1. With Causal, the last query of a segment attends
// to all its keys, the query before it to all but the last, and so on; the shared
// rows stay visible to every query.
type AttentionShape struct {
	Heads    int
	Causal   bool
	Shared   int
	Segments []Segment
}

// AdamWStep holds the constants of one AdamW step (Loshchilov & Hutter 2019), in
// PyTorch's formulation.
type AdamWStep struct {
	Step                      int // 1 for the first
	LearningRate, WeightDecay float64
	Beta1, Beta2, Eps         float64
}

// Range is the rows From..To-1.
type Range struct{ From, To int }

// Device executes operations. Only one goroutine may use a Device at a time; the
// device distributes each operation over its own workers. Incompatible shapes are
// programming errors: the operation panics.
type Device interface {
	// New returns a zeroed matrix. The garbage collector frees it.
	New(rows, cols int) Matrix
	// Temp returns a temporary matrix with undefined content. It is valid until
	// Release is called with a mark taken before.
	Temp(rows, cols int) Matrix
	// Mark returns the current position in temporary memory. Release frees all
	// temporary matrices allocated since the mark.
	Mark() Mark
	Release(Mark)
	// Upload and Download copy row by row between a matrix and a dense slice.
	Upload(dst Matrix, src []float32)
	Download(dst []float32, src Matrix)
	Copy(dst, src Matrix)
	Zero(dst Matrix)

	// Pack copies w [Out,In] into the layouts for the given products. Repack
	// copies new values of the same shape.
	Pack(w Matrix, forms Form) *Weight
	Repack(dst *Weight, w Matrix)

	// Linear writes y [n,Out] = act(x [n,In]·wᵀ + bias) + residual.
	Linear(y, x Matrix, w *Weight, e Epilogue)
	// MLP writes y = second(hidden·downᵀ) for hidden [n,up.Out] = first(x·upᵀ), as two calls of
	// Linear do. first has no residual; that of second may be y, and y may be x.
	MLP(y, x Matrix, up, down *Weight, first, second Epilogue)
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

	// Gather copies row from[i] of src to row to[i] of dst; ScatterAdd adds it. A
	// nil list means 0, 1, 2….
	Gather(dst Matrix, to []int32, src Matrix, from []int32)
	ScatterAdd(dst Matrix, to []int32, src Matrix, from []int32)
	// Add adds src to dst. AddCycle adds row i modulo src.Rows of src to row i of
	// dst. AddCycleGrad is its gradient: it adds the rows of dst to those of src.
	Add(dst, src Matrix)
	AddCycle(dst, src Matrix)
	AddCycleGrad(src, dst Matrix)
	// Multiply multiplies each entry of dst by that of src.
	Multiply(dst, src Matrix)
	// Rotate turns each pair of neighboring columns (u, v) of x into (u·c-v·s, u·s+v·c).
	// Row i takes cosines and sines from row at[i] modulo table.Rows of table; a nil list means
	// 0, 1, 2…. table is [positions,2w], w cosines before w sines, and serves the pairs of
	// every 2w columns of x.
	Rotate(x, table Matrix, at []int32)
	Scale(dst Matrix, by float32)
	// Mean writes the mean of the rows ranges[i] of src to row i of dst. MeanGrad
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
	// FocalLoss returns weight times the sum over all entries of the sigmoid focal
	// loss (Lin et al. 2017), |t-p|^gamma times the cross entropy, for targets t in
	// 0..1 (Li et al. 2020). It writes the gradient to dlogits. gamma is 0 or at
	// least 1. If alpha is positive, targets of 1 have the weight alpha and targets
	// of 0 the weight 1-alpha. Entries with a negative target are ignored.
	FocalLoss(dlogits, logits, target Matrix, alpha, gamma, weight float64) float64
	// IntervalLoss returns weight times the sum of the distance-IoU losses (Zheng et
	// al. 2020, in one dimension) of intervals around points. logs [n,2] holds the
	// logarithms of the predicted distances from the point to start and end, target
	// [n,2] the true distances, which are positive. It writes the gradient to dlogs
	// and each intersection over union to iou [n,1].
	IntervalLoss(dlogs, iou, logs, target Matrix, weight float64) float64

	// ExtractPatches divides images [n,3·size·size], stored channel by channel, into
	// the rows of dst [n·(first+(size/patch)²), 3·patch²]. The first rows of each image are
	// zero, for the class token.
	ExtractPatches(dst, images Matrix, size, patch, first int)
	// NormalizePixels writes the RGB bytes of images (height, width, channel) as (x/255-mean)/std,
	// channel by channel, to dst [n,3·size·size].
	NormalizePixels(dst Matrix, rgb []byte, mean, std [3]float32)

	// UnfoldImages writes the pixels in each position of a window over images [n,3·side²],
	// stored channel by channel, to the rows of dst [n·out²,3·kernel²], in the same order.
	UnfoldImages(dst, images Matrix, w Window)
	// Depthwise writes y [n·out²,C] = act(taps * x + bias), the convolution of each column of
	// x [n·side²,C] with its own taps [kernel²,C]. Rows are pixels of images, line by line. With
	// w.Line, they are y [n·out,C], x [n·side,C] and taps [kernel,C].
	Depthwise(y, x, taps, bias Matrix, w Window, act Activation)
	// Gate writes y = act(x·sigmoid(gates)). The rows of x are divided into as many equal parts
	// as gates has rows.
	Gate(y, x, gates Matrix, act Activation)
	// Rectify replaces negative elements by 0.
	Rectify(x Matrix)

	// AdamW updates param and its moments m and v in place.
	AdamW(param, grad, m, v Matrix, s AdamWStep)
	// Dot is the sum of the products of all entries.
	Dot(a, b Matrix) float64
}
