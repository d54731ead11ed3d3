// Command serve measures the server with a large library: how long searches take while many
// people search, and how long it takes from a mark to the next suggestions. Run it with:
// go run ./bench/serve. It makes its library once, and needs ffmpeg for that.
//
// The library has copies of one rendered video with random embeddings, and a random model
// whose text tower is as large as that of ViT-B/16. What is found means nothing. To use the
// library otherwise:
//
//	clipcue serve --library DIR/library
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"time"

	"github.com/clipcue/clipcue/bench/archive"
	"github.com/clipcue/clipcue/client"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/server"
	"github.com/clipcue/clipcue/internal/server/access"
	"github.com/clipcue/clipcue/task/retrieval"
)

// options are the settings of a measurement.
type options struct {
	dir       string
	moments   int
	searchers int
	duration  time.Duration
	pause     time.Duration
	marks     int
	json      string
	profile   string
}

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", "", "folder of the library (default: one for each number of moments)")
	flag.IntVar(&o.moments, "moments", 100_000, "number of moments")
	flag.IntVar(&o.searchers, "searchers", 50, "number of people who search at the same time")
	flag.DurationVar(&o.duration, "duration", time.Minute, "how long they search")
	flag.DurationVar(&o.pause, "pause", time.Second, "mean time between an answer and the next search of a person")
	flag.IntVar(&o.marks, "marks", 100, "number of marks")
	flag.StringVar(&o.json, "json", "", "file for the results")
	flag.StringVar(&o.profile, "cpuprofile", "", "file for a CPU profile")
	flag.Parse()
	if o.dir == "" {
		o.dir = filepath.Join(os.TempDir(), fmt.Sprintf("clipcue-serve-%d", o.moments))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	a, err := archive.Open(ctx, o.dir, o.moments)
	if err != nil {
		return err
	}
	c, closeServer, err := serve(ctx, a)
	if err != nil {
		return err
	}
	defer closeServer()
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	var all []result
	if o.marks > 0 {
		if all, err = mark(ctx, c, o.marks); err != nil {
			return err
		}
	}
	if o.searchers > 0 {
		found, err := search(ctx, c, o)
		if err != nil {
			return err
		}
		all = append(all, found...)
	}
	for _, r := range all {
		fmt.Println(r)
	}
	if o.json == "" {
		return nil
	}
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, append(data, '\n'), 0o666)
}

// serve serves the library of a in this process.
func serve(ctx context.Context, a *archive.Archive) (*client.Client, func(), error) {
	guard, err := access.New(access.Options{})
	if err != nil {
		return nil, nil, err
	}
	s, err := server.New(ctx, server.Options{Library: a.Library, Encoder: a.Model, Embedder: retrieval.Baseline(a.Model),
		Guard: guard, Jobs: filepath.Join(a.Dir, "jobs"), Version: "bench"})
	if err != nil {
		return nil, nil, err
	}
	listener, err := guard.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	h := guard.Server(s)
	go func() {
		defer crash.Recover()
		_ = h.Serve(listener) // until it is closed
	}()
	c, err := client.New("http://"+listener.Addr().String(), "")
	if err == nil {
		c.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}
	}
	return c, func() {
		_ = h.Close()
		s.Close()
	}, err
}
