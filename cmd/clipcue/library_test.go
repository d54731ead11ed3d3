package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/video"
)

// shapes are videos of what clipcue-tiny knows, for the tests of libraries. Tests
// only read them.
var shapes = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp(shared.dir, "shapes")
	if err == nil {
		_, err = synth.Generate(context.Background(), dir, synth.Options{Kind: synth.KindObjects, Classes: []string{"red circle", "blue ring", "green cross"},
			PerClass: 3, Width: 64, Height: 64, FPS: 8}, nil)
	}
	return dir, err
})

// newLibrary makes a library of the shapes.
func newLibrary(t *testing.T) (videos, lib string) {
	t.Helper()
	newWorld(t) // for the folder
	videos, err := shapes()
	if err != nil {
		t.Fatal(err)
	}
	lib = filepath.Join(t.TempDir(), "lib")
	must(t, exitDone, indexing(videos, lib)...)
	return videos, lib
}

func indexing(videos, lib string, more ...string) []string {
	return append([]string{"index", "-q", "--library", lib, "--window", "1s", "--hop", "500ms", videos}, more...)
}

type indexedJSON struct {
	Videos, Done, Present, Moved, Remaining, Moments, Pruned, Repaired int
	Failed, Partial                                                    []struct{ Path, Reason string }
	Changed, Missing                                                   []string
	LibraryVideos                                                      int `json:"library_videos"`
	LibraryMoments                                                     int `json:"library_moments"`
}

type searchedJSON struct {
	Library, Query, Kind string
	Matched              bool
	Warnings             []string
	Clips                []string
	Results              []struct {
		Video, Time, Thumbnail          string
		Start, End, Score, Cosine, Best float64
		Missing, Changed                bool
	}
}

type infoJSON struct {
	Library          string
	Videos, Moments  int
	Seconds          float64
	Bytes            int64
	Pending, Missing []string
	Failed, Partial  []struct{ Path, Reason string }
	Folders          []string
	Settings         struct {
		Model, Run, Fingerprint, Sampling string
		Window, Hop                       float64
		Captions                          []string
	}
}

func TestLibrary(t *testing.T) {
	t.Parallel()
	videos, lib := newLibrary(t)
	r := decode[indexedJSON](t, must(t, exitDone, "index", "--library", lib, "--json"))
	if r.Videos != 9 || r.Present != 9 || r.Done != 0 || r.LibraryVideos != 9 || r.LibraryMoments < 27 {
		t.Errorf("%+v", r)
	}
	dir := t.TempDir()
	clips, page := filepath.Join(dir, "clips"), filepath.Join(dir, "found.html")
	found := decode[searchedJSON](t, must(t, exitDone, "search", "--library", lib, "a blue ring", "--top", "3", "--json", "--clips", clips, "--html", page))
	if found.Query != "a blue ring" || found.Kind != "text" || !found.Matched || len(found.Results) != 3 || len(found.Clips) != 3 {
		t.Errorf("%+v", found)
	}
	for i, x := range found.Results[:2] { // the third of them is hard for clipcue-tiny
		if filepath.Dir(x.Video) != filepath.Join(videos, "blue_ring") || x.Score < 0.5 || x.Start < 0 || x.End > 2.1 {
			t.Errorf("result %d: %+v", i, x)
		}
	}
	for i, clip := range found.Clips {
		info, err := video.Probe(t.Context(), clip, video.Options{})
		if err != nil || math.Abs(info.Duration-(found.Results[i].End-found.Results[i].Start)) > 0.13 || filepath.Dir(clip) != clips {
			t.Errorf("%s of %+v: %+v %v", clip, found.Results[i], info, err)
		}
	}
	if html, err := os.ReadFile(page); err != nil || !bytes.Contains(html, []byte("data:image/jpeg")) || !bytes.Contains(html, []byte("a blue ring")) {
		t.Errorf("%v %s", err, html)
	}
	table := must(t, exitDone, "search", "--library", lib, "a", "blue", "ring", "--top", "1")
	if lines := strings.Split(strings.TrimSpace(table.stdout), "\n"); len(lines) != 2 || !strings.Contains(lines[1], found.Results[0].Video) || !strings.Contains(lines[1], found.Results[0].Time) {
		t.Errorf("%s", table.stdout)
	}
	if none := must(t, exitDone, "search", "--library", lib, "a man opens a door"); !strings.Contains(none.stderr, "no good match") {
		t.Errorf("%s", none.stderr)
	}
	for flag, kind := range map[string]string{"--image": found.Results[0].Thumbnail, "--video": found.Results[0].Video} {
		like := decode[searchedJSON](t, must(t, exitDone, "search", "--library", lib, flag, kind, "--top", "1", "--json"))
		if "--"+like.Kind != flag || like.Query != kind || len(like.Results) != 1 || like.Results[0].Video != found.Results[0].Video {
			t.Errorf("%s: %+v", flag, like)
		}
	}

	info := decode[infoJSON](t, must(t, exitDone, "library", "info", "--library", lib, "--json"))
	if info.Videos != 9 || info.Moments != r.LibraryMoments || info.Bytes == 0 || info.Settings.Model != "clipcue-tiny" || info.Settings.Window != 1 ||
		len(info.Settings.Captions) != 283 || !slices.Equal(info.Folders, []string{videos}) {
		t.Errorf("%+v", info)
	}
	if out := must(t, exitDone, "library", "info", "--library", lib).stdout; !strings.Contains(out, "clipcue-tiny") {
		t.Errorf("%s", out)
	}
	if out := must(t, exitDone, "library", "check", "--library", lib).stdout; out != "all is well\n" {
		t.Errorf("%s", out)
	}
	if out := must(t, exitDone, "duplicates", "-q", "--library", lib, "--min-similarity", "0.97").stdout; out != "no duplicates\n" {
		t.Errorf("%s", out)
	}
	copied := filepath.Join(dir, "copy.mp4")
	data, err := os.ReadFile(found.Results[0].Video)
	if err == nil {
		err = os.WriteFile(copied, data, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	must(t, exitDone, "index", "-q", "--library", lib, copied)
	same := decode[struct {
		Exact []struct {
			Videos []string
			Bytes  int64
		}
		Near []struct{ A, B string }
	}](t, must(t, exitDone, "duplicates", "-q", "--library", lib, "--json"))
	if len(same.Exact) != 1 || len(same.Exact[0].Videos) != 2 || same.Exact[0].Bytes != int64(len(data)) {
		t.Errorf("%+v", same)
	}

	// Damage is named, and the exit code tells of it.
	if err := os.WriteFile(found.Results[0].Thumbnail, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	bad := clipcue(t, "library", "check", "--library", lib)
	checkError(t, bad, exitPartial, "1 damaged")
	if !strings.Contains(bad.stdout, found.Results[0].Thumbnail) || !strings.Contains(bad.stdout, "--reindex") {
		t.Errorf("%s", bad.stdout)
	}
	// A page is written all the same, and a video that is gone is named.
	if err := os.Remove(copied); err != nil {
		t.Fatal(err)
	}
	if missing := must(t, exitDone, "index", "--library", lib); !strings.Contains(missing.stderr, copied) {
		t.Errorf("%s", missing.stderr)
	}
	gone := clipcue(t, "search", "--library", lib, "a blue ring", "--clips", clips, "--html", page)
	checkError(t, gone, exitPartial, "1 of the results")
	if !strings.Contains(gone.stdout, "(missing)") || !strings.Contains(gone.stderr, copied) {
		t.Errorf("%s\n%s", gone.stdout, gone.stderr)
	}
	if pruned := decode[indexedJSON](t, must(t, exitDone, "index", "-q", "--library", lib, "--prune", "--json")); pruned.Pruned != 1 || pruned.LibraryVideos != 9 {
		t.Errorf("%+v", pruned)
	}
	// A failure is an exit code of its own.
	broken := write(t, dir, "broken.mp4", "no video")
	failed := clipcue(t, "index", "--library", lib, broken, videos, "--json")
	checkError(t, failed, exitPartial, "1 video")
	if r := decode[indexedJSON](t, failed); len(r.Failed) != 1 || r.Failed[0].Path != broken || r.Present != 9 {
		t.Errorf("%+v", r)
	}
	if out := must(t, exitDone, "library", "info", "--library", lib).stdout; !strings.Contains(out, broken) {
		t.Errorf("%s", out)
	}
}

// Any name of a file is one line's part, and no more than text.
func TestLibraryNames(t *testing.T) {
	t.Parallel()
	videos, _ := newLibrary(t)
	data, err := os.ReadFile(filepath.Join(videos, "blue_ring", "000.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	name := "a\nb\tc\x1b[31m.mp4"
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
		t.Skip("no such names here")
	}
	write(t, dir, "\x1b.mp4", "no video")
	write(t, dir, "copy.mp4", string(data))
	lib := filepath.Join(t.TempDir(), "lib")
	clipcue(t, "index", "--library", lib, dir)
	for _, args := range [][]string{{"search", "a blue ring"}, {"duplicates"}, {"library", "info"}} {
		out := must(t, exitDone, append(args, "--library", lib)...).stdout
		if !strings.Contains(out, `\x1b`) || strings.ContainsAny(out, "\x1b\t") || args[0] == "search" && strings.Count(out, "\n") != 3 {
			t.Errorf("%s: %q", args, out)
		}
	}
}

func TestLibraryBadInput(t *testing.T) {
	t.Parallel()
	videos, lib := newLibrary(t)
	dir := t.TempDir()
	other := backbone(t, filepath.Join(dir, "other"), 7)
	nothing := filepath.Join(dir, "nothing")
	text := write(t, dir, "text.mp4", "no video")
	for name, c := range map[string]struct {
		args  []string
		code  int
		words []string
	}{
		"no library given":       {[]string{"search", "x"}, exitUsage, []string{"--library"}},
		"no library there":       {[]string{"search", "--library", nothing, "x"}, exitFailed, []string{nothing, "clipcue index"}},
		"no query":               {[]string{"search", "--library", lib}, exitUsage, []string{"text query", "--image"}},
		"empty query":            {[]string{"search", "--library", lib, "  "}, exitUsage, []string{"empty"}},
		"nothing to be seen":     {[]string{"search", "--library", lib, "\x01\u200b"}, exitUsage, []string{"empty"}},
		"text and no picture":    {[]string{"search", "--library", lib, "x", "--image", text}, exitFailed, []string{text}},
		"only excludes":          {[]string{"search", "--library", lib, "--without", "x"}, exitUsage, []string{"nothing says", "--image"}},
		"like no time":           {[]string{"search", "--library", lib, "--like", "x.mp4"}, exitUsage, []string{"--like", "walk.mp4@1:20"}},
		"like no number":         {[]string{"search", "--library", lib, "--like", "x.mp4@y"}, exitUsage, []string{"--like", "h:mm:ss"}},
		"like another video":     {[]string{"search", "--library", lib, "--like", "x.mp4@1"}, exitFailed, []string{"x.mp4", "not in the library", "clipcue index"}},
		"no date":                {[]string{"search", "--library", lib, "x", "--since", "May"}, exitUsage, []string{"--since", "2024-05-31"}},
		"dates that exclude":     {[]string{"search", "--library", lib, "x", "--since", "2024-06-02", "--until", "2024-06-01"}, exitFailed, []string{"2024-06-02"}},
		"not saved":              {[]string{"search", "--library", lib, "--saved", "dogs"}, exitFailed, []string{`"dogs"`, "library searches"}},
		"saved and more":         {[]string{"search", "--library", lib, "--saved", "dogs", "--path", "*"}, exitUsage, []string{"--saved"}},
		"nothing to delete":      {[]string{"library", "searches", "--library", lib, "--delete", "dogs"}, exitFailed, []string{`"dogs"`}},
		"none wanted":            {[]string{"search", "--library", lib, "x", "--top", "0"}, exitUsage, []string{"--top"}},
		"no picture":             {[]string{"search", "--library", lib, "--image", text}, exitFailed, []string{text}},
		"no such picture":        {[]string{"search", "--library", lib, "--image", nothing}, exitFailed, []string{nothing}},
		"no video to search":     {[]string{"search", "--library", lib, "--video", text}, exitFailed, []string{"clipcue: " + text}},
		"another model searches": {[]string{"search", "--library", lib, "--model", other, "x"}, exitFailed, []string{"clip-", "clipcue-tiny", "--reindex"}},
		"it looks by a picture":  {[]string{"search", "--library", lib, "--model", other, "--image", text}, exitFailed, []string{"clip-", "--reindex"}},
		"another model indexes":  {[]string{"index", "--library", lib, "--model", other, videos}, exitFailed, []string{"clip-", "--reindex --model " + other}},
		"other windows":          {[]string{"index", "--library", lib, "--window", "3s", videos}, exitFailed, []string{"1 s", "3 s", "--reindex --window 3s"}},
		"other windows, frames":  {[]string{"index", "--library", lib, "--window", "3s", "--fps", "1"}, exitFailed, []string{"--reindex --fps 1 --window 3s"}},
		"other frames":           {[]string{"index", "--library", lib, "--fps", "1", videos}, exitFailed, []string{"fps=1", "--reindex"}},
		"windows with gaps":      {[]string{"index", "--library", nothing, "--window", "1s", "--hop", "2s", videos}, exitFailed, []string{"gaps"}},
		"no window":              {[]string{"index", "--library", nothing, "--window", "0s", videos}, exitUsage, []string{"--window"}},
		"no videos":              {[]string{"index", "--library", nothing, filepath.Join(dir, "other")}, exitFailed, []string{"no videos"}},
		"no such video":          {[]string{"index", "--library", nothing, filepath.Join(dir, "x.mp4")}, exitFailed, []string{"x.mp4"}},
		"no adapter":             {[]string{"index", "--library", nothing, "--run", text, videos}, exitFailed, []string{text}},
		"no captions":            {[]string{"index", "--library", nothing, "--background-captions", filepath.Join(dir, "x.txt"), videos}, exitFailed, []string{"x.txt"}},
		"too similar":            {[]string{"duplicates", "--library", lib, "--min-similarity", "1.5"}, exitUsage, []string{"--min-similarity"}},
		"library is a file":      {[]string{"index", "--library", text, videos}, exitFailed, []string{text}},
	} {
		t.Run(name, func(t *testing.T) { checkError(t, clipcue(t, append(c.args, "-q")...), c.code, c.words...) })
	}
	if _, err := os.Stat(nothing); err == nil {
		t.Error("a command that failed has made a library")
	}
	if found := must(t, exitDone, "search", "--library", lib, "x", "--top", "9223372036854775807", "--json"); len(decode[searchedJSON](t, found).Results) == 0 {
		t.Errorf("%s", found.stdout)
	}
	if found := must(t, exitDone, "search", "--library", lib, "красный круг", "--top", "1"); !strings.Contains(found.stderr, "English") {
		t.Errorf("%s", found.stderr)
	}
}

// content is what a search for everything says, to compare libraries by.
func content(t *testing.T, lib string) []string {
	t.Helper()
	if out := must(t, exitDone, "library", "check", "--library", lib).stdout; out != "all is well\n" {
		t.Errorf("%s", out)
	}
	var all []string
	for _, sentence := range []string{"a red circle", "a blue ring"} {
		found := decode[searchedJSON](t, must(t, exitDone, "search", "-q", "--library", lib, sentence, "--top", "1000", "--json"))
		for _, r := range found.Results {
			all = append(all, fmt.Sprintf("%s %s %g %g %.5f %.5f", sentence, r.Video, r.Start, r.End, r.Score, r.Cosine))
		}
	}
	slices.Sort(all)
	return all
}

// A run that is killed, at whatever moment and again and again, loses nothing and
// does nothing twice.
func TestKilledIndex(t *testing.T) {
	videos, want := newLibrary(t)
	lib := filepath.Join(t.TempDir(), "lib")
	args := indexing(videos, lib, "--decoders", "1", "--batch", "2")
	began := time.Now()
	c := program(t.Context(), t, indexing(videos, filepath.Join(t.TempDir(), "other"), "--decoders", "1", "--batch", "2")...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	whole := time.Since(began)
	killed, kills := 0, 5
	if os.Getenv("CLIPCUE_SLOW") != "" {
		kills = 40
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range kills {
		c := program(t.Context(), t, args...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration((0.2 + 0.7*r.Float64()) * float64(whole)))
		if c.Process.Kill() == nil {
			killed++
		}
		_ = c.Wait()
		if _, err := os.Stat(filepath.Join(lib, "library.db")); err != nil {
			continue
		}
		// What is there is whole at each time.
		if check := clipcue(t, "library", "check", "--library", lib); check.code != exitDone && !strings.Contains(check.stderr, "there is no library here") {
			t.Errorf("after kill %d: %s%s", killed, check.stdout, check.stderr)
		}
	}
	if killed == 0 {
		t.Error("no run was killed")
	}
	report := decode[indexedJSON](t, must(t, exitDone, append(args, "--json")...))
	if report.LibraryVideos != 9 || report.Repaired != 0 {
		t.Errorf("%+v", report)
	}
	if d := cmp.Diff(content(t, want), content(t, lib)); d != "" {
		t.Errorf("it differs from a library that was made in one go:\n%s", d)
	}
	count := func(lib string) (n int) {
		for _, folder := range []string{"thumbnails", "vectors-1"} {
			err := filepath.WalkDir(filepath.Join(lib, folder), func(path string, d fs.DirEntry, err error) error {
				if strings.HasSuffix(path, ".jpg") || strings.HasPrefix(d.Name(), "new") {
					n++
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	if a, b := count(want), count(lib); a != b {
		t.Errorf("%d thumbnails, and %d in a library that was made in one go", b, a)
	}
}

// Of two runs at once, one says that it cannot, and the other is not disturbed.
func TestTwoIndexers(t *testing.T) {
	newWorld(t)
	videos, err := shapes()
	if err != nil {
		t.Fatal(err)
	}
	lib := filepath.Join(t.TempDir(), "lib")
	first := program(t.Context(), t, indexing(videos, lib, "--batch", "1", "--threads", "1")...)
	var stderr bytes.Buffer
	first.Stderr = &stderr
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	refused := false
	for range 1000 {
		if _, err := os.Stat(filepath.Join(lib, "library.db")); err == nil {
			second := clipcue(t, indexing(videos, lib)...)
			if refused = second.code == exitFailed; refused {
				checkError(t, second, exitFailed, "another run is indexing")
			}
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	if err := first.Wait(); err != nil {
		t.Errorf("%v: %s", err, stderr.String())
	}
	if !refused {
		t.Skip("the first run was over too soon")
	}
	if r := decode[indexedJSON](t, must(t, exitDone, indexing(videos, lib, "--json")...)); r.Present != 9 {
		t.Errorf("%+v", r)
	}
}

// The real clips, good and bad, are indexed by a random backbone and searched: that
// times and thumbnails are right, not that anything is found. They stand where
// TestRealClips says.
func TestRealLibrary(t *testing.T) {
	t.Parallel()
	needFFmpeg(t)
	clips := os.Getenv("CLIPCUE_VIDEOS")
	if clips == "" {
		clips = filepath.Join(root, "..", "shared", "videos")
	}
	if _, err := os.Stat(clips); err != nil {
		t.Skip("no real clips: set CLIPCUE_VIDEOS to a folder that has them")
	}
	dir := t.TempDir()
	lib, cuts := filepath.Join(dir, "lib"), filepath.Join(dir, "cuts")
	r := clipcue(t, "index", "--model", backbone(t, filepath.Join(dir, "backbone"), 3), "--fps", "1", "--library", lib, clips, "--json")
	checkError(t, r, exitPartial, "5 videos")
	if report := decode[indexedJSON](t, r); report.Videos != 32 || report.Done != 27 || len(report.Failed) != 5 {
		t.Errorf("%s", r.stdout)
	}
	if out := must(t, exitDone, "library", "check", "--library", lib).stdout; out != "all is well\n" {
		t.Errorf("%s", out)
	}
	found := decode[searchedJSON](t, must(t, exitDone, "search", "-q", "--library", lib, "a dog on a skateboard", "--top", "500", "--json"))
	seen := map[string]bool{}
	for _, x := range found.Results {
		seen[x.Video] = true
		info, err := video.Probe(t.Context(), x.Video, video.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if x.Start < 0 || x.End <= x.Start || info.Duration > 0 && x.End > info.Duration+1 || x.Best < x.Start || x.Best >= x.End {
			t.Errorf("%+v of a video of %g s", x, info.Duration)
		}
		if picture, err := video.ReadImage(x.Thumbnail); err != nil || picture.Width != small.ImageSize {
			t.Errorf("%s: %v", x.Thumbnail, err)
		}
	}
	if len(seen) != 27 {
		t.Errorf("%d videos are found", len(seen))
	}
	top := decode[searchedJSON](t, must(t, exitDone, "search", "-q", "--library", lib, "a dog on a skateboard", "--top", "6", "--clips", cuts, "--json"))
	for i, path := range top.Clips {
		info, err := video.Probe(t.Context(), path, video.Options{})
		long := top.Results[i].End - top.Results[i].Start
		// The last frame that was sampled may stand for less than the others.
		if err != nil || info.Duration > long+0.1 || info.Duration < long-1.1 {
			t.Errorf("%s of %+v: %+v %v", path, top.Results[i], info, err)
		}
	}
}

// A library whose moments are embedded by a trained retriever is searched by it.
func TestLibraryOfATrainedRetriever(t *testing.T) {
	t.Parallel()
	newWorld(t) // for the folder
	videos, err := shapes()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	features, run, lib := filepath.Join(dir, "features"), filepath.Join(dir, "run"), filepath.Join(dir, "lib")
	must(t, exitDone, "extract", "-q", "--out", features, videos)
	must(t, exitDone, "train", "retrieval", "-q", "--features", features, "--data", filepath.Join(videos, "captions.jsonl"), "--out", run,
		"--steps", "20", "--learning-rate", "1e-3", "--temporal-layers", "1", "--batch", "4")
	must(t, exitDone, indexing(videos, lib, "--run", run, "--fps", "8")...)
	found := decode[searchedJSON](t, must(t, exitDone, "search", "--library", lib, "a green cross", "--top", "2", "--json"))
	if len(found.Results) == 0 || filepath.Dir(found.Results[0].Video) != filepath.Join(videos, "green_cross") {
		t.Errorf("%+v", found)
	}
	info := decode[infoJSON](t, must(t, exitDone, "library", "info", "--library", lib, "--json"))
	if info.Settings.Run == "" || info.Videos != 9 {
		t.Errorf("%+v", info)
	}
	// The same library is not to be filled by the backbone alone.
	checkError(t, clipcue(t, indexing(videos, lib, "--run", "")...), exitFailed, "--reindex")
}

// The extension of the file chooses the format of exported moments, and --as overrides it.
func TestLibraryExport(t *testing.T) {
	_, lib := newLibrary(t)
	dir := t.TempDir()
	type exported struct {
		File, Format string
		Moments      int
	}
	export := func(name string, more ...string) exported {
		return decode[exported](t, must(t, exitDone, append([]string{"library", "export", "-q", "--json", "--library", lib, "--out", filepath.Join(dir, name)}, more...)...))
	}
	first := export("a.parquet")
	if first.Format != "parquet" || first.Moments == 0 {
		t.Errorf("%+v", first)
	}
	if e := export("a.txt", "--as", "jsonl"); e.Format != "jsonl" || e.Moments != first.Moments {
		t.Errorf("%+v", e)
	}
	data, err := os.ReadFile(filepath.Join(dir, "a.txt"))
	if n := bytes.Count(data, []byte("\n")); err != nil || n != first.Moments {
		t.Errorf("%d lines, error %v", n, err)
	}
	must(t, exitUsage, "library", "export", "--library", lib, "--out", filepath.Join(dir, "b.txt"))
}

// An output replaces neither the library, nor a video of it, nor what a link points to.
func TestOutputsReplaceNoInput(t *testing.T) {
	videos, lib := newLibrary(t)
	must(t, exitDone, "label", "new", "--library", lib, "red")
	dir := t.TempDir()
	clips, err := filepath.Glob(filepath.Join(videos, "*", "*.mp4"))
	if err != nil || len(clips) == 0 {
		t.Fatal(clips, err)
	}
	target := filepath.Join(dir, "target.csv")
	link := filepath.Join(dir, "link.csv")
	linked := filepath.Join(dir, "library")
	for name, to := range map[string]string{link: target, linked: lib} {
		if err := os.Symlink(to, name); err != nil {
			t.Skip("no links here:", err)
		}
	}
	for _, name := range []string{filepath.Join(lib, "library.db"), filepath.Join(linked, "new.csv"), clips[0], link} {
		before, _ := os.ReadFile(name)
		for _, command := range [][]string{
			{"library", "export", "--as", "jsonl", "--out"},
			{"label", "export", "--format", "csv", "--out"},
			{"search", "a red circle", "--html"},
		} {
			out := clipcue(t, append(append(slices.Clone(command), name), "--library", lib)...)
			if after, _ := os.ReadFile(name); out.code == exitDone || !bytes.Equal(before, after) {
				t.Errorf("%s: exit status %d, %d bytes of %d\n%s", command, out.code, len(after), len(before), out.stderr)
			}
		}
	}
}
