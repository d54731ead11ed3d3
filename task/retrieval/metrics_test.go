package retrieval

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/clipcue/clipcue/internal/npy"
)

// matrix is a pairing with precomputed similarities [texts,videos].
func matrix(s []float32, video []int, videos int) *pairing {
	return &pairing{texts: len(video), videos: videos, video: video, piece: func(dst []float32, t0, t1, v0, v1 int) {
		for t := t0; t < t1; t++ {
			copy(dst[(t-t0)*(v1-v0):], s[t*videos+v0:t*videos+v1])
		}
	}}
}

func diagonal(n int) []int {
	video := make([]int, n)
	for i := range video {
		video[i] = i
	}
	return video
}

// Recall and ranks on real similarities of MSR-VTT, with ties, equal the fixture.
func TestRecallOfRealMatrix(t *testing.T) {
	dir := cmp.Or(os.Getenv("CLIPCUE_FIXTURES"), filepath.Join("..", "..", "shared", "fixtures"))
	path := filepath.Join(dir, "metrics", "msrvtt_vit16_sim_matrix.npy")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no real similarities: set CLIPCUE_FIXTURES (%v)", err)
	}
	array, err := npy.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := array.Float32s()
	if err != nil {
		t.Fatal(err)
	}
	type measures struct{ R1, R5, R10, MedR, MeanR float64 }
	var want struct {
		Retrieval struct {
			TextToVideo measures `json:"text_to_video"`
			VideoToText measures `json:"video_to_text"`
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "metrics", "expected.json"))
	if err == nil {
		err = json.Unmarshal(text, &want)
	}
	if err != nil {
		t.Fatal(err)
	}
	n := array.Shape[0]
	ofTexts, ofVideos, err := matrix(s, diagonal(n), n).ranks(context.Background(), plain, plain)
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string]struct {
		got  Recall
		want measures
	}{"text to video": {recall(ofTexts), want.Retrieval.TextToVideo}, "video to text": {recall(ofVideos), want.Retrieval.VideoToText}} {
		g, w := pair.got, pair.want
		for i, d := range []float64{100*g.R1 - w.R1, 100*g.R5 - w.R5, 100*g.R10 - w.R10, g.MedianRank - w.MedR, g.MeanRank - w.MeanR} {
			if !(math.Abs(d) <= 1e-6) {
				t.Errorf("%s: measure %d of %+v is off by %g", name, i, g, d)
			}
		}
	}
}

// random returns similarities with one to three texts per video, with few distinct values, so
// that many are equal.
func random(videos int) (s []float32, video []int) {
	rng := rand.New(rand.NewPCG(1, uint64(videos)))
	for v := range videos {
		for range 1 + rng.IntN(3) {
			video = append(video, v)
		}
	}
	rng.Shuffle(len(video), func(i, j int) { video[i], video[j] = video[j], video[i] })
	for _, own := range video {
		for v := range videos {
			x := float32(rng.IntN(200)) / 200
			if v == own {
				x += 0.9
			}
			s = append(s, x)
		}
	}
	return s, video
}

// Ranks by every method, computed in blocks, equal those of the whole matrix.
func TestRanksByPieces(t *testing.T) {
	const videos, tau = 250, 0.1
	s, video := random(videos)
	p, ctx := matrix(s, video, videos), context.Background()
	p.tall, p.wide = 64, 96
	whole := p.piece
	p.piece = func(dst []float32, t0, t1, v0, v1 int) {
		if t1-t0 > p.tall || v1-v0 > p.wide || len(dst) != (t1-t0)*(v1-v0) {
			t.Fatalf("a piece of %d from %d..%d, %d..%d", len(dst), t0, t1, v0, v1)
		}
		whole(dst, t0, t1, v0, v1)
	}
	at := func(t, v int) float64 { return float64(s[t*videos+v]) }
	check := func(name string, f, g score, whole func(t, v int) (byText, byVideo float64)) {
		t.Helper()
		ofTexts, ofVideos, err := p.ranks(ctx, f, g)
		if err != nil {
			t.Fatal(err)
		}
		best := make([]float64, videos)
		for v := range best {
			best[v] = math.Inf(-1)
		}
		for i, v := range video {
			_, y := whole(i, v)
			best[v] = max(best[v], y)
		}
		textRanks, videoRanks := make([]int, len(video)), make([]int, videos)
		for i, own := range video {
			right, _ := whole(i, own)
			for v := range videos {
				x, y := whole(i, v)
				if x > right {
					textRanks[i]++
				}
				if y > best[v] {
					videoRanks[v]++
				}
			}
			textRanks[i]++
		}
		for v := range videoRanks {
			videoRanks[v]++
		}
		if !slices.Equal(ofTexts, textRanks) {
			t.Errorf("%s: ranks of the texts differ", name)
		}
		if g != nil && !slices.Equal(ofVideos, videoRanks) {
			t.Errorf("%s: ranks of the videos differ", name)
		}
	}
	check("similarity", plain, plain, func(i, v int) (float64, float64) { return at(i, v), at(i, v) })

	f, g, err := p.dualSoftmax(ctx, tau)
	if err != nil {
		t.Fatal(err)
	}
	column, row := make([]float64, videos), make([]float64, len(video))
	for i := range video {
		for v := range videos {
			column[v] += math.Exp(at(i, v) / tau)
			row[i] += math.Exp(at(i, v) / tau)
		}
	}
	// Rounded, so that another order of the sum does not break a tie.
	round := func(s score) score {
		return func(t, v int, x float64) float64 { return math.Round(s(t, v, x)*1e12) / 1e12 }
	}
	check("dual softmax", round(f), round(g), func(i, v int) (float64, float64) {
		x := at(i, v)
		return math.Round(x*math.Exp(x/tau)/column[v]*1e12) / 1e12, math.Round(x*math.Exp(x/tau)/row[i]*1e12) / 1e12
	})
}

// QB-Norm ranks a video lower that is close to all texts. A query whose first video is never
// first for a text of the bank does not change.
func TestQueryBank(t *testing.T) {
	// Video 0 is a hub. Text 0 belongs to video 1, which is almost as close to it.
	s := []float32{
		0.60, 0.58, 0.10,
		0.10, 0.20, 0.90,
		0.70, 0.10, 0.10,
	}
	p := matrix(s, []int{1, 2, 0}, 3)
	bank := matrix([]float32{
		0.60, 0.20, 0.10,
		0.65, 0.15, 0.20,
	}, []int{0, 0}, 3)
	f, err := p.queryBank(context.Background(), bank)
	if err != nil {
		t.Fatal(err)
	}
	before, _, err := p.ranks(context.Background(), plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	after, _, err := p.ranks(context.Background(), f, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(before, []int{2, 1, 1}) || !slices.Equal(after, []int{1, 1, 1}) {
		t.Errorf("ranks %v, with the bank %v", before, after)
	}
	// Computed directly: exp(20·s) over the bank's sum of the same.
	norm := math.Exp(20*0.60) + math.Exp(20*0.65)
	if got, want := f(0, 0, 0.6), 20*0.6-math.Log(norm); math.Abs(got-want) > 1e-6 {
		t.Errorf("score %v instead of %v", got, want)
	}
	if got := f(1, 0, 0.1); got != 0.1 {
		t.Errorf("a query that the bank has nothing to do with is scored %v", got)
	}
}

func TestRecall(t *testing.T) {
	got := recall([]int{1, 1, 3, 6, 20, 11})
	want := Recall{R1: 2. / 6, R5: 3. / 6, R10: 4. / 6, MedianRank: 4.5, MeanRank: 7}
	for i, d := range []float64{got.R1 - want.R1, got.R5 - want.R5, got.R10 - want.R10, got.MedianRank - want.MedianRank, got.MeanRank - want.MeanRank} {
		if math.Abs(d) > 1e-12 {
			t.Errorf("measure %d of %+v", i, got)
		}
	}
}

// NaN never improves the rank of the correct candidate.
func TestNotANumberRanksLast(t *testing.T) {
	nan := float32(math.NaN())
	ofTexts, ofVideos, err := matrix([]float32{nan, 0.5, 0.1, 0.4, nan, 0.2, 0.1, 0.1, 0.9}, diagonal(3), 3).ranks(context.Background(), plain, plain)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{3, 3, 1}; !slices.Equal(ofTexts, want) || !slices.Equal(ofVideos, want) {
		t.Errorf("ranks %v and %v", ofTexts, ofVideos)
	}
}
