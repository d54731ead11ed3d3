// Package server serves a library over HTTP: the API under /api/v1, and the page that uses
// it. Operations are declared with huma, which checks requests and writes the
// specification, docs/openapi.json.
//
// Videos, labels and marks are named by their numbers in the library, never by paths, and
// no operation reads a file that is not a video of the library or one of its thumbnails.
//
// # State
//
// A snapshot is the library as it was opened, with what is derived from it: the list of
// videos, the moments in memory, and the teacher of each label. It is replaced when the
// library's revision changes, whichever process changed it; requests that use the old one
// keep it until they are done. The library's lock is held only while something is written,
// so that commands can be used beside a server.
package server
