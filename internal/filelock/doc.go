// Package filelock locks files and folders against other processes.
package filelock
