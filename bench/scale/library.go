package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/clipcue/clipcue/bench/archive"
	"github.com/clipcue/clipcue/bench/usage"
)

// searchOf searches vectors of width 512 in one process, as a server does, with the benchmarks of
// package vector.
func searchOf(vectors int) func(*runner) error {
	return func(r *runner) error {
		n := of(r, vectors, vectors/10)
		if r.small && vectors > 1e4 {
			return nil
		}
		program, err := r.once("vector.test", func(path string) error {
			_, err := usage.Run(exec.CommandContext(r.ctx, "go", "test", "-c", "-o", path, "./vector"))
			return err
		})
		if err != nil {
			return err
		}
		dir := filepath.Join(r.dir, fmt.Sprintf("vectors-%d", n))
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		benchmark := func(name string) (map[string]map[string]float64, usage.Usage, error) {
			c := exec.CommandContext(r.ctx, program, "-test.run", "^$", "-test.bench", name, "-test.benchtime", of(r, "200x", "5x"), "-test.v")
			c.Env = append(os.Environ(), fmt.Sprint("CLIPCUE_VECTORS=", n), "CLIPCUE_VECTORS_DIR="+dir)
			u, err := usage.Run(c)
			if err != nil {
				return nil, u, err
			}
			metrics, err := parseBenchmark(u.Output)
			return metrics, u, err
		}
		// The first run adds the vectors, the first with the graph builds it.
		if r.prepare {
			_, _, err := benchmark("Exact")
			return err
		}
		for _, name := range []string{"Exact", "Graph"} {
			m, u, err := benchmark(name)
			if err != nil {
				return err
			}
			found := m["Benchmark"+name+"/10"]
			more := map[string]float64{"opened": m[""]["opened in"], "built": m[""]["graph built in"], "index_bytes": size(dir)}
			if recall, ok := found["recall@10"]; ok {
				more["recall"] = recall
			}
			r.add(Point{Series: strings.ToLower(name), X: float64(n), Seconds: found["ms/query"] / 1000, Memory: u.Memory, More: more})
		}
		return nil
	}
}

// parseBenchmark returns the metrics of each benchmark, without its number of threads, and those
// that were logged, under the name "".
func parseBenchmark(out []byte) (map[string]map[string]float64, error) {
	all := map[string]map[string]float64{"": {}}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		for _, what := range []string{"opened in", "graph built in"} {
			if _, after, ok := strings.Cut(lines.Text(), what+" "); ok {
				v, err := strconv.ParseFloat(strings.TrimSuffix(after, " s"), 64)
				if err != nil {
					return nil, err
				}
				all[""][what] = v
			}
		}
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := fields[0]
		if i := strings.LastIndexByte(name, '-'); i > strings.LastIndexByte(name, '/')+2 {
			name = name[:i]
		}
		all[name] = map[string]float64{}
		for i := 2; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, err
			}
			all[name][fields[i+1]] = v
		}
	}
	return all, lines.Err()
}

// size returns the bytes of the files below a folder. A file with several names counts for each.
func size(dir string) (bytes float64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if i, err := e.Info(); err == nil {
				bytes += float64(i.Size())
			}
		}
		return nil
	})
	return bytes
}

// mostCompared is the number of moments up to which duplicates are searched: the time grows with
// its square.
const mostCompared = 3e5

// libraryOf measures commands with a library of random moments.
func libraryOf(moments int) func(*runner) error {
	return func(r *runner) error {
		n := of(r, moments, moments/10)
		if r.small && moments > 1e4 {
			return nil
		}
		dir := filepath.Join(r.dir, fmt.Sprintf("library-%d", n))
		if r.prepare {
			_, err := archive.Open(r.ctx, dir, n)
			return err
		}
		library := filepath.Join(dir, "library")
		info := map[string]float64{"vectors_bytes": size(filepath.Join(library, "vectors-1")), "thumbnails_bytes": size(filepath.Join(library, "thumbnails"))}
		database, err := os.Stat(filepath.Join(library, "library.db"))
		if err != nil {
			return err
		}
		info["database_bytes"] = float64(database.Size())
		if err := r.point("search", float64(n), func() (usage.Usage, error) {
			return r.program("search", "--library", library, "a red circle", "--json")
		}); err != nil {
			return err
		}
		if len(r.points) > 0 {
			r.points[len(r.points)-1].More = info
		}
		if err := r.point("index, nothing new", float64(n), func() (usage.Usage, error) { return r.program("index", "--library", library) }); err != nil {
			return err
		}
		if n > mostCompared {
			return nil
		}
		return r.point("duplicates", float64(n), func() (usage.Usage, error) { return r.program("duplicates", "--library", library, "--json") })
	}
}
