package library

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/clipcue/clipcue/internal/arrowfile"
	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/jsonl"
	"github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/internal/npy"
	"github.com/clipcue/clipcue/internal/parquetfile"
	"github.com/clipcue/clipcue/internal/safetensors"
	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/progress"
)

// TableFormat is a format of exported moments.
type TableFormat string

// The formats. Each has the video, the times and the embedding of each moment.
const (
	Parquet TableFormat = "parquet" // columns id, video, start, end, blank, vector; the provenance in the metadata
	Arrow   TableFormat = "arrow"   // the same columns
	JSONL   TableFormat = "jsonl"   // the same keys
	// NPZ has arrays "id", "video" (row of the list "videos" in metadata.json), "start", "end",
	// "blank" [n] and "vector" [n,E]; metadata.json also has the provenance.
	NPZ TableFormat = "npz"
)

// TableFormats are the formats of [Library.Export].
var TableFormats = []TableFormat{Parquet, Arrow, JSONL, NPZ}

// exportRow is a moment in a table.
type exportRow struct {
	ID     int64       `parquet:"id" json:"id"`
	Video  string      `parquet:"video,dict" json:"video"` // path
	Start  jsonl.Float `parquet:"start" json:"start"`
	End    jsonl.Float `parquet:"end" json:"end"`     // seconds
	Blank  jsonl.Float `parquet:"blank" json:"blank"` // share of frames without content
	Vector []float32   `parquet:"vector,list" json:"vector"`
}

// exportAbout describes exported moments.
type exportAbout struct {
	Kind          string   `json:"kind"`
	Unit          string   `json:"unit"`
	Width         int      `json:"width"`
	Backbone      string   `json:"backbone"` // fingerprint
	Model         string   `json:"model"`
	Run           string   `json:"run,omitempty"`
	Precision     string   `json:"precision,omitempty"`
	Sampling      string   `json:"sampling"`
	Preprocessing string   `json:"preprocessing"`
	Window        float64  `json:"window"` // seconds
	Hop           float64  `json:"hop"`
	Videos        []string `json:"videos,omitempty"` // in NPZ
}

func (l *Library) exportAbout() exportAbout {
	s := l.settings
	return exportAbout{Kind: "moments", Unit: "seconds", Width: s.Width, Backbone: s.Fingerprint, Model: text.Escape(s.Model), Run: text.Escape(s.Run),
		Precision: s.Precision, Sampling: s.Sampling, Preprocessing: s.Preprocess, Window: s.Window, Hop: s.Hop}
}

// Export writes the moments of the library with their embeddings to a file, by video and start, and
// returns their number. Bytes of paths that are not UTF-8 become \xHH.
func (l *Library) Export(ctx context.Context, path string, f TableFormat, p progress.Func) (n int, err error) {
	var total int64
	if err := l.db.QueryRowContext(ctx, "SELECT count(*) FROM moments").Scan(&total); err != nil {
		return 0, explain(l.dir, err)
	}
	bar := p.Start("export", total, "moments")
	defer bar.Finish()
	rows := func(yield func(exportRow, error) bool) {
		l.exportRows(ctx, func(r exportRow, err error) bool {
			if err == nil {
				n++
				bar.Add(1)
			}
			return yield(r, err)
		})
	}
	err = atomicfile.Output(path, func(w io.Writer) error {
		switch f {
		case Parquet:
			return parquetfile.Write(w, l.exportAbout(), rows)
		case Arrow:
			return arrowfile.Write(w, l.exportAbout(), rows)
		case JSONL:
			return jsonl.Write(w, rows)
		case NPZ:
			return l.writeArchive(w, total, rows)
		}
		return fmt.Errorf("unknown format %q", f)
	})
	return n, err
}

// writeArchive writes arrays of all moments, which are in memory until then.
func (l *Library) writeArchive(w io.Writer, total int64, rows func(yield func(exportRow, error) bool)) error {
	release, err := memory.Request(total*(int64(l.settings.Width)*4+40)*2, fmt.Sprintf("the %d moments of %s", total, l.dir))
	if err != nil {
		return err
	}
	defer release()
	about := l.exportAbout()
	var ids, videos []int64
	var start, end, blank []float64
	var vectors []float32
	for r, err := range rows {
		if err != nil {
			return err
		}
		if k := len(about.Videos); k == 0 || about.Videos[k-1] != r.Video {
			about.Videos = append(about.Videos, r.Video)
		}
		ids, videos = append(ids, r.ID), append(videos, int64(len(about.Videos)-1))
		start, end, blank, vectors = append(start, float64(r.Start)), append(end, float64(r.End)), append(blank, float64(r.Blank)), append(vectors, r.Vector...)
	}
	z := zip.NewWriter(w)
	n := len(ids)
	for _, a := range []struct {
		name  string
		array safetensors.Tensor
	}{{"id", safetensors.FromInt64s(ids, n)}, {"video", safetensors.FromInt64s(videos, n)}, {"start", safetensors.FromFloat64s(start, n)},
		{"end", safetensors.FromFloat64s(end, n)}, {"blank", safetensors.FromFloat64s(blank, n)}, {"vector", safetensors.ViewFloat32s(vectors, n, l.settings.Width)}} {
		f, err := z.CreateHeader(&zip.FileHeader{Name: a.name + ".npy", Method: zip.Store})
		if err == nil {
			err = npy.Encode(f, a.array)
		}
		if err != nil {
			return err
		}
	}
	f, err := z.Create("metadata.json")
	if err == nil {
		err = json.NewEncoder(f).Encode(about)
	}
	return errors.Join(err, z.Close())
}

// errStopped ends a query whose rows are not wanted anymore.
var errStopped = errors.New("stopped")

// exportRows yields the moments with their embeddings, without those that a run of Index has removed
// since the library was opened.
func (l *Library) exportRows(ctx context.Context, yield func(exportRow, error) bool) {
	var batch []exportRow
	flush := func() error {
		ids := make([]int64, len(batch))
		for i, r := range batch {
			ids[i] = r.ID
		}
		embeddings, err := l.vectorsOf(ctx, ids)
		if err != nil {
			return err
		}
		for i, r := range batch {
			if r.Vector = embeddings[i]; r.Vector != nil && !yield(r, nil) {
				return errStopped
			}
		}
		batch = batch[:0]
		return nil
	}
	var r exportRow
	var whole bool
	err := each(ctx, l.db, `SELECT moments.id, videos.path, start, "end", coalesce(blank, 0), `+intact("moments")+" AND "+intact("videos")+`
		FROM moments JOIN videos ON videos.id = video WHERE (SELECT generation FROM settings) = ? ORDER BY videos.path, start`, []any{l.generation},
		[]any{&r.ID, &r.Video, &r.Start, &r.End, &r.Blank, &whole}, func() error {
			if !whole {
				return damaged("moments or videos")
			}
			row := r
			row.Video = text.Escape(r.Video)
			if batch = append(batch, row); len(batch) < loaded {
				return nil
			}
			return flush()
		})
	if err == nil && len(batch) > 0 {
		err = flush()
	}
	if err != nil && !errors.Is(err, errStopped) {
		yield(exportRow{}, explain(l.dir, err))
	}
}

// TableFormatOf returns the format that the extension of a path indicates.
func TableFormatOf(extension string) (TableFormat, bool) {
	for _, f := range TableFormats {
		if extension == "."+string(f) {
			return f, true
		}
	}
	return "", false
}
