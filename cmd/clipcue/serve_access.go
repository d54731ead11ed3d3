package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/internal/server/access"
)

// accessFlags say who may reach a server, and how.
type accessFlags struct {
	tokens         string
	hosts, proxies []string
	cert, key      string
}

func (o *accessFlags) add(c *cobra.Command) {
	f := c.Flags()
	tokensFlag(c, &o.tokens)
	f.StringArrayVar(&o.hosts, "host", nil, "name under which others reach the server; repeatable")
	f.StringArrayVar(&o.proxies, "trust-proxy", nil, "address or network of a reverse proxy in front; repeatable")
	f.StringVar(&o.cert, "tls-cert", "", "certificate file (PEM), for HTTPS without a proxy")
	f.StringVar(&o.key, "tls-key", "", "private key file (PEM) of the certificate")
}

// tokensFlag adds the flag for the file of tokens.
func tokensFlag(c *cobra.Command, path *string) {
	c.Flags().StringVar(path, "tokens", "", "file of tokens (default clipcue/tokens.json in the configuration folder)")
}

// tokensPath returns the file of tokens that a flag names.
func tokensPath(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	path, err := access.DefaultTokens()
	if err != nil {
		return "", fmt.Errorf("there is no configuration folder for the tokens: %w", err)
	}
	return path, nil
}

// options returns the part of the guard's options that the flags describe.
func (o *accessFlags) options() (g access.Options, err error) {
	if (o.cert == "") != (o.key == "") {
		return g, usageError{errors.New("--tls-cert and --tls-key must be given together")}
	}
	if o.cert != "" {
		if _, err := tls.LoadX509KeyPair(o.cert, o.key); err != nil {
			return g, fmt.Errorf("the certificate %s cannot be used with the key %s: %w", o.cert, o.key, err)
		}
	}
	for _, text := range o.proxies {
		p, err := netip.ParsePrefix(text)
		if a, e := netip.ParseAddr(text); e == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return g, usageError{fmt.Errorf("--trust-proxy must be an address or a network such as 10.0.0.0/8, got %q", text)}
		}
		g.Proxies = append(g.Proxies, p)
	}
	for _, name := range o.hosts {
		if strings.ContainsAny(name, "/:") {
			return g, usageError{fmt.Errorf("--host must be a name without a scheme and a port, got %q", name)}
		}
	}
	g.Hosts = o.hosts
	g.Tokens, err = tokensPath(o.tokens)
	return g, err
}

// address returns the address of the page.
func (o *accessFlags) address(l net.Listener) string {
	scheme := "http"
	if o.cert != "" {
		scheme = "https"
	}
	return scheme + "://" + l.Addr().String()
}

// serve answers requests until the server is shut down.
func (o *accessFlags) serve(h *http.Server, l net.Listener) error {
	if o.cert != "" {
		return h.ServeTLS(l, o.cert, o.key)
	}
	return h.Serve(l)
}
