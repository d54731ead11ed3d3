package synth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/tempfolder"
)

// ErrOtherOptions reports a folder that has a dataset with other options.
var ErrOtherOptions = errors.New("the folder has a dataset with other options")

// ErrForeign reports a file with the name of an output in a folder that has no dataset.
var ErrForeign = errors.New("clipcue synth did not write this file")

// claim creates dir with a file that stores the options. A folder with other options, or
// without options and with the given outputs, is an error.
func claim(dir string, o Options, outputs []string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	want, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "synth.json")
	have, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		for _, output := range outputs {
			if _, err := os.Lstat(output); err == nil {
				return fmt.Errorf("%s: %w", output, ErrForeign)
			}
		}
		return atomicfile.MemberBytes(path, want)
	case err != nil:
		return err
	case !bytes.Equal(have, want):
		return fmt.Errorf("%s: %w", path, ErrOtherOptions)
	}
	return nil
}

// renderAll renders the files that do not exist yet, on all CPUs. It stops at the first
// error.
func renderAll(ctx context.Context, dir string, o Options, jobs []job, progress func(done, total int)) error {
	var missing []job
	for _, j := range jobs {
		_, err := os.Lstat(j.in(dir))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, j)
		case err != nil:
			return err
		}
		if err := atomicfile.CheckRegular(j.in(dir)); err != nil {
			return err
		}
	}
	done := len(jobs) - len(missing)
	if progress != nil && done > 0 {
		progress(done, len(jobs))
	}
	temporary, err := tempfolder.Make(dir, ".rendering-")
	if err != nil {
		return err
	}
	defer func() { _ = temporary.Close() }() // or the next run removes it
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		batches = make(chan []job)
	)
	for range min(runtime.GOMAXPROCS(0), len(missing)) {
		workers.Go(func() {
			defer crash.Recover()
			for batch := range batches {
				if err := render(ctx, dir, temporary.Path, o, batch); err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				done += len(batch)
				if progress != nil {
					progress(done, len(jobs))
				}
				mu.Unlock()
			}
		})
	}
	for batch := range slices.Chunk(missing, batchSize) {
		select {
		case batches <- batch:
		case <-ctx.Done():
		}
	}
	close(batches)
	workers.Wait()
	return context.Cause(ctx)
}

// batchSize is the number of videos that one ffmpeg process encodes. Starting ffmpeg takes
// longer than encoding a small video. The files do not depend on the batch.
const batchSize = 8

// render renders a batch to files in a temporary folder and moves them to dir.
func render(ctx context.Context, dir, temporary string, o Options, batch []job) (err error) {
	f := film{o: o}
	if temporary, err = os.MkdirTemp(temporary, "batch-"); err != nil {
		return err
	}
	files := make([]string, len(batch))
	for i, j := range batch {
		for take := range o.takes() {
			scene, _, err := o.scene(j, take)
			if err != nil {
				return err
			}
			f.scenes = append(f.scenes, scene)
		}
		files[i] = filepath.Join(temporary, strconv.Itoa(i))
	}
	write := encode
	if o.Kind == KindPictures {
		write = writePNG
	}
	if err := write(ctx, files, &f); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%s to %s: %w", batch[0].in(dir), batch[len(batch)-1].path, err)
	}
	for i, j := range batch {
		if err := os.Rename(files[i], j.in(dir)); err != nil {
			return err
		}
	}
	return nil
}

// writePNG writes one image for each scene of a film.
func writePNG(ctx context.Context, paths []string, f *film) error {
	pix := make([]byte, 3*f.o.Width*f.o.Height)
	img := image.NewNRGBA(image.Rect(0, 0, f.o.Width, f.o.Height))
	for i, path := range paths {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f.scenes[i].Draw(pix, f.o.Width, f.o.Height, 0)
		for n := range f.o.Width * f.o.Height {
			copy(img.Pix[4*n:], pix[3*n:3*n+3])
			img.Pix[4*n+3] = 255
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			return err
		}
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			return err
		}
	}
	return nil
}
