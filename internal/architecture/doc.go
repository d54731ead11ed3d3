// Package architecture has no code, only tests of the whole module: packages
// import each other only as the map in DESIGN.md allows, and no exported name
// of a public package uses a type of an internal one.
package architecture
