package fleet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/shirou/gopsutil/v4/process"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/ffmpeg"
	"github.com/clipcue/clipcue/video"
)

// lyingFFmpeg hangs, or writes only the first frame without an error, once for each file in a
// folder. It ends with its worker, as systemd and containers see to it.
const lyingFFmpeg = `#!/bin/sh
case "$*" in
*rawvideo*)
	for f in "$CLIPCUE_TEST_LIES"/*; do
		if rm "$f" 2>/dev/null; then
			case "$f" in
			*hang) while kill -0 $PPID; do sleep 0.2; done; exit 1 ;;
			*lie) "$CLIPCUE_TEST_FFMPEG" "$@" >"$f.out"; head -c 3072 "$f.out"; rm "$f.out"; exit 0 ;;
			esac
		fi
	done ;;
esac
exec "$CLIPCUE_TEST_FFMPEG" "$@"
`

// clips is the number of videos, of which half are in a bucket.
const clips = 200

// realClips are real videos. One second of each is used.
var realClips = []string{"torchvision__R6llTwEh07w.mp4", "decord__flipping_a_pancake.mkv", "mmaction2__demo.mp4", "mmaction2__test.mp4",
	"video-llama__skateboarding_dog.mp4", "ask-anything__yoga.mp4", "ask-anything__hitting_baseball.mp4", "torchvision__WUzgd7C1pWA.mp4",
	"torchvision__SOX5yA1l24A.mp4", "torchvision__v_SoccerJuggling_g24_c01.avi", "torchvision__RATRACE_wave_f_nm_np1_fr_goo_37.avi"}

// storm is a fleet of processes to which faults happen.
type storm struct {
	*site
	random      *rand.Rand
	network     network
	nodes       []*part
	workers     []*part
	coordinator *part
	lies        string
	s3          *faultyS3
	queue       *queue

	background sync.WaitGroup
	oneNode    sync.Mutex // two nodes of three must run
}

// faults are the kinds of faults and how often each happens.
var faults = []struct {
	name  string
	count int
	cause func(*storm)
}{
	{"a worker is killed", 10, func(s *storm) { s.any(s.workers).kill(0) }},
	{"a worker sleeps", 6, func(s *storm) { s.pause(s.any(s.workers), 3*time.Second) }},
	{"a broker is killed", 4, func(s *storm) {
		s.node(func(p *part) { p.kill(time.Second); time.Sleep(3 * time.Second) })
	}},
	{"a broker sleeps", 3, func(s *storm) {
		s.node(func(p *part) {
			p.signal(syscall.SIGSTOP)
			time.Sleep(4 * time.Second)
			p.signal(syscall.SIGCONT)
			time.Sleep(2 * time.Second)
		})
	}},
	{"a broker is separated", 4, func(s *storm) {
		s.node(func(p *part) {
			s.network.part(p.name, true)
			time.Sleep(3 * time.Second)
			s.network.part(p.name, false)
			time.Sleep(2 * time.Second)
		})
	}},
	{"the coordinator is killed", 4, func(s *storm) { s.coordinator.kill(0) }},
	{"the coordinator sleeps", 1, func(s *storm) { s.pause(s.coordinator, 3*time.Second) }},
	{"ffmpeg hangs", 4, func(s *storm) { s.lie("hang") }},
	{"ffmpeg lies", 6, func(s *storm) { s.lie("lie") }},
	{"messages are repeated", 4, (*storm).repeat},
	{"messages are lost", 4, (*storm).lose},
}

// node does something to a broker in the background. Two of three must run.
func (s *storm) node(do func(*part)) {
	p := s.any(s.nodes)
	s.background.Go(func() {
		s.oneNode.Lock()
		defer s.oneNode.Unlock()
		do(p)
	})
}

func (s *storm) any(parts []*part) *part { return parts[s.random.IntN(len(parts))] }

// pause stops a process for some time.
func (s *storm) pause(p *part, d time.Duration) {
	s.background.Go(func() {
		p.signal(syscall.SIGSTOP)
		time.Sleep(d)
		p.signal(syscall.SIGCONT)
	})
}

// lie makes the next call of ffmpeg fail in a way.
func (s *storm) lie(how string) {
	f, err := os.CreateTemp(s.lies, "*"+how)
	if err != nil {
		s.t.Error(err)
		return
	}
	f.Close()
}

// messages calls do for each message of the queue.
func (s *storm) messages(do func(ctx context.Context, stream jetstream.Stream, m *jetstream.RawStreamMsg)) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	stream, err := s.queue.js.Stream(ctx, s.queue.name)
	if err != nil {
		return // no broker answers now
	}
	state := stream.CachedInfo().State
	for i := state.FirstSeq; i <= state.LastSeq && ctx.Err() == nil; i++ {
		if m, err := stream.GetMsg(ctx, i); err == nil {
			do(ctx, stream, m)
		}
	}
}

func (s *storm) repeat() {
	s.messages(func(ctx context.Context, _ jetstream.Stream, m *jetstream.RawStreamMsg) {
		if s.random.IntN(4) == 0 {
			_, _ = s.queue.js.Publish(ctx, m.Subject, m.Data)
		}
	})
}

func (s *storm) lose() {
	s.messages(func(ctx context.Context, stream jetstream.Stream, m *jetstream.RawStreamMsg) {
		if s.random.IntN(3) == 0 {
			_ = stream.DeleteMsg(ctx, m.Sequence)
		}
	})
}

// newStorm starts three brokers, a coordinator, a faulty S3 and three workers.
func newStorm(t *testing.T, dir string, seed uint64) *storm {
	t.Helper()
	decoder := needFFmpeg(t)
	s := &storm{random: rand.New(rand.NewPCG(seed, 0)), lies: filepath.Join(dir, "lies")}
	ffmpegProgram, err := ffmpeg.Command(t.Context(), "ffmpeg")
	if err != nil {
		t.Fatal(err)
	}
	wrapper := filepath.Join(dir, "ffmpeg")
	for _, err := range []error{os.Mkdir(s.lies, 0o777), os.WriteFile(wrapper, []byte(lyingFFmpeg), 0o777)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	mark := "CLIPCUE_TEST_LIES=" + s.lies
	settings, _ := clusterNodes(t)
	var brokers string
	s.network, brokers = newNetwork(t, settings)
	for _, n := range settings {
		s.nodes = append(s.nodes, newPart(t, "node", n.Name, n, dir, mark))
	}
	client := connectSoon(t, brokers)
	awaitReplicas(t, client)
	stale := s3mem.New()
	if err := stale.CreateBucket("videos"); err != nil {
		t.Fatal(err)
	}
	remote, err := os.ReadDir(filepath.Join(dir, "remote"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range remote {
		if _, err := stale.PutObject("videos", "in/"+e.Name(), map[string]string{}, strings.NewReader("an older version"), 16, nil); err != nil {
			t.Fatal(err)
		}
	}
	address := newS3(t, func(h http.Handler) http.Handler {
		s.s3 = &faultyS3{fresh: h, stale: gofakes3.New(stale).Server(), random: rand.New(rand.NewPCG(seed, 1))}
		return s.s3
	})
	s.site = &site{t: t, client: client, buckets: new(Buckets)}
	t.Cleanup(s.buckets.Close)
	recipe, err := NewRecipe(newEncoder(), feature.Options{Timeout: 10 * time.Second}, "v1", decoder, "")
	if err != nil {
		t.Fatal(err)
	}
	if s.store, err = feature.Create(filepath.Join(dir, "store")); err != nil {
		t.Fatal(err)
	}
	s.options = CoordinatorOptions{Dir: filepath.Join(dir, "state"), Results: address}
	s.coordinator = newPart(t, "coordinator", "coordinator", coordinatorSettings{brokers, s.store.Dir(), s.options.Dir, address, recipe, 3}, dir, mark)
	s.awaitCoordinator()
	if s.queue, err = client.queue(3, ackWait); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		name := fmt.Sprintf("w%d", i)
		temp := filepath.Join(dir, "temp-"+name)
		if err := os.Mkdir(temp, 0o777); err != nil {
			t.Fatal(err)
		}
		s.workers = append(s.workers, newPart(t, "worker", name, workerSettings{brokers, name, decoder, temp, 500 * time.Millisecond}, dir,
			mark, "CLIPCUE_FFMPEG="+wrapper, "CLIPCUE_TEST_FFMPEG="+ffmpegProgram.Path))
	}
	return s
}

func (s *storm) awaitCoordinator() {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); !s.client.answers(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatal("the coordinator does not answer")
		}
	}
}

// connectSoon connects to brokers that are starting.
func connectSoon(t testing.TB, brokers string) *Client {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		c, err := Connect(ClientOptions{Address: brokers})
		if err == nil {
			t.Cleanup(c.Close)
			return c
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// rage causes all faults in a random order.
func (s *storm) rage() {
	var order []int
	for i, f := range faults {
		for range f.count {
			order = append(order, i)
		}
	}
	s.random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	for _, i := range order {
		s.t.Logf("%s: %s", time.Now().Format("05.0"), faults[i].name)
		faults[i].cause(s)
		time.Sleep(time.Duration(500+s.random.IntN(500)) * time.Millisecond)
	}
	s.background.Wait()
}

// settle waits until no video is waiting. Videos that failed are submitted again.
func (s *storm) settle(total int, submit func()) {
	s.t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		st, err := s.client.Status(s.t.Context())
		if err != nil || st.Waiting > 0 {
			continue
		}
		if st.Finished+st.Failed != total {
			s.t.Fatalf("totals do not add up: %+v", st)
		}
		if st.Failed == 0 {
			return
		}
		s.t.Logf("submitting again: %+v", st.Failures)
		submit()
	}
	st, err := s.client.Status(s.t.Context())
	s.t.Fatalf("the fleet does not finish: %+v, %v", st, err)
}

// expectBoth returns the store that one machine makes of local videos and those in a bucket.
func expectBoth(t *testing.T, s *storm, local, remote, address string) map[string][]byte {
	t.Helper()
	bucket, err := s.buckets.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	want, err := feature.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{local, remote} {
		found, err := video.Discover([]string{dir})
		if err != nil {
			t.Fatal(err)
		}
		_, err = feature.ExtractFunc(t.Context(), newEncoder(), found.Videos, feature.Options{}, func(q *feature.Sequence) error {
			if dir == remote {
				a, err := bucket.Attributes(t.Context(), "in/"+q.ID)
				if err != nil {
					return err
				}
				q.Provenance.Source, q.Provenance.Modified = "s3://videos/in/"+q.ID, a.ModTime.UTC()
			}
			return want.Put(q)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files(t, want.Dir())
}

// makeClips makes half of the clips in each folder: rendered ones, some of which are divided,
// and seconds of real ones.
func makeClips(t *testing.T, local, remote string) {
	t.Helper()
	for i := range 4 {
		renderLong(t, filepath.Join(local, fmt.Sprintf("long%d.mp4", i)), "-metadata", fmt.Sprintf("title=%d", i))
	}
	n := 4
	t.Run("real clips", func(t *testing.T) {
		folder := os.Getenv("CLIPCUE_VIDEOS")
		if folder == "" {
			folder = filepath.Join("..", "..", "..", "shared", "videos")
		}
		if _, err := os.Stat(folder); err != nil {
			t.Skip("no real clips: set CLIPCUE_VIDEOS to their folder")
		}
		for _, name := range realClips {
			c, err := ffmpeg.Command(t.Context(), "ffmpeg", "-v", "error", "-i", filepath.Join(folder, name), "-t", "1", "-an", "-c", "copy", filepath.Join(local, name))
			if err != nil {
				t.Fatal(err)
			}
			if out, err := c.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			n++
		}
	})
	render(t, local, clips-n)
	if err := os.Mkdir(remote, 0o777); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(local)
	if err != nil || len(entries) != clips {
		t.Fatalf("%d clips, %v", len(entries), err)
	}
	for i, e := range entries {
		if i%2 == 0 {
			if err := os.Rename(filepath.Join(local, e.Name()), filepath.Join(remote, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// The store of a fleet whose brokers, workers, coordinator, storage and decoders fail is
// that of one machine without faults, byte for byte. No process or temporary file is left.
func TestFaults(t *testing.T) {
	if os.Getenv("CLIPCUE_SLOW") == "" {
		t.Skip("CLIPCUE_SLOW is not set: a fleet with faults takes minutes")
	}
	dir := t.TempDir()
	local, remote := filepath.Join(dir, "local"), filepath.Join(dir, "remote")
	makeClips(t, local, remote)
	s := newStorm(t, dir, 1)
	address := s.options.Results
	upload(t, s.buckets, address, "in", remote)
	submit := func() { s.s3.on.Store(false); s.submit(local, below(address, "in")); s.s3.on.Store(true) }
	want := expectBoth(t, s, local, remote, address)
	submit()
	began := time.Now()
	s.rage()
	t.Logf("faults took %v", time.Since(began))
	s.settle(clips, submit)
	t.Logf("all took %v; S3 answered %d with 503, truncated %d, stale %d", time.Since(began), s.s3.counts[0].Load(), s.s3.counts[1].Load(), s.s3.counts[2].Load())
	s.s3.on.Store(false)
	same(t, files(t, s.store.Dir()), want)
	s.leavesNothing(dir, address)
}

// leavesNothing ends the fleet and reports what it left.
func (s *storm) leavesNothing(dir, address string) {
	for _, w := range s.workers {
		w.end()
	}
	s.coordinator.end()
	s.coordinator.start() // removes results that no worker reported
	s.awaitCoordinator()
	time.Sleep(time.Second)
	bucket, err := s.buckets.Open(s.t.Context(), address)
	if err != nil {
		s.t.Fatal(err)
	}
	for o, err := range objects(s.t.Context(), bucket, resultsFolder) {
		s.t.Errorf("a result is left: %v, %v", o, err)
	}
	s.coordinator.end()
	for _, n := range s.nodes {
		n.end()
	}
	for _, pattern := range []string{filepath.Join(dir, "temp-*", tempFolder, "*"), filepath.Join(s.options.Dir, tempFolder, "*"), filepath.Join(s.options.Dir, spansFolder, "*")} {
		if left, err := filepath.Glob(pattern); err != nil || len(left) > 0 {
			s.t.Errorf("temporary files are left: %q, %v", left, err)
		}
	}
	all, err := process.Processes()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, p := range all {
		env, _ := p.Environ() // of another user
		if strings.Contains(strings.Join(env, "\n"), "CLIPCUE_TEST_LIES="+s.lies) {
			line, _ := p.Cmdline()
			s.t.Errorf("a process is left: %s", line)
			_ = p.Kill()
		}
	}
}
