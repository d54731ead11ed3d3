// Package archive makes libraries of any size for benchmarks: copies of one rendered video with
// random embeddings. What is found in them means nothing.
package archive

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

// PerVideo is the number of moments of a video: 202 s, in windows of 4 s every 2 s.
const PerVideo = 100

// Model describes a CLIP whose text tower and embeddings are as large as those of ViT-B/16.
// Its image tower is small, because the benchmark embeds one video only.
var Model = clip.Config{
	Embed: 512, ImageSize: 64, PatchSize: 16, VisionWidth: 64, VisionLayers: 1, VisionHeads: 1,
	Context: 77, Vocab: 49408, TextWidth: 512, TextLayers: 12, TextHeads: 8,
	Activation: "quick_gelu", Eps: 1e-5,
}

// Archive is a library with many copies of one video. Each copy has embeddings of its own.
type Archive struct {
	Dir     string
	Library string // its folder
	Weights string // the file of the model
	Model   *clip.Model
}

// Open opens the archive in a folder, and makes or extends it until it has the given number of
// moments, a multiple of [PerVideo]. It needs ffmpeg if the folder has no archive. An archive
// that has more moments is an error.
func Open(ctx context.Context, dir string, moments int) (*Archive, error) {
	a := &Archive{Dir: dir, Library: filepath.Join(dir, "library"), Weights: filepath.Join(dir, "model.safetensors")}
	if _, err := os.Stat(a.Weights); err != nil {
		if err := errors.Join(os.MkdirAll(dir, 0o777), clip.WriteFile(a.Weights, clip.RandomWeights(Model, 1), false, nil)); err != nil {
			return nil, err
		}
	}
	var err error
	if a.Model, err = hub.Load(a.Weights, clip.Options{}); err != nil {
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
		have = PerVideo
	}
	if have > moments {
		return nil, fmt.Errorf("%s has %d moments, more than %d; use another folder", a.Library, have, moments)
	}
	return a, a.grow(ctx, moments/PerVideo-have/PerVideo)
}

// moments returns the number of moments of the library.
func (a *Archive) moments(ctx context.Context) (n int, err error) {
	l, err := library.Open(ctx, a.Library)
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
func (a *Archive) index(ctx context.Context) error {
	videos := filepath.Join(a.Dir, "videos")
	if _, err := synth.Generate(ctx, videos, synth.Options{Kind: synth.KindObjects, Classes: []string{"red circle"}, PerClass: 1,
		Seconds: 2*PerVideo + 2, Width: 64, Height: 64, FPS: 8, TestShare: -1}, nil); err != nil {
		return err
	}
	r, err := library.Index(ctx, a.Library, a.Model, retrieval.Baseline(a.Model), []string{videos}, library.Options{
		Settings: library.Settings{Model: a.Weights, Graph: 1 << 30}, Extract: feature.Options{Sampling: video.AtRate(2)}})
	if err == nil && r.Moments != PerVideo {
		err = fmt.Errorf("the video has %d moments, want %d", r.Moments, PerVideo)
	}
	return err
}

// grow adds n copies of the first video.
func (a *Archive) grow(ctx context.Context, n int) (err error) {
	if n <= 0 {
		return nil
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(a.Library, "library.db")+"?_pragma=foreign_keys(1)&_pragma=synchronous(OFF)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	vectors, err := vector.Open(filepath.Join(a.Library, "vectors-1"), Model.Embed, vector.Options{Graph: 1 << 30})
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
			fmt.Fprintf(os.Stderr, "%d moments\n", (last+i+1)*PerVideo)
		}
	}
	return nil
}

// copyVideo adds a copy of the first video: the same file and thumbnails under other names.
func (a *Archive) copyVideo(ctx context.Context, db *sql.DB, path string, number int) (id int64, err error) {
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
	if _, err := tx.ExecContext(ctx, "INSERT INTO frames (video, first, last, packed) SELECT ?, first, last, packed FROM frames WHERE video = 1", id); err != nil {
		return 0, err
	}
	thumbnails := filepath.Join(a.Library, "thumbnails")
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
	for i := 0; i < len(out); i += Model.Embed {
		var sum float64
		for j := i; j < i+Model.Embed; j++ {
			out[j] = embeddings[j] + float32(noise.NormFloat64()/math.Sqrt(float64(Model.Embed)))
			sum += float64(out[j] * out[j])
		}
		for j := i; j < i+Model.Embed; j++ {
			out[j] /= float32(math.Sqrt(sum))
		}
	}
	return out
}
