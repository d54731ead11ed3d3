package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/clipcue/clipcue/bench/suite"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/npy"
	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/clipcue/clipcue/vector"
	"github.com/clipcue/clipcue/video"
)

// worker is clipcue's side of a comparison, in a process of its own.
type worker struct {
	ready
	items int          // processed by a call of run
	run   func() error // measured by its time, unless bench is set
	bench func(*suite.Bench) (suite.Result, error)
	close func() error // may be nil
}

// workers make the workers for a folder of inputs.
var workers = map[string]func(ctx context.Context, dir string, threads int) (*worker, error){
	"image":      imageWorker,
	"image-int8": int8Worker,
	"train":      trainWorker,
	"text":       textWorker,
	"tokenize":   tokenizeWorker,
	"exact":      exactWorker,
	"graph":      graphWorker,
	"decode":     decodeWorker,
	"video":      videoWorker,
	"photos":     photosWorker,
}

// serve runs a worker as the scripts of the peers work: it prints what it is, and then measures
// itself for every number of seconds that it reads.
func serve(ctx context.Context, kind, dir string, threads int) (err error) {
	w, err := workers[kind](ctx, dir, threads)
	if err != nil {
		return err
	}
	if w.close != nil {
		defer func() { err = errors.Join(err, w.close()) }()
	}
	if w.run != nil {
		if err := w.run(); err != nil {
			return err
		}
	}
	w.Peer = "clipcue"
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(w.ready); err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		seconds, err := strconv.ParseFloat(lines.Text(), 64)
		if err != nil {
			return err
		}
		s, err := w.measure(ctx, seconds, threads)
		if err != nil {
			return err
		}
		if err := out.Encode(s); err != nil {
			return err
		}
	}
	return lines.Err()
}

// measure returns the median time per item over at least three runs.
func (w *worker) measure(ctx context.Context, seconds float64, threads int) (sample, error) {
	each := time.Duration(seconds * float64(time.Second))
	if w.bench != nil {
		r, err := w.bench(suite.New(each, threads))
		return sample{Seconds: r.Seconds / float64(r.Items), Share: r.PeakShare}, err
	}
	var times []float64
	for end := time.Now().Add(each); len(times) < 3 || time.Now().Before(end); {
		if err := ctx.Err(); err != nil {
			return sample{}, err
		}
		began := time.Now()
		if err := w.run(); err != nil {
			return sample{}, err
		}
		times = append(times, time.Since(began).Seconds()/float64(w.items))
	}
	return sample{Seconds: suite.Median(times)}, nil
}

func load(dir string, o clip.Options) (*clip.Model, error) {
	return clip.Load(filepath.Join(dir, "backbone"), o)
}

func imageWorker(ctx context.Context, dir string, threads int) (*worker, error) {
	m, err := load(dir, clip.Options{Threads: threads, Towers: clip.ImageTower})
	if err != nil {
		return nil, err
	}
	return &worker{bench: func(b *suite.Bench) (suite.Result, error) { return b.Image(ctx, m, batch) }}, nil
}

func int8Worker(ctx context.Context, dir string, threads int) (*worker, error) {
	m, err := load(dir, clip.Options{Threads: threads, Towers: clip.ImageTower, Precision: "int8"})
	if err != nil {
		return nil, err
	}
	f, err := safetensors.Read(filepath.Join(dir, caseFile))
	if err != nil {
		return nil, err
	}
	pixels, err := f.Tensors["pixels"].Float32s()
	if err != nil {
		return nil, err
	}
	want, err := f.Tensors["features"].Float32s()
	if err != nil {
		return nil, err
	}
	got, err := m.EncodePixels(ctx, pixels)
	if err != nil {
		return nil, err
	}
	return &worker{ready: ready{Cosine: lowestCosine(got, want, m.Config().Embed)},
		bench: func(b *suite.Bench) (suite.Result, error) { return b.Image(ctx, m, batch) }}, nil
}

// lowestCosine returns the lowest cosine between two rows of a and b [n,width]. It normalizes both.
func lowestCosine(a, b []float32, width int) float64 {
	clip.Normalize(a, width)
	clip.Normalize(b, width)
	lowest := 1.
	for i := 0; i < len(a); i += width {
		sum := 0.
		for j := i; j < i+width; j++ {
			sum += float64(a[j]) * float64(b[j])
		}
		lowest = min(lowest, sum)
	}
	return lowest
}

func trainWorker(ctx context.Context, dir string, threads int) (*worker, error) {
	m, err := load(dir, clip.Options{Threads: threads, Towers: clip.TextTower})
	if err != nil {
		return nil, err
	}
	return &worker{bench: func(b *suite.Bench) (suite.Result, error) { return b.Train(ctx, m) }}, nil
}

func textWorker(ctx context.Context, dir string, threads int) (*worker, error) {
	m, err := load(dir, clip.Options{Threads: threads, Towers: clip.TextTower})
	if err != nil {
		return nil, err
	}
	return &worker{bench: func(b *suite.Bench) (suite.Result, error) { return b.Text(ctx, m, texts) }}, nil
}

func tokenizeWorker(_ context.Context, dir string, threads int) (*worker, error) {
	m, err := load(dir, clip.Options{Threads: threads, Towers: clip.TextTower})
	if err != nil {
		return nil, err
	}
	lines := suite.Texts(texts)
	return &worker{items: len(lines), run: func() error {
		for _, line := range lines {
			m.Tokenizer().Encode(line)
		}
		return nil
	}}, nil
}

func exactWorker(ctx context.Context, dir string, _ int) (*worker, error) {
	return searchWorker(ctx, dir, vector.Options{})
}

func graphWorker(ctx context.Context, dir string, _ int) (*worker, error) {
	return searchWorker(ctx, dir, vector.Options{Graph: 1})
}

// searchWorker searches for each of the queries in turn. It makes the index if there is none, and
// writes its recall for the peers.
func searchWorker(ctx context.Context, dir string, o vector.Options) (_ *worker, err error) {
	x, err := vector.Open(filepath.Join(dir, "clipcue"), searchWidth, o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, x.Close())
		}
	}()
	build, err := fill(ctx, x, dir, o.Graph > 0)
	if err != nil {
		return nil, err
	}
	queries, err := readAll[float32](filepath.Join(dir, "queries.f32"))
	if err != nil {
		return nil, err
	}
	next := 0
	find := func() (ids []int64, err error) {
		hits, err := x.Search(ctx, queries[next*searchWidth:][:searchWidth], searchFinds)
		next = (next + 1) % (len(queries) / searchWidth)
		for _, h := range hits {
			ids = append(ids, h.ID)
		}
		return ids, err
	}
	found, err := recall(dir, find)
	if err != nil {
		return nil, err
	}
	w := &worker{items: 1, close: x.Close, run: func() error { _, err := find(); return err }}
	w.Recall, w.Build = found, build
	return w, nil
}

// fill adds the vectors to an empty index, and builds its graph. It returns the seconds that
// building it took, now or before; 0 without a graph.
func fill(ctx context.Context, x vector.Index, dir string, graph bool) (seconds float64, err error) {
	if n, err := x.Len(ctx); err != nil || n > 0 {
		return took(dir), err
	}
	f, err := os.Open(filepath.Join(dir, "vectors.f32"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	part := make([]byte, 20000*4*searchWidth)
	for next := int64(0); ; {
		n, err := io.ReadFull(f, part)
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, err
		}
		vectors, err := numbers[float32](part[:n])
		if err != nil {
			return 0, err
		}
		ids := make([]int64, len(vectors)/searchWidth)
		for i := range ids {
			ids[i] = next
			next++
		}
		if err := x.Add(ctx, ids, vectors); err != nil {
			return 0, err
		}
	}
	if !graph {
		return 0, nil
	}
	began := time.Now()
	if err := x.Build(ctx, nil); err != nil {
		return 0, err
	}
	return took(dir), os.WriteFile(filepath.Join(dir, "clipcue.json"), fmt.Append(nil, time.Since(began).Seconds()), 0o666)
}

func decodeWorker(ctx context.Context, dir string, _ int) (*worker, error) {
	c, err := readClip(dir)
	if err != nil {
		return nil, err
	}
	o := video.Options{Size: frameSize, Sampling: c.sampling()}
	w := &worker{}
	for f, err := range video.Frames(ctx, c.Path, o) {
		if err != nil {
			return nil, err
		}
		sum := 0
		for _, v := range f.Pix {
			sum += int(v)
		}
		w.Means = append(w.Means, float64(sum)/float64(len(f.Pix)))
	}
	w.items = len(w.Means)
	w.run = func() error {
		for _, err := range video.Frames(ctx, c.Path, o) {
			if err != nil {
				return err
			}
		}
		return nil
	}
	return w, nil
}

// encodeWorker turns videos or images into features, and writes those of the first run for the
// peers.
func encodeWorker(ctx context.Context, model, dir string, threads int, sources []video.Source, s video.Sampling) (*worker, error) {
	m, err := load(model, clip.Options{Threads: threads, Towers: clip.ImageTower})
	if err != nil {
		return nil, err
	}
	features := map[string][]float32{}
	run := func() error {
		_, err := feature.ExtractFunc(ctx, m, sources, feature.Options{Sampling: s, Strict: true}, func(q *feature.Sequence) error {
			features[q.ID] = q.Features
			return nil
		})
		return err
	}
	if err := run(); err != nil {
		return nil, err
	}
	var all []float32
	for _, s := range sources {
		all = append(all, features[s.ID]...)
	}
	n := len(all) / m.Config().Embed
	err = npy.Write(filepath.Join(dir, "features.npy"), safetensors.FromFloat32s(all, n, m.Config().Embed))
	return &worker{items: n, run: run}, err
}

func videoWorker(ctx context.Context, dir string, threads int) (*worker, error) {
	c, err := readClip(dir)
	if err != nil {
		return nil, err
	}
	return encodeWorker(ctx, c.Model, dir, threads, []video.Source{{Path: c.Path, ID: "clip"}}, c.sampling())
}

// photosWorker decodes photos in parallel and encodes them in batches, as the server does.
func photosWorker(ctx context.Context, dir string, threads int) (*worker, error) {
	c, err := readClip(dir)
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.jpg"))
	if err != nil {
		return nil, err
	}
	m, err := load(c.Model, clip.Options{Threads: threads, Towers: clip.ImageTower})
	if err != nil {
		return nil, err
	}
	var features []float32
	w := &worker{items: len(files), run: func() error {
		features = features[:0]
		for batch := range slices.Chunk(files, 8) {
			pixels, err := preparePhotos(batch, m.Config(), threads)
			if err != nil {
				return err
			}
			f, err := m.EncodeImages(ctx, pixels)
			if err != nil {
				return err
			}
			features = append(features, f...)
		}
		return nil
	}}
	if err := w.run(); err != nil {
		return nil, err
	}
	return w, npy.Write(filepath.Join(dir, "features.npy"), safetensors.FromFloat32s(features, len(files), m.Config().Embed))
}

// preparePhotos returns the pixels of image files in the model's size.
func preparePhotos(files []string, c clip.Config, threads int) ([]byte, error) {
	pixels := make([][]byte, len(files))
	var group errgroup.Group
	group.SetLimit(threads)
	for i, file := range files {
		group.Go(func() error {
			defer crash.Recover()
			photo, err := video.ReadImage(file)
			if err != nil {
				return err
			}
			var r video.Resizer
			photo, err = r.Resize(photo, c.ImageSize, c.Fit)
			pixels[i] = photo.Pix
			return err
		})
	}
	err := group.Wait()
	return slices.Concat(pixels...), err
}
