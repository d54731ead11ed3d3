// Package jobs runs the long work of the server: indexing, training, applying labels,
// exports.
//
// Each kind of job is a function. Jobs that write the library run one after the other, in
// the order in which they were added; so do the others, next to them.
//
// The list of jobs is a file that is replaced atomically at every change of a state. Jobs
// that were waiting or running when the server ended, also by kill -9, run again when it
// starts. So a kind of job must be able to start over, and should continue where it ended.
//
// A [Hub] sends changes to browsers as server-sent events.
package jobs
