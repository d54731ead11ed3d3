package fleet

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// link forwards connections to a port, until it is cut.
type link struct {
	from, to string // nodes; from is "" for clients, and anyNode for all
	listener net.Listener
	target   int

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

// anyNode is where a link comes from whose address nodes tell each other.
const anyNode = "*"

func newLink(t testing.TB, from, to string, target int) *link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &link{from: from, to: to, listener: l, target: target, conns: map[net.Conn]bool{}}
	t.Cleanup(func() { l.Close(); k.setCut(true) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go k.forward(c)
		}
	}()
	return k
}

func (k *link) port() int { return k.listener.Addr().(*net.TCPAddr).Port }

func (k *link) forward(c net.Conn) {
	defer c.Close()
	d, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", k.target))
	if err != nil {
		return
	}
	defer d.Close()
	k.mu.Lock()
	if k.cut {
		k.mu.Unlock()
		return
	}
	k.conns[c], k.conns[d] = true, true
	k.mu.Unlock()
	go func() {
		_, _ = io.Copy(d, c)
		d.Close()
	}()
	_, _ = io.Copy(c, d)
	k.mu.Lock()
	delete(k.conns, c)
	delete(k.conns, d)
	k.mu.Unlock()
}

// setCut breaks all connections and refuses new ones, or accepts them again.
func (k *link) setCut(cut bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cut = cut
	for c := range k.conns {
		if cut {
			c.Close()
		}
	}
}

// network connects the nodes of a cluster and their clients.
type network []*link

// newNetwork puts links between the nodes, and returns the address for clients.
func newNetwork(t testing.TB, nodes []node) (n network, address string) {
	t.Helper()
	var addresses []string
	for i := range nodes {
		to := nodes[i]
		clients, others := newLink(t, "", to.Name, to.Port), newLink(t, anyNode, to.Name, to.Route)
		nodes[i].ClientsAt, nodes[i].NodesAt, nodes[i].Routes = clients.port(), others.port(), nil
		n = append(n, clients, others)
		addresses = append(addresses, fmt.Sprintf("nats://127.0.0.1:%d", clients.port()))
	}
	for i := range nodes {
		for _, to := range nodes {
			if to.Name != nodes[i].Name {
				l := newLink(t, nodes[i].Name, to.Name, to.Route)
				nodes[i].Routes = append(nodes[i].Routes, l.port())
				n = append(n, l)
			}
		}
	}
	return n, strings.Join(addresses, ",")
}

// part separates a node from all others and from clients, or joins it again. The source of a
// connection through a link from anyNode is not known, so all of these are cut.
func (n network) part(name string, cut bool) {
	for _, l := range n {
		if l.from == name || l.to == name || l.from == anyNode {
			l.setCut(cut)
		}
	}
}

// coordinatorSettings are the settings of a coordinator in a process of its own.
type coordinatorSettings struct {
	Broker, Store, Dir, Results string
	Recipe                      Recipe
	Replicas                    int
}
