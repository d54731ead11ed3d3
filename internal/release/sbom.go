package main

import (
	"cmp"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// module is a work that a program contains.
type module struct{ path, version, purl string }

// addModules adds the modules of a program, and Go's standard library, to the SBOM.
func (r *release) addModules(program string) error {
	info, err := buildinfo.ReadFile(filepath.Join(r.stage, program))
	if err != nil {
		return err
	}
	goVersion := strings.TrimPrefix(info.GoVersion, "go")
	goVersion, _, _ = strings.Cut(goVersion, " ") // experiments
	r.modules = append(r.modules, module{"stdlib", goVersion, "pkg:golang/stdlib@" + goVersion})
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		r.modules = append(r.modules, module{m.Path, m.Version, "pkg:golang/" + m.Path + "@" + m.Version})
	}
	return nil
}

// addPreact adds the JavaScript library in the page of clipcue serve to the SBOM.
func (r *release) addPreact() error {
	b, err := os.ReadFile("internal/web/vendor/preact/package.json")
	if err != nil {
		return err
	}
	var p struct{ Name, Version string }
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	r.modules = append(r.modules, module{p.Name, p.Version, "pkg:npm/" + p.Name + "@" + p.Version})
	return nil
}

// The parts of SPDX 2.3 that the SBOM has. NOTICE has the licenses.
type (
	spdx struct {
		Version       string         `json:"spdxVersion"`
		License       string         `json:"dataLicense"`
		ID            string         `json:"SPDXID"`
		Name          string         `json:"name"`
		Namespace     string         `json:"documentNamespace"`
		Creation      creation       `json:"creationInfo"`
		Packages      []spdxPackage  `json:"packages"`
		Relationships []relationship `json:"relationships"`
	}
	creation struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	spdxPackage struct {
		ID         string      `json:"SPDXID"`
		Name       string      `json:"name"`
		Version    string      `json:"versionInfo"`
		Location   string      `json:"downloadLocation"`
		Analyzed   bool        `json:"filesAnalyzed"`
		Concluded  string      `json:"licenseConcluded"`
		Declared   string      `json:"licenseDeclared"`
		Copyright  string      `json:"copyrightText"`
		References []reference `json:"externalRefs"`
	}
	reference struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	relationship struct {
		Element string `json:"spdxElementId"`
		Type    string `json:"relationshipType"`
		Related string `json:"relatedSpdxElement"`
	}
)

const unknown = "NOASSERTION"

var notID = regexp.MustCompile(`[^a-zA-Z0-9.]+`) // what an identifier of SPDX cannot contain

// sbom writes the works that the programs of all platforms contain.
func (r *release) sbom() error {
	if err := r.addPreact(); err != nil {
		return err
	}
	slices.SortFunc(r.modules, func(a, b module) int { return cmp.Compare(a.purl, b.purl) })
	name := "clipcue_" + r.version
	document := spdx{
		Version: "SPDX-2.3", License: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: name,
		Namespace: "https://github.com/clipcue/clipcue/sbom/" + name,
		Creation:  creation{r.time.Format(time.RFC3339), []string{"Tool: clipcue internal/release"}},
	}
	add := func(m module, license, from, relation string) string {
		p := spdxPackage{
			ID: "SPDXRef-" + notID.ReplaceAllString(m.path+"-"+m.version, "-"), Name: m.path, Version: m.version,
			Location: unknown, Concluded: license, Declared: license, Copyright: unknown,
			References: []reference{{"PACKAGE-MANAGER", "purl", m.purl}},
		}
		document.Packages = append(document.Packages, p)
		document.Relationships = append(document.Relationships, relationship{from, relation, p.ID})
		return p.ID
	}
	main := module{"github.com/clipcue/clipcue", "v" + r.version, "pkg:golang/github.com/clipcue/clipcue@v" + r.version}
	id := add(main, "Apache-2.0", document.ID, "DESCRIBES")
	for _, m := range slices.Compact(r.modules) {
		add(m, unknown, id, "CONTAINS")
	}
	b, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, name+".spdx.json"), append(b, '\n'), 0o666)
}
