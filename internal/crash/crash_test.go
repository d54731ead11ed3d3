package crash

import (
	"errors"
	"strings"
	"testing"
)

func TestRecover(t *testing.T) {
	defer func() { Handle = nil }()
	var index []int
	for name, fail := range map[string]func(){
		"a text":       func() { panic("broken") },
		"an error":     func() { panic(errors.New("broken")) },
		"out of range": func() { _ = index[len(index)] },
		"nil":          func() { var p *Error; _ = p.Value },
	} {
		var got *Error
		Handle = func(e *Error) { got = e }
		func() { defer Recover(); fail() }()
		if got == nil || !strings.HasPrefix(got.Error(), "internal error: ") || !strings.Contains(got.Where, "crash/crash_test.go:") {
			t.Errorf("%s: got %v", name, got)
		}
	}
	Handle = nil
	defer func() {
		if v := recover(); v != "broken" {
			t.Errorf("without Handle: got %v", v)
		}
	}()
	defer Recover()
	panic("broken")
}
