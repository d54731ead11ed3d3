package fleet

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipcue/clipcue/internal/ffmpeg"
	"github.com/clipcue/clipcue/video"
)

// renderLong renders a video of 30 s with a keyframe every 2 s.
func renderLong(t testing.TB, path string, args ...string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	all := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:duration=30", "-g", "20"}, args...)
	c, err := ffmpeg.Command(t.Context(), "ffmpeg", append(all, "-y", path)...)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// divides restarts the coordinator of a site with spans of 5 s.
func (s *site) divides() {
	s.stop()
	s.options.Span = 5 * time.Second
	s.start()
}

// notes returns the lines of notesFile about a video.
func (s *site) notes(id string) (out []note) {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.store.Dir(), notesFile))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var n note
		if err := json.Unmarshal([]byte(line), &n); err != nil {
			s.t.Fatal(err)
		}
		if n.ID == id {
			out = append(out, n)
		}
	}
	return out
}

// Several machines share a long video, and the store is that of one machine, byte for byte.
// Videos that cannot be divided are processed whole.
func TestSpans(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.divides()
	videos := filepath.Join(t.TempDir(), "videos")
	render(t, videos, 2)
	renderLong(t, filepath.Join(videos, "long.mp4"))
	renderLong(t, filepath.Join(videos, "open.mkv"), "-c:v", "libx264", "-bf", "3", "-x264-params", "open-gop=1:keyint=20:b-adapt=0:scenecut=0")
	renderLong(t, filepath.Join(videos, "refresh.mp4"), "-c:v", "libx264", "-x264-params", "intra-refresh=1:keyint=20")
	renderLong(t, filepath.Join(videos, "stream.ts"))
	s.submit(videos)
	a, b := s.work(t.Context(), s.worker("a")), s.work(t.Context(), s.worker("b"))
	if st := s.finish(); st.Finished != 6 || st.Failed != 0 || st.Spans != 0 {
		t.Errorf("%+v", st)
	}
	for _, ended := range []<-chan error{a, b} {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	same(t, files(t, s.store.Dir()), expect(t, videos))
	for id, spans := range map[string]int{"long.mp4": 5, "open.mkv": 5, "stream.ts": 1, "clip0.mkv": 1} {
		if got := s.notes(id); len(got) != spans || (got[0].Frames == "") != (spans == 1) {
			t.Errorf("%s: %+v", id, got)
		}
	}
	if left, err := os.ReadDir(filepath.Join(s.options.Dir, spansFolder)); err != nil || len(left) > 0 {
		t.Errorf("results of spans are left: %v, %v", left, err)
	}
	if r := s.submit(videos); r.Present != 6 {
		t.Errorf("%+v", r)
	}
}

// A damaged video fails with the reason of one machine.
func TestDamagedSpan(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.divides()
	path := filepath.Join(t.TempDir(), "videos", "long.mp4")
	renderLong(t, path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3000 {
		data[len(data)/2+i] ^= byte(37 * i)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	s.submit(path)
	s.work(t.Context(), s.worker("a"))
	st := s.finish()
	if st.Failed != 1 || !strings.Contains(st.Failures[0].Reason, video.ErrDamaged.Error()) {
		t.Errorf("%+v", st)
	}
}

// half waits until some spans of the only video are done, and stops the coordinator.
func (s *site) half(cancel context.CancelFunc, ended <-chan error) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if st, err := s.client.Status(s.t.Context()); err == nil && st.Spans > 0 && st.Spans < 5 {
			break
		}
		if time.Now().After(end) {
			s.t.Fatal("the video is not divided")
		}
	}
	cancel()
	<-ended
	s.stop()
}

// A coordinator that is restarted continues with the spans, and one that lost the result of a
// span has it extracted again. Spans that do not fit together are replaced by the whole.
func TestSpanRestarts(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, s *site){
		"restart": func(*testing.T, *site) {},
		"lost results": func(t *testing.T, s *site) {
			if err := os.RemoveAll(filepath.Join(s.options.Dir, spansFolder)); err != nil {
				t.Error(err)
			}
		},
		"another proof": func(t *testing.T, s *site) {
			l, err := openLedger(t.Context(), s.options.Dir)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.db.ExecContext(t.Context(), "UPDATE unit SET proof = 'x x' WHERE state = ? AND parent <> ''", done); err != nil {
				t.Error(err)
			}
			if err := l.close(); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.divides()
			videos := filepath.Join(t.TempDir(), "videos")
			renderLong(t, filepath.Join(videos, "long.mp4"))
			s.submit(videos)
			o := s.worker("a")
			o.Encoder, o.Videos = slow{newEncoder(), 100 * time.Millisecond}, 1
			ctx, cancel := context.WithCancel(t.Context())
			s.half(cancel, s.work(ctx, o))
			harm(t, s)
			s.start()
			s.work(t.Context(), s.worker("b"))
			if st := s.finish(); st.Finished != 1 || st.Failed != 0 {
				t.Errorf("%+v", st)
			}
			same(t, files(t, s.store.Dir()), expect(t, videos))
			notes := s.notes("long.mp4")
			if whole := notes[len(notes)-1].Frames == ""; whole != (name == "another proof") {
				t.Errorf("%+v", notes)
			}
		})
	}
}

// A worker downloads a video once for all its spans.
func TestSpansOfDownload(t *testing.T) {
	var downloads atomic.Int64
	address := newS3(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, ".mp4") {
				downloads.Add(1)
			}
			h.ServeHTTP(w, r)
		})
	})
	videos := filepath.Join(t.TempDir(), "videos")
	renderLong(t, filepath.Join(videos, "long.mp4"))
	s := newSite(t)
	s.divides()
	upload(t, s.buckets, address, "in", videos)
	s.submit(below(address, "in"))
	ended := s.work(t.Context(), s.worker("a"))
	if st := s.finish(); st.Finished != 1 || len(s.notes("long.mp4")) != 5 {
		t.Errorf("%+v, %+v", st, s.notes("long.mp4"))
	}
	if err := <-ended; err != nil || downloads.Load() != 1 {
		t.Errorf("%d downloads, %v", downloads.Load(), err)
	}
}

// stuck is an encoder that never returns.
type stuck struct {
	*fake
	begun chan struct{}
}

func (s stuck) EncodeImages(ctx context.Context, _ []byte) ([]float32, error) {
	s.begun <- struct{}{}
	<-ctx.Done()
	return nil, ctx.Err()
}

// A worker that is interrupted returns its video, which does not count as a failed delivery.
func TestPoliteInterruptions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	videos := filepath.Join(t.TempDir(), "videos")
	render(t, videos, 1)
	s.submit(videos)
	for range maxStarts + 2 {
		o := s.worker("a")
		busy := stuck{newEncoder(), make(chan struct{}, 1)}
		o.Encoder = busy
		ctx, cancel := context.WithCancel(t.Context())
		ended := s.work(ctx, o)
		select {
		case <-busy.begun:
		case <-time.After(time.Minute):
			st, err := s.client.Status(t.Context())
			t.Fatalf("the worker gets no video: %+v, %v", st, err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	s.work(t.Context(), s.worker("b"))
	if st := s.finish(); st.Finished != 1 || st.Failed != 0 {
		t.Errorf("%+v", st)
	}
}

func TestContiguous(t *testing.T) {
	good := []video.Part{{Last: 10, Until: 12}, {First: 10, Last: 20, Lead: 12, Until: 20}}
	if err := contiguous(good); err != nil {
		t.Error(err)
	}
	for _, parts := range [][]video.Part{nil, good[:1], {good[1], good[0]}, {good[0], {First: 11, Last: 20, Until: 20}}} {
		if err := contiguous(parts); err == nil {
			t.Errorf("%+v is accepted", parts)
		}
	}
}
