package fleet

import (
	"errors"
	"fmt"
)

// Errors for errors.Is.
var (
	ErrNoCoordinator = errors.New("no coordinator answers")
	ErrCoordinator   = errors.New("another coordinator uses the folder")
	ErrRejected      = errors.New("the coordinator rejected this worker")
	ErrSuspended     = errors.New("the coordinator suspended this machine")
	ErrChanged       = errors.New("the video changed since it was submitted")
	ErrBucket        = errors.New("cannot use the bucket")
	ErrChecksum      = errors.New("wrong checksum")

	errUnknownWorker = errors.New("the coordinator does not know this worker")
)

// BrokerError reports a broker that cannot be used.
type BrokerError struct {
	Address string // without credentials
	Denied  bool   // wrong or missing credentials
	Err     error
}

func (e *BrokerError) Error() string {
	if e.Denied {
		return fmt.Sprintf("the broker at %s refused the credentials: %v", e.Address, e.Err)
	}
	return fmt.Sprintf("cannot reach the broker at %s: %v", e.Address, e.Err)
}

// Unwrap returns e.Err.
func (e *BrokerError) Unwrap() error { return e.Err }

// OpenError is the error of a broker that others could use without credentials.
type OpenError struct{ Address string }

func (e *OpenError) Error() string {
	return fmt.Sprintf("others can reach the broker at %s, and it has no token", e.Address)
}
