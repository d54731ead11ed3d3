package exactjson

import (
	"encoding/json"
	"errors"
	"testing"
)

func TestUnmarshal(t *testing.T) {
	type part struct {
		Mean []float64       `json:"mean"`
		Raw  json.RawMessage `json:"raw"`
		Kept string          `json:"kept"`
	}
	p := part{Kept: "usual"}
	if err := Unmarshal([]byte(`{"MEAN":[1],"mean":[2],"Raw":0,"raw":{"a":1},"kept":null,"other":1}`), &p); err != nil {
		t.Fatal(err)
	}
	if len(p.Mean) != 1 || p.Mean[0] != 2 || string(p.Raw) != `{"a":1}` || p.Kept != "usual" {
		t.Errorf("%+v", p)
	}
	bad, ok := errors.AsType[*SyntaxError](Unmarshal([]byte(`{"mean": [NaN]}`), &p))
	if !ok || bad.Offset != 10 {
		t.Errorf("%+v", bad)
	}
}
