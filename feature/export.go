package feature

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/clipcue/clipcue/internal/arrowfile"
	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/jsonl"
	"github.com/clipcue/clipcue/internal/npy"
	"github.com/clipcue/clipcue/internal/parquetfile"
	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/clipcue/clipcue/progress"
	"github.com/clipcue/clipcue/video"
)

// Exchange with other programs: a sequence is one file, and the file <id>.json, a sidecar,
// unless the first has everything.
const (
	arraySuffix   = ".npy"
	archiveSuffix = ".npz"
	tableSuffix   = ".parquet"
	linesSuffix   = ".jsonl"
	sidecarSuffix = ".json"
)

// ArrayFormat is a format of exported features.
type ArrayFormat string

// The formats. The vectors of tables have a row for each frame.
const (
	NPY     ArrayFormat = "npy"     // array [T,E]
	NPZ     ArrayFormat = "npz"     // arrays "features" [T,E] and "timestamps" [T]
	Parquet ArrayFormat = "parquet" // columns video, time, vector; the provenance in the metadata
	Arrow   ArrayFormat = "arrow"   // the same
	JSONL   ArrayFormat = "jsonl"   // keys video, time, vector
	// WebDataset has shards of 1,000 sequences: tar files with KEY.npy and KEY.json.
	WebDataset ArrayFormat = "webdataset"
)

// ArrayFormats are the formats of [Export].
var ArrayFormats = []ArrayFormat{NPY, NPZ, Parquet, Arrow, JSONL, WebDataset}

// writers write a sequence to a file.
var writers = map[ArrayFormat]func(w io.Writer, q *Sequence) error{
	NPY:     func(w io.Writer, q *Sequence) error { return npy.Encode(w, q.array()) },
	NPZ:     writeArchive,
	Parquet: func(w io.Writer, q *Sequence) error { return parquetfile.Write(w, q.about(), q.rows) },
	Arrow:   func(w io.Writer, q *Sequence) error { return arrowfile.Write(w, q.about(), q.rows) },
	JSONL:   func(w io.Writer, q *Sequence) error { return jsonl.Write(w, q.rows) },
}

// array returns the features as an array [T,E].
func (q *Sequence) array() safetensors.Tensor {
	return safetensors.ViewFloat32s(q.Features, q.Len(), q.Width)
}

// sidecar is what the array does not contain.
type sidecar struct {
	ID         string      `json:"id,omitempty"` // of the sequence, in shards
	Timestamps []float64   `json:"timestamps"`   // [T] seconds
	Provenance *Provenance `json:"provenance,omitempty"`
}

// imported is the preprocessing, and without a frame rate the sampling, of features from
// other programs that do not declare them.
const imported = "imported"

// Export writes the sequences of a store to a folder for NumPy and other programs: a file
// for each in the format, named as the ID with the format as extension, and, except for
// Parquet and Arrow, ID.json with "timestamps" [T] in seconds and "provenance". A sequence or a folder that
// cannot be read is listed in Report.Failed. Earlier exports are replaced; a link, or a file of
// another kind with the name of an output, ends the export with an *fs.PathError.
func Export(ctx context.Context, s *Store, dir string, f ArrayFormat, p progress.Func) (Report, error) {
	ids, unreadable, err := s.list()
	if err == nil && len(ids) == 0 {
		err = fmt.Errorf("%s: %w", s.dir, ErrEmpty)
	}
	if err != nil {
		return Report{Failed: []Failure{}}, err
	}
	tars := shards{dir: dir, keys: map[string]bool{}}
	if f == WebDataset {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return Report{Failed: []Failure{}}, err
		}
	}
	r, err := each(ctx, "export", ids, p, func(id string) (int, error) {
		q, err := s.Get(id)
		if err != nil {
			return 0, &video.Error{Path: id, Kind: err}
		}
		if f == WebDataset {
			return q.Len(), tars.add(q)
		}
		return q.Len(), writeSequence(filepath.Join(dir, filepath.FromSlash(id)), q, f)
	})
	return r.withFolders(unreadable), tars.close(err)
}

// writeSequence writes the files of a sequence. path is without their extensions.
func writeSequence(path string, q *Sequence, f ArrayFormat) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	if f != Parquet && f != Arrow {
		about, err := json.Marshal(sidecar{Timestamps: q.Timestamps, Provenance: &q.Provenance})
		if err == nil {
			err = atomicfile.MemberBytes(path+sidecarSuffix, append(about, '\n'))
		}
		if err != nil {
			return err
		}
	}
	return atomicfile.Member(path+"."+string(f), func(w io.Writer) error { return writers[f](w, q) })
}

// each calls do for each ID and returns the report. do returns a number of frames; a
// *video.Error is a failure of one file, and errPresent means that there is nothing to do.
func each(ctx context.Context, name string, ids []string, p progress.Func, do func(id string) (int, error)) (Report, error) {
	r := Report{Videos: len(ids), Failed: []Failure{}, Partial: []Failure{}, Remaining: len(ids)}
	began := time.Now()
	bar := p.Start(name, int64(len(ids)), "sequences")
	defer bar.Finish()
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return r, &InterruptedError{r.Remaining, r.Videos, err}
		}
		n, err := do(id)
		fault, ok := errors.AsType[*video.Error](err)
		switch {
		case err == nil:
			r.Done++
			r.Frames += n
		case err == errPresent:
			r.Skipped++
		case ok:
			r.Failed = append(r.Failed, NewFailure(id, fault))
		default:
			return r, err
		}
		r.Remaining--
		bar.Add(1)
		r.Seconds = time.Since(began).Seconds()
	}
	if len(r.Failed) == len(ids) {
		return r, allFailed(r.Failed)
	}
	return r, nil
}
