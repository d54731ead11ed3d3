package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gocloud.dev/blob/memblob"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/ffmpeg"
	"github.com/clipcue/clipcue/video"
)

// fake is an encoder whose features are a frame's mean color.
type fake struct {
	print string
	size  int
	fail  atomic.Bool
	calls atomic.Int64
}

func (f *fake) Fingerprint() string { return f.print }
func (f *fake) Config() clip.Config { return clip.Config{ImageSize: f.size, Embed: 3} }

func (f *fake) EncodeImages(_ context.Context, rgb []byte) ([]float32, error) {
	f.calls.Add(1)
	if f.fail.Load() {
		return nil, fmt.Errorf("a broken machine")
	}
	n := f.size * f.size
	y := make([]float32, len(rgb)/n)
	for i, v := range rgb {
		y[i/(3*n)*3+i%3] += float32(v) / float32(n)
	}
	return y, nil
}

// site is a running fleet.
type site struct {
	t       testing.TB
	store   *feature.Store
	client  *Client
	buckets *Buckets
	options CoordinatorOptions
	stop    func()   // the coordinator
	ends    []func() // of workers, when no video is waiting
}

func needFFmpeg(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"ffmpeg", "ffprobe"} {
		if _, err := ffmpeg.Command(t.Context(), name); err != nil {
			t.Skip(err)
		}
	}
	v, err := video.DecoderVersion(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newEncoder() *fake { return &fake{print: "clip-fake", size: 8} }

// newSite starts a broker and a coordinator.
func newSite(t testing.TB) *site {
	t.Helper()
	return newSiteAt(t, embedded(t, t.TempDir()), t.TempDir(), 1, "")
}

// embedded starts a broker with its files in a folder, and connects to it.
func embedded(t testing.TB, dir string) *Client {
	t.Helper()
	broker, err := StartBroker(t.Context(), BrokerOptions{Address: "127.0.0.1:0", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	client, err := Connect(ClientOptions{Broker: broker})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// newSiteAt starts a coordinator at a broker, with its files in a folder.
func newSiteAt(t testing.TB, client *Client, dir string, replicas int, results string) *site {
	t.Helper()
	s := &site{t: t, client: client, buckets: new(Buckets)}
	t.Cleanup(s.buckets.Close)
	decoder := needFFmpeg(t)
	var err error
	if s.store, err = feature.Create(filepath.Join(dir, "store")); err != nil {
		t.Fatal(err)
	}
	recipe, err := NewRecipe(newEncoder(), feature.Options{Timeout: 10 * time.Second}, "v1", decoder, "")
	if err != nil {
		t.Fatal(err)
	}
	s.options = CoordinatorOptions{Recipe: recipe, Store: s.store, Dir: filepath.Join(dir, "state"), Buckets: s.buckets, Replicas: replicas, Results: results,
		Log: slog.New(slog.DiscardHandler), ackWait: 2 * time.Second, tick: 100 * time.Millisecond}
	s.start()
	t.Cleanup(func() { s.stop() })
	return s
}

// start starts the coordinator.
func (s *site) start() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c, err := NewCoordinator(ctx, s.client, s.options)
	if err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, nil) }()
	s.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
		c.Close()
		s.stop = func() {}
	}
	for !s.client.answers() {
		time.Sleep(10 * time.Millisecond)
	}
}

func (c *Client) answers() bool {
	_, err := c.Status(context.Background())
	return err == nil
}

// worker returns the options of a worker.
func (s *site) worker(name string) WorkerOptions {
	return WorkerOptions{Encoder: newEncoder(), Name: name, Version: "v1", CPU: "generic", Decoder: s.options.Recipe.Decoder,
		Temp: s.t.TempDir(), Buckets: s.buckets, Log: slog.New(slog.DiscardHandler)}
}

// work runs a worker in the background until no video is waiting.
func (s *site) work(ctx context.Context, o WorkerOptions) <-chan error {
	ctx, end := context.WithCancel(ctx)
	s.ends = append(s.ends, end)
	ended := make(chan error, 1)
	go func() {
		_, err := Work(ctx, s.client, o)
		ended <- err
	}()
	return ended
}

func (s *site) submit(paths ...string) SubmitReport {
	s.t.Helper()
	r, err := Submit(s.t.Context(), s.client, s.buckets, paths, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// finish waits until no video is waiting, and ends the workers.
func (s *site) finish() Status {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		st, err := s.client.Status(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if st.Waiting == 0 {
			for _, end := range s.ends {
				end()
			}
			return st
		}
	}
	s.t.Fatal("the fleet does not finish")
	return Status{}
}

// render renders videos of different content.
func render(t testing.TB, dir string, n int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		c, err := ffmpeg.Command(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=32x32:rate=10:duration=%d", 1+i%3),
			"-metadata", fmt.Sprintf("title=%d", i), "-y", filepath.Join(dir, fmt.Sprintf("clip%d.mkv", i)))
		if err != nil {
			t.Fatal(err)
		}
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
}

// expect returns the files of a store made by one machine.
func expect(t testing.TB, videos string) map[string][]byte {
	t.Helper()
	found, err := video.Discover([]string{videos})
	if err != nil {
		t.Fatal(err)
	}
	s, err := feature.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := feature.Extract(t.Context(), newEncoder(), found.Videos, s, feature.Options{}); err != nil {
		t.Fatal(err)
	}
	return files(t, s.Dir())
}

// files returns the sequences in a store.
func files(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".safetensors") {
			return err
		}
		out[d.Name()], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func same(t testing.TB, got, want map[string][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d files instead of %d", len(got), len(want))
	}
	for name := range want {
		if !bytes.Equal(got[name], want[name]) {
			t.Errorf("%s differs", name)
		}
	}
}

// The store of a fleet is that of one machine, byte for byte. Submitted again, nothing is
// processed.
func TestFleet(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	videos := filepath.Join(t.TempDir(), "videos")
	render(t, videos, 6)
	if r := s.submit(videos); r.Submitted != 6 {
		t.Fatalf("%+v", r)
	}
	a, b := s.work(t.Context(), s.worker("a")), s.work(t.Context(), s.worker("b"))
	if st := s.finish(); st.Finished != 6 || st.Failed != 0 {
		t.Errorf("%+v", st)
	}
	for _, ended := range []<-chan error{a, b} {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	same(t, files(t, s.store.Dir()), expect(t, videos))
	if r := s.submit(videos); r.Present != 6 {
		t.Errorf("%+v", r)
	}
	if names, err := filepath.Glob(filepath.Join(s.options.Dir, tempFolder, "*", "*")); err != nil || len(names) > 0 {
		t.Errorf("temporary files are left: %q, %v", names, err)
	}
}

// A worker that ends returns its video, and a coordinator that is restarted continues.
func TestRestarts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	videos := filepath.Join(t.TempDir(), "videos")
	render(t, videos, 4)
	s.submit(videos)
	ctx, cancel := context.WithCancel(t.Context())
	ended := s.work(ctx, s.worker("a"))
	time.Sleep(200 * time.Millisecond)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	s.stop()
	if r, err := Work(t.Context(), s.client, s.worker("b")); err == nil {
		t.Errorf("worked without a coordinator: %+v", r)
	}
	s.start()
	defer s.stop()
	ended = s.work(t.Context(), s.worker("c"))
	s.finish()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	same(t, files(t, s.store.Dir()), expect(t, videos))
}

// Units that the queue lost are published again.
func TestLostQueue(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	videos := filepath.Join(t.TempDir(), "videos")
	render(t, videos, 3)
	s.submit(videos)
	q, err := s.client.queue(1, ackWait)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	if err := q.js.DeleteStream(t.Context(), q.name); err != nil {
		t.Fatal(err)
	}
	s.work(t.Context(), s.worker("a"))
	if st := s.finish(); st.Finished != 3 {
		t.Errorf("%+v", st)
	}
}

// Videos in a bucket are downloaded. One that changes after it was submitted fails.
func TestBucket(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	videos := filepath.Join(t.TempDir(), "videos")
	render(t, videos, 2)
	bucket := memblob.OpenBucket(nil)
	s.buckets.Add("mem://videos", bucket)
	for _, name := range []string{"clip0.mkv", "clip1.mkv"} {
		data, err := os.ReadFile(filepath.Join(videos, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := bucket.WriteAll(t.Context(), "a/b/"+name, data, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := bucket.WriteAll(t.Context(), "a/b/readme.txt", []byte("no video"), nil); err != nil {
		t.Fatal(err)
	}
	if r := s.submit("mem://videos/a"); r.Submitted != 2 {
		t.Fatalf("%+v", r)
	}
	if err := bucket.WriteAll(t.Context(), "a/b/clip1.mkv", []byte("changed"), nil); err != nil {
		t.Fatal(err)
	}
	s.work(t.Context(), s.worker("a"))
	st := s.finish()
	if st.Finished != 1 || st.Failed != 1 || !strings.Contains(st.Failures[0].Reason, ErrChanged.Error()) {
		t.Errorf("%+v", st)
	}
	p, err := s.store.Provenance("b/clip0.mkv")
	if err != nil || p.Source != "mem://videos/a/b/clip0.mkv" {
		t.Errorf("%+v, %v", p, err)
	}
}

// A video fails after three failures on two machines, with the reasons of both.
func TestBadVideo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	videos := filepath.Join(t.TempDir(), "videos")
	render(t, videos, 2)
	if err := os.WriteFile(filepath.Join(videos, "bad.mkv"), []byte("no video"), 0o666); err != nil {
		t.Fatal(err)
	}
	a, b := s.work(t.Context(), s.worker("a")), s.work(t.Context(), s.worker("b"))
	for len(s.workers()) < 2 {
		time.Sleep(10 * time.Millisecond)
	}
	s.submit(videos)
	st := s.finish()
	if st.Finished != 2 || st.Failed != 1 {
		t.Errorf("%+v", st)
	}
	reasons, err := s.store.Failures()
	if r := reasons["bad.mkv"]; err != nil || !strings.Contains(r, "a, b") && !strings.Contains(r, "b, a") {
		t.Errorf("%q, %v", reasons, err)
	}
	<-a
	<-b
}

func (s *site) workers() []WorkerStatus {
	st, err := s.client.Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return st.Workers
}

// A machine at which videos fail that others process is suspended until it is released.
func TestBadMachine(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	videos := filepath.Join(t.TempDir(), "videos")
	render(t, videos, 4)
	broken := newEncoder()
	broken.fail.Store(true)
	o := s.worker("broken")
	o.Encoder, o.pause = broken, time.Millisecond
	ended := s.work(t.Context(), o)
	s.submit(videos)
	for broken.calls.Load() < 4 {
		time.Sleep(10 * time.Millisecond)
	}
	s.work(t.Context(), s.worker("good"))
	if err := <-ended; err == nil || !strings.Contains(err.Error(), ErrSuspended.Error()) {
		t.Errorf("the broken machine ended with %v", err)
	}
	st := s.finish()
	if st.Finished != 4 || len(st.Suspended) != 1 || st.Suspended["broken"] == "" {
		t.Errorf("%+v", st)
	}
	broken.fail.Store(false)
	if _, err := Work(t.Context(), s.client, o); err == nil {
		t.Error("a suspended machine works")
	}
	if err := s.client.Release(t.Context(), "broken"); err != nil {
		t.Error(err)
	}
	o.Idle = time.Second
	if _, err := Work(t.Context(), s.client, o); err != nil {
		t.Error(err)
	}
}

// A worker that does not fit is rejected with the reason.
func TestRejected(t *testing.T) {
	s := newSite(t)
	for want, change := range map[string]func(*WorkerOptions){
		"clipcue version v2":   func(o *WorkerOptions) { o.Version = "v2" },
		"backbone clip-other":  func(o *WorkerOptions) { o.Encoder = &fake{print: "clip-other", size: 8} },
		"preprocessing":        func(o *WorkerOptions) { o.Encoder = &fake{print: "clip-fake", size: 16} },
		"decoder ffmpeg 0.0.1": func(o *WorkerOptions) { o.Decoder = "ffmpeg 0.0.1" },
	} {
		o := s.worker("a")
		change(&o)
		if _, err := Work(t.Context(), s.client, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not contain %q", err, want)
		}
	}
}

// Two videos with one ID are not mixed up, whoever submits them.
func TestSameID(t *testing.T) {
	s := newSite(t)
	dir := t.TempDir()
	render(t, filepath.Join(dir, "a"), 2)
	render(t, filepath.Join(dir, "b"), 1)
	if err := os.Rename(filepath.Join(dir, "a", "clip1.mkv"), filepath.Join(dir, "b", "clip0.mkv")); err != nil {
		t.Fatal(err)
	}
	s.submit(filepath.Join(dir, "a"))
	if r := s.submit(filepath.Join(dir, "b")); len(r.Refused) != 1 || !strings.Contains(r.Refused[0], filepath.Join(dir, "a", "clip0.mkv")) {
		t.Errorf("%+v", r)
	}
}

// A broker that cannot be used is one clear error.
func TestBrokerErrors(t *testing.T) {
	if _, err := StartBroker(t.Context(), BrokerOptions{Address: "0.0.0.0:0", Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "no token") {
		t.Errorf("a broker that is open to all: %v", err)
	}
	b, err := StartBroker(t.Context(), BrokerOptions{Address: "127.0.0.1:0", Dir: t.TempDir(), Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, c := range []struct {
		o    ClientOptions
		want string
	}{
		{ClientOptions{Address: "nats://" + b.Address(), Token: "wrong"}, "refused the credentials"},
		{ClientOptions{Address: "nats://127.0.0.1:1"}, "cannot reach the broker at nats://127.0.0.1:1"},
		{ClientOptions{Address: "nats://user:password@127.0.0.1:1"}, "at nats://127.0.0.1:1"},
		{ClientOptions{Address: "nats://" + b.Address(), Fleet: "a.b"}, "name of a fleet"},
	} {
		if _, err := Connect(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v does not contain %q", err, c.want)
		}
	}
	c, err := Connect(ClientOptions{Address: "nats://" + b.Address(), Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Status(t.Context()); err == nil || !strings.Contains(err.Error(), ErrNoCoordinator.Error()) {
		t.Errorf("without a coordinator: %v", err)
	}
}

// A bucket that is missing is one clear error.
func TestMissingBucket(t *testing.T) {
	s := newSite(t)
	for _, address := range []string{"file:///no/such", "nosuch://bucket/a"} {
		if _, err := Submit(t.Context(), s.client, new(Buckets), []string{address}, nil); err == nil {
			t.Errorf("submitted %s", address)
		}
	}
}

// Two submitters of the same videos at the same time submit each video once.
func TestTwoSubmitters(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	videos := filepath.Join(t.TempDir(), "videos")
	render(t, videos, 5)
	reports := make(chan SubmitReport, 4)
	for range cap(reports) {
		go func() {
			r, err := Submit(t.Context(), s.client, s.buckets, []string{videos}, nil)
			if err != nil {
				t.Error(err)
			}
			reports <- r
		}()
	}
	submitted := 0
	for range cap(reports) {
		r := <-reports
		if submitted += r.Submitted; r.Submitted+r.Known != 5 || len(r.Refused) > 0 {
			t.Errorf("%+v", r)
		}
	}
	s.work(t.Context(), s.worker("a"))
	if st := s.finish(); submitted != 5 || st.Finished != 5 || st.Failed != 0 {
		t.Errorf("%d submitted, %+v", submitted, st)
	}
	same(t, files(t, s.store.Dir()), expect(t, videos))
}

// A worker whose clock is an hour off is rejected when it says hello.
func TestWrongClock(t *testing.T) {
	s := newSite(t)
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		err := s.client.ask(t.Context(), "hello", Machine{"id", "a", s.options.Recipe, time.Now().Add(off)}, nil)
		if !errors.Is(err, ErrRejected) || !strings.Contains(err.Error(), "clock") {
			t.Errorf("a clock that is %v off: %v", off, err)
		}
	}
}

func TestManifest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "videos.csv")
	if err := os.WriteFile(path, []byte("label,path\nx,a.mp4\ny,s3://b/c.mp4\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadManifest(path); err != nil || !slices.Equal(got, []string{"a.mp4", "s3://b/c.mp4"}) {
		t.Errorf("%q, %v", got, err)
	}
}
