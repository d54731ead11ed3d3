package access

import (
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// tokens are those of a file, which is read again when it changes.
type tokens struct {
	path string
	log  *slog.Logger

	mu       sync.Mutex
	list     []Token
	required bool // there was a token at some time
	file     fs.FileInfo
	checked  time.Time
}

// recheck is how long a change of the file may go unnoticed.
const recheck = time.Second

func openTokens(path string, log *slog.Logger) (*tokens, error) {
	t := &tokens{path: path, log: log}
	if path == "" {
		return t, nil
	}
	t.file, _ = os.Stat(path)
	list, err := ReadTokens(path)
	t.list, t.required, t.checked = list, len(list) > 0, time.Now()
	return t, err
}

// current returns the tokens, and whether requests need one. Removing the last token of
// a running server locks everyone out: it does not let everyone in.
func (t *tokens) current() (list []Token, required bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.path == "" || time.Since(t.checked) < recheck {
		return t.list, t.required
	}
	t.checked = time.Now()
	info, err := os.Stat(t.path)
	if err == nil && t.file != nil && os.SameFile(info, t.file) && info.ModTime().Equal(t.file.ModTime()) && info.Size() == t.file.Size() {
		return t.list, t.required
	}
	list, err = ReadTokens(t.path)
	if err != nil {
		t.log.Error("the tokens cannot be read again; the former ones stay valid", "error", err)
		return t.list, t.required
	}
	t.file, t.list, t.required = info, list, t.required || len(list) > 0
	return t.list, t.required
}
