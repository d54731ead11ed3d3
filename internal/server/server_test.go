package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/tiny"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/server/access"
	"github.com/clipcue/clipcue/internal/server/jobs"
	"github.com/clipcue/clipcue/internal/server/playback"
	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/retrieval"
	"github.com/clipcue/clipcue/video"
)

var model = sync.OnceValues(func() (*clip.Model, error) { return tiny.Load(clip.Options{}) })

// serve renders and indexes a few videos, and serves the library. Names are hostile.
func serve(t *testing.T) (dir string, site *httptest.Server) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	m, err := model()
	if err != nil {
		t.Fatal(err)
	}
	base := t.TempDir()
	rendered := filepath.Join(base, "rendered")
	if _, err := synth.Generate(t.Context(), rendered, synth.Options{Kind: synth.KindObjects, PerClass: 2, Seconds: 4, Width: 64, Height: 64, FPS: 8,
		Classes: []string{"red circle", "blue ring", "green cross"}}, nil); err != nil {
		t.Fatal(err)
	}
	videos := filepath.Join(base, "videos")
	if err := os.MkdirAll(filepath.Join(videos, "a folder"), 0o777); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		"red_circle/000.mp4": "red.mp4", "red_circle/001.mp4": "a folder/\u202egnp.mp4", "blue_ring/000.mp4": "a folder/<b>blue&lt;.mp4",
		"blue_ring/001.mp4": "عربي.mp4", "green_cross/000.mp4": "green.mp4", "green_cross/001.mp4": "new\nline.mp4",
	} {
		if err := os.Rename(filepath.Join(rendered, from), filepath.Join(videos, to)); err != nil {
			t.Fatal(err)
		}
	}
	dir = filepath.Join(base, "lib")
	e := retrieval.Baseline(m)
	if _, err := library.Index(t.Context(), dir, m, e, []string{videos}, library.Options{
		Settings: library.Settings{Window: 2, Hop: 1}, Extract: feature.Options{Sampling: video.AtRate(4)}}); err != nil {
		t.Fatal(err)
	}
	guard, err := access.New(access.Options{Uploads: map[string]int64{ExamplePath: MaxExample}})
	if err != nil {
		t.Fatal(err)
	}
	player, err := playback.New(playback.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(t.Context(), Options{Library: dir, Encoder: m, Embedder: e, Version: "test", Guard: guard, Player: player, Jobs: filepath.Join(base, "jobs"), Allowed: []string{videos}})
	if err != nil {
		t.Fatal(err)
	}
	site = httptest.NewServer(guard.Handler(s))
	t.Cleanup(func() {
		site.Close()
		s.Close()
		_ = player.Close()
	})
	return dir, site
}

// call sends a request with a JSON body and decodes the answer. It fails on another status.
func call(t *testing.T, site *httptest.Server, method, path string, send any, want int, into any) {
	t.Helper()
	var in io.Reader
	if send != nil {
		data, err := json.Marshal(send)
		if err != nil {
			t.Fatal(err)
		}
		in = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, site.URL+prefix+path, in)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := site.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != want {
		t.Fatalf("%s %s: status %d, want %d: %s", method, path, answer.StatusCode, want, data)
	}
	if into != nil {
		if err := json.Unmarshal(data, into); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, data)
		}
	}
}

type object = map[string]any

// An archivist searches, teaches a label, and gets its segments.
func TestTeaching(t *testing.T) {
	_, site := serve(t)
	var found Found
	call(t, site, "GET", "/search?q=a+red+circle&limit=3", nil, 200, &found)
	if len(found.Results) != 3 || !found.More || !found.Matched || found.Results[0].Score < found.Results[2].Score {
		t.Fatalf("search: %+v", found)
	}
	var next Found
	call(t, site, "GET", "/search?q=a+red+circle&limit=3&offset=3", nil, 200, &next)
	if len(next.Results) == 0 || next.Results[0].Score > found.Results[2].Score {
		t.Fatalf("second page: %+v", next)
	}
	var made Label
	call(t, site, "POST", "/labels", object{"name": "red", "texts": []string{"a red circle"}}, 201, &made)
	call(t, site, "POST", "/labels", object{"name": "red"}, 409, nil)
	label := fmt.Sprintf("/labels/%d", made.Label)
	var feed Feed
	call(t, site, "GET", label+"/feed?limit=4", nil, 200, &feed)
	if len(feed.Moments) != 4 {
		t.Fatalf("feed: %+v", feed)
	}
	var changed Changed
	for _, m := range feed.Moments {
		mark := object{"video": m.Video, "start": m.Start, "end": m.End, "positive": strings.HasPrefix(m.Name, "red") || strings.Contains(m.Name, "gnp")}
		call(t, site, "POST", label+"/marks?with_feed=true&limit=5", object{"marks": []object{mark}}, 200, &changed)
		for _, left := range changed.Feed.Moments {
			if left.Video == m.Video && left.Start == m.Start {
				t.Errorf("a marked moment is suggested again: %+v", left)
			}
		}
	}
	if changed.Positives+changed.Negatives != 4 || changed.Revision == feed.Revision {
		t.Errorf("after four marks: %+v", changed)
	}
	var green Found
	call(t, site, "GET", "/search?q=a+green+cross&limit=1", nil, 200, &green)
	call(t, site, "POST", label+"/marks", object{"marks": []object{{"video": green.Results[0].Video, "start": 0, "end": 2, "positive": false}}}, 200, nil)
	var q Quality
	call(t, site, "GET", label+"/quality?precision=0.7", nil, 200, &q)
	if q.Problem != "" || q.Marks == 0 {
		t.Errorf("quality: %+v", q)
	}
	var boundary Boundary
	call(t, site, "GET", label+"/boundary?limit=2", nil, 200, &boundary)
	if len(boundary.Above)+len(boundary.Below) == 0 {
		t.Errorf("boundary: %+v", boundary)
	}
	call(t, site, "PUT", label+"/point", object{"recall": 0.9}, 200, &made)
	if made.Point == nil || made.Point.Recall != 0.9 {
		t.Errorf("point: %+v", made)
	}
	var segments SegmentList
	call(t, site, "GET", label+"/segments", nil, 200, &segments)
	if segments.Total == 0 || segments.Segments[0].Thumbnail == "" {
		t.Errorf("segments: %+v", segments)
	}
	// A mark is a segment even where the label sees nothing.
	call(t, site, "POST", label+"/marks", object{"marks": []object{{"video": green.Results[0].Video, "start": 2.5, "end": 4, "positive": true}}}, 200, nil)
	call(t, site, "GET", label+fmt.Sprintf("/segments?video=%d", green.Results[0].Video), nil, 200, &segments)
	if !slices.ContainsFunc(segments.Segments, func(g Segment) bool { return g.Start <= 2.5 && g.End >= 4 }) {
		t.Errorf("the marked part is not a segment: %+v", segments)
	}
	var tracks trackList
	call(t, site, "GET", fmt.Sprintf("/videos/%d/tracks", found.Results[0].Video), nil, 200, &tracks)
	if len(tracks.Tracks) != 1 || len(tracks.Tracks[0].Scores) != 3 {
		t.Errorf("tracks: %+v", tracks)
	}
}

// A mark can be undone, changed, and replaced by its opposite.
func TestMarks(t *testing.T) {
	_, site := serve(t)
	var made Label
	call(t, site, "POST", "/labels", object{"name": "x"}, 201, &made)
	label := fmt.Sprintf("/labels/%d", made.Label)
	mark := func(positive bool) object {
		return object{"marks": []object{{"video": 1, "start": 0, "end": 2, "positive": positive}}}
	}
	var changed Changed
	call(t, site, "POST", label+"/marks", mark(true), 200, &changed)
	call(t, site, "POST", label+"/marks", mark(false), 409, nil)
	replace := mark(false)
	replace["replace"] = true
	call(t, site, "POST", label+"/marks", replace, 200, &changed)
	if changed.Positives != 0 || changed.Negatives != 1 {
		t.Errorf("replaced: %+v", changed)
	}
	call(t, site, "PATCH", fmt.Sprintf("%s/marks/%d", label, changed.IDs[0]), object{"end": 3, "positive": true}, 200, &changed)
	var marks markList
	call(t, site, "GET", label+"/marks", nil, 200, &marks)
	if len(marks.Marks) != 1 || marks.Marks[0].End != 3 || !marks.Marks[0].Positive {
		t.Errorf("changed: %+v", marks)
	}
	for _, nothing := range []object{{}, {"end": 3}, {"start": 0, "end": 3, "positive": true}} {
		var same Changed
		var after markList
		call(t, site, "PATCH", fmt.Sprintf("%s/marks/%d", label, changed.IDs[0]), nothing, 200, &same)
		call(t, site, "GET", label+"/marks", nil, 200, &after)
		if !reflect.DeepEqual(same, changed) || !reflect.DeepEqual(after, marks) {
			t.Errorf("%v: %+v instead of %+v, %+v instead of %+v", nothing, same, changed, after, marks)
		}
	}
	call(t, site, "DELETE", label+"/marks", object{"ids": changed.IDs}, 200, &changed)
	if changed.Positives != 0 {
		t.Errorf("removed: %+v", changed)
	}
	call(t, site, "DELETE", label+"/marks", object{"ids": []int{99}}, 404, nil)
	for _, bad := range []object{
		{"video": 1, "start": 2, "end": 1, "positive": true}, {"video": 1, "start": 0, "end": 99, "positive": true}, {"video": 1, "start": -1, "end": 1, "positive": true},
	} {
		call(t, site, "POST", label+"/marks", object{"marks": []object{bad}}, 422, nil)
	}
	call(t, site, "POST", label+"/marks", object{"marks": []object{{"video": 77, "start": 0, "end": 1, "positive": true}}}, 404, nil)
}

func TestTextsWithoutTokens(t *testing.T) {
	dir, site := serve(t)
	if err := library.CreateLabel(t.Context(), dir, library.Label{Name: "thing", Texts: []string{"\x06"}}); err != nil {
		t.Fatal(err)
	}
	var labels labelList
	call(t, site, "GET", "/labels", nil, 200, &labels)
	call(t, site, "GET", fmt.Sprintf("/labels/%d/boundary", labels.Labels[0].Label), nil, 422, nil)
	call(t, site, "GET", "/search?q=%06", nil, 422, nil)
}

// What the command line changes is seen without a restart, also videos.
func TestChangesByOthers(t *testing.T) {
	dir, site := serve(t)
	if err := library.CreateLabel(t.Context(), dir, library.Label{Name: "theirs"}); err != nil {
		t.Fatal(err)
	}
	var labels labelList
	call(t, site, "GET", "/labels", nil, 200, &labels)
	if len(labels.Labels) != 1 || labels.Labels[0].Name != "theirs" {
		t.Errorf("labels: %+v", labels)
	}
	m, err := model()
	if err != nil {
		t.Fatal(err)
	}
	videos := filepath.Join(filepath.Dir(dir), "videos")
	if err := os.Rename(filepath.Join(videos, "green.mp4"), filepath.Join(t.TempDir(), "gone.mp4")); err != nil {
		t.Fatal(err)
	}
	if _, err := library.Index(t.Context(), dir, m, retrieval.Baseline(m), nil, library.Options{Extract: feature.Options{Sampling: video.AtRate(4)},
		Prune: func([]string, int) error { return nil }}); err != nil {
		t.Fatal(err)
	}
	var about Library
	call(t, site, "GET", "/library", nil, 200, &about)
	if about.Videos != 5 {
		t.Errorf("%d videos after one was removed", about.Videos)
	}
}

// Names are given as they are, as text; a name that is not UTF-8 is valid JSON.
func TestHostileNames(t *testing.T) {
	_, site := serve(t)
	var list videoList
	call(t, site, "GET", "/videos", nil, 200, &list)
	names := map[string]string{}
	for _, v := range list.Videos {
		names[v.Name] = v.Folder
	}
	for name, folder := range map[string]string{"<b>blue&lt;.mp4": "a folder", "\u202egnp.mp4": "a folder", "عربي.mp4": "", "new\nline.mp4": ""} {
		if have, ok := names[name]; !ok || have != folder {
			t.Errorf("%q: folder %q, %v, want %q", name, have, ok, folder)
		}
	}
	call(t, site, "GET", "/videos?q=عربي", nil, 200, &list)
	if list.Total != 1 {
		t.Errorf("%d videos of an Arabic name", list.Total)
	}
	call(t, site, "GET", "/search?q=a+blue+ring&folder=a+folder", nil, 200, nil)
	call(t, site, "GET", "/search?q=a+blue+ring&folder=..", nil, 404, nil)
}

// An image finds similar moments; a file that is neither image nor video is refused.
func TestExamples(t *testing.T) {
	_, site := serve(t)
	var list momentList
	call(t, site, "GET", "/videos/1/moments", nil, 200, &list)
	answer, err := site.Client().Get(site.URL + list.Moments[0].Thumbnail)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	picture, err := io.ReadAll(answer.Body)
	if err != nil || answer.Header.Get("Content-Type") != "image/jpeg" {
		t.Fatal(err, answer.Header)
	}
	upload := func(data []byte, want int) (e Example) {
		var form bytes.Buffer
		w := multipart.NewWriter(&form)
		part, err := w.CreateFormFile("file", "x.jpg")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(data)
		w.Close()
		answer, err := site.Client().Post(site.URL+ExamplePath, w.FormDataContentType(), &form)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		if answer.StatusCode != want {
			t.Fatalf("status %d: %s", answer.StatusCode, text)
		}
		if want == 422 && strings.Contains(string(text), os.TempDir()) {
			t.Errorf("the answer has a path: %s", text)
		}
		_ = json.Unmarshal(text, &e)
		return e
	}
	e := upload(picture, 201)
	var found Found
	call(t, site, "GET", "/search?limit=1&example="+e.ID, nil, 200, &found)
	if len(found.Results) != 1 || found.Results[0].Video != 1 {
		t.Errorf("an image of video 1 finds %+v", found.Results)
	}
	upload([]byte("no image"), 422)
	e = upload([]byte("GIF89a\x0a\x00\x0a\x00\x00\x00\x00;"), 201) // a GIF without frames
	var problem struct{ Detail string }
	call(t, site, "GET", "/search?example="+e.ID, nil, 422, &problem)
	if !strings.Contains(problem.Detail, "no frames") || strings.Contains(problem.Detail, os.TempDir()) {
		t.Errorf("%+v", problem)
	}
	call(t, site, "GET", "/search?example=unknown", nil, 404, nil)
}

// Saved searches come back as they were saved.
func TestSavedSearches(t *testing.T) {
	_, site := serve(t)
	q := object{"q": "a red circle", "folder": "a folder", "like": []string{"1@1.5"}, "min_seconds": 2}
	call(t, site, "PUT", "/searches/mine", q, 204, nil)
	var list savedSearches
	call(t, site, "GET", "/searches", nil, 200, &list)
	if len(list.Searches) != 1 || list.Searches[0].Query.Folder != "a folder" || list.Searches[0].Query.Like[0] != "1@1.5" {
		t.Errorf("%+v", list)
	}
	call(t, site, "DELETE", "/searches/mine", nil, 204, nil)
	call(t, site, "DELETE", "/searches/mine", nil, 404, nil)
}

// Requests that cannot be understood get one clear answer.
func TestInvalidRequests(t *testing.T) {
	_, site := serve(t)
	for path, want := range map[string]int{
		"/search": 422, "/search?q=x&limit=0": 422, "/search?q=x&since=tomorrow": 422, "/search?q=x&since=2026-01-02&until=2026-01-01": 422,
		"/search?like=1@99": 422, "/search?like=9@1": 404, "/search?q=-%22open": 422, "/search?q=x&path=[": 422, "/search?q=x&label=7": 404,
		"/videos/0": 404, "/videos/x": 422, "/videos/1/thumbnails/999": 404, "/videos/1/thumbnails/-1": 422, "/videos/99/thumbnail?t=1": 404, "/videos/99/moments": 404,
		"/labels/9": 404, "/labels/9/feed": 404, "/nothing": 404, "/videos/99999999999999999999": 422,
	} {
		var problem struct {
			Status int
			Detail string
		}
		if path == "/nothing" {
			call(t, site, "GET", path, nil, want, nil)
			continue
		}
		call(t, site, "GET", path, nil, want, &problem)
		if problem.Status != want || problem.Detail == "" {
			t.Errorf("%s: %+v", path, problem)
		}
	}
	for query, want := range map[string]string{
		"q=a&q=b": "the parameter q is given 2 times", "q=a&limit=1&limit=2": "the parameter limit is given 2 times", "q=a&limit=": "the parameter limit is empty",
		"q=a&bogus=1": `there is no parameter "bogus"`, "q=a&Limit=1": `there is no parameter "Limit"`, "q=a&label=": "the parameter label is empty",
		"q=a&like=&like=1@1": "the parameter like is empty", "q=a;limit=1": "", "q=%zz": "",
	} {
		var problem struct{ Errors []struct{ Message string } }
		status := 422
		if want == "" { // it is no query
			status = 400
		}
		call(t, site, "GET", "/search?"+query, nil, status, &problem)
		if want != "" && (len(problem.Errors) != 1 || problem.Errors[0].Message != want) {
			t.Errorf("%s: %+v", query, problem)
		}
	}
	for path, want := range map[string]int{
		"/videos?q=&sort=": 422, "/videos?q=": 200, "/search?q=red&without=a&without=b&since=": 200, "/library?x=1": 422, "/videos/1/file?again=2": 200, "/videos/1/file?again=": 422,
	} {
		call(t, site, "GET", path, nil, want, nil)
	}
	call(t, site, "POST", "/labels", object{"name": " "}, 422, nil)
	call(t, site, "POST", "/labels", object{"name": "a\x00b"}, 422, nil)
	call(t, site, "POST", "/labels", object{"name": strings.Repeat("x", 301)}, 422, nil)
	call(t, site, "POST", "/labels", json.RawMessage(`{"name":"a","texts":["\ud800"]}`), 422, nil)
	call(t, site, "GET", "/search?q=r%f6d", nil, 422, nil)
	call(t, site, "POST", "/labels", json.RawMessage(`{"name":"a","Texts":["a"]}`), 422, nil)
	call(t, site, "POST", "/labels", json.RawMessage(`{"name":"a","NAME":"b"}`), 422, nil)
	for _, twice := range []string{`{"name":"a","name":"b"}`, `{"name":"a","texts":["a"],"texts":[]}`} {
		call(t, site, "POST", "/labels", json.RawMessage(twice), 400, nil)
	}
}

// Many requests at once, with changes between them, are safe; run it with the race detector.
func TestConcurrentRequests(t *testing.T) {
	dir, site := serve(t)
	var made Label
	call(t, site, "POST", "/labels", object{"name": "busy"}, 201, &made)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 4 {
				for _, path := range []string{"/search?q=a+red+circle", fmt.Sprintf("/labels/%d/feed", made.Label), "/videos", "/library"} {
					answer, err := site.Client().Get(site.URL + prefix + path)
					if err != nil || answer.StatusCode != 200 {
						t.Errorf("%s: %v", path, err)
						return
					}
					_, _ = io.Copy(io.Discard, answer.Body)
					answer.Body.Close()
				}
				if i == 0 {
					if err := library.CreateLabel(t.Context(), dir, library.Label{Name: fmt.Sprint("other ", j)}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
}

// The file, a fragment, a clip and a frame of a video of the library can be played, and
// nothing else.
func TestMedia(t *testing.T) {
	_, site := serve(t)
	for path, want := range map[string]struct {
		status int
		media  string
	}{
		"/videos/1/file": {200, "video/mp4"}, "/videos/1/fragment?start=0&end=2": {200, "video/mp4"},
		"/videos/1/clip?start=1&end=2": {200, "video/mp4"}, "/videos/1/poster?t=1": {200, "image/jpeg"},
		"/videos/77/file": {404, ""}, "/videos/1/fragment?start=0": {422, ""}, "/videos/1/fragment?start=3&end=1": {422, ""}, "/videos/1/poster?t=NaN": {422, ""},
		"/videos/..%2f..%2fetc%2fpasswd/file": {400, ""},
	} {
		answer, err := site.Client().Get(site.URL + prefix + path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != want.status || want.media != "" && answer.Header.Get("Content-Type") != want.media {
			t.Errorf("%s: %d %s, want %+v: %.200s", path, answer.StatusCode, answer.Header.Get("Content-Type"), want, text)
		}
	}
}

// finished waits for the end of a job.
func finished(t *testing.T, site *httptest.Server, j jobs.Job) jobs.Job {
	t.Helper()
	for j.State == jobs.Waiting || j.State == jobs.Running {
		time.Sleep(20 * time.Millisecond)
		call(t, site, "GET", "/jobs/"+j.ID, nil, 200, &j)
	}
	return j
}

// The long work is done by jobs, whose files can be downloaded.
func TestJobs(t *testing.T) {
	dir, site := serve(t)
	var made Label
	call(t, site, "POST", "/labels", object{"name": "red", "texts": []string{"a red circle"}}, 201, &made)
	label := fmt.Sprintf("/labels/%d", made.Label)
	var list videoList
	call(t, site, "GET", "/videos", nil, 200, &list)
	var marks []object
	for _, v := range list.Videos {
		marks = append(marks, object{"video": v.Video, "start": 0, "end": 2, "positive": v.Name == "red.mp4" || strings.Contains(v.Name, "gnp")})
	}
	call(t, site, "POST", label+"/marks", object{"marks": marks}, 200, nil)
	run := func(job object, want jobs.State) jobs.Job {
		t.Helper()
		var j jobs.Job
		call(t, site, "POST", "/jobs", job, 202, &j)
		if j = finished(t, site, j); j.State != want {
			t.Errorf("%v: %+v", job, j)
		}
		return j
	}
	run(object{"kind": "apply"}, jobs.Done)
	run(object{"kind": "train", "label": made.Label}, jobs.Done)
	field, _ := reflect.TypeFor[NewJob]().FieldByName("Format")
	formats := strings.Split(field.Tag.Get("enum"), ",")
	var listed struct{ Formats []ExportFormat }
	call(t, site, "GET", "/formats", nil, 200, &listed)
	if len(listed.Formats) != len(formats)-1 { // clips are not a file format
		t.Errorf("%d formats are listed of %v", len(listed.Formats), formats)
	}
	for _, f := range listed.Formats {
		if !slices.Contains(formats, f.Name) || f.Program == "" || len(f.Extensions) == 0 {
			t.Errorf("%+v", f)
		}
	}
	for _, format := range formats {
		j := run(object{"kind": "export", "label": made.Label, "format": format}, jobs.Done)
		answer, err := site.Client().Get(site.URL + j.File)
		if err != nil {
			t.Fatal(err)
		}
		data, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != 200 || len(data) == 0 || !strings.HasPrefix(answer.Header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: %d, %d bytes, %v", format, answer.StatusCode, len(data), answer.Header)
		}
	}
	// What a format cannot represent is reported.
	call(t, site, "POST", label+"/marks", object{"marks": []object{{"video": marks[0]["video"], "start": 2, "end": 3, "positive": true},
		{"video": marks[0]["video"], "start": 3, "end": 4, "positive": true}}}, 200, nil)
	j := run(object{"kind": "export", "label": made.Label, "format": "cvat", "what": "marks"}, jobs.Done)
	if !strings.Contains(string(j.Result), `"left_out":["borders between spans of a label that touch or overlap: `) {
		t.Errorf("left out of CVAT's file: %s", j.Result)
	}
	// Frames of a video that is missing have no times.
	red := filepath.Join(filepath.Dir(dir), "videos", "red.mp4")
	if err := os.Rename(red, red+".away"); err != nil {
		t.Fatal(err)
	}
	if j := run(object{"kind": "export", "label": made.Label, "format": "cvat", "what": "marks"}, jobs.Failed); !strings.Contains(j.Error, "red.mp4: the format counts frames") {
		t.Errorf("of a missing video: %+v", j)
	}
	if err := os.Rename(red+".away", red); err != nil {
		t.Fatal(err)
	}
	more := filepath.Join(filepath.Dir(dir), "videos", "more")
	if err := os.Mkdir(more, 0o777); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(filepath.Dir(more), "red.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(more, "again.mp4"), content, 0o666); err != nil {
		t.Fatal(err)
	}
	run(object{"kind": "index", "folders": []string{more}}, jobs.Done)
	var about Library
	call(t, site, "GET", "/library", nil, 200, &about)
	if about.Videos != len(list.Videos)+1 {
		t.Errorf("%d videos after one was added", about.Videos)
	}
	var d struct{ Job string }
	call(t, site, "GET", "/library/duplicates", nil, 202, &d)
	finished(t, site, jobs.Job{ID: d.Job, State: jobs.Running})
	var twice Duplicates
	call(t, site, "GET", "/library/duplicates", nil, 200, &twice)
	if len(twice.Exact) != 1 || len(twice.Exact[0].Videos) != 2 {
		t.Errorf("duplicates: %+v", twice)
	}
	for _, bad := range []struct {
		job    object
		status int
	}{
		{object{"kind": "index", "folders": []string{"/etc"}}, 403}, {object{"kind": "index", "folders": []string{more + "/../../.."}}, 403},
		{object{"kind": "train", "label": 99}, 404}, {object{"kind": "export", "label": made.Label}, 422}, {object{"kind": "dance"}, 422},
		{object{"kind": "apply", "labels": []int{99}}, 404},
		{object{"kind": "apply", "label": made.Label}, 422}, {object{"kind": "index", "label": made.Label, "format": "csv"}, 422},
		{object{"kind": "train", "labels": []int64{made.Label}}, 422}, {object{"kind": "train", "label": made.Label, "folders": []string{}}, 422},
		{object{"kind": "export", "label": made.Label, "format": "csv", "method": "kernel"}, 422}, {object{"kind": "export", "format": "csv"}, 422},
		{object{"kind": "duplicates", "video": 1}, 422}, {object{"kind": "train"}, 422},
	} {
		call(t, site, "POST", "/jobs", bad.job, bad.status, nil)
	}
	call(t, site, "GET", "/jobs/nothing", nil, 404, nil)
	var folders FolderList
	call(t, site, "GET", "/folders", nil, 200, &folders)
	call(t, site, "GET", "/folders?path=/etc", nil, 403, nil)
}

// A library that is restored from a backup while it is served is served as it is then, and
// one that is gone is not there.
func TestReplacedLibrary(t *testing.T) {
	dir, site := serve(t)
	backup := dir + " backup"
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	var made Label
	call(t, site, "POST", "/labels", object{"name": "after the backup"}, 201, &made)
	if err := os.Rename(dir, dir+" old"); err != nil {
		t.Fatal(err)
	}
	call(t, site, "GET", "/labels", nil, 503, nil)
	if err := os.Rename(backup, dir); err != nil {
		t.Fatal(err)
	}
	var labels labelList
	call(t, site, "GET", "/labels", nil, 200, &labels)
	if len(labels.Labels) != 0 {
		t.Errorf("labels of the old library: %+v", labels)
	}
	call(t, site, "POST", "/labels", object{"name": "new"}, 201, &made)
	call(t, site, "POST", fmt.Sprintf("/labels/%d/marks", made.Label), object{"marks": []object{{"video": 1, "start": 0, "end": 1, "positive": true}}}, 200, nil)
	call(t, site, "GET", "/labels", nil, 200, &labels)
	if len(labels.Labels) != 1 || labels.Labels[0].Positives != 1 {
		t.Errorf("labels of the new library: %+v", labels)
	}
}

// A mark does not move to another video that takes the place of the one that was marked.
func TestMarksOfGoneVideos(t *testing.T) {
	dir, site := serve(t)
	var list videoList
	call(t, site, "GET", "/videos?q=green", nil, 200, &list)
	var made Label
	call(t, site, "POST", "/labels", object{"name": "x"}, 201, &made)
	label := fmt.Sprintf("/labels/%d", made.Label)
	call(t, site, "POST", label+"/marks", object{"marks": []object{{"video": list.Videos[0].Video, "start": 0, "end": 2, "positive": true}}}, 200, nil)
	videos := filepath.Join(filepath.Dir(dir), "videos")
	red, err := os.ReadFile(filepath.Join(videos, "red.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(videos, "green.mp4"), red, 0o666); err != nil {
		t.Fatal(err)
	}
	var j jobs.Job
	call(t, site, "POST", "/jobs", object{"kind": "index", "folders": []string{videos}}, 202, &j)
	finished(t, site, j)
	var marks markList
	call(t, site, "GET", label+"/marks", nil, 200, &marks)
	if len(marks.Marks) != 1 || marks.Marks[0].Video != 0 {
		t.Errorf("the mark is on another video: %+v", marks)
	}
	call(t, site, "PATCH", fmt.Sprintf("%s/marks/%d", label, marks.Marks[0].ID), object{"positive": false}, 409, nil)
}

// The thumbnail at a time is that of the moment whose middle is closest.
func TestThumbnailAtATime(t *testing.T) {
	_, site := serve(t)
	var list momentList
	call(t, site, "GET", "/videos/1/moments", nil, 200, &list)
	get := func(path string) string {
		answer, err := site.Client().Get(site.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		data, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != 200 {
			t.Fatal(err, answer.Status)
		}
		return string(data)
	}
	m := list.Moments[1]
	if get(m.Thumbnail) != get(fmt.Sprintf("%s/videos/1/thumbnail?t=%g", prefix, (m.Start+m.End)/2)) {
		t.Error("another thumbnail")
	}
}

// The content of a replaced video is never sent as the indexed one, nor marked as such, until
// it is indexed again. Other videos are not affected.
func TestReplacedVideo(t *testing.T) {
	dir, site := serve(t)
	videos := filepath.Join(filepath.Dir(dir), "videos")
	number := func(name string) int64 {
		t.Helper()
		var list videoList
		call(t, site, "GET", "/videos?q="+name, nil, 200, &list)
		return list.Videos[0].Video
	}
	var label Label
	call(t, site, "POST", "/labels", object{"name": "x"}, 201, &label)
	marks := fmt.Sprintf("/labels/%d/marks", label.Label)
	mark := func(video int64, start float64) object {
		return object{"marks": []object{{"video": video, "start": start, "end": start + 1, "positive": true}}}
	}
	red, green := number("red"), number("green")
	var added Changed
	call(t, site, "POST", marks, mark(green, 0), 200, &added)
	search := func() (changed map[int64]bool, warnings []string) {
		t.Helper()
		var found Found
		call(t, site, "GET", "/search?q=a+green+cross", nil, 200, &found)
		changed = map[int64]bool{}
		for _, m := range found.Results {
			changed[m.Video] = m.Changed
		}
		return changed, found.Warnings
	}
	if changed, warnings := search(); changed[green] || len(warnings) > 0 {
		t.Errorf("before: %v %q", changed, warnings)
	}
	path := filepath.Join(videos, "green.mp4")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(videos, "red.mp4"))
	if err := errors.Join(err, os.WriteFile(path, data, 0o666)); err != nil {
		t.Fatal(err)
	}

	if changed, warnings := search(); !changed[green] || changed[red] || !slices.Equal(warnings, []string{changedResults}) {
		t.Errorf("%v %q", changed, warnings)
	}
	var details VideoDetails
	call(t, site, "GET", fmt.Sprintf("/videos/%d", green), nil, 200, &details)
	if !details.Changed || details.Problem != changedProblem || details.Missing {
		t.Errorf("%+v", details)
	}
	for _, part := range []string{"/file", "/fragment?start=0&end=1", "/clip?start=0&end=1", "/poster?t=0", "/thumbnail?t=0", "/thumbnails/0"} {
		var refused struct{ Detail string }
		call(t, site, "GET", fmt.Sprintf("/videos/%d%s", green, part), nil, 409, &refused)
		if refused.Detail != changedProblem {
			t.Errorf("%s: %+v", part, refused)
		}
	}
	call(t, site, "GET", fmt.Sprintf("/search?like=%d@1", green), nil, 409, nil)
	call(t, site, "POST", marks, mark(green, 2), 409, nil)
	call(t, site, "PATCH", fmt.Sprintf("%s/%d", marks, added.IDs[0]), object{"positive": false}, 409, nil)
	call(t, site, "POST", marks, mark(red, 2), 200, nil)
	var j jobs.Job
	call(t, site, "POST", "/jobs", object{"kind": "export", "label": label.Label, "format": "csv", "what": "marks"}, 202, &j)
	var out exported
	if j = finished(t, site, j); json.Unmarshal(j.Result, &out) != nil || out.Segments != 1 || len(out.LeftOut) != 1 {
		t.Errorf("%+v", j)
	}

	// The same content with another time is what was indexed, as a run finds out.
	if err := os.WriteFile(path, old, 0o666); err != nil {
		t.Fatal(err)
	}
	call(t, site, "POST", marks, mark(green, 2), 409, nil)
	call(t, site, "POST", "/jobs", object{"kind": "index"}, 202, &j)
	finished(t, site, j)
	call(t, site, "POST", marks, mark(green, 2), 200, nil)
	call(t, site, "GET", fmt.Sprintf("/videos/%d", green), nil, 200, &details)
	if changed, warnings := search(); details.Changed || changed[green] || len(warnings) > 0 {
		t.Errorf("after: %+v %v %q", details, changed, warnings)
	}
}
