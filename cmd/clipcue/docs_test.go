package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/examples/jobs"
)

// root is the module's root, where the documents lie.
var root = filepath.Join("..", "..")

// blocks returns the fenced code of a document in a language, in its order.
func blocks(t *testing.T, path, language string) (code []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllSubmatch(text, -1) {
		code = append(code, string(m[1]))
	}
	return code
}

func documents(t *testing.T) []string {
	t.Helper()
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(docs) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	return docs
}

// shell makes a folder in which a document's commands can be run: there is a
// clipcue, and a hub from which it pulls a small random backbone whatever the
// name. run runs a script there and returns what it wrote to stdout.
func shell(t *testing.T) (dir string, run func(script string) string) {
	t.Helper()
	needFFmpeg(t)
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "clipcue")); err != nil {
		t.Skip(err)
	}
	weights := backbone(t, t.TempDir(), 1)
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(weights, filepath.Base(r.URL.Path)))
	}))
	t.Cleanup(hub.Close)
	dir = t.TempDir()
	env := append(os.Environ(), asProgram+"=1", "HF_ENDPOINT="+hub.URL, "HF_TOKEN=", "CLIPCUE_MODELS="+t.TempDir(), "CLIPCUE_CONFIG="+filepath.Join(t.TempDir(), "config.toml"),
		"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	return dir, func(script string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), sh, "-eu", "-c", script)
		c.Dir, c.Env = dir, env
		var stdout, stderr bytes.Buffer
		c.Stdout, c.Stderr = &stdout, &stderr
		if err := c.Run(); err != nil {
			t.Fatalf("%s%v\n%s%s", script, err, stdout.String(), stderr.String())
		}
		return stdout.String()
	}
}

// prepared are documents whose commands need what is not rendered there: each makes
// a small set of the same shape.
var prepared = map[string]func(t *testing.T, dir string){"msrvtt.md": smallMSRVTT, "thumos14.md": smallTHUMOS}

// quick shortens what takes long.
var quick = strings.NewReplacer("--steps 5000", "--steps 5",
	"--detector-steps 2000", "--detector-steps 2 --detector-width 16 --detector-window-frames 64 --detector-batch 2", "--steps 2000", "--steps 2 --batch 8")

// The commands of a document work, one after the other in one folder.
func TestDocuments(t *testing.T) {
	for _, doc := range documents(t) {
		t.Run(filepath.Base(doc), func(t *testing.T) {
			if served[filepath.Base(doc)].address != "" {
				t.Skip("TestServeDocuments runs it")
			}
			t.Parallel()
			dir, run := shell(t)
			if prepare := prepared[filepath.Base(doc)]; prepare != nil {
				prepare(t, dir)
			}
			for _, script := range blocks(t, doc, "sh") {
				run(quick.Replace(script))
			}
		})
	}
}

// served are documents that start a server: with which command, and the flag and value of its
// address, which the requests that follow have.
var served = map[string]struct{ command, flag, address string }{
	"serve.md":  {"clipcue serve --library lib --allow videos", "--address", "127.0.0.1:8765"},
	"immich.md": {"clipcue immich", "--listen", "127.0.0.1:3003"},
}

// The guides to serving work: their servers start, and the requests that follow are answered.
func TestServeDocuments(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip(err)
	}
	for doc, s := range served {
		dir, run := shell(t)
		guide, err := os.ReadFile(filepath.Join(root, "docs", doc))
		if err != nil {
			t.Fatal(err)
		}
		address := ""
		for _, m := range regexp.MustCompile("(?ms)^```(sh|console)\n(.*?)^```$").FindAllStringSubmatch(string(guide), -1) {
			language, script := m[1], m[2]
			command, _, _ := strings.Cut(strings.TrimPrefix(script, "$ "), "\n")
			switch {
			case language == "sh":
				run(strings.ReplaceAll(script, s.address, address))
			case strings.HasPrefix(command, s.command):
				address = startServer(t, dir, append(strings.Fields(command)[1:], s.flag, "127.0.0.1:0"),
					"CLIPCUE_MODELS="+run(`printf %s "$CLIPCUE_MODELS"`))
			}
		}
		if address == "" {
			t.Errorf("%s starts no server", doc)
		}
	}
}

// startServer runs a command of clipcue that serves in a folder until the test ends, and returns
// its address.
func startServer(t *testing.T, dir string, args []string, env ...string) string {
	t.Helper()
	c := program(t.Context(), t, args...)
	c.Dir, c.Env = dir, append(append(c.Env, env...), "XDG_CONFIG_HOME="+t.TempDir(), "XDG_CACHE_HOME="+t.TempDir())
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	_, address, ok := strings.Cut(strings.TrimSpace(line), "http://")
	if err != nil || !ok {
		t.Fatalf("the server says %q, %v", line, err)
	}
	return address
}

// smallMSRVTT makes twelve videos with MSR-VTT's names, its annotations with two
// captions each, the lists of 1k-A, one of them with CRLF, and LSMDC's lists.
func smallMSRVTT(t *testing.T, dir string) {
	t.Helper()
	w := newWorld(t)
	folder := func(names ...string) string {
		path := filepath.Join(append([]string{dir}, names...)...)
		if err := os.MkdirAll(path, 0o777); err != nil {
			t.Fatal(err)
		}
		return path
	}
	videos, annotations := folder("msrvtt", "videos"), folder("msrvtt", "annotations")
	movies, lists := folder("lsmdc", "videos", "0001_Film"), folder("lsmdc", "annotations")
	type object = map[string]any
	var about, sentences []object
	list9k, list7k, test := "video_id\n", "video_id\r\n", "key,vid_key,video_id,sentence\r\n"
	var clips [2]string
	for i := range 12 {
		text, err := os.ReadFile(filepath.Join(w.videos, strings.ReplaceAll(sharedClasses[i%4], " ", "_"), fmt.Sprintf("%03d.mp4", i/4)))
		if err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprintf("video%d", 7000+i)
		write(t, videos, id+".mp4", string(text))
		split := []string{"train", "validate", "test"}[i/4]
		about = append(about, object{"video_id": id, "split": split, "category": 1})
		for n, form := range []string{"something is %s", "there is a thing %s"} {
			sentences = append(sentences, object{"video_id": id, "sen_id": 2*i + n, "caption": fmt.Sprintf(form, sharedClasses[i%4])})
		}
		switch {
		case i < 6:
			list7k += id + "\r\n"
			fallthrough
		case i < 8:
			list9k += id + "\n"
		default:
			test += fmt.Sprintf("ret%d,msr%d,%s,a shape is %s\r\n", i, i, id, sharedClasses[i%4])
		}
		clip := fmt.Sprintf("0001_Film_00.00.%02d.000-00.00.%02d.500", i, i)
		write(t, movies, clip+".mp4", string(text))
		clips[i/8] += fmt.Sprintf("%s\t00:00\t00:01\t00:00\t00:01\tSOMEONE is %s.\n", clip, sharedClasses[i%4])
	}
	text, err := json.Marshal(object{"info": object{}, "videos": about, "sentences": sentences})
	if err != nil {
		t.Fatal(err)
	}
	write(t, annotations, "MSRVTT_data.json", string(text))
	write(t, annotations, "MSRVTT_train.9k.csv", list9k)
	write(t, annotations, "MSRVTT_train.7k.csv", list7k)
	write(t, annotations, "MSRVTT_JSFUSION_test.csv", test)
	write(t, lists, "LSMDC16_annos_training.csv", clips[0])
	write(t, lists, "LSMDC16_challenge_1000_publictect.csv", clips[1])
}

// program is a Go program of a document's, run with arguments where its imports are
// found. It returns what it said.
func runProgram(t *testing.T, doc string, args ...string) string {
	t.Helper()
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip(err)
	}
	programs := blocks(t, filepath.Join(root, "docs", doc), "go")
	if len(programs) != 1 {
		t.Fatalf("%d programs", len(programs))
	}
	if tidy, err := format.Source([]byte(programs[0])); err != nil || string(tidy) != programs[0] {
		t.Errorf("the program is not as gofmt has it: %v", err)
	}
	c := exec.CommandContext(t.Context(), goTool, append([]string{"run", write(t, t.TempDir(), "main.go", programs[0])}, args...)...)
	c.Dir = root
	var stderr bytes.Buffer
	c.Stderr = &stderr
	said, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return string(said)
}

// The walkthrough's Go program says what classify says.
func TestProgramOfWalkthrough(t *testing.T) {
	w := newWorld(t)
	run := filepath.Join(t.TempDir(), "run")
	must(t, exitDone, w.train(run)...)
	video := filepath.Join(w.videos, "growing", "000.mp4")
	said := runProgram(t, "recognition.md", filepath.Join(run, "best.safetensors"), video)
	top := decode[classifiedJSON](t, must(t, exitDone, "classify", "--run", run, video, "--json"))[0].Predictions[0]
	if !strings.HasPrefix(said, "000.mp4\t"+top.Label+"\t") {
		t.Errorf("it says %q, classify %q", said, top.Label)
	}
}

// The one that searches finds what search finds.
func TestProgramOfSearch(t *testing.T) {
	_, lib := newLibrary(t)
	said := runProgram(t, "search.md", lib, "a blue ring")
	best := decode[searchedJSON](t, must(t, exitDone, "search", "-q", "--library", lib, "a blue ring", "--json")).Results[0]
	if want := fmt.Sprintf("%.3f\t%s\t%s\n", best.Score, best.Time, best.Video); !strings.HasPrefix(said, want) {
		t.Errorf("it says %q, search %q", said, want)
	}
}

// The Go programs in the documents are those in examples/.
func TestProgramsAreExamples(t *testing.T) {
	for doc, example := range map[string]string{
		"README.md":           "classify",
		"docs/recognition.md": "classify",
		"docs/search.md":      "search",
		"docs/extraction.md":  "extract",
	} {
		want, err := os.ReadFile(filepath.Join(root, "examples", example, "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		programs := blocks(t, filepath.Join(root, filepath.FromSlash(doc)), "go")
		if programs[0] != string(want) {
			t.Errorf("the program in %s is not examples/%s/main.go", doc, example)
		}
		functions, err := os.ReadFile(filepath.Join(root, "examples", "jobs", "jobs.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range programs[1:] {
			if !strings.Contains(string(functions), p) {
				t.Errorf("in %s, this is not in examples/jobs/jobs.go:\n%s", doc, p)
			}
		}
	}
}

// Each of the three jobs takes at most twelve lines of Go, and works.
func TestJobs(t *testing.T) {
	w := newWorld(t)
	functions, err := os.ReadFile(filepath.Join(root, "examples", "jobs", "jobs.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range strings.Split(string(functions), "\nfunc ")[1:] {
		if n := strings.Count(f[:strings.Index(f, "\n}")], "\n"); n > 12 {
			t.Errorf("%d lines: %s", n, f)
		}
	}
	dir := t.TempDir()
	run, one := filepath.Join(dir, "run"), filepath.Join(w.videos, "growing", "000.mp4")
	must(t, exitDone, w.train(run)...)
	if classes, err := jobs.Classify(t.Context(), run, one); err != nil || len(classes) != 4 {
		t.Errorf("%v, %v", classes, err)
	}
	if report, err := jobs.Extract(t.Context(), w.model, filepath.Join(dir, "features"), one); err != nil || report.Done != 1 {
		t.Errorf("%v, %v", report, err)
	}
	model, err := hub.Load(w.model, clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if found, err := jobs.Search(t.Context(), model, filepath.Join(dir, "library"), "a circle", one); err != nil || len(found.Results) == 0 {
		t.Errorf("%v, %v", found, err)
	}
}

// The one that extracts does what extract does.
func TestProgramOfExtraction(t *testing.T) {
	w := newWorld(t)
	said := runProgram(t, "extraction.md", filepath.Join(t.TempDir(), "features"), filepath.Join(w.videos, "growing"))
	if !strings.Contains(said, " extracted") || !strings.Contains(said, " 0 failed") {
		t.Errorf("it prints %q", said)
	}
}

// words splits a line as a shell would, as far as the documents need it.
func words(line string) (out []string) {
	for _, w := range regexp.MustCompile(`"[^"]*"|\S+`).FindAllString(line, -1) {
		if w == ">" || w == "<" || w == "|" || strings.HasPrefix(w, "#") {
			break
		}
		out = append(out, strings.Trim(w, `"`))
	}
	return out
}

// checkLine fails unless a command line is one that its command takes.
func checkLine(t *testing.T, line string) {
	t.Helper()
	var a app
	c, args, err := a.root(nil).Find(words(line)[1:])
	if err == nil {
		err = c.ParseFlags(args)
	}
	if err == nil && c.Args != nil {
		err = c.Args(c, c.Flags().Args())
	}
	if err == nil && c.PreRunE != nil {
		err = c.PreRunE(c, c.Flags().Args())
	}
	if err != nil || !c.Runnable() || c == c.Root() {
		t.Errorf("%s: %v", line, err)
	}
}

// The README's command lines are ones that the program takes.
func TestReadme(t *testing.T) {
	n := 0
	for _, script := range blocks(t, filepath.Join(root, "README.md"), "sh") {
		for line := range strings.Lines(script) {
			if strings.HasPrefix(line, "clipcue ") {
				checkLine(t, line)
				n++
			}
		}
	}
	if n < 5 {
		t.Errorf("%d command lines were found", n)
	}
}

// What stands in `code` as a flag is one of some command, in every document.
func TestFlagsInDocuments(t *testing.T) {
	flags := []string{"help"}
	eachCommand(new(app).root(nil), func(c *cobra.Command) {
		for _, m := range regexp.MustCompile(`--([a-z0-9-]+)`).FindAllStringSubmatch(c.UsageString(), -1) {
			flags = append(flags, m[1])
		}
	})
	for _, doc := range append(documents(t), filepath.Join(root, "README.md"), filepath.Join(root, "DESIGN.md")) {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range regexp.MustCompile("`[^`\n]*--[^`\n]*`").FindAllString(string(text), -1) {
			for _, m := range regexp.MustCompile(`--([a-z][a-z0-9-]*)`).FindAllStringSubmatch(code, -1) {
				if !slices.Contains(flags, m[1]) {
					t.Errorf("%s: no command has --%s", doc, m[1])
				}
			}
		}
	}
}

func eachCommand(c *cobra.Command, do func(*cobra.Command)) {
	do(c)
	for _, sub := range c.Commands() {
		eachCommand(sub, do)
	}
}

// Every command says in a line what it is for and has an example that it takes.
func TestHelp(t *testing.T) {
	r := new(app).root(nil)
	eachCommand(r, func(c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: its line in the list is %q", c.CommandPath(), c.Short)
		}
		if c == r {
			return // its text has the commands
		}
		if c.Example == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			if !strings.HasPrefix(line, "  clipcue ") {
				t.Errorf("%s: the example %q", c.CommandPath(), line)
				continue
			}
			checkLine(t, line)
		}
		help := must(t, exitDone, append(strings.Fields(c.CommandPath())[1:], "--help")...)
		if !strings.Contains(help.stdout, c.Example) || !strings.Contains(help.stdout, c.Short) && c.Long == "" {
			t.Errorf("%s --help:\n%s", c.CommandPath(), help.stdout)
		}
	})
}
