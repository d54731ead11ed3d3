package library

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/video"
)

// BenchmarkMoments loads the moments of a library of width 512, with four new frames each, as a
// command that learns a label does: 10,000, or 100,000 with CLIPCUE_SLOW; for the first time,
// and with the descriptors that the first time stored.
func BenchmarkMoments(b *testing.B) {
	videos := 100
	if os.Getenv("CLIPCUE_SLOW") != "" {
		videos = 1000
	}
	dir := b.TempDir()
	fill(b, dir, videos, 100, 512)
	for _, first := range []bool{true, false} {
		b.Run(map[bool]string{true: "first", false: "again"}[first], func(b *testing.B) {
			for b.Loop() {
				if first {
					_ = os.Remove(filepath.Join(dir, motionsFile))
				}
				load(b, dir)
			}
		})
	}
}

// load returns the descriptors of a library, packed, and their directions.
func load(tb testing.TB, dir string) (out [][]byte) {
	tb.Helper()
	l, err := Open(tb.Context(), dir)
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	m, err := l.Moments(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	defer m.Close()
	out = append(out, label.PackDirections(m.moments.Directions()))
	for i := range m.moments.Len() {
		out = append(out, m.moments.Packed(nil, i))
	}
	return out
}

// Stored descriptors are those that are derived from the frames, whatever happens to their file
// and to the library.
func TestStoredMotions(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, motionsFile)
	const videos, n, width = 4, 5, 16
	fill(t, dir, videos, n, width)
	want := load(t, dir)
	if len(want) != 1+videos*n || slices.Max(want[1]) == slices.Min(want[1][4:]) {
		t.Fatalf("%d moments, the first %v", len(want)-1, want[1])
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	same := func(what string, want [][]byte) {
		t.Helper()
		if have := load(t, dir); !slices.EqualFunc(have, want, bytes.Equal) {
			t.Errorf("%s: other descriptors", what)
		}
		if data, err := os.ReadFile(path); err != nil || len(data) == 0 {
			t.Errorf("%s: %v", what, err)
		}
	}
	same("again", want)
	for at := 0; at < len(whole); at += 397 {
		damaged := slices.Clone(whole)
		damaged[at] ^= 4
		write(t, path, damaged)
		same(fmt.Sprintf("byte %d is damaged", at), want)
		write(t, path, whole[:at])
		same(fmt.Sprintf("%d bytes are left", at), want)
		if data, _ := os.ReadFile(path); !bytes.Equal(data, whole) {
			t.Errorf("byte %d was not repaired", at)
		}
	}
	change := func(do func()) [][]byte {
		t.Helper()
		do()
		stored, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(path)
		want := load(t, dir)
		write(t, path, stored)
		return want
	}
	same("a moved video", change(func() { execute(t, dir, "UPDATE videos SET path = '/moved.mp4' WHERE id = 2") }))
	same("a removed video", change(func() { execute(t, dir, "DELETE FROM videos WHERE id = 3") }))
	same("another video", change(func() { fill(t, dir, 1, n, width) }))
}

// Descriptors are read from their file, and from the frames for other moments only.
func TestStoredMotionsAreRead(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 3, 5, 16)
	want := load(t, dir)
	execute(t, dir, "UPDATE frames SET packed = zeroblob(5)")
	if have := load(t, dir); !slices.EqualFunc(have, want, bytes.Equal) {
		t.Error("other descriptors")
	}
	_ = os.Remove(filepath.Join(dir, motionsFile))
	l, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Moments(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Errorf("frames are not read: %v", err)
	}
}

// A library whose file cannot be written has none.
func TestMotionsThatCannotBeStored(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 2, 5, 16)
	if err := os.Mkdir(filepath.Join(dir, motionsFile), 0o777); err != nil {
		t.Fatal(err)
	}
	if have := load(t, dir); len(have) != 11 {
		t.Errorf("%d moments", len(have)-1)
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

func execute(t *testing.T, dir, statement string) {
	t.Helper()
	db, err := openDB(t.Context(), dir, toWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// fill adds random videos to a library, with n moments each, of 4 s every 2 s, with two frames
// per second. The frames of each video turn in a plane of its own.
func fill(tb testing.TB, dir string, videos, n, width int) {
	tb.Helper()
	try := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	ctx := context.WithoutCancel(tb.Context())
	root, err := create(dir)
	try(err)
	defer root.Close()
	db, err := openDB(ctx, dir, toWrite)
	try(err)
	defer db.Close()
	s, err := Settings{Width: width, Temperature: 0.01}.complete(Settings{})
	try(err)
	vectors, err := openVectors(ctx, dir, 1, s, true)
	try(err)
	defer vectors.Close()
	try(inTx(ctx, db, func(tx *sql.Tx) error {
		if err := writeSettings(ctx, tx, 1, s); err != nil {
			return err
		}
		have, err := readVideos(ctx, tx)
		if err != nil {
			return err
		}
		r := rand.New(rand.NewPCG(1, uint64(len(have))))
		for v := range videos {
			path := fmt.Sprintf("/videos/%d/%d.mp4", len(have), v)
			if err := fillVideo(ctx, tx, vectors.Add, path, n, width, r); err != nil {
				return err
			}
		}
		return nil
	}))
}

func fillVideo(ctx context.Context, tx *sql.Tx, add func(context.Context, []int64, []float32) error, path string, n, width int, r *rand.Rand) error {
	q := &feature.Sequence{ID: path, Width: width, Provenance: feature.Provenance{SHA256: fmt.Sprintf("%016x", r.Uint64())}}
	at, from, to := unit(width, r), unit(width, r), unit(width, r)
	for i := range 4*n + 4 {
		sin, cos := math.Sincos(float64(i) / 3)
		for j := range width {
			q.Features = append(q.Features, at[j]+float32(cos)*from[j]/4+float32(sin)*to[j]/4)
		}
		q.Timestamps = append(q.Timestamps, float64(i)/2)
	}
	f := &film{times: []float64{0}, sums: []uint32{0}}
	var spans []video.Span
	var embeddings []float32
	for i := range n {
		spans, embeddings = append(spans, video.Span{Start: 2 * float64(i), End: 2*float64(i) + 4}), append(embeddings, unit(width, r)...)
	}
	id, err := insertVideo(ctx, tx, q, spans, 0)
	if err != nil {
		return err
	}
	ids, err := insertMoments(ctx, tx, id, spans, f)
	if err != nil {
		return err
	}
	if err := insertFrames(ctx, tx, id, q); err != nil {
		return err
	}
	return add(ctx, ids, embeddings)
}

// unit returns a random vector of length 1.
func unit(width int, r *rand.Rand) []float32 {
	x, sum := make([]float32, width), 0.
	for j := range x {
		v := r.NormFloat64()
		x[j], sum = float32(v), sum+v*v
	}
	for j := range x {
		x[j] /= float32(math.Sqrt(sum))
	}
	return x
}
