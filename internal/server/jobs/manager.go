package jobs

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/filelock"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/text"
)

// Kind is a kind of job.
type Kind struct {
	Writes bool // it writes the library
	// Run does the work. Its result must be valid for encoding/json. It may be called again
	// for a job that the end of the server interrupted.
	Run func(ctx context.Context, t *Task) (result any, err error)
}

var (
	// ErrInUse is wrapped by the error for jobs that another server runs.
	ErrInUse = errors.New("another server already serves this library")
	// ErrNoJob means that there is no job of that ID.
	ErrNoJob = errors.New("there is no such job")
	// ErrReadOnly means that the folder of the jobs cannot be written.
	ErrReadOnly = errors.New("the folder of the jobs cannot be written")
	// ErrTooMany means that too many jobs are waiting.
	ErrTooMany = errors.New("too many jobs are waiting")
)

const (
	listFile    = "jobs.json"
	resultFile  = "result"
	maxList     = 64 << 20 // bytes
	maxFinished = 50       // jobs that are kept
	maxWaiting  = 100
	MaxAttempts = 3 // of a job that ends the server
)

// Manager runs jobs.
type Manager struct {
	dir   string
	lock  *os.File // nil if the folder does not exist and cannot be created
	kinds map[string]Kind
	hub   *Hub
	log   *slog.Logger

	stop    context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	readOnly bool // the folder cannot be written: the jobs of its list stay as they are

	mu   sync.Mutex
	list []*record     // in the order in which they were added
	busy map[bool]bool // by Kind.Writes: a job runs
}

// Open opens the jobs in a folder, which is created, and runs those that did not end. The
// end of ctx interrupts them. hub gets every change. If the folder cannot be written, no job
// runs, and Add and Remove return [ErrReadOnly].
func Open(ctx context.Context, dir string, kinds map[string]Kind, hub *Hub, log *slog.Logger) (_ *Manager, err error) {
	m := &Manager{dir: dir, kinds: kinds, hub: hub, log: log, busy: map[bool]bool{}}
	err = os.MkdirAll(dir, 0o777)
	if m.readOnly = isReadOnly(err); err == nil {
		err = m.openFolder()
	}
	if err != nil && !m.readOnly {
		return nil, err
	}
	if m.readOnly {
		log.Warn("the server runs no jobs, because their folder cannot be written", "folder", dir, "error", err)
	}
	hub.current = m.unfinished
	m.stop, m.cancel = context.WithCancel(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next()
	return m, nil
}

// isReadOnly reports whether an error says that a folder cannot be written.
func isReadOnly(err error) bool {
	return errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission)
}

// openFolder locks the folder, reads the list of jobs, and removes files that belong to none of them.
func (m *Manager) openFolder() (err error) {
	if m.lock, err = os.Open(m.dir); err != nil {
		return err
	}
	free, err := filelock.Try(m.lock)
	if err == nil && !free {
		err = fmt.Errorf("%s: %w", filepath.Dir(m.dir), ErrInUse)
	}
	if err == nil {
		err = m.load()
	}
	if err == nil {
		// Another error, such as that of a full disk, ends when there is space.
		if saved := m.save(); isReadOnly(saved) {
			m.readOnly = true
			return saved
		}
		err = m.removeLeftovers()
	}
	if err != nil {
		m.lock.Close()
	}
	return err
}

// load reads the list of jobs.
func (m *Manager) load() error {
	data, err := input.ReadFile(filepath.Join(m.dir, listFile), maxList)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		if err := json.Unmarshal(data, &m.list); err != nil {
			return fmt.Errorf("%s is not a list of jobs: %w", filepath.Join(m.dir, listFile), err)
		}
	}
	m.list = slices.DeleteFunc(m.list, func(r *record) bool { return r == nil })
	for _, r := range m.list {
		_, known := m.kinds[r.Kind]
		switch {
		case r.State.Ended():
		case !known:
			m.end(r, Failed, fmt.Sprintf("this version of clipcue has no jobs of kind %q", r.Kind))
		case r.Attempts >= MaxAttempts:
			m.end(r, Failed, fmt.Sprintf("the server ended %d times while this job ran", r.Attempts))
		default:
			r.State = Waiting
		}
	}
	return nil
}

// removeLeftovers removes files that belong to no job.
func (m *Manager) removeLeftovers() error {
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() && m.find(e.Name()) == nil {
			err = errors.Join(err, os.RemoveAll(filepath.Join(m.dir, e.Name())))
		}
	}
	return errors.Join(err, atomicfile.RemoveLeftovers(m.dir))
}

// Close interrupts the running jobs, which run again after the next Open.
func (m *Manager) Close() error {
	m.cancel()
	m.running.Wait()
	if m.lock == nil {
		return nil
	}
	return m.lock.Close()
}

// Add adds a job with parameters, which must be valid for encoding/json. If the same job is
// waiting or running, it is returned instead.
func (m *Manager) Add(kind, title string, params any) (Job, error) {
	if _, ok := m.kinds[kind]; !ok {
		return Job{}, fmt.Errorf("unknown kind of job %q", kind)
	}
	data, err := json.Marshal(params)
	if err != nil {
		return Job{}, err
	}
	if m.readOnly {
		return Job{}, ErrReadOnly
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	waiting := 0
	for _, r := range m.list {
		if !r.State.Ended() && r.Kind == kind && bytes.Equal(r.Params, data) {
			return r.Job, nil
		}
		if r.State == Waiting {
			waiting++
		}
	}
	if waiting >= maxWaiting {
		return Job{}, ErrTooMany
	}
	r := &record{Job: Job{ID: rand.Text()[:16], Kind: kind, State: Waiting, Title: title, Created: time.Now().UTC()}, Params: data}
	m.list = append(m.list, r)
	if err := m.save(); err != nil {
		m.list = m.list[:len(m.list)-1]
		return Job{}, err
	}
	m.hub.Publish("job", r.Job)
	m.next()
	return r.Job, nil
}

// List returns all jobs, the newest first.
func (m *Manager) List() []Job {
	m.mu.Lock()
	defer m.mu.Unlock()
	jobs := make([]Job, 0, len(m.list))
	for _, r := range slices.Backward(m.list) {
		jobs = append(jobs, r.Job)
	}
	return jobs
}

// unfinished returns the jobs that have not ended.
func (m *Manager) unfinished() []Job {
	return slices.DeleteFunc(m.List(), func(j Job) bool { return j.State.Ended() })
}

// Get returns a job.
func (m *Manager) Get(id string) (Job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.find(id); r != nil {
		return r.Job, nil
	}
	return Job{}, ErrNoJob
}

// Remove cancels a job. One that has ended is removed, with its file.
func (m *Manager) Remove(id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.find(id)
	switch {
	case r == nil:
		return ErrNoJob
	case m.readOnly:
		return ErrReadOnly
	case r.State == Running:
		r.cancel()
		return nil
	case r.State == Waiting:
		m.end(r, Canceled, "")
		m.hub.Publish("job", r.Job)
		return m.save()
	}
	m.list = slices.DeleteFunc(m.list, func(other *record) bool { return other == r })
	return errors.Join(m.save(), os.RemoveAll(filepath.Join(m.dir, id)))
}

// OpenFile opens the file of a job, and returns the name under which it is saved.
func (m *Manager) OpenFile(id string) (f *os.File, name string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.find(id)
	if r == nil || r.File == "" {
		return nil, "", ErrNoJob
	}
	f, err = input.Open(m.filePath(id))
	return f, r.FileName, err
}

func (m *Manager) find(id string) *record {
	if i := slices.IndexFunc(m.list, func(r *record) bool { return r.ID == id }); i >= 0 {
		return m.list[i]
	}
	return nil
}

func (m *Manager) filePath(id string) string { return filepath.Join(m.dir, id, resultFile) }

func (m *Manager) makeFolder(id string) error { return os.MkdirAll(filepath.Join(m.dir, id), 0o777) }

// save stores the list. The caller holds the lock.
func (m *Manager) save() error {
	data, err := json.Marshal(m.list)
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(m.dir, listFile), data)
}

// saveOrLog is save for changes that cannot be undone.
func (m *Manager) saveOrLog() {
	if err := m.save(); err != nil {
		m.log.Error("the list of jobs could not be stored", "error", err)
	}
}

// end sets the last state of a job.
func (m *Manager) end(r *record, s State, reason string) {
	r.State, r.Error, r.ETA, r.Finished = s, reason, 0, time.Now().UTC()
	if s != Done {
		r.FileName = ""
	}
	if r.FileName != "" {
		r.File = "/api/v1/jobs/" + r.ID + "/file"
	}
}

// prune removes the oldest jobs that have ended, beyond the number that is kept.
func (m *Manager) prune() {
	ended := 0
	for _, r := range m.list {
		if r.State.Ended() {
			ended++
		}
	}
	m.list = slices.DeleteFunc(m.list, func(r *record) bool {
		if !r.State.Ended() || ended <= maxFinished {
			return false
		}
		ended--
		_ = os.RemoveAll(filepath.Join(m.dir, r.ID)) // or the next start does it
		return true
	})
}

// next starts the jobs whose turn it is. The caller holds the lock.
func (m *Manager) next() {
	if m.readOnly {
		return
	}
	for _, r := range m.list {
		k := m.kinds[r.Kind]
		if r.State != Waiting || m.busy[k.Writes] || m.stop.Err() != nil {
			continue
		}
		m.busy[k.Writes] = true
		ctx, cancel := context.WithCancel(m.stop)
		r.State, r.Started, r.cancel, r.Attempts = Running, time.Now().UTC(), cancel, r.Attempts+1
		m.saveOrLog()
		m.hub.Publish("job", r.Job)
		m.running.Go(func() {
			defer crash.Recover()
			m.run(ctx, r, k)
		})
	}
}

// run runs a job, and then the next one.
func (m *Manager) run(ctx context.Context, r *record, k Kind) {
	t := &Task{Params: r.Params, manager: m, record: r}
	t.Progress = t.update
	result, err := call(ctx, k, t)
	var data json.RawMessage
	if err == nil && result != nil {
		data, err = json.Marshal(result)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.busy[k.Writes] = false
	switch {
	case err == nil:
		r.Result = data
		m.end(r, Done, "")
	case m.stop.Err() != nil: // it runs again; a stop is no failed attempt
		r.Attempts--
		m.saveOrLog()
		return
	case ctx.Err() != nil:
		m.end(r, Canceled, "")
	default:
		m.log.Error("a job failed", "kind", r.Kind, "job", r.ID, "error", err)
		m.end(r, Failed, reason(err))
	}
	r.cancel()
	if r.File == "" {
		_ = os.RemoveAll(filepath.Join(m.dir, r.ID))
	}
	m.prune()
	m.saveOrLog()
	m.hub.Publish("job", r.Job)
	m.next()
}

// reason returns an error as a line for users.
func reason(err error) string {
	if errors.Is(err, syscall.ENOSPC) {
		return "the disk of the server is full"
	}
	return text.Quote(err.Error())
}

// call runs a job. A panic fails the job and not the server.
func call(ctx context.Context, k Kind, t *Task) (result any, err error) {
	defer func() {
		if v := recover(); v != nil {
			defect := crash.New(v)
			t.manager.log.Error("a job panicked", "error", defect, "stack", string(defect.Stack))
			err = defect
		}
	}()
	return k.Run(ctx, t)
}
