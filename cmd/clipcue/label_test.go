package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/webhook"
	"github.com/clipcue/clipcue/internal/ffmpeg"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/recognition"
)

func TestLabelFromNothingToSegments(t *testing.T) {
	_, lib := newLibrary(t)
	do := func(command string, args ...string) result {
		t.Helper()
		return must(t, exitDone, append([]string{"label", command, "-q", "--library", lib}, args...)...)
	}
	do("new", "round", "--text", "a red circle", "--text", "red")
	suggest := func(feed string) []library.Suggestion {
		t.Helper()
		return decode[[]library.Suggestion](t, do("suggest", "round", "--top", "6", "--json", "--feed", feed))
	}
	for range 3 { // a truthful user
		for _, feed := range []string{"likely", "uncertain", "random"} {
			s := suggest(feed)[0]
			args := []string{"round", s.Video, number(s.Start), number(s.End), "--author", "ann"}
			if !strings.Contains(s.Video, "red_circle") {
				args = append(args, "--not")
			}
			do("mark", args...)
		}
	}
	labels := decode[[]library.Label](t, do("list", "--json"))
	if len(labels) != 1 || labels[0].Positive+labels[0].Negative != 9 || labels[0].Positive < 3 {
		t.Fatalf("labels %+v", labels)
	}
	q := decode[struct {
		Precision, Recall struct{ Mean, Low, High float64 }
	}](t, do("eval", "round", "--json"))
	if q.Precision.Low > q.Precision.Mean || q.Precision.Mean > q.Precision.High || q.Recall.Mean == 0 {
		t.Errorf("quality %+v", q)
	}
	trained := decode[training](t, do("train", "round", "--json"))
	if trained.Marks != 9 || trained.Trained != trained.Better || !(trained.LinearLoss > 0) {
		t.Errorf("training %+v", trained)
	}
	out := filepath.Join(t.TempDir(), "segments.csv")
	found := decode[[]applied](t, do("apply", "--json", "--out", out))
	if len(found) != 1 || len(found[0].Segments) == 0 || found[0].Quality == nil {
		t.Fatalf("applied %+v", found)
	}
	right := 0
	for _, s := range found[0].Segments {
		if strings.Contains(s.Video, "red_circle") {
			right++
		}
	}
	if 3*right < 2*len(found[0].Segments) {
		t.Errorf("%d of %d segments are right: %+v", right, len(found[0].Segments), found[0].Segments)
	}
	if data, err := os.ReadFile(out); err != nil || strings.Count(string(data), "\n") != len(found[0].Segments)+1 {
		t.Errorf("%s: %v\n%s", out, err, data)
	}
	do("apply", "round", "--min-recall", "0.9")
	if r := do("list"); !strings.Contains(r.stdout, "recall 0.9") {
		t.Errorf("the stored point is not listed: %s", r.stdout)
	}
	for _, args := range [][]string{{"suggest", "round"}, {"suggest", "round", "--feed", "suspects"}, {"eval", "round"}, {"train", "round"}, {"apply", "round"}, {"list"}, {"list", "round"}} {
		if r := do(args[0], args[1:]...); !strings.Contains(r.stdout, " ") {
			t.Errorf("%q prints %q", args, r.stdout)
		}
	}

}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

func TestMarksThroughFiles(t *testing.T) {
	_, lib := newLibrary(t)
	dir := t.TempDir()
	table := write(t, dir, "marks.csv", "video,start,end,label,negative\nred_circle/000.mp4,0,1,red,false\nred_circle/001.mp4,0.5,1.5,red,false\nblue_ring/000.mp4,0,1.5,red,true\nblue_ring/000.mp4,0,1.5,blue,false\n")
	imported := func(path string) map[string]int {
		t.Helper()
		return decode[map[string]int](t, must(t, exitDone, "label", "import", "--library", lib, "--json", path))
	}
	if n := imported(table); n["added"] != 4 {
		t.Fatalf("%v", n)
	}
	marks := func() []library.Mark {
		marks := decode[[]library.Mark](t, must(t, exitDone, "label", "list", "--library", lib, "--json", "red"))
		slices.SortFunc(marks, func(a, b library.Mark) int { return strings.Compare(a.Video, b.Video) })
		return marks
	}
	before := marks()
	for _, file := range []string{"all.csv", "all.jsonl"} {
		path := filepath.Join(dir, file)
		must(t, exitDone, "label", "export", "--library", lib, "--out", path, "--negatives")
		must(t, exitDone, "label", "delete", "--library", lib, "red")
		if n := imported(path); n["added"] != 3 || n["marks"] != 4 {
			t.Errorf("%s: %v", file, n)
		}
		for i, m := range marks() {
			if m.ID = before[i].ID; m != before[i] { // the numbers are new
				t.Errorf("%s: %+v became %+v", file, before[i], m)
			}
		}
	}
	for _, out := range []string{"m.json", "m.csv", "m.jsonl"} {
		path := filepath.Join(dir, out)
		must(t, exitDone, "label", "export", "--library", lib, "--out", path)
		if n := imported(path); n["added"] != 0 || n["marks"] != 3 {
			t.Errorf("%s: %v", out, n)
		}
	}
	if n := imported(write(t, dir, "annotators.csv", "video,start,end,label\nred_circle/002.mp4,0,1,red\nred_circle/002.mp4,0.2,1.3,red\n")); n["added"] != 1 || n["joined"] != 1 {
		t.Errorf("of two annotators: %v", n)
	}
	must(t, exitDone, "label", "mark", "--library", lib, "--remove", "red", "red_circle/002.mp4", "0", "1.3")
	both := write(t, dir, "both.csv", "video,start,end,label,negative\nred_circle/002.mp4,0,1,red,false\nred_circle/002.mp4,0,1,red,true\n")
	if r := must(t, exitFailed, "label", "import", "--library", lib, both); !strings.Contains(r.stderr, "contradicts") || !strings.Contains(r.stderr, "in the files") {
		t.Error(r.stderr)
	}
	if n := imported(write(t, dir, "bare.csv", "video,start,end,label\nred_circle/000,0,1,red\n")); n["added"] != 0 || n["marks"] != 1 {
		t.Errorf("without the extension: %v", n)
	}
	folder := filepath.Join(dir, "subtitles")
	for i, label := range []string{"red", "blue", "blue"} { // of videos that have marks of the one or the other
		r := must(t, exitDone, "label", "export", "--library", lib, label, "--out", folder, "--format", "vtt")
		if warned := strings.Contains(r.stderr, "other files of this format"); warned != (i > 0) {
			t.Errorf("export %d: %s", i, r.stderr)
		}
	}
	for _, format := range []string{"labelstudio", "srt", "vtt", "edl", "elan", "textgrid", "boris", "via", "parquet", "cvat", "datumaro", "fiftyone", "coco"} {
		path := filepath.Join(dir, format)
		must(t, exitDone, "label", "export", "--library", lib, "--out", path, "--format", format)
		if n := decode[map[string]int](t, must(t, exitDone, "label", "import", "--library", lib, "--json", "--format", format, path)); n["marks"] != 3 || n["added"] > 0 {
			t.Errorf("%s: %v", format, n)
		}
	}
}

// Frames of a video that is missing have times only if the user says its rate.
func TestFramesOfMissingVideos(t *testing.T) {
	shown, err := shapes()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	videos, lib := filepath.Join(dir, "videos"), filepath.Join(dir, "lib")
	if err := os.CopyFS(filepath.Join(videos, "red_circle"), os.DirFS(filepath.Join(shown, "red_circle"))); err != nil {
		t.Fatal(err)
	}
	must(t, exitDone, indexing(videos, lib)...)
	must(t, exitDone, "label", "import", "--library", lib, write(t, dir, "marks.csv", "video,start,end,label\nred_circle/000.mp4,0.5,1,red\n"))
	list := filepath.Join(dir, "list")
	must(t, exitDone, "label", "export", "--library", lib, "--out", list, "--format", "edl")
	must(t, exitDone, "label", "delete", "--library", lib, "red")
	if err := os.Rename(filepath.Join(videos, "red_circle"), filepath.Join(dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	command := []string{"label", "import", "--library", lib, "--format", "edl", list}
	r := must(t, exitFailed, command...)
	if !strings.Contains(r.stderr, "000.mp4: the format counts frames") || !strings.Contains(r.stderr, "--frame-rate") {
		t.Error(r.stderr)
	}
	must(t, exitDone, append(command, "--frame-rate", "8")...)
	marks := decode[[]library.Mark](t, must(t, exitDone, "label", "list", "--library", lib, "--json", "red"))
	if len(marks) != 1 || marks[0].Start != 0.5 || marks[0].End != 1 {
		t.Errorf("%+v", marks)
	}
	command = []string{"label", "export", "--library", lib, "--format", "cvat", "--out", filepath.Join(dir, "cvat")}
	if r := must(t, exitFailed, command...); !strings.Contains(r.stderr, "--frame-rate") {
		t.Error(r.stderr)
	}
	must(t, exitDone, append(command, "--frame-rate", "8")...)
}

func TestLabelsThatAreRefused(t *testing.T) {
	_, lib := newLibrary(t)
	must(t, exitDone, "label", "new", "--library", lib, "red")
	dir := t.TempDir()
	unknown := write(t, dir, "unknown.csv", "video,start,end,label\nnowhere.mp4,0,1,red\n")
	video := "red_circle/000.mp4"
	other := backbone(t, dir, 7)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"new", "red"}, exitFailed, "has a label of this name"},
		{[]string{"new", " "}, exitFailed, "name of a label"},
		{[]string{"mark", "red", video, "100", "101"}, exitFailed, "outside"},
		{[]string{"mark", "red", video, "1", "0.5"}, exitFailed, "outside"},
		{[]string{"mark", "red", video, "1:99", "200"}, exitUsage, "h:mm:ss"},
		{[]string{"mark", "red", video, "-1", "2"}, exitUsage, ""},
		{[]string{"mark", "red", "nowhere.mp4", "0", "1"}, exitFailed, "not in the library"},
		{[]string{"mark", "blue", video, "0", "1"}, exitFailed, "no such label"},
		{[]string{"mark", "red", video, "0", "1", "--remove"}, exitFailed, "no such mark"},
		{[]string{"eval", "red"}, exitFailed, "no positive marks"},
		{[]string{"apply", "red"}, exitFailed, "no positive marks"},
		{[]string{"train", "red"}, exitFailed, "no positive marks"},
		{[]string{"suggest", "blue"}, exitFailed, "no such label"},
		{[]string{"suggest", "red", "--feed", "best"}, exitUsage, "likely"},
		{[]string{"suggest", "red", "--model", other}, exitFailed, "model"},
		{[]string{"import", unknown}, exitFailed, "not in the library"},
		{[]string{"import", filepath.Join(dir, "none.csv")}, exitFailed, "none.csv"},
		{[]string{"export", "--out", filepath.Join(dir, "x.doc")}, exitUsage, "unknown format"},
		{[]string{"eval", "red", "--min-precision", "2"}, exitUsage, "precision"},
	} {
		r := clipcue(t, append([]string{"label", c.args[0], "--library", lib}, c.args[1:]...)...)
		if r.code != c.code || !strings.Contains(r.stderr, c.want) {
			t.Errorf("%q: exit code %d, want %d: %s", c.args, r.code, c.code, r.stderr)
		}
	}
	must(t, exitDone, "label", "mark", "--library", lib, "red", video, "0", "1")
	for _, c := range []struct{ args, want string }{
		{"mark red red_circle/000.mp4 0.1 1 --not", "contradicts"}, {"mark red red_circle/000.mp4 0.1 1", "overlaps"},
		{"eval red", "only positive"},
		{"mark red red_circle/001.mp4 0 1", "another run is indexing"}, // the last one
	} {
		args := strings.Fields(c.args)
		if strings.HasPrefix(c.want, "another run") {
			occupy(t, lib)
		}
		r := clipcue(t, append([]string{"label", args[0], "--library", lib}, args[1:]...)...)
		if r.code != exitFailed || !strings.Contains(r.stderr, c.want) || !strings.Contains(r.stderr, "try: ") {
			t.Errorf("%q: exit code %d: %s", c.args, r.code, r.stderr)
		}
	}
}

// occupy locks a library as a run of index does, until the test ends.
func occupy(t *testing.T, lib string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(lib, "lock.db"))+"?_txlock=exclusive")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
}

func TestWatchByLabel(t *testing.T) {
	videos, lib := newLibrary(t)
	text := "video,start,end,label,negative\n"
	for _, name := range []string{"red_circle/000", "red_circle/001", "red_circle/002", "blue_ring/000", "blue_ring/001", "blue_ring/002", "green_cross/000", "green_cross/001"} {
		text += fmt.Sprintf("%[1]s.mp4,0,1,red,%[2]t\n%[1]s.mp4,1,2,red,%[2]t\n", name, !strings.HasPrefix(name, "red"))
	}
	table := write(t, t.TempDir(), "marks.csv", text)
	must(t, exitDone, "label", "import", "--library", lib, table)
	var mu sync.Mutex
	var posted []recognition.Event
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var e recognition.Event
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil || r.Header.Get(webhook.SignatureHeader) == "" {
			t.Errorf("request without event or signature: %v", err)
		}
		posted = append(posted, e)
	}))
	defer server.Close()
	t.Setenv("CLIPCUE_WEBHOOK_SECRET", "secret")
	// At a lower precision, the best moment of another label may be above the threshold.
	for name, want := range map[string]bool{"red_circle/002.mp4": true, "blue_ring/002.mp4": false} {
		live := filepath.Join(t.TempDir(), "live.ts")
		c, err := ffmpeg.Command(t.Context(), "ffmpeg", "-nostdin", "-loglevel", "error", "-i", filepath.Join(videos, name), "-c:v", "libx264", live)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		posted = nil
		r := must(t, exitDone, "watch", "-q", "--library", lib, "--label", "red", "--min-precision", "0.95", "--json", "--wait", "--idle", "300ms", "--webhook", server.URL, live)
		events := eventsOf(t, r)
		if (len(events) > 0) != want || !slices.Equal(events, posted) {
			t.Errorf("%s: events %+v, posted %+v", name, events, posted)
		}
		for _, e := range events {
			if e.Label != "red" {
				t.Errorf("%+v", e)
			}
		}
	}
	for _, args := range [][]string{{"--label", "red"}, {"--library", lib}, {"--library", lib, "--label", "red", "--run", "x"}, {"--library", lib, "--label", "red", "--webhook", "ftp://x"}, {}} {
		if r := clipcue(t, append([]string{"watch", "x.ts"}, args...)...); r.code != exitUsage {
			t.Errorf("%q: exit code %d: %s", args, r.code, r.stderr)
		}
	}
}

// A process that is killed while it adds marks adds all or none, and harms nothing else.
func TestMarksOfAKilledProcess(t *testing.T) {
	_, lib := newLibrary(t)
	must(t, exitDone, "label", "new", "--library", lib, "red")
	have, killed := 0, 0
	for i := range 12 {
		text := "video,start,end,label,negative\n"
		for j, name := range []string{"red_circle/000", "red_circle/001", "red_circle/002", "blue_ring/000", "blue_ring/001"} {
			text += fmt.Sprintf("%s.mp4,%g,%g,red,%t\n", name, 0.15*float64(i), 0.15*float64(i)+0.1, j > 2)
		}
		c := program(t.Context(), t, "label", "import", "--library", lib, write(t, t.TempDir(), "marks.csv", text))
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(10*i) * time.Millisecond)
		_ = c.Process.Kill()
		if err := c.Wait(); err != nil {
			killed++
		}
		must(t, exitDone, "library", "check", "--library", lib)
		marks := decode[[]library.Mark](t, must(t, exitDone, "label", "list", "--library", lib, "--json", "red"))
		if n := len(marks) - have; n != 0 && n != 5 {
			t.Fatalf("%d of 5 marks were added", n)
		}
		have = len(marks)
	}
	t.Logf("%d of 12 processes were killed before their end, %d marks were added", killed, have)
}

// A process that is killed while it trains or applies a label leaves a whole library, with the
// head as it was or as the whole training leaves it, and either no file of segments or a
// complete one. The same command then succeeds. Recognizers take a minute, so they are
// trained with CLIPCUE_SLOW only.
func TestLabelCommandsOfAKilledProcess(t *testing.T) {
	_, lib := newLibrary(t)
	text := "video,start,end,label,negative\n"
	for _, name := range []string{"red_circle/000", "red_circle/001", "red_circle/002", "blue_ring/000", "blue_ring/001", "green_cross/000"} {
		text += fmt.Sprintf("%s.mp4,0,1,red,%t\n", name, !strings.HasPrefix(name, "red"))
	}
	dir := t.TempDir()
	must(t, exitDone, "label", "import", "--library", lib, write(t, dir, "marks.csv", text))
	segments := filepath.Join(dir, "segments.csv")
	head := func() label.Method {
		t.Helper()
		return decode[[]library.Label](t, must(t, exitDone, "label", "list", "--library", lib, "--json"))[0].Method
	}
	commands := [][]string{{"train", "red"}, {"apply", "red", "--out", segments}}
	if os.Getenv("CLIPCUE_SLOW") != "" {
		commands = append(commands, []string{"train", "red", "--method", "recognizer"})
	}
	for _, args := range commands {
		before := head()
		args = append([]string{"label", args[0], "--library", lib}, args[1:]...)
		start := time.Now()
		must(t, exitDone, args...)
		took, after := time.Since(start), head()
		whole, _ := os.ReadFile(segments)
		for i := range 5 {
			_ = os.Remove(segments)
			c := program(t.Context(), t, args...)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(took * time.Duration(i) / 4)
			_ = c.Process.Kill()
			_ = c.Wait()
			must(t, exitDone, "library", "check", "--library", lib)
			if h := head(); h != before && h != after {
				t.Errorf("after %q was killed, the head is %s; it was %s before and is %s after a whole run", args, h, before, after)
			}
			if data, err := os.ReadFile(segments); err == nil && string(data) != string(whole) {
				t.Errorf("%q left a part of its file: %q", args, data)
			}
		}
		must(t, exitDone, args...)
		if h := head(); h != after {
			t.Errorf("%q: the head is %s, want %s", args, h, after)
		}
	}
	if n := len(decode[[]library.Mark](t, must(t, exitDone, "label", "list", "--library", lib, "--json", "red"))); n != 6 {
		t.Errorf("%d of 6 marks are left", n)
	}
}
