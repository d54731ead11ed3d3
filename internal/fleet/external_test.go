package fleet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// freePorts returns ports of the loopback interface that are free.
func freePorts(t testing.TB, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// node holds the settings of one of the servers of a cluster.
type node struct {
	Name   string
	Port   int
	Route  int   // port for the other nodes
	Routes []int // of all nodes
	Dir    string

	ClientsAt, NodesAt int // ports that clients and other nodes are told to use, if not 0
}

// clusterNodes returns the settings of a cluster of three servers, and its address.
func clusterNodes(t testing.TB) (nodes []node, address string) {
	t.Helper()
	ports, dir := freePorts(t, 6), t.TempDir()
	var addresses []string
	for i := range 3 {
		name := fmt.Sprintf("n%d", i)
		nodes = append(nodes, node{Name: name, Port: ports[i], Route: ports[3+i], Routes: ports[3:], Dir: filepath.Join(dir, name)})
		addresses = append(addresses, "nats://127.0.0.1:"+strconv.Itoa(ports[i]))
	}
	return nodes, strings.Join(addresses, ",")
}

// start starts an external NATS server with JetStream.
func (n node) start() (*server.Server, error) {
	o := &server.Options{
		ServerName: n.Name, Host: "127.0.0.1", Port: n.Port, JetStream: true, StoreDir: n.Dir, SyncAlways: true, NoSigs: true, NoLog: true,
		Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: n.Route},
	}
	if n.ClientsAt != 0 {
		o.ClientAdvertise, o.Cluster.Advertise = fmt.Sprintf("127.0.0.1:%d", n.ClientsAt), fmt.Sprintf("127.0.0.1:%d", n.NodesAt)
	}
	for _, port := range n.Routes {
		o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: "127.0.0.1:" + strconv.Itoa(port)})
	}
	s, err := server.NewServer(o)
	if err == nil {
		s.Start()
	}
	return s, err
}

// awaitReplicas waits until a cluster keeps streams in three copies.
func awaitReplicas(t testing.TB, c *Client) {
	t.Helper()
	q, err := c.queue(3, ackWait)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if err = q.create(t.Context()); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// An external cluster keeps the queue and the results in three copies, and survives the
// loss of a server.
func TestCluster(t *testing.T) {
	t.Parallel()
	nodes, address := clusterNodes(t)
	var servers []*server.Server
	for _, n := range nodes {
		s, err := n.start()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Shutdown()
		servers = append(servers, s)
	}
	for _, s := range servers {
		if !s.ReadyForConnections(startTime) {
			t.Fatal("a server does not start")
		}
	}
	client, err := Connect(ClientOptions{Address: address})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	awaitReplicas(t, client)
	s := newSiteAt(t, client, t.TempDir(), 3, "")
	videos := filepath.Join(t.TempDir(), "videos")
	render(t, videos, 3)
	s.submit(videos)
	servers[0].Shutdown()
	ended := s.work(t.Context(), s.worker("a"))
	if st := s.finish(); st.Finished != 3 || st.Failed != 0 {
		t.Errorf("%+v", st)
	}
	q, err := client.queue(3, ackWait)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{q.name, "OBJ_clipcue-results"} {
		stream, err := q.js.Stream(t.Context(), name)
		if err != nil || stream.CachedInfo().Config.Replicas != 3 {
			t.Errorf("%s: %+v, %v", name, stream, err)
		}
	}
	same(t, files(t, s.store.Dir()), expect(t, videos))
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// newS3 starts an S3 server with an empty bucket, videos. It returns the bucket's address.
func newS3(t testing.TB, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("videos"); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(wrap(gofakes3.New(backend).Server()))
	t.Cleanup(s.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return "s3://videos?region=us-east-1&use_path_style=true&endpoint=" + s.URL
}

// upload writes the files of a folder to a bucket.
func upload(t testing.TB, b *Buckets, address, folder, dir string) {
	t.Helper()
	bucket, err := b.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := bucket.WriteAll(t.Context(), folder+"/"+e.Name(), data, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// below returns the address of a folder in a bucket.
func below(address, folder string) string {
	return strings.Replace(address, "?", "/"+folder+"?", 1)
}

// Videos come from S3 and results go through it. It is empty of results at the end.
func TestS3(t *testing.T) {
	address := newS3(t, func(h http.Handler) http.Handler { return h })
	b := new(Buckets)
	defer b.Close()
	videos := filepath.Join(t.TempDir(), "videos")
	render(t, videos, 2)
	upload(t, b, address, "in", videos)
	s := newSiteAt(t, embedded(t, t.TempDir()), t.TempDir(), 1, address)
	if r := s.submit(below(address, "in")); r.Submitted != 2 {
		t.Fatalf("%+v", r)
	}
	s.work(t.Context(), s.worker("a"))
	if st := s.finish(); st.Finished != 2 || st.Failed != 0 {
		t.Errorf("%+v", st)
	}
	p, err := s.store.Provenance("clip0.mkv")
	if err != nil || p.Source != "s3://videos/in/clip0.mkv" {
		t.Errorf("%+v, %v", p, err)
	}
	bucket, err := b.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	for o, err := range objects(t.Context(), bucket, resultsFolder) {
		t.Errorf("a result is left: %v, %v", o, err)
	}
	o := s.options
	o.Dir, o.Results = t.TempDir(), strings.Replace(address, "videos", "missing", 1)
	if _, err := NewCoordinator(t.Context(), s.client, o); !errors.Is(err, ErrBucket) {
		t.Errorf("a missing bucket for results: %v", err)
	}
	for _, missing := range []string{strings.Replace(address, "videos", "missing", 1), below(address, "missing")} {
		if _, err := Submit(t.Context(), s.client, b, []string{missing}, nil); err == nil {
			t.Errorf("submitted %s", missing)
		}
	}
}

// An object that changes while a worker downloads it fails, and can be submitted again.
func TestChangingObject(t *testing.T) {
	var change atomic.Bool
	var s *site
	var address string
	videos := filepath.Join(t.TempDir(), "videos")
	render(t, videos, 2)
	newer, err := os.ReadFile(filepath.Join(videos, "clip1.mkv"))
	if err == nil {
		err = os.Remove(filepath.Join(videos, "clip1.mkv"))
	}
	if err != nil {
		t.Fatal(err)
	}
	address = newS3(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, ".mkv") || !change.CompareAndSwap(true, false) {
				return
			}
			bucket, err := s.buckets.Open(r.Context(), address)
			if err == nil {
				err = bucket.WriteAll(r.Context(), "in/clip0.mkv", newer, nil)
			}
			if err != nil {
				t.Error(err)
			}
		})
	})
	s = newSite(t)
	upload(t, s.buckets, address, "in", videos)
	s.submit(below(address, "in"))
	change.Store(true)
	s.work(t.Context(), s.worker("a"))
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		st, err := s.client.Status(t.Context())
		if err != nil || time.Now().After(end) {
			t.Fatalf("%+v, %v", st, err)
		}
		if st.Failed == 1 && strings.Contains(st.Failures[0].Reason, ErrChanged.Error()) {
			break
		}
	}
	if r := s.submit(below(address, "in")); r.Submitted != 1 {
		t.Errorf("%+v", r)
	}
	if st := s.finish(); st.Finished != 1 || st.Failed != 0 {
		t.Errorf("%+v", st)
	}
}

// certificate writes a certificate of 127.0.0.1 and its key.
func certificate(t testing.TB) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, data []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", private)
}

// A broker with TLS is reached only with its certificate authority and the token.
func TestTLS(t *testing.T) {
	cert, key := certificate(t)
	b, err := StartBroker(t.Context(), BrokerOptions{Address: "127.0.0.1:0", Dir: t.TempDir(), Token: "secret", Cert: cert, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, c := range []struct {
		o  ClientOptions
		ok bool
	}{
		{ClientOptions{Token: "secret", CA: cert}, true},
		{ClientOptions{Token: "wrong", CA: cert}, false},
		{ClientOptions{Token: "secret"}, false},
	} {
		c.o.Address = "tls://" + b.Address()
		client, err := Connect(c.o)
		if (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.o, err)
		}
		if err == nil {
			client.Close()
		}
	}
}

// A coordinator needs the credentials of a broker with accounts.
func TestCredentials(t *testing.T) {
	address, creds := secured(t)
	if _, err := Connect(ClientOptions{Address: address}); err == nil || !strings.Contains(err.Error(), "refused the credentials") {
		t.Errorf("without credentials: %v", err)
	}
	client, err := Connect(ClientOptions{Address: address, Creds: creds})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	newSiteAt(t, client, t.TempDir(), 1, "")
}

// secured starts an external server with accounts. It returns a file with credentials.
func secured(t testing.TB) (address, creds string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	pair := func(create func() (nkeys.KeyPair, error)) (k nkeys.KeyPair, public string) {
		k, err := create()
		must(err)
		public, err = k.PublicKey()
		must(err)
		return k, public
	}
	operator, operatorKey := pair(nkeys.CreateOperator)
	account, accountKey := pair(nkeys.CreateAccount)
	user, userKey := pair(nkeys.CreateUser)
	claims := jwt.NewAccountClaims(accountKey)
	claims.Limits.DiskStorage, claims.Limits.MemoryStorage = -1, -1
	accountToken, err := claims.Encode(operator)
	must(err)
	_, systemKey := pair(nkeys.CreateAccount)
	systemToken, err := jwt.NewAccountClaims(systemKey).Encode(operator)
	must(err)
	userToken, err := jwt.NewUserClaims(userKey).Encode(account)
	must(err)
	seed, err := user.Seed()
	must(err)
	text, err := jwt.FormatUserConfig(userToken, seed)
	must(err)
	creds = filepath.Join(t.TempDir(), "fleet.creds")
	must(os.WriteFile(creds, text, 0o600))
	resolver := &server.MemAccResolver{}
	must(resolver.Store(accountKey, accountToken))
	must(resolver.Store(systemKey, systemToken))
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
		TrustedKeys: []string{operatorKey}, AccountResolver: resolver, SystemAccount: systemKey})
	must(err)
	s.Start()
	t.Cleanup(s.Shutdown)
	if !s.ReadyForConnections(startTime) {
		t.Fatal("the server does not start")
	}
	return s.ClientURL(), creds
}
