package doctor

import (
	"cmp"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/clip/hub"
)

// Anonymous returns findings without names of files, folders, hosts and users.
func Anonymous(findings []Finding, o Options) []Finding {
	out := slices.Clone(findings)
	hide := strings.NewReplacer(secrets(o)...)
	for i := range out {
		out[i].Found, out[i].Remedy = hide.Replace(out[i].Found), hide.Replace(out[i].Remedy)
	}
	return out
}

// secrets returns names that findings may contain, the longest first, each with what replaces it.
func secrets(o Options) (pairs []string) {
	names := []string{os.TempDir()}
	if strings.ContainsAny(o.Model, `/\`) && filepath.IsAbs(o.Model) {
		names = append(names, o.Model)
	}
	if home, err := os.UserHomeDir(); err == nil {
		names = append(names, home)
	}
	if dir, err := hub.Dir(); err == nil {
		for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
			names = append(names, dir)
		}
	}
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	if u, err := user.Current(); err == nil {
		names = append(names, u.Username)
	}
	for _, v := range os.Environ() {
		name, value, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "CLIPCUE_") || strings.HasPrefix(name, "HF_") {
			names = append(names, value)
			if u, err := url.Parse(value); err == nil {
				names = append(names, u.Host)
			}
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, name := range slices.Compact(names) {
		if len(name) > 2 { // "/" and such are in every path
			pairs = append(pairs, name, "…")
		}
	}
	return pairs
}
