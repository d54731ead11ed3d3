package feature

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipcue/clipcue/internal/ffmpeg"
	"github.com/clipcue/clipcue/video"
)

// standIn is an environment variable that makes the test binary a faulty ffmpeg or ffprobe.
// Its value is a folder for the output of the real ones.
const standIn = "CLIPCUE_TEST_STAND_IN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(standIn); dir != "" {
		os.Exit(stand(dir, filepath.Base(os.Args[0]), os.Args[1:]))
	}
	os.Exit(m.Run())
}

// faults are the faults of the fake ffmpeg, by the end of the video's name. All except "none"
// and "noise" make a video fail.
var faults = map[string][]string{
	"none": {"none"},
	// It goes on, and ends well.
	"noise": {"slow", "noise", "long line"},
	"hang":  {"hang at once", "hang half way", "hang at the end", "hang with a child"},
	"die":   {"die at once", "die half way", "die at the end", "be killed", "die with a message"},
	"flood": {"flood stderr", "flood stdout", "flood with a line"},
	"cut":   {"cut stdout", "cut stderr"},
	"lie":   {"more pixels", "less stamps", "huge frame", "no shape", "words", "empty", "braces", "numbers"},
}

// stand is the fake program: it writes the real one's output for the same arguments, with the
// fault in the video's name.
func stand(dir, name string, args []string) int {
	at := slices.Index(args, "-i")
	if at < 0 {
		return real(name, args, os.Stdout, os.Stderr)
	}
	path := strings.TrimPrefix(args[at+1], "file:")
	out, log, code := honest(dir, name, args, at+1, path)

	h := fnv.New64a()
	h.Write([]byte(os.Getenv(standIn+"_SEED") + filepath.Base(path)))
	rng := rand.New(rand.NewPCG(h.Sum64(), 7))
	kind := strings.TrimSuffix(path[strings.LastIndexByte(path, '-')+1:], filepath.Ext(path))
	if _, known := faults[kind]; !known {
		kind = "none"
	}
	fault := faults[kind][rng.IntN(len(faults[kind]))]
	// Some faults are ffmpeg's alone; others befall the one or the other.
	if probe := rng.IntN(3) == 0; kind != "cut" && kind != "noise" && probe != (name == "ffprobe") && !slices.Contains([]string{"more pixels", "less stamps", "huge frame", "no shape"}, fault) ||
		name == "ffprobe" && slices.Contains([]string{"more pixels", "less stamps", "huge frame", "no shape"}, fault) {
		fault = "none"
	}
	give := func(out, log []byte) {
		done := make(chan bool)
		go func() {
			os.Stderr.Write(log)
			close(done)
		}()
		os.Stdout.Write(out)
		<-done
	}
	replace := func(from, to string) []byte { return bytes.ReplaceAll(log, []byte(from), []byte(to)) }
	line := []byte(strings.Repeat("a word ", 600) + "\n")
	ever := time.Hour
	switch fault {
	case "none":
		give(out, log)
	case "slow":
		give(out[:len(out)/2], log[:len(log)/2])
		time.Sleep(50 * time.Millisecond)
		give(out[len(out)/2:], log[len(log)/2:])
	case "noise", "long line":
		if fault == "long line" {
			line = bytes.ReplaceAll(line, []byte("\n"), nil)
		}
		for range 1000 {
			os.Stderr.Write(line)
		}
		give(out, append([]byte("\n"), log...))
	case "hang at once":
		time.Sleep(ever)
	case "hang half way":
		give(out[:len(out)/2], log[:len(log)/2])
		time.Sleep(ever)
	case "hang at the end":
		give(out, log)
		time.Sleep(ever)
	case "hang with a child":
		c := exec.Command("sleep", "3600")
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		_ = c.Start()
		time.Sleep(ever)
	case "die at once":
		return 1
	case "die half way":
		give(out[:len(out)/2], log[:len(log)/2])
		return 134
	case "die at the end":
		give(out, log)
		return 1
	case "be killed":
		give(out[:len(out)/3], log)
		self, _ := os.FindProcess(os.Getpid())
		_ = self.Kill()
		time.Sleep(ever)
	case "die with a message":
		give(nil, []byte("[error] the dog ate it\nand more\n"))
		return 69
	case "flood stderr":
		for {
			os.Stderr.Write(line)
		}
	case "flood stdout":
		give(out, log)
		for {
			os.Stdout.Write(line)
		}
	case "flood with a line":
		for {
			os.Stderr.Write(line[:len(line)-1])
		}
	case "cut stdout":
		give(out[:rng.IntN(len(out)-1)], log)
	case "cut stderr":
		if name == "ffprobe" {
			give(out[:len(out)/2], nil)
		} else {
			give(out, log[:rng.IntN(len(log)/2)])
		}
	case "more pixels":
		give(append(out, out[:1+rng.IntN(len(out)-1)]...), log)
	case "less stamps":
		lines := slices.Collect(bytes.Lines(log))
		give(out, bytes.Join(slices.DeleteFunc(lines, func(b []byte) bool { return bytes.Contains(b, []byte(" n:   3 ")) }), nil))
	case "huge frame":
		give(out, replace(" s:64x48", " s:2000000x2000000"))
	case "no shape":
		give(out, replace(" s:64x48", fmt.Sprintf(" s:%dx48", rng.IntN(64))))
	case "words":
		give(line, line)
	case "empty":
	case "braces":
		give([]byte(`{"streams": [{}], "format": {}}`), nil)
	case "numbers":
		give(append([]byte(`{"streams": [{"codec_type": "video", "width": 1e99`), out...), []byte("[Parsed_showinfo_0 @ 0x1] [info] n:   0 pts:9999999999999999999999 s:-1x9\n"))
	}
	return code
}

// honest returns the output of the real program, which it keeps for files with the same
// content.
func honest(dir, name string, args []string, at int, path string) (out, log []byte, code int) {
	content, _ := os.ReadFile(path)
	same := slices.Clone(args)
	same[at] = fmt.Sprintf("%x", sha256.Sum256(content))
	key := sha256.Sum256([]byte(name + "\x00" + strings.Join(same, "\x00")))
	record := filepath.Join(dir, hex.EncodeToString(key[:]))
	if out, err := os.ReadFile(record + ".out"); err == nil {
		log, _ := os.ReadFile(record + ".log")
		return out, log, 0
	}
	var stdout, stderr bytes.Buffer
	if code = real(name, args, &stdout, &stderr); code == 0 {
		for suffix, b := range map[string]*bytes.Buffer{".log": &stderr, ".out": &stdout} {
			temp := fmt.Sprintf("%s.%d", record, os.Getpid())
			if os.WriteFile(temp, b.Bytes(), 0o666) == nil {
				_ = os.Rename(temp, record+suffix)
			}
		}
	}
	return stdout.Bytes(), stderr.Bytes(), code
}

func real(name string, args []string, out, log io.Writer) int {
	c := exec.Command(os.Getenv(standIn+"_"+name), args...)
	c.Stdout, c.Stderr = out, log
	if err := c.Run(); err != nil {
		return 1
	}
	return 0
}

// useStandIn replaces ffmpeg by the fake one.
func useStandIn(t *testing.T, seed int) (dir string) {
	dir = t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ffmpeg", "ffprobe"} {
		c, err := ffmpeg.Command(t.Context(), name)
		if err != nil {
			t.Skip(err)
		}
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
		t.Setenv(standIn+"_"+name, c.Path)
		t.Setenv("CLIPCUE_"+strings.ToUpper(name), filepath.Join(dir, name))
	}
	t.Setenv(standIn, dir)
	t.Setenv(standIn+"_SEED", fmt.Sprint(seed))
	return dir
}

// processes returns the number of processes with the fake's folder in their environment.
func processes(dir string) (n int) {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range all {
		if env, err := os.ReadFile(path); err == nil && bytes.Contains(env, []byte(standIn+"="+dir)) && !strings.HasPrefix(path, fmt.Sprintf("/proc/%d/", os.Getpid())) {
			n++
		}
	}
	return n
}

// If ffmpeg hangs, crashes, floods, truncates or reports wrong values for a video, only that
// video fails.
func TestExtractWithAnFFmpegThatCannotBeTrusted(t *testing.T) {
	n := 100
	if os.Getenv("CLIPCUE_SLOW") != "" {
		n = 1000
	}
	const seed = 5
	made := []string{"one", "two", "same size"}
	contents := map[string]string{}
	for _, c := range made {
		contents["honest "+c+".mp4"] = c
	}
	dir, sources := folder(t, contents)
	standDir := useStandIn(t, seed)

	// What is right, and is on record from now on.
	right := map[string]*Sequence{}
	if _, err := ExtractFunc(t.Context(), newFake(), sources, Options{}, func(q *Sequence) error {
		kept := *q
		kept.Features = slices.Clone(q.Features)
		right[strings.TrimSuffix(strings.TrimPrefix(q.ID, "honest "), ".mp4")] = &kept
		return nil
	}); err != nil || len(right) != len(made) {
		t.Fatalf("%d honest videos, error %v", len(right), err)
	}

	rng := rand.New(rand.NewPCG(seed, 0))
	kinds := []string{"none", "none", "none", "noise", "die", "die", "cut", "cut", "lie", "lie", "lie", "hang", "flood"}
	sources = sources[:0]
	contentOf := map[string]string{}
	for i := range n {
		kind := kinds[rng.IntN(len(kinds))]
		// Those that take until the timeout are few.
		if (kind == "hang" || kind == "flood") && i%3 != 0 {
			kind = "none"
		}
		id := fmt.Sprintf("%04d-%s.mp4", i, kind)
		contentOf[id] = made[rng.IntN(len(made))]
		path := filepath.Join(dir, "all", id)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(filepath.Join(dir, "honest "+contentOf[id]+".mp4"), path); err != nil {
			t.Fatal(err)
		}
		sources = append(sources, video.Source{Path: path, ID: id})
	}

	goroutines := runtime.NumGoroutine()
	var peak atomic.Uint64
	watched, stop := context.WithCancel(t.Context())
	go func() {
		for watched.Err() == nil {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapInuse))
			time.Sleep(20 * time.Millisecond)
		}
	}()
	s := create(t)
	began := time.Now()
	r, err := Extract(t.Context(), newFake(), sources, s, Options{Decoders: 12, Timeout: 5 * time.Second})
	stop()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v; peak %d MB, %v", r, peak.Load()>>20, time.Since(began))
	checkReport(t, s, r)
	if r.Videos != n || r.Remaining != 0 || r.Skipped != 0 {
		t.Errorf("%+v", r)
	}
	// ffprobe may say up to 16 MiB before it is stopped, to each of 12 decoders.
	if peak.Load() > 256<<20 {
		t.Errorf("the heap grew to %d MB", peak.Load()>>20)
	}

	reasons := map[string]string{}
	for _, f := range r.Failed {
		reasons[f.ID] = f.Reason
		if strings.ContainsAny(f.Reason, "\n\r") || len(f.Reason) > 400 || f.Reason == "" {
			t.Errorf("%s: reason %q", f.ID, f.Reason)
		}
	}
	stored := 0
	var honest []video.Source
	for _, source := range sources {
		reason, failed := reasons[source.ID]
		q, err := s.Get(source.ID)
		kind := strings.TrimSuffix(source.ID[5:], ".mp4")
		well := kind == "none" || kind == "noise"
		if well {
			honest = append(honest, source)
		}
		switch {
		case failed == (err == nil) || err != nil && !errors.Is(err, ErrNotStored):
			t.Errorf("%s: failed with %q, and in the store: %v", source.ID, reason, err)
		case failed && well:
			if !strings.Contains(reason, "no progress") { // a busy machine may need longer
				t.Errorf("%s failed: %s", source.ID, reason)
			}
		case failed:
		case !well:
			t.Errorf("%s was stored", source.ID)
			fallthrough
		default:
			stored++
			want := right[contentOf[source.ID]]
			if !slices.Equal(q.Timestamps, want.Timestamps) || !slices.Equal(q.Features, want.Features) {
				t.Errorf("%s was stored wrong", source.ID)
			}
		}
	}
	if stored != r.Done || stored+len(reasons) != n {
		t.Errorf("%d are stored and %d failed of %d; the report says %d", stored, len(reasons), n, r.Done)
	}

	// The honest ones have to be there at last, and at once if the machine is not busy.
	r, err = Extract(t.Context(), newFake(), honest, s, Options{})
	if err != nil || len(r.Failed) > 0 || r.Done+r.Skipped != len(honest) {
		t.Errorf("with time, %+v, error %v", r, err)
	}
	for _, source := range honest {
		want := right[contentOf[source.ID]]
		if q, err := s.Get(source.ID); err != nil || !slices.Equal(q.Timestamps, want.Timestamps) || !slices.Equal(q.Features, want.Features) {
			t.Errorf("%s is stored wrong, error %v", source.ID, err)
		}
	}

	for until := time.Now().Add(10 * time.Second); processes(standDir) > 0 || runtime.NumGoroutine() > goroutines+3; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(until) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("left behind: %d processes, and %d goroutines instead of %d\n%s", processes(standDir), runtime.NumGoroutine(), goroutines,
				stacks[:runtime.Stack(stacks, true)])
		}
	}
}
