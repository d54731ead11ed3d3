package memory

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestRequest(t *testing.T) {
	SetLimit(1000)
	t.Cleanup(func() { SetLimit(0) })
	release, err := Request(600, "a")
	if err != nil {
		t.Fatal(err)
	}
	for _, bytes := range []int64{401, math.MaxInt64, -1} {
		if _, err := Request(bytes, "image huge.png"); !errors.Is(err, ErrBudget) || !strings.Contains(err.Error(), "image huge.png") {
			t.Errorf("%d bytes: error %v", bytes, err)
		}
	}
	release()
	release()
	if release, err = Request(1000, "b"); err != nil {
		t.Error(err)
	}
	release()
}

func TestDefaultLimit(t *testing.T) {
	SetLimit(0)
	if l := Limit(); l < 1<<20 || l > 1<<50 {
		t.Errorf("limit %d", l)
	}
}
