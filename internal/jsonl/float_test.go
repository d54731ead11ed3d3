package jsonl

import (
	"encoding/json"
	"math"
	"testing"
)

func TestFloat(t *testing.T) {
	for f, want := range map[Float]string{0: "0.0", 2: "2.0", -3: "-3.0", 2.5: "2.5", 1e21: "1e+21", 1e-9: "1e-9"} {
		data, err := json.Marshal(f)
		var back Float
		if string(data) != want || err != nil || json.Unmarshal(data, &back) != nil || back != f {
			t.Errorf("%v becomes %s, then %v, error %v", float64(f), data, back, err)
		}
	}
	if data, err := json.Marshal(Float(math.NaN())); string(data) != "null" || err != nil {
		t.Errorf("NaN becomes %s, error %v", data, err)
	}
	if _, err := json.Marshal(Float(math.Inf(1))); err == nil {
		t.Error("infinity has no error")
	}
}
