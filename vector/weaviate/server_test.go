package weaviate_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/clipcue/clipcue/vector"
	"github.com/clipcue/clipcue/vector/internal/vectortest"
	"github.com/clipcue/clipcue/vector/weaviate"
)

// version is the version of the server that the tests build.
const version = "v1.35.2"

// TestServer runs the conformance suite against a real server. CLIPCUE_WEAVIATE is the path of
// its program; otherwise it is built if CLIPCUE_SLOW is set.
func TestServer(t *testing.T) {
	address := start(t, program(t))
	var number atomic.Int32
	vectortest.Run(t, func(t *testing.T, width int) vector.Index {
		c, err := weaviate.Open(t.Context(), address, fmt.Sprintf("Test%d", number.Add(1)), width, weaviate.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.Drop(context.Background()); err != nil {
				t.Error(err)
			}
			c.Close()
		})
		return c
	})
	t.Run("a collection keeps its width", func(t *testing.T) {
		for range 2 {
			if _, err := weaviate.Open(t.Context(), address, "Kept", 5, weaviate.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := weaviate.Open(t.Context(), address, "Kept", 6, weaviate.Options{}); err == nil || !strings.Contains(err.Error(), "width 5") {
			t.Errorf("another width: %v", err)
		}
	})
}

func program(t *testing.T) string {
	if path := os.Getenv("CLIPCUE_WEAVIATE"); path != "" {
		return path
	}
	if os.Getenv("CLIPCUE_SLOW") == "" {
		t.Skip("CLIPCUE_SLOW is not set: building Weaviate takes minutes")
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "go", "install", "github.com/weaviate/weaviate/cmd/weaviate-server@"+version)
	c.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
	if out, err := c.CombinedOutput(); err != nil {
		t.Skipf("Weaviate %s cannot be built here: %v: %s", version, err, out)
	}
	return filepath.Join(dir, "weaviate-server")
}

// start runs a separate server for the test.
func start(t *testing.T, program string) (address string) {
	ports := freePorts(t, 6)
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c := exec.Command(program, "--host", "127.0.0.1", "--port", ports[5], "--scheme", "http")
	c.Env = append(os.Environ(),
		"PERSISTENCE_DATA_PATH="+t.TempDir(), "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED=true", "DEFAULT_VECTORIZER_MODULE=none",
		"CLUSTER_HOSTNAME=node1", "CLUSTER_ADVERTISE_ADDR=127.0.0.1", "CLUSTER_GOSSIP_BIND_PORT="+ports[0], "CLUSTER_DATA_BIND_PORT="+ports[1],
		"RAFT_PORT="+ports[2], "RAFT_INTERNAL_RPC_PORT="+ports[3], "RAFT_BOOTSTRAP_EXPECT=1", "GRPC_PORT="+ports[4],
		"DISABLE_TELEMETRY=true", "GO_PROFILING_DISABLE=true", "LOG_LEVEL=warning")
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(time.Minute):
			_ = c.Process.Kill()
			<-ended
		}
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%s", text)
		}
	})
	address = "http://127.0.0.1:" + ports[5]
	for begin := time.Now(); time.Since(begin) < 2*time.Minute; time.Sleep(200 * time.Millisecond) {
		if r, err := http.Get(address + "/v1/.well-known/ready"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return address
			}
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the server ended: %v", err)
		default:
		}
	}
	t.Fatal("the server is not ready after two minutes")
	return ""
}

// freePorts returns free ports. The second follows the first, because the server requires it.
func freePorts(t *testing.T, n int) (ports []string) {
	t.Helper()
	var open []net.Listener
	defer func() {
		for _, l := range open {
			l.Close()
		}
	}()
	for len(ports) < n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, l)
		port := l.Addr().(*net.TCPAddr).Port
		if len(ports) == 0 {
			next, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1))
			if err != nil {
				continue
			}
			open = append(open, next)
			ports = append(ports, strconv.Itoa(port), strconv.Itoa(port+1))
			continue
		}
		ports = append(ports, strconv.Itoa(port))
	}
	return ports
}
