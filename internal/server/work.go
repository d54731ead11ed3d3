package server

import (
	"archive/zip"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/clipcue/clipcue/internal/exactjson"
	"github.com/clipcue/clipcue/internal/markfile"
	"github.com/clipcue/clipcue/internal/server/jobs"
	"github.com/clipcue/clipcue/internal/server/playback"
	"github.com/clipcue/clipcue/internal/tempfolder"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/video"
)

// Parameters of the kinds of jobs. Labels are named by their numbers.
type (
	indexParams struct {
		Folders []string `json:"folders"` // paths
	}
	trainParams struct {
		Label  int64        `json:"label"`
		Method label.Method `json:"method"`
	}
	applyParams struct {
		Labels []int64 `json:"labels"`
	}
	exportParams struct {
		Label  int64  `json:"label"`
		Format string `json:"format"`
		What   string `json:"what"`
		Video  int64  `json:"video,omitempty"` // 0 = all
	}
)

// kinds returns the kinds of jobs.
func (s *Server) kinds() map[string]jobs.Kind {
	return map[string]jobs.Kind{
		"index":      {Writes: true, Run: run(s, s.index)},
		"train":      {Writes: true, Run: run(s, s.train)},
		"apply":      {Run: run(s, s.apply)},
		"export":     {Run: run(s, s.export)},
		"duplicates": {Run: run(s, s.findDuplicates)},
	}
}

// run decodes the parameters of a job.
func run[P any](s *Server, do func(context.Context, *jobs.Task, P) (any, error)) func(context.Context, *jobs.Task) (any, error) {
	return func(ctx context.Context, t *jobs.Task) (any, error) {
		var p P
		if err := exactjson.Unmarshal(t.Params, &p); err != nil {
			return nil, err
		}
		result, err := do(ctx, t, p)
		if err != nil {
			err = &jobError{s.withoutFolders(err.Error()), err}
		}
		return result, err
	}
}

// jobError is an error without the folders of the server: viewers see why a job failed.
type jobError struct {
	text string
	err  error
}

func (e *jobError) Error() string { return e.text }
func (e *jobError) Unwrap() error { return e.err }

// withoutFolders removes the folders of the server from a text.
func (s *Server) withoutFolders(text string) string {
	roots := append([]string{s.o.Library, s.o.Jobs, os.TempDir()}, s.o.Allowed...)
	if x, err := s.state.use(context.Background(), false); err == nil {
		roots = append(roots, x.folders...)
		x.release()
	}
	for _, r := range roots {
		text = strings.ReplaceAll(text, absolute(r)+string(filepath.Separator), "")
		text = strings.ReplaceAll(text, absolute(r), filepath.Base(absolute(r)))
	}
	return text
}

// indexed is the result of an index job.
type indexed struct {
	Indexed int `json:"indexed"` // videos
	Moved   int `json:"moved"`
	Failed  int `json:"failed"`
	Missing int `json:"missing"`
	Moments int `json:"moments"`
}

func (s *Server) index(ctx context.Context, t *jobs.Task, p indexParams) (any, error) {
	o := s.o.Index
	settings, err := library.ReadSettings(ctx, s.o.Library)
	if err != nil {
		return nil, err
	}
	if o.Extract.Sampling, err = video.ParseSampling(settings.Sampling); err != nil {
		return nil, err
	}
	o.Extract.Still, o.Extract.Progress = settings.Still, t.Progress
	for _, f := range p.Folders {
		if !s.allows(f) { // the settings may have changed since the job was added
			return nil, fmt.Errorf("%s is not in a folder that may be added", filepath.Base(f))
		}
	}
	r, err := library.Index(ctx, s.o.Library, s.o.Encoder, s.o.Embedder, p.Folders, o)
	return indexed{r.Done, r.Moved, len(r.Failed), len(r.Missing), r.LibraryMoments}, err
}

// trainMethods are those of the methods of a job.
var trainMethods = map[label.Method][]label.Method{
	"":               {label.Kernel},
	label.Kernel:     {label.Kernel},
	label.Recognizer: {label.Recognizer},
	"auto":           {label.Kernel, label.Recognizer},
}

// train replaces the head of a label if cross-validation shows a gain.
func (s *Server) train(ctx context.Context, t *jobs.Task, p trainParams) (any, error) {
	stage := t.Progress.Start("train", 1, "labels")
	defer stage.Finish()
	return withTeacher(s, ctx, p.Label, func(x *snapshot, l library.Label, of *taught) (any, error) {
		r, err := x.Train(ctx, of.Teacher, trainMethods[p.Method], t.Progress)
		if problem := estimateProblem(err); problem != "" {
			return nil, errors.New(problem)
		}
		if err != nil {
			return nil, err
		}
		stage.Set(1)
		return struct {
			Trained bool         `json:"trained"`
			Method  label.Method `json:"method"`
			label.Comparison
		}{r.Better, r.Method, r.Comparison}, s.write(func() error { return library.SetTraining(ctx, s.o.Library, l.Name, r) })
	})
}

// appliedLabel is how much of the library shows a label.
type appliedLabel struct {
	Label    int64   `json:"label"`
	Name     string  `json:"name"`
	Segments int     `json:"segments"`
	Videos   int     `json:"videos"`
	Seconds  float64 `json:"seconds"`
	Problem  string  `json:"problem"`
}

func (s *Server) apply(ctx context.Context, t *jobs.Task, p applyParams) (any, error) {
	stage := t.Progress.Start("apply", int64(len(p.Labels)), "labels")
	defer stage.Finish()
	out := []appliedLabel{}
	for i, id := range p.Labels {
		one, err := withTeacher(s, ctx, id, func(_ *snapshot, l library.Label, t *taught) (appliedLabel, error) {
			f, err := t.at(ctx, pointOf(l))
			if err != nil {
				return appliedLabel{}, err
			}
			a := appliedLabel{Label: id, Name: l.Name, Segments: len(f.segments), Problem: f.problem}
			videos := map[string]bool{}
			for _, g := range f.segments {
				videos[g.Video] = true
				a.Seconds += g.End - g.Start
			}
			a.Videos = len(videos)
			return a, nil
		})
		if err != nil {
			return nil, err
		}
		out = append(out, one)
		stage.Set(int64(i + 1))
	}
	return struct {
		Labels []appliedLabel `json:"labels"`
	}{out}, nil
}

// exported is the result of an export job.
type exported struct {
	Segments int      `json:"segments"`
	Failed   []string `json:"failed"`   // names of videos of which a clip could not be made
	LeftOut  []string `json:"left_out"` // what the format cannot represent, with numbers
}

func (s *Server) export(ctx context.Context, t *jobs.Task, p exportParams) (any, error) {
	return labeled(s, ctx, p.Label, func(x *snapshot, l library.Label) (any, error) {
		rows, err := s.exportRows(ctx, x, l, p)
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			return nil, errors.New("there is nothing to export")
		}
		rows, lost := x.unchangedRows(rows)
		if len(rows) == 0 {
			return nil, errors.New(changedProblem)
		}
		out := exported{Segments: len(rows), Failed: []string{}, LeftOut: lost}
		if p.Format == "clips" {
			out.Failed, err = s.exportClips(ctx, t, x, l, rows)
		} else {
			lost, err = writeRows(ctx, t, x, l, rows, markfile.Format(p.Format))
			out.LeftOut = append(out.LeftOut, lost...)
		}
		return out, err
	})
}

// unchangedRows returns the rows of videos whose files are as they were when they were
// indexed, and how many others there are, as exported has it: their times are those of the
// old content.
func (x *snapshot) unchangedRows(rows []markfile.Row) (kept []markfile.Row, lost []string) {
	changed := map[string]bool{}
	for _, r := range rows {
		if v := x.byPath[r.Video]; v != nil && v.Unchanged() != nil {
			changed[r.Video] = true
		}
	}
	kept = slices.DeleteFunc(slices.Clone(rows), func(r markfile.Row) bool { return changed[r.Video] })
	if n := len(rows) - len(kept); n > 0 {
		return kept, []string{fmt.Sprintf("segments of videos that have changed since they were indexed: %d", n)}
	}
	return kept, []string{}
}

// exportRows returns the marks or the segments of a label.
func (s *Server) exportRows(ctx context.Context, x *snapshot, l library.Label, p exportParams) (rows []markfile.Row, err error) {
	path := ""
	if p.Video != 0 {
		v, err := x.video(p.Video)
		if err != nil {
			return nil, err
		}
		path = v.Path
	}
	if p.What == "marks" {
		marks, err := x.Marks(ctx, l.Name)
		for _, m := range marks {
			if m.Positive && m.VideoID != 0 && (path == "" || m.Video == path) {
				rows = append(rows, markfile.Row{Video: m.Video, Start: m.Start, End: m.End, Label: m.Label, Author: m.Author, Time: m.Time})
			}
		}
		return rows, err
	}
	t, err := x.teacher(ctx, s.embedder, l)
	if err != nil {
		return nil, err
	}
	f, err := t.at(ctx, pointOf(l))
	if err != nil {
		return nil, err
	}
	for _, g := range f.segments {
		if path == "" || g.Video == path {
			rows = append(rows, markfile.Row{Video: g.Video, Start: g.Start, End: g.End, Label: g.Label, Score: &g.Score})
		}
	}
	return rows, nil
}

// exportClips writes a clip for each row, and returns the names of the videos that failed.
func (s *Server) exportClips(ctx context.Context, t *jobs.Task, x *snapshot, l library.Label, rows []markfile.Row) ([]string, error) {
	stage := t.Progress.Start("cut", int64(len(rows)), "clips")
	defer stage.Finish()
	var clips []playback.Clip
	for _, r := range rows {
		_, folder := x.place(r.Video)
		clips = append(clips, playback.Clip{Path: r.Video, Folder: printable(folder), Span: video.Span{Start: r.Start, End: r.End}})
	}
	names := []string{}
	err := t.WriteFile(l.Name+".zip", func(w io.Writer) error {
		done := int64(0)
		failed, err := playback.WriteClips(ctx, w, clips, func() {
			done++
			stage.Set(done)
		})
		for _, f := range failed {
			names = append(names, printable(filepath.Base(f.Path)))
		}
		if err == nil && len(failed) == len(clips) {
			return fmt.Errorf("none of %s could be made: %s", english.Plural(len(clips), "clip", ""), reason(failed[0].Err))
		}
		return err
	})
	return names, err
}

// exportFolder begins the name of the temporary folder of an export.
const exportFolder = "clipcue-export-"

// writeRows writes rows as the file of a job: a ZIP file for formats with a file per video. It
// returns what is left out.
func writeRows(ctx context.Context, t *jobs.Task, x *snapshot, l library.Label, rows []markfile.Row, f markfile.Format) (lost []string, err error) {
	dir, err := tempfolder.Make(os.TempDir(), exportFolder)
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }() // or the next server removes it
	lost = []string{}
	files, err := markfile.Write(filepath.Join(dir.Path, "export"), f, rows, markfile.Options{Folders: x.folders,
		Clock: func(path string) (float64, markfile.Clock, error) {
			return markfile.ClockOf(video.FrameClock(ctx, path))
		}, Duration: func(path string) float64 { return video.DurationOf(ctx, path) },
		Lost: func(what string, n int) { lost = append(lost, fmt.Sprintf("%s: %d", what, n)) }})
	if err != nil {
		return nil, err
	}
	if about := f.Info(); !about.PerVideo {
		return lost, t.WriteFile(l.Name+about.Extensions[0], func(w io.Writer) error {
			in, err := os.Open(files[0])
			if err != nil {
				return err
			}
			defer in.Close()
			_, err = io.Copy(w, in)
			return err
		})
	}
	return lost, t.WriteFile(l.Name+".zip", func(w io.Writer) error {
		z := zip.NewWriter(w)
		return cmp.Or(z.AddFS(os.DirFS(filepath.Join(dir.Path, "export"))), z.Close())
	})
}

// findDuplicates compares all videos. The result is kept until the library changes.
func (s *Server) findDuplicates(ctx context.Context, t *jobs.Task, _ struct{}) (any, error) {
	x, err := s.state.use(ctx, true)
	if err != nil {
		return nil, err
	}
	defer x.release()
	d, err := x.Duplicates(ctx, library.DefaultThreshold, 0, t.Progress)
	if err != nil {
		return nil, err
	}
	return x.duplicates(d), nil
}

// allows reports whether a folder is one that may be added, or in one.
func (s *Server) allows(folder string) bool {
	real, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(s.o.Allowed, func(root string) bool {
		top, err := filepath.EvalSymlinks(absolute(root))
		return err == nil && (real == top || strings.HasPrefix(real, strings.TrimSuffix(top, string(filepath.Separator))+string(filepath.Separator)))
	})
}
