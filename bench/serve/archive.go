package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	random "math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	_ "modernc.org/sqlite" // opens the database of the library

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/retrieval"
	"github.com/clipcue/clipcue/vector"
	"github.com/clipcue/clipcue/video"
)

// perVideo is the number of moments of a video: 202 s, in windows of 4 s every 2 s.
const perVideo = 100

// model describes a CLIP whose text tower and embeddings are as large as those of ViT-B/16.
// Its image tower is small, because the benchmark embeds one video only.
var model = clip.Config{
	Embed: 512, ImageSize: 64, PatchSize: 16, VisionWidth: 64, VisionLayers: 1, VisionHeads: 1,
	Context: 77, Vocab: 49408, TextWidth: 512, TextLayers: 12, TextHeads: 8,
	Activation: "quick_gelu", Eps: 1e-5,
}

// archive is a library with many copies of one video. Each copy has embeddings of its own.
type archive struct {
	dir, library, weights string
	model                 *clip.Model
}

// newArchive opens the archive in a folder, and makes it if it is not there.
func newArchive(ctx context.Context, dir string, moments int) (*archive, error) {
	a := &archive{dir: dir, library: filepath.Join(dir, "library"), weights: filepath.Join(dir, "model.safetensors")}
	if _, err := os.Stat(a.weights); err != nil {
		if err := errors.Join(os.MkdirAll(dir, 0o777), clip.WriteFile(a.weights, clip.RandomWeights(model, 1), false, nil)); err != nil {
			return nil, err
		}
	}
	var err error
	if a.model, err = hub.Load(a.weights, clip.Options{}); err != nil {
		return nil, err
	}
	have, err := a.moments(ctx)
	switch {
	case err != nil && !errors.Is(err, library.ErrNotLibrary):
		return nil, err
	case err != nil:
		if err := a.index(ctx); err != nil {
			return nil, err
		}
		have = perVideo
	}
	if have > moments {
		return nil, fmt.Errorf("%s has %d moments, more than %d; use another folder", a.library, have, moments)
	}
	return a, a.grow(ctx, moments/perVideo-have/perVideo)
}

// moments returns the number of moments of the library.
func (a *archive) moments(ctx context.Context) (n int, err error) {
	l, err := library.Open(ctx, a.library)
	if err != nil {
		return 0, err
	}
	defer l.Close()
	videos, err := l.Videos(ctx)
	for _, v := range videos {
		n += v.Moments
	}
	return n, err
}

// index makes a library of one video.
func (a *archive) index(ctx context.Context) error {
	videos := filepath.Join(a.dir, "videos")
	if _, err := synth.Generate(ctx, videos, synth.Options{Kind: synth.KindObjects, Classes: []string{"red circle"}, PerClass: 1,
		Seconds: 2*perVideo + 2, Width: 64, Height: 64, FPS: 8, TestShare: -1}, nil); err != nil {
		return err
	}
	r, err := library.Index(ctx, a.library, a.model, retrieval.Baseline(a.model), []string{videos}, library.Options{
		Settings: library.Settings{Model: a.weights, Graph: 1 << 30}, Extract: feature.Options{Sampling: video.AtRate(2)}})
	if err == nil && r.Moments != perVideo {
		err = fmt.Errorf("the video has %d moments, want %d", r.Moments, perVideo)
	}
	return err
}

// grow adds n copies of the first video.
func (a *archive) grow(ctx context.Context, n int) (err error) {
	if n <= 0 {
		return nil
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(a.library, "library.db")+"?_pragma=foreign_keys(1)&_pragma=synchronous(OFF)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	vectors, err := vector.Open(filepath.Join(a.library, "vectors-1"), model.Embed, vector.Options{Graph: 1 << 30})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, vectors.Close()) }()
	var path string
	var ids []int64
	if err := db.QueryRowContext(ctx, "SELECT path FROM videos WHERE id = 1").Scan(&path); err != nil {
		return err
	}
	if ids, err = momentsOf(ctx, db, 1); err != nil {
		return err
	}
	first, err := vectors.Get(ctx, ids)
	if err != nil {
		return err
	}
	var last int
	if err := db.QueryRowContext(ctx, "SELECT max(id) FROM videos").Scan(&last); err != nil {
		return err
	}
	noise := random.New(random.NewPCG(uint64(last), 1))
	for i := range n {
		id, err := a.copyVideo(ctx, db, path, last+i+1)
		if err != nil {
			return err
		}
		if ids, err = momentsOf(ctx, db, id); err != nil {
			return err
		}
		if err := vectors.Add(ctx, ids, near(first, noise)); err != nil {
			return err
		}
		if (i+1)%1000 == 0 {
			fmt.Fprintf(os.Stderr, "%d moments\n", (last+i+1)*perVideo)
		}
	}
	return nil
}

// copyVideo adds a copy of the first video: the same file and thumbnails under other names.
func (a *archive) copyVideo(ctx context.Context, db *sql.DB, path string, number int) (id int64, err error) {
	name := filepath.Join(filepath.Dir(path), fmt.Sprintf("part %03d", number/100), fmt.Sprintf("%06d.mp4", number))
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o777), os.Link(path, name)); err != nil {
		return 0, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, tx.Commit()) }()
	sum := make([]byte, 32)
	_, _ = rand.Read(sum) // never fails
	added, err := tx.ExecContext(ctx, `INSERT INTO videos (path, size, modified, sha256, seconds, partial, moments, background)
		SELECT ?, size, modified, ?, seconds, partial, moments, background FROM videos WHERE id = 1`, name, hex.EncodeToString(sum))
	if err != nil {
		return 0, err
	}
	if id, err = added.LastInsertId(); err != nil {
		return 0, err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO moments (video, start, "end", thumbnail, picture, blank)
		SELECT ?, start, "end", thumbnail, picture, blank FROM moments WHERE video = 1 ORDER BY start`, id); err != nil {
		return 0, err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO motions (moment, packed)
		SELECT n.id, packed FROM moments o JOIN motions ON moment = o.id JOIN moments n ON n.start = o.start AND n.video = ? WHERE o.video = 1`, id); err != nil {
		return 0, err
	}
	thumbnails := filepath.Join(a.library, "thumbnails")
	return id, linkFolder(filepath.Join(thumbnails, "1"), filepath.Join(thumbnails, strconv.FormatInt(id, 10)))
}

// linkFolder makes a folder with links to the files of another one.
func linkFolder(from, to string) error {
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o777); err != nil {
		return err
	}
	for _, f := range files {
		if err := os.Link(filepath.Join(from, f.Name()), filepath.Join(to, f.Name())); err != nil {
			return err
		}
	}
	return nil
}

func momentsOf(ctx context.Context, db *sql.DB, video int64) (ids []int64, err error) {
	rows, err := db.QueryContext(ctx, "SELECT id FROM moments WHERE video = ? ORDER BY start", video)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// near returns embeddings of length 1 that are as far from the given ones as those of other
// scenes.
func near(embeddings []float32, noise *random.Rand) []float32 {
	out := make([]float32, len(embeddings))
	for i := 0; i < len(out); i += model.Embed {
		var sum float64
		for j := i; j < i+model.Embed; j++ {
			out[j] = embeddings[j] + float32(noise.NormFloat64()/math.Sqrt(float64(model.Embed)))
			sum += float64(out[j] * out[j])
		}
		for j := i; j < i+model.Embed; j++ {
			out[j] /= float32(math.Sqrt(sum))
		}
	}
	return out
}
