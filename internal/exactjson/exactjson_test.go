package exactjson

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

type part struct {
	Mean  []float64       `json:"mean"`
	Raw   json.RawMessage `json:"raw"`
	Kept  string          `json:"kept"`
	Named map[string]part `json:"named"`
	Parts []*part         `json:"parts"`
	Sure  Bool            `json:"sure"`
	Embedded
}

type Embedded struct {
	Size *int `json:"size"`
}

func TestUnmarshal(t *testing.T) {
	p := part{Kept: "usual"}
	if err := Unmarshal([]byte(`{"MEAN":[1],"Raw":0,"raw":null,"kept":null,"other":1,"Size":3}`), &p); err == nil {
		t.Error("two cases of one name have no error")
	}
	if err := Unmarshal([]byte(`{"MEAN":[1],"raw":{"a":1,"A":2},"kept":null,"other":1,"Size":3}`), &p); err != nil {
		t.Fatal(err)
	}
	if p.Mean != nil || string(p.Raw) != `{"a":1,"A":2}` || p.Kept != "usual" || p.Size != nil {
		t.Errorf("%+v", p)
	}
	bad, ok := errors.AsType[*SyntaxError](Unmarshal([]byte(`{"mean": [NaN]}`), &p))
	if !ok || bad.Offset != 10 {
		t.Errorf("%+v", bad)
	}
}

func TestNames(t *testing.T) {
	for text, want := range map[string]string{
		`{"mean":[1],"Mean":[2]}`:                          `the keys "mean" and "Mean" of an object differ only in case, before byte 23`,
		`{"MEAN":[1],"mean":[2]}`:                          `the keys "mean" and "MEAN"`,
		`{"parts":[{},{"\u017fize":1,"size":2}]}`:          `the keys "size" and "ſize"`,
		`{"named":{"x":{"kept":"a","KEPT":"b"}}}`:          `the keys "kept" and "KEPT"`,
		`{"named":{"a":{},"A":{}},"parts":[null]}`:         "",
		`{"other":1,"Other":2,"MEAN":3,"Mean":4}`:          "",
		`{"raw":{"b":1,"c":2,"b":3}}`:                      `the key "b" is twice in an object, at byte `,
		`{"other":{"a":1,"\u0061":1}}`:                     `the key "a" is twice`,
		`{"kept":"\ud800","size":1,"size":2}`:              `the key "size" is twice`,
		"{\"kept\":\"\xff\",\"kept\":\"\"}":                `the key "kept" is twice`,
		`{"named":{"a":{},"a":{}}}`:                        `the key "a" is twice`,
		`{"sure":null}`:                                    "null instead of true or false",
		`{"sure":1}`:                                       "cannot unmarshal number",
		`{"sure":true}`:                                    "",
		`{"mean":[1]`:                                      "unexpected end",
		``:                                                 "unexpected end",
		`{"size":1} {"size":1}`:                            "after top-level value",
		`{"parts":[{"size":"x"}]}`:                         "cannot unmarshal string",
		`{"mean":[` + strings.Repeat(`[`, 20000) + `1]]]}`: "exceeded max depth",
	} {
		err := Unmarshal([]byte(text), &part{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.100s: %v", text, err)
		}
	}
}

func TestUnmarshalKnown(t *testing.T) {
	for _, text := range []string{`{"Mean":[1]}`, `{"other":1}`, `{"parts":[{"SIZE":1}]}`} {
		if err := UnmarshalKnown([]byte(text), &part{}); err == nil || !strings.Contains(err.Error(), "unknown") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := UnmarshalKnown([]byte(`{"size":1}`), &part{}); err != nil {
		t.Error(err)
	}
}
