package filelock

import (
	"context"
	"os"
	"time"
)

// Folder locks a folder, and waits while another process has locked it. A folder that cannot be
// read cannot be locked.
func Folder(ctx context.Context, dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		switch alone, err := Try(f); {
		case err != nil:
			f.Close()
			return nil, err
		case alone:
			return func() { f.Close() }, nil
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
