package jobs

import (
	"net/http"
	"time"

	"github.com/clipcue/clipcue/internal/server/attachment"
	"github.com/clipcue/clipcue/internal/server/problem"
)

// ServeFile sends the file of a job for saving.
func (m *Manager) ServeFile(w http.ResponseWriter, r *http.Request, id string) {
	f, name, err := m.OpenFile(id)
	if err != nil {
		problem.Write(w, http.StatusNotFound, "There is no file of such a job.")
		return
	}
	defer f.Close()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", attachment.Header(name))
	h.Set("Cache-Control", "private, no-store")
	http.ServeContent(w, r, "", time.Time{}, f)
}
