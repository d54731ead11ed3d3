package jobs

import (
	"encoding/json"
	"io"
	"time"

	"github.com/clipcue/clipcue/client"
	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/progress"
)

// State is the state of a job.
type State = client.State

// The states.
const (
	Waiting  = client.Waiting
	Running  = client.Running
	Done     = client.Done
	Failed   = client.Failed
	Canceled = client.Canceled
)

// Job describes a job as the API does.
type Job = client.Job

// record is a job as it is stored.
type record struct {
	Job
	Params   json.RawMessage `json:"params"`
	FileName string          `json:"file_name"` // for a browser that saves the file
	Attempts int             `json:"attempts"`  // how often it was started

	cancel func()    // of a running job
	began  time.Time // the current stage
	first  int64     // units that were done then
	stage  int64     // its ID
	sent   time.Time // when the last progress was sent
}

// Task is a running job, for the function that does its work.
type Task struct {
	Params   json.RawMessage // as given to [Manager.Add]
	Progress progress.Func
	manager  *Manager
	record   *record
}

// WriteFile makes the file that users download when the job is done, with the name under which
// they save it. It is written completely or not at all.
func (t *Task) WriteFile(name string, write func(io.Writer) error) error {
	m := t.manager
	if err := m.makeFolder(t.record.ID); err != nil {
		return err
	}
	if err := atomicfile.Write(m.filePath(t.record.ID), write); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t.record.FileName = name
	return nil
}

// sendEvery is the shortest time between two reports of the progress of a job.
const sendEvery = 250 * time.Millisecond

// update takes over a report of progress. Of several stages at a time, the one that
// reported last is shown.
func (t *Task) update(u progress.Update) {
	m, r := t.manager, t.record
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if r.State != Running || u.Finished {
		return
	}
	if u.ID != r.stage {
		r.stage, r.began, r.first = u.ID, now, u.Done
	}
	r.Done, r.Total, r.Unit, r.Detail, r.ETA = u.Done, u.Total, u.Unit, u.Stage, 0
	if u.Note != "" {
		r.Detail += ": " + u.Note
	}
	if done := float64(u.Done-r.first) + u.Underway; done > 0 && u.Total > u.Done {
		r.ETA = now.Sub(r.began).Seconds() * (float64(u.Total-u.Done) - u.Underway) / done
	}
	if now.Sub(r.sent) >= sendEvery {
		r.sent = now
		m.hub.Publish("job", r.Job)
	}
}
