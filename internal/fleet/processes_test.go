package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/clipcue/clipcue/feature"
)

// Environment of a process of this test program that is a part of a fleet.
const (
	roleVariable     = "CLIPCUE_TEST_ROLE"
	settingsVariable = "CLIPCUE_TEST_SETTINGS"
)

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := roles[role]([]byte(os.Getenv(settingsVariable))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// roles are the parts of a fleet. Each ends when its standard input does.
var roles = map[string]func(settings []byte) error{"node": nodeMain, "worker": workerMain, "coordinator": coordinatorMain}

func nodeMain(settings []byte) error {
	var n node
	if err := json.Unmarshal(settings, &n); err != nil {
		return err
	}
	s, err := n.start()
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	s.Shutdown()
	return nil
}

func coordinatorMain(settings []byte) error {
	var o coordinatorSettings
	if err := json.Unmarshal(settings, &o); err != nil {
		return err
	}
	return restart(func(ctx context.Context) error { return coordinate(ctx, o) }, func(error) bool { return false })
}

// restart runs a service until the standard input ends, and again after an error, since other
// services may be starting and the cluster may have no leader. It returns an error that is final.
func restart(serve func(context.Context) error, final func(error) bool) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	for ctx.Err() == nil {
		err := serve(ctx)
		if final(err) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, err)
			sleep(ctx, time.Second)
		}
	}
	return nil
}

func coordinate(ctx context.Context, o coordinatorSettings) error {
	client, err := Connect(ClientOptions{Address: o.Broker})
	if err != nil {
		return err
	}
	defer client.Close()
	buckets := new(Buckets)
	defer buckets.Close()
	store, err := feature.Create(o.Store)
	if err != nil {
		return err
	}
	c, err := NewCoordinator(ctx, client, CoordinatorOptions{Recipe: o.Recipe, Store: store, Dir: o.Dir, Results: o.Results, Replicas: o.Replicas,
		Span: 5 * time.Second, Buckets: buckets, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), ackWait: 2 * time.Second, tick: 100 * time.Millisecond})
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Run(ctx, nil)
}

// workerSettings are the settings of a worker in a process of its own.
type workerSettings struct {
	Broker, Name, Decoder, Temp string
	Delay                       time.Duration // of each call of the encoder
}

func workerMain(settings []byte) error {
	var o workerSettings
	if err := json.Unmarshal(settings, &o); err != nil {
		return err
	}
	return restart(func(ctx context.Context) error { return work(ctx, o) }, final)
}

func work(ctx context.Context, o workerSettings) error {
	client, err := Connect(ClientOptions{Address: o.Broker})
	if err != nil {
		return err
	}
	defer client.Close()
	buckets := new(Buckets)
	defer buckets.Close()
	_, err = Work(ctx, client, WorkerOptions{Encoder: slow{newEncoder(), o.Delay}, Name: o.Name, Version: "v1", CPU: "generic",
		Decoder: o.Decoder, Temp: o.Temp, Buckets: buckets, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), pause: 100 * time.Millisecond})
	return err
}

// slow is an encoder that takes at least some time.
type slow struct {
	*fake
	delay time.Duration
}

func (s slow) EncodeImages(ctx context.Context, rgb []byte) ([]float32, error) {
	sleep(ctx, s.delay)
	return s.fake.EncodeImages(ctx, rgb)
}

// part is a part of a fleet in a process of its own.
type part struct {
	t    testing.TB
	name string
	cmd  func() *exec.Cmd

	mu      sync.Mutex
	process *exec.Cmd
	stdin   io.Closer
	ended   chan struct{}
	wanted  bool // its end
}

// newPart starts a part. One that ends by itself is an error, and is started again.
func newPart(t testing.TB, role, name string, settings any, logs string, env ...string) *part {
	t.Helper()
	data, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(logs, name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	p := &part{t: t, name: name, cmd: func() *exec.Cmd {
		c := exec.Command(self)
		c.Env = append(append(os.Environ(), env...), roleVariable+"="+role, settingsVariable+"="+string(data))
		c.Stderr = log
		return c
	}}
	p.start()
	t.Cleanup(p.end)
	return p
}

func (p *part) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cmd()
	stdin, err := c.StdinPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		p.t.Error(err)
		return
	}
	ended := make(chan struct{})
	p.process, p.stdin, p.ended, p.wanted = c, stdin, ended, false
	go func() {
		err := c.Wait()
		p.mu.Lock()
		wanted := p.wanted
		p.mu.Unlock()
		close(ended)
		if !wanted {
			p.t.Errorf("%s ended: %v", p.name, err)
			p.start()
		}
	}()
}

// end ends the process and waits for it.
func (p *part) end() {
	p.mu.Lock()
	p.wanted = true
	_ = p.stdin.Close()
	ended := p.ended
	p.mu.Unlock()
	<-ended
}

// signal sends a signal to the process.
func (p *part) signal(s os.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.process.Process.Signal(s)
}

// kill kills the process, and starts it again after some time.
func (p *part) kill(wait time.Duration) {
	p.mu.Lock()
	p.wanted = true
	_ = p.process.Process.Kill()
	ended := p.ended
	p.mu.Unlock()
	<-ended
	time.Sleep(wait)
	p.start()
}
