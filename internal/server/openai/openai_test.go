package openai

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"image"
	"image/png"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/tiny"
	"github.com/clipcue/clipcue/internal/server/encode"
)

func serve(t *testing.T) string {
	t.Helper()
	e := encode.New(encode.Options{Idle: time.Hour,
		Find: func(name string) (string, error) {
			if name != "ViT-B/32" {
				return "", &encode.MissingError{Model: name}
			}
			return name, nil
		},
		Load: func(_ context.Context, _ string, tower clip.Tower) (*clip.Model, error) {
			return tiny.Load(clip.Options{Towers: tower})
		}})
	mux := http.NewServeMux()
	Register(mux, Options{Encoder: e, Models: func() []string { return []string{"ViT-B/32", "clipcue-tiny"} }, Describe: error.Error, Log: slog.New(slog.DiscardHandler)})
	s := httptest.NewServer(mux)
	t.Cleanup(e.Close)
	t.Cleanup(s.Close)
	return s.URL + "/v1/embeddings"
}

// reply is the part of an answer that clients read.
type reply struct {
	Object, Model string
	Data          []struct {
		Object    string
		Index     int
		Embedding json.RawMessage
	}
	Usage struct {
		Prompt int `json:"prompt_tokens"`
		Total  int `json:"total_tokens"`
	}
	Error *struct{ Message, Type string }
}

func ask(t *testing.T, address, body string) (int, reply) {
	t.Helper()
	r, err := http.Post(address, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var x reply
	if err := json.NewDecoder(r.Body).Decode(&x); err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, x
}

func list(t *testing.T, raw json.RawMessage) (x []float32) {
	t.Helper()
	if err := json.Unmarshal(raw, &x); err != nil || len(x) < 16 {
		t.Fatalf("%s: %v", raw, err)
	}
	return x
}

// OpenAI's Python package asks for base64 unless told otherwise; both formats have the same numbers.
func TestTexts(t *testing.T) {
	t.Parallel()
	address := serve(t)
	status, x := ask(t, address, `{"input":["a red circle","a blue square"],"model":"ViT-B/32","encoding_format":"float","user":"me"}`)
	if status != 200 || x.Object != "list" || x.Model != "ViT-B/32" || len(x.Data) != 2 || x.Data[1].Object != "embedding" || x.Data[1].Index != 1 || x.Usage.Prompt < 6 || x.Usage.Total != x.Usage.Prompt {
		t.Fatalf("%d %+v", status, x)
	}
	_, y := ask(t, address, `{"input":"a blue square","model":"ViT-B/32","encoding_format":"base64"}`)
	var text string
	if err := json.Unmarshal(y.Data[0].Embedding, &text); err != nil {
		t.Fatal(err)
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	got, want := make([]float32, len(data)/4), list(t, x.Data[1].Embedding)
	if _, err := binary.Decode(data, binary.LittleEndian, got); err != nil || len(got) != len(want) {
		t.Fatal(len(got), err)
	}
	for i := range want {
		if d := got[i] - want[i]; d > 1e-6 || d < -1e-6 {
			t.Fatalf("element %d is %v in one format and %v in the other", i, got[i], want[i])
		}
	}
}

// The forms in which servers take images give the same embedding.
func TestImages(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 30, 20))); err != nil {
		t.Fatal(err)
	}
	plain := base64.StdEncoding.EncodeToString(b.Bytes())
	url := "data:image/png;base64," + plain
	status, x := ask(t, serve(t), `{"model":"ViT-B/32","input":["`+url+`",{"image":"`+url+`"},{"image":"`+plain+`"},{"type":"image_url","image_url":{"url":"`+url+`"}},
		" `+url+`","DATA:image/PNG;BASE64,`+plain+`","data:;base64,`+plain+`",{"image":"\n`+url+`"},{"text":"a circle"},{"text":"`+url[:40]+`"},"see https://example.org/a.png"]}`)
	if status != 200 || len(x.Data) != 11 {
		t.Fatalf("%d %+v", status, x)
	}
	first := list(t, x.Data[0].Embedding)
	for i, d := range x.Data {
		if same := slices.Equal(list(t, d.Embedding), first); same != (i < 8) {
			t.Errorf("input %d: same embedding: %v", i, same)
		}
	}
}

// What cannot be served is an error in OpenAI's shape.
func TestRejected(t *testing.T) {
	t.Parallel()
	address := serve(t)
	for body, c := range map[string]struct {
		status int
		text   string
	}{
		`{"input":"a"}`:                                                          {400, "model"},
		`{"model":"ViT-B/32"}`:                                                   {400, "input 0"},
		`{"model":"ViT-B/32","input":[]}`:                                        {400, "1 to 2048"},
		`{"model":"ViT-B/32","input":""}`:                                        {400, "empty"},
		`{"model":"ViT-B/32","input":[1,2,3]}`:                                   {400, "token ids"},
		`{"model":"ViT-B/32","input":[[1,2],[3]]}`:                               {400, "token ids"},
		`{"model":"ViT-B/32","input":"a","encoding_format":"hex"}`:               {400, "hex"},
		`{"model":"ViT-B/32","input":"a","dimensions":7}`:                        {400, "dimensions"},
		`{"model":"ViT-B/32","input":{"image":"https://example.org/a.png"}}`:     {400, "not downloaded"},
		`{"model":"ViT-B/32","input":{"image":"data:image/png,abc"}}`:            {400, "base64"},
		`{"model":"ViT-B/32","input":"https://example.org/a.png"}`:               {400, "not downloaded"},
		`{"model":"ViT-B/32","input":" HTTP://example.org/a.png\n"}`:             {400, "not downloaded"},
		`{"model":"ViT-B/32","input":"data:text/plain;base64,aGVsbG8="}`:         {400, "base64 image"},
		`{"model":"ViT-B/32","input":"data:image/png,abc"}`:                      {400, "base64 image"},
		`{"model":"ViT-B/32","input":"data:"}`:                                   {400, "base64 image"},
		`{"model":"ViT-B/32","input":"a"} junk`:                                  {400, "JSON"},
		`{"model":"ViT-B/32","input":"a"`:                                        {400, "JSON"},
		`{"model":"ViT-B/32","input":{"image":"aGVsbG8="}}`:                      {422, "image"},
		`{"model":"ViT-B/32","input":{"image":"aGVsbG8=","text":"hello"}}`:       {400, "either"},
		`{"model":"text-embedding-3-small","input":"a"}`:                         {404, "text-embedding-3-small"},
		`{"model":"ViT-B/32","input":[` + strings.Repeat(`"a",`, 2048) + `"a"]}`: {400, "2049"},
		`{"model":"ViT-B/32","input":"a","input":"b"}`:                           {400, `"input" is twice`},
		`{"model":"ViT-B/32","input":{"text":"a","text":"b"}}`:                   {400, `"text" is twice`},
		`{"model":["ViT-B/32"],"input":"a"}`:                                     {400, `"model" at byte 9 is a list instead of a string`},
		`{"model":"ViT-B/32","input":" \n"}`:                                     {400, "empty"},
		`{"model":"ViT-B/32","input":"a\ud800"}`:                                 {400, "not UTF-8"},
		"{\"model\":\"ViT-B/32\",\"input\":{\"text\":\"a\xff\"}}":                {400, "not UTF-8"},
		`{"model":"ViT-B/32","input":["` + strings.Repeat("a", 1<<16+1) + `"]}`:  {413, "65536"},
		`hello`: {400, "JSON"},
	} {
		status, x := ask(t, address, body)
		if status != c.status || x.Error == nil || !strings.Contains(x.Error.Message, c.text) || x.Error.Type != "invalid_request_error" {
			t.Errorf("%.80s: %d %+v", body, status, x.Error)
		}
	}
}

func TestModels(t *testing.T) {
	base := strings.TrimSuffix(serve(t), "embeddings")
	get := func(path string) (status int, v struct {
		ID, Object string
		Data       []struct{ ID, Object string }
	}) {
		r, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, v
	}
	if status, v := get("models"); status != http.StatusOK || v.Object != "list" || len(v.Data) != 2 || v.Data[0].ID != "ViT-B/32" || v.Data[0].Object != "model" {
		t.Errorf("status %d, %+v", status, v)
	}
	for _, path := range []string{"models/ViT-B/32", "models/ViT-B%2F32"} {
		if status, v := get(path); status != http.StatusOK || v.ID != "ViT-B/32" {
			t.Errorf("%s: status %d, %+v", path, status, v)
		}
	}
	if status, _ := get("models/other"); status != http.StatusNotFound {
		t.Errorf("status %d", status)
	}
}
