package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// immichServer starts `clipcue immich` and returns its address and how to end it.
func immichServer(t *testing.T, env []string, args ...string) (address string, stop func() error) {
	t.Helper()
	c := program(context.WithoutCancel(t.Context()), t, append([]string{"immich", "-q", "--listen", "127.0.0.1:0"}, args...)...)
	c.Env = append(c.Env, env...)
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	_, address, ok := strings.Cut(strings.TrimSpace(line), " at ")
	if !ok {
		t.Fatal(line, err)
	}
	return address, func() error {
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		return c.Wait()
	}
}

// predictText asks for the embedding of a text. Without files, clients may send fields in any form of
// multipart; bodies are small here.
func predictText(t *testing.T, address, model string) (int, string) {
	t.Helper()
	body := "--x\r\nContent-Disposition: form-data; name=\"entries\"\r\n\r\n{\"clip\":{\"textual\":{\"modelName\":\"" + model +
		"\"}}}\r\n--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\na dog\r\n--x--\r\n"
	r, err := http.Post(address+"/predict", "multipart/form-data; boundary=x", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(data)
}

// The server finds weights by Immich's names, says how to get others, counts, and ends in order.
func TestImmich(t *testing.T) {
	t.Parallel()
	models := t.TempDir()
	backbone(t, filepath.Join(models, "ViT-B-16"), 1)
	backbone(t, filepath.Join(models, "ViT-L-16__own"), 2)
	other := backbone(t, t.TempDir(), 3)
	address, stop := immichServer(t, []string{"CLIPCUE_MODELS=" + models}, "--weights", "XLM-Roberta-Base-ViT-B-32__laion5b_s13b_b90k="+other)
	seen := map[string]bool{}
	for _, name := range []string{"ViT-B-16__openai", "ViT-L-16__own", "XLM-Roberta-Base-ViT-B-32__laion5b_s13b_b90k"} {
		status, answer := predictText(t, address, name)
		if status != 200 || !strings.Contains(answer, `"clip":"[`) || seen[answer] {
			t.Errorf("%s: %d %s", name, status, answer)
		}
		seen[answer] = true
	}
	for name, advice := range map[string]string{
		"ViT-B-32__openai": "clipcue model pull ViT-B/32", "RN50__openai": "--upstream",
		`a\u0000b`: "not on this machine", strings.Repeat("x", 5000): "not on this machine",
		"../ViT-B-16__own": "--weights", url.PathEscape(other): "--weights", "/etc/passwd": "--weights",
	} {
		if status, answer := predictText(t, address, name); status != 404 || !strings.Contains(answer, advice) {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	r, err := http.Get(address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r.Body)
	r.Body.Close()
	for _, want := range []string{"clipcue_towers_loaded 3", `clipcue_http_requests_total{code="404",method="post"} 7`, `clipcue_batch_size_count{kind="text"} 3`} {
		if err != nil || !strings.Contains(string(data), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if err := stop(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// Clients do not learn paths of the server's machine, not even those of weights that cannot be loaded.
func TestImmichHidesPaths(t *testing.T) {
	t.Parallel()
	models := t.TempDir()
	if err := os.Mkdir(filepath.Join(models, "ViT-B-16"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeText(t, filepath.Join(models, "ViT-B-16", "config.json"), "{")
	writeText(t, filepath.Join(models, "ViT-B-16", "model.safetensors"), "junk")
	address, _ := immichServer(t, []string{"CLIPCUE_MODELS=" + models})
	status, answer := predictText(t, address, "ViT-B-16__openai")
	if status != 500 || strings.Contains(answer, models) || !strings.Contains(answer, "log") {
		t.Errorf("%d %s", status, answer)
	}
	r, err := http.Post(address+"/v1/embeddings", "application/json", strings.NewReader(`{"model":"ViT-B/16","input":"a"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if data, err := io.ReadAll(r.Body); err != nil || r.StatusCode != 500 || strings.Contains(string(data), models) {
		t.Errorf("%s %s %v", r.Status, data, err)
	}
}

// With --pull, the server downloads models of Immich's list, and no others.
func TestImmichPulls(t *testing.T) {
	t.Parallel()
	weights := backbone(t, t.TempDir(), 1)
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(weights, filepath.Base(r.URL.Path)))
	}))
	t.Cleanup(hub.Close)
	address, _ := immichServer(t, []string{"CLIPCUE_MODELS=" + t.TempDir(), "HF_ENDPOINT=" + hub.URL, "HF_TOKEN="}, "--pull")
	for model, want := range map[string]int{"ViT-B-32__openai": 200, "hf:owner/name": 404, "ViT-B-32-256:datacomp_s34b_b86k": 404} {
		if status, answer := predictText(t, address, model); status != want {
			t.Errorf("%s: %d %s", model, status, answer)
		}
	}
}

// A request that was accepted is answered after SIGTERM, and new ones are not.
func TestImmichDrains(t *testing.T) {
	t.Parallel()
	address, stop := immichServer(t, nil, "--weights", "a="+backbone(t, t.TempDir(), 1))
	in, out := io.Pipe()
	done := make(chan int)
	go func() {
		r, err := http.Post(address+"/v1/embeddings", "application/json", in)
		if err != nil {
			t.Error(err)
			done <- 0
			return
		}
		r.Body.Close()
		done <- r.StatusCode
	}()
	if _, err := io.WriteString(out, `{"model":"a","input":`); err != nil { // the request is being read
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	for start := time.Now(); time.Since(start) < 20*time.Second; time.Sleep(10 * time.Millisecond) {
		if r, err := http.Get(address + "/ping"); err != nil {
			break
		} else {
			r.Body.Close()
		}
	}
	_, err := io.WriteString(out, `"a dog"}`)
	if err == nil {
		err = out.Close()
	}
	if status := <-done; err != nil || status != 200 {
		t.Errorf("status %d, %v", status, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// Wrong flags are errors before anything is served.
func TestImmichFlags(t *testing.T) {
	t.Parallel()
	checkError(t, clipcue(t, "immich", "--upstream", "immich:3003"), exitUsage, "--upstream", "http://localhost:3003")
	checkError(t, clipcue(t, "immich", "--weights", "a="+filepath.Join(t.TempDir(), "none")), exitFailed, "--weights a", "none")
	checkError(t, clipcue(t, "immich", "--listen", "127.0.0.1:999999"), exitFailed, "999999")
	checkError(t, clipcue(t, "immich", "--unload", "0s"), exitUsage, "--unload")
}
