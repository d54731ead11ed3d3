//go:build linux

package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// No input of up to 64 MB may take more than this in any command.
const (
	memoryAllowed = 1 << 30
	timeAllowed   = time.Minute
)

// hostileInput is a file made to exhaust a program.
type hostileInput struct {
	name string
	// write writes the file, of at most size bytes unless it has holes.
	write func(w *hostileFile, size int)
	// commands read the file.
	commands func(path string) [][]string
}

// hostileFile is a file that is being written.
type hostileFile struct {
	*bufio.Writer
	file *os.File
}

// repeat writes unit up to size bytes.
func (f *hostileFile) repeat(unit string, size int) {
	for range size / len(unit) {
		f.WriteString(unit)
	}
}

// beside writes a file into the same folder.
func (f *hostileFile) beside(name string, data []byte) {
	if err := os.WriteFile(filepath.Join(filepath.Dir(f.file.Name()), name), data, 0o666); err != nil {
		panic(err)
	}
}

// hole extends the file by bytes that take no space on the disk.
func (f *hostileFile) hole(size int64) {
	f.Flush()
	at, _ := f.file.Seek(0, io.SeekCurrent)
	f.file.Truncate(at + size)
	f.file.Seek(0, io.SeekEnd)
}

// hostileInputs are the inputs of the test below. w has a feature store and videos.
// Files of a run lie beside the model of the run trained. Long lists of class names are
// not among them: encoding a name takes its time.
func hostileInputs(t *testing.T, w world, dir string) []hostileInput {
	trained := filepath.Join(dir, "trained")
	must(t, exitDone, w.train(trained)...)
	one := func(args ...string) func(string) [][]string {
		return func(path string) [][]string {
			c := slices.Clone(args)
			for i := range c {
				c[i] = strings.ReplaceAll(c[i], "FILE", path)
			}
			return [][]string{c}
		}
	}
	all := func(each ...func(string) [][]string) func(string) [][]string {
		return func(path string) (c [][]string) {
			for _, f := range each {
				c = append(c, f(path)...)
			}
			return c
		}
	}
	out := filepath.Join(dir, "out")
	data := all(
		one("train", "recognition", "--model", w.model, "--features", w.features, "--data", "FILE", "--out", out),
		one("train", "localization", "--model", w.model, "--features", w.features, "--data", "FILE", "--out", out),
		one("train", "retrieval", "--model", w.model, "--features", w.features, "--data", "FILE", "--out", out),
		one("pretrain", "--data", "FILE", "--out", out, "--steps", "1"))
	results := all(one("eval", "localization", "--results", "FILE", "--data", "FILE"), one("eval", "localization", "--results", "FILE", "--data", w.labels))
	classes := one("classify", "--classes", "FILE", filepath.Join(w.videos, "growing", "000.mp4"))
	image := all(one("embed", "FILE"), one("check", "FILE"), one("extract", "--out", out, "FILE"))
	weights := all(one("model", "info", "FILE"), one("embed", "--model", "FILE", "--text", "x"), one("classify", "--run", "FILE", w.videos), one("features", "info", "FILE"))
	folder := func(args ...string) func(string) [][]string {
		return func(path string) [][]string { return one(args...)(filepath.Dir(path)) }
	}
	arrays := folder("features", "import", "FILE", "--fps", "8", "--fingerprint", "clip-0", "--out", out)
	store := folder("features", "info", "FILE")
	run := all(folder("eval", "recognition", "--run", "FILE", "--features", w.features, "--data", w.labels), folder("train", "recognition", "--resume", "--model", w.model, "--features", w.features, "--data", w.labels, "--out", "FILE"))
	model := func(f *hostileFile) {
		for _, name := range []string{"best.safetensors", "last.safetensors"} {
			f.beside(name, read(t, trained, name))
		}
	}
	return []hostileInput{
		{"commas.csv", func(f *hostileFile, n int) { f.repeat(",", n) }, all(data, results, classes)},
		{"long-header.csv", func(f *hostileFile, n int) { f.WriteString("path,label,"); f.repeat("a,", n) }, data},
		{"quote.csv", func(f *hostileFile, n int) { f.WriteString(`path,label` + "\n\""); f.repeat("a\n", n) }, all(data, results)},
		{"newlines.csv", func(f *hostileFile, n int) { f.WriteString("path,label\n"); f.repeat("\n", n) }, data},
		{"rows.csv", func(f *hostileFile, n int) { f.WriteString("path,label\n"); f.repeat("a,b\n", n) }, all(data, classes)},
		{"one-line.txt", func(f *hostileFile, n int) { f.repeat("a", n) }, all(classes, data)},
		{"nested.json", func(f *hostileFile, n int) { f.repeat("[", n) }, all(data, results)},
		{"nested-objects.json", func(f *hostileFile, n int) { f.repeat(`{"results":`, n) }, all(data, results)},
		{"empty-videos.json", func(f *hostileFile, n int) {
			f.WriteString(`{"database":{`)
			for i := range n / 12 {
				fmt.Fprintf(f, `"%07x":{},`, i)
			}
			f.WriteString(`"x":{}}}`)
		}, all(data, results)},
		{"results.json", func(f *hostileFile, n int) {
			f.WriteString(`{"results":{"a":[{}`)
			f.repeat(",{}", n)
			f.WriteString("]}}")
		}, results},
		{"lines.jsonl", func(f *hostileFile, n int) { f.repeat("{}\n", n) }, data},
		{"sidecar/a.json", func(f *hostileFile, n int) {
			npyBeside(f, 1, 8)
			side, _ := os.Create(f.file.Name())
			defer side.Close()
			s := &hostileFile{bufio.NewWriter(side), side}
			s.WriteString(`{"timestamps":[0`)
			s.repeat(",0", n)
			s.WriteString("]}")
			s.Flush()
		}, arrays},
		{"sparse/a.npy", func(f *hostileFile, _ int) { npyHeader(f, 1<<30, 32); f.hole(1 << 37) }, arrays},
		{"short/a.npy", func(f *hostileFile, n int) { npyHeader(f, 1<<30, 32); f.repeat("0000", n) }, arrays},
		{"header.npy/a.npy", func(f *hostileFile, n int) {
			f.WriteString("\x93NUMPY\x02\x00")
			binary.Write(f, binary.LittleEndian, uint32(n))
			f.repeat(" ", n)
		}, arrays},
		{"failures/failures.jsonl", func(f *hostileFile, n int) { f.repeat("{}", n) }, store},
		{"failures-lines/failures.jsonl", func(f *hostileFile, n int) { f.repeat("{}\n", n) }, store},
		{"run/config.json", func(f *hostileFile, n int) { model(f); f.WriteString(`{"data":`); f.repeat("[", n) }, run},
		{"run-lists/config.json", func(f *hostileFile, n int) {
			model(f)
			f.WriteString(`{"data":{"test_classes":[""`)
			f.repeat(`,""`, n)
			f.WriteString("]}}")
		}, run},
		{"run-text/config.json", func(f *hostileFile, n int) { model(f); f.repeat("a", n) }, run},
		{"metrics/metrics.jsonl", func(f *hostileFile, n int) {
			model(f)
			f.beside("config.json", read(t, trained, "config.json"))
			f.repeat("a", n)
		}, run},
		{"metrics-lines/metrics.jsonl", func(f *hostileFile, n int) {
			model(f)
			f.beside("config.json", read(t, trained, "config.json"))
			f.repeat("{}\n", n)
		}, run},
		{"wide.png", func(f *hostileFile, _ int) { pngImage(f, 11585, 11585) }, image},
		{"widest.png", func(f *hostileFile, _ int) { pngImage(f, 1<<30, 1<<30) }, image},
		{"line.png", func(f *hostileFile, _ int) { pngImage(f, 1<<27, 1) }, image},
		{"frames.gif", func(f *hostileFile, n int) { gifAnimation(f, 8000, 8000, 500) }, image},
		{"wide.jpg", func(f *hostileFile, _ int) {
			f.WriteString("\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11\x00\x3f\x00")
		}, image},
		{"wide.bmp", func(f *hostileFile, n int) {
			f.WriteString("BM\xff\xff\xff\x7f\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00\x00\x40\x00\x00\x00\x40\x00\x00\x01\x00\x18\x00")
			f.repeat("\x00", 24)
			f.hole(int64(n))
		}, image},
		{"zeros.mp4", func(f *hostileFile, n int) { f.repeat("\x00", n) }, image},
		{"wide.y4m", func(f *hostileFile, n int) {
			f.WriteString("YUV4MPEG2 W65535 H65535 F25:1 C444\nFRAME\n")
			f.repeat("\x00", n)
		}, image},
		{"sparse.safetensors", func(f *hostileFile, _ int) {
			safetensorsHeader(f, `{"a":{"dtype":"F32","shape":[4294967296],"data_offsets":[0,17179869184]}}`)
			f.hole(1 << 34)
		}, weights},
		{"header.safetensors", func(f *hostileFile, n int) {
			safetensorsHeader(f, `{"__metadata__":{`+strings.Repeat(`"a":"b",`, n/8)+`"c":"d"}}`)
		}, weights},
		{"many.safetensors", func(f *hostileFile, n int) {
			var b bytes.Buffer
			for i := range n / 60 {
				fmt.Fprintf(&b, `"%07x":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},`, i)
			}
			safetensorsHeader(f, "{"+b.String()+`"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`)
		}, weights},
		{"nested.safetensors", func(f *hostileFile, n int) { safetensorsHeader(f, strings.Repeat(`{"a":`, n/5)) }, weights},
		{"claims.safetensors", func(f *hostileFile, n int) {
			binary.Write(f, binary.LittleEndian, uint64(1)<<40)
			f.hole(1 << 40)
		}, weights},
		{"bomb.pt", func(f *hostileFile, _ int) { zipped(f, 4<<30, "\x80\x02") }, weights},
		{"deep.pt", func(f *hostileFile, n int) {
			zipped(f, n, "\x80\x02"+strings.Repeat("(", n/2)+strings.Repeat("t", n/2)+".")
		}, weights},
		{"memo.pt", func(f *hostileFile, n int) { zipped(f, n, "\x80\x02]q\x00"+strings.Repeat("h\x00a", n/3)+".") }, weights},
		{"library/library.db", func(f *hostileFile, n int) { f.repeat("SQLite format 3\x00", n) }, all(folder("library", "info", "--library", "FILE"), folder("search", "--library", "FILE", "x"))},
	}
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestHostileInputs runs the program on files that claim much and hold little, or hold
// much of nothing. By default the files are small; CLIPCUE_SLOW makes them 64 MB.
func TestHostileInputs(t *testing.T) {
	w := newWorld(t)
	size, slow := 2<<20, os.Getenv("CLIPCUE_SLOW") != ""
	if slow {
		size = 64<<20 - 1<<10
	}
	dir := t.TempDir()
	for i, in := range hostileInputs(t, w, dir) {
		t.Run(in.name, func(t *testing.T) {
			if !slow && in.name == "frames.gif" {
				t.Skip("slow: set CLIPCUE_SLOW=1")
			}
			path := filepath.Join(dir, in.name)
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			b := &hostileFile{bufio.NewWriter(f), f}
			in.write(b, size)
			b.Flush()
			f.Close()
			commands := in.commands(path)
			if !slow { // one of them
				commands = commands[i%len(commands):][:1]
			}
			for _, args := range commands {
				checkCost(t, args)
			}
			os.RemoveAll(filepath.Join(dir, "out"))
			if in.name != filepath.Base(in.name) {
				path = filepath.Dir(path)
			}
			os.RemoveAll(path)
		})
	}
}

// checkCost runs a command line in a process of its own and checks its time and memory,
// and that it ended with an error of its own.
func checkCost(t *testing.T, args []string) {
	t.Helper()
	name := strings.Join(args, " ")
	ctx, cancel := context.WithTimeout(t.Context(), timeAllowed)
	defer cancel()
	c := program(ctx, t, append([]string{"-q", "--memory", "800MB"}, args...)...)
	report := filepath.Join(t.TempDir(), "memory")
	c.Env = append(c.Env, asMeasured+"="+report)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	began := time.Now()
	err := c.Run()
	if ctx.Err() != nil {
		t.Errorf("%s: stopped after %v", name, timeAllowed)
		return
	}
	if code := c.ProcessState.ExitCode(); !slices.Contains([]int{exitDone, exitFailed, exitPartial}, code) || strings.Contains(stderr.String(), "internal error") {
		t.Errorf("%s: %v: %.2000s", name, err, stderr.String())
	}
	text, _ := os.ReadFile(report)
	used, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		t.Errorf("%s: did not end properly: %.2000s", name, stderr.String())
	}
	if used > memoryAllowed {
		t.Errorf("%s: took %d MiB", name, used>>20)
	}
	if testing.Verbose() {
		t.Logf("%5d MiB %6.1f s  %s: %.300s", used>>20, time.Since(began).Seconds(), strings.ReplaceAll(name, t.TempDir(), ""), strings.TrimSpace(stderr.String()))
	}
}

// asMeasured names the file for the memory that the test binary took as clipcue.
const asMeasured = "CLIPCUE_TEST_MEASURED"

func init() {
	if report := os.Getenv(asMeasured); report != "" {
		measured(report)
	}
}

// measured runs the program and writes the most memory that it and a child of it had
// resident, in bytes. The counters of package syscall would include that of the test.
func measured(report string) {
	code := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)
	var own int64
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if n, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			own, _ = strconv.ParseInt(strings.Fields(n)[0], 10, 64)
		}
	}
	var children syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children)
	os.WriteFile(report, []byte(strconv.FormatInt(max(own, children.Maxrss)<<10, 10)), 0o666)
	os.Exit(code)
}

func npyHeader(w io.Writer, rows, width int) {
	head := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", rows, width)
	fmt.Fprintf(w, "\x93NUMPY\x01\x00\x76\x00%-117s\n", head)
}

// npyBeside writes an array beside the file that is being written.
func npyBeside(f *hostileFile, rows, width int) {
	var b bytes.Buffer
	npyHeader(&b, rows, width)
	b.Write(make([]byte, 4*rows*width))
	os.WriteFile(strings.TrimSuffix(f.file.Name(), ".json")+".npy", b.Bytes(), 0o666)
}

func safetensorsHeader(w io.Writer, head string) {
	binary.Write(w, binary.LittleEndian, uint64(len(head)))
	io.WriteString(w, head)
}

// pngImage writes an image of the given size, whose pixels are missing.
func pngImage(w io.Writer, width, height uint32) {
	chunk := func(kind string, data []byte) {
		binary.Write(w, binary.BigEndian, uint32(len(data)))
		b := append([]byte(kind), data...)
		w.Write(b)
		binary.Write(w, binary.BigEndian, crc32.ChecksumIEEE(b))
	}
	io.WriteString(w, "\x89PNG\r\n\x1a\n")
	chunk("IHDR", append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height), 8, 6, 0, 0, 0))
	chunk("IDAT", []byte("\x78\x9c\x63\x00\x00"))
	chunk("IEND", nil)
}

// gifAnimation writes an animation of large frames that are one color each.
func gifAnimation(w io.Writer, width, height uint16, frames int) {
	io.WriteString(w, "GIF89a")
	size := binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, width), height)
	w.Write(append(size, 0x80, 0, 0, 0, 0, 0, 255, 255, 255))
	for range frames {
		io.WriteString(w, "\x21\xf9\x04\x00\x0a\x00\x00\x00\x2c\x00\x00\x00\x00")
		w.Write(append(slices.Clone(size), 0, 2, 2, 0x4c, 0x01, 0))
	}
	io.WriteString(w, ";")
}

// zipped writes PyTorch's archive with a pickle that begins with head and continues with
// zeros up to size bytes.
func zipped(w io.Writer, size int, head string) {
	z := zip.NewWriter(w)
	f, _ := z.Create("archive/data.pkl")
	io.WriteString(f, head)
	zeros := make([]byte, 1<<20)
	for n := len(head); n < size; n += len(zeros) {
		f.Write(zeros)
	}
	z.Close()
}
