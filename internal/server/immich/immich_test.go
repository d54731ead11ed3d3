package immich

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/png"
	"io"
	"log/slog"
	"math"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/clip/tiny"
	"github.com/clipcue/clipcue/internal/server/encode"
)

// serve starts a server that has the built-in backbone under Immich's name of ViT-B/32.
func serve(t *testing.T, o Options) string {
	t.Helper()
	find := func(name string) (string, error) {
		if Name(name) != "ViT-B-32__openai" {
			return "", &encode.MissingError{Model: name}
		}
		return name, nil
	}
	o.Encoder = encode.New(encode.Options{Idle: time.Hour, Find: find, Load: func(_ context.Context, _ string, tower clip.Tower) (*clip.Model, error) {
		return tiny.Load(clip.Options{Towers: tower})
	}})
	o.Runs = func(name string) bool { _, err := find(name); return err == nil }
	o.Describe, o.Log = error.Error, slog.New(slog.DiscardHandler)
	mux := http.NewServeMux()
	Register(mux, o)
	s := httptest.NewServer(mux)
	t.Cleanup(o.Encoder.Close)
	t.Cleanup(s.Close)
	return s.URL
}

// formData writes a request as the FormData of Node's fetch does: fields, then a blob without a name.
func formData(fields ...string) (string, string) {
	const mark = "----formdata-undici-012345678901"
	var b strings.Builder
	for i := 0; i < len(fields); i += 2 {
		b.WriteString("--" + mark + "\r\nContent-Disposition: form-data; name=\"" + fields[i] + "\"")
		if fields[i] == "image" {
			b.WriteString("; filename=\"blob\"\r\nContent-Type: application/octet-stream")
		}
		b.WriteString("\r\n\r\n" + fields[i+1] + "\r\n")
	}
	return b.String() + "--" + mark + "--\r\n", "multipart/form-data; boundary=" + mark
}

func predict(t *testing.T, address string, fields ...string) (int, string) {
	t.Helper()
	body, kind := formData(fields...)
	r, err := http.Post(address+"/predict", kind, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	data, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("Content-Type") != "application/json" {
		t.Fatal(r.Header, err)
	}
	return r.StatusCode, string(data)
}

func photo(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray16(image.Rect(0, 0, 70, 50))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// checkEmbedding checks that a JSON list is an embedding of length 1.
func checkEmbedding(t *testing.T, list string) {
	t.Helper()
	var x []float64
	if err := json.Unmarshal([]byte(list), &x); err != nil || len(x) < 16 {
		t.Fatalf("%q is no embedding: %v", list, err)
	}
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	if math.Abs(sum-1) > 1e-5 {
		t.Errorf("the square of the length is %v", sum)
	}
}

const (
	visualEntry  = `{"clip":{"visual":{"modelName":"ViT-B-32__openai"}}}`
	textualEntry = `{"clip":{"textual":{"modelName":"ViT-B-32__openai","options":{"language":"en-US"}}}}`
	facesEntry   = `{"facial-recognition":{"detection":{"modelName":"buffalo_l","options":{"minScore":0.7}},"recognition":{"modelName":"buffalo_l"}}}`
	ocrEntry     = `{"ocr":{"detection":{"modelName":"PP-OCRv5_mobile","options":{"minScore":0.5,"maxResolution":736}},"recognition":{"modelName":"PP-OCRv5_mobile","options":{"minScore":0.8}}}}`
)

// Immich checks with GET /ping whether a server is there.
func TestPing(t *testing.T) {
	t.Parallel()
	address := serve(t, Options{})
	for path, want := range map[string]string{"/ping": "pong", "/": `{"message":"Immich ML"}`} {
		r, err := http.Get(address + path)
		if err != nil {
			t.Fatal(err)
		}
		data, _ := io.ReadAll(r.Body)
		if r.Body.Close(); r.StatusCode != 200 || strings.TrimSpace(string(data)) != want {
			t.Errorf("GET %s: %s %q", path, r.Status, data)
		}
	}
}

// The requests of Immich since 1.107 get an embedding as text, and images their size.
func TestPredict(t *testing.T) {
	t.Parallel()
	address := serve(t, Options{})
	for _, c := range []struct{ entries, name, payload, rest string }{
		{visualEntry, "image", photo(t), `"imageHeight":50,"imageWidth":70}`},
		{textualEntry, "text", "Hund am Strand", ""},
		{`{"clip":{"textual":{"modelName":"ViT-B-32::openai"}}}`, "text", "", ""},
		{`{"clip":{"textual":{"modelName":" immich-app/ViT-B-32__openai"}}}`, "text", strings.Repeat("word ", 5000), ""},
	} {
		status, answer := predict(t, address, "entries", c.entries, c.name, c.payload)
		var x struct{ Clip string }
		if err := json.Unmarshal([]byte(answer), &x); status != 200 || err != nil || !strings.Contains(answer, c.rest) {
			t.Fatalf("%s: %d %s", c.entries, status, answer)
		}
		checkEmbedding(t, x.Clip)
	}
}

// Immich before 1.125 gets lists; before 1.107, it asks for one model and gets its output alone.
func TestOlderVersions(t *testing.T) {
	t.Parallel()
	_, answer := predict(t, serve(t, Options{Lists: true}), "entries", textualEntry, "text", "a cat")
	var x struct{ Clip json.RawMessage }
	if err := json.Unmarshal([]byte(answer), &x); err != nil {
		t.Fatal(answer, err)
	}
	checkEmbedding(t, string(x.Clip))
	for mode, payload := range map[string][]string{"vision": {"image", photo(t)}, "text": {"text", "a cat"}} {
		_, answer = predict(t, serve(t, Options{}), append([]string{"modelName", "ViT-B-32__openai", "modelType", "clip", "options", `{"mode":"` + mode + `"}`}, payload...)...)
		checkEmbedding(t, answer)
	}
}

// Requests that are not Immich's, or cannot be served, get the status of a FastAPI server.
func TestRejected(t *testing.T) {
	t.Parallel()
	address := serve(t, Options{})
	for what, c := range map[string]struct {
		status int
		detail string
		fields []string
	}{
		"no payload":      {400, "image or text", []string{"entries", visualEntry}},
		"no entries":      {422, "entries", []string{"text", "a"}},
		"not JSON":        {422, "models", []string{"entries", "{", "text", "a"}},
		"task twice":      {422, `"clip" is twice`, []string{"entries", `{"clip":{"textual":{"modelName":"a"}},"clip":{}}`, "text", "a"}},
		"options twice":   {422, `"mode" is twice`, []string{"modelName", "a", "modelType", "clip", "options", `{"mode":"text","mode":"vision"}`, "text", "a"}},
		"a list of tasks": {422, "a list instead of an object", []string{"entries", "[]", "text", "a"}},
		"latin-1":         {422, "not UTF-8", []string{"entries", textualEntry, "text", "gr\xf6"}},
		"long text":       {413, "65536", []string{"entries", textualEntry, "text", strings.Repeat("a", 1<<16+1)}},
		"null":            {422, "no task", []string{"entries", "null", "text", "a"}},
		"no name":         {422, "no name", []string{"entries", `{"clip":{"textual":{}}}`, "text", "a"}},
		"text for image":  {422, "needs an image", []string{"entries", visualEntry, "text", "a"}},
		"image for text":  {422, "needs a text", []string{"entries", textualEntry, "image", "x"}},
		"null for a task": {422, "facial-recognition has no type", []string{"entries", `{"facial-recognition":null}`, "image", photo(t)}},
		"no type":         {422, "clip has no type", []string{"entries", `{"clip":{}}`, "text", "a"}},
		"unknown type":    {422, "no type", []string{"entries", `{"clip":{"audio":{"modelName":"a"}}}`, "text", "a"}},
		"not an image":    {422, "image", []string{"entries", visualEntry, "image", "x"}},
		"HEIC":            {415, "HEIC", []string{"entries", visualEntry, "image", "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"}},
		"missing model":   {404, "RN50__openai", []string{"entries", `{"clip":{"textual":{"modelName":"RN50__openai"}}}`, "text", "a"}},
		"faces":           {501, "facial-recognition", []string{"entries", facesEntry, "image", photo(t)}},
		"text in images":  {501, "ocr", []string{"entries", ocrEntry, "image", photo(t)}},
		"too long a text": {413, "bytes", []string{"entries", textualEntry, "text", strings.Repeat("a", maxField+1)}},
	} {
		status, answer := predict(t, address, c.fields...)
		var x struct{ Detail string }
		if err := json.Unmarshal([]byte(answer), &x); err != nil || status != c.status || !strings.Contains(x.Detail, c.detail) {
			t.Errorf("%s: %d %s", what, status, answer)
		}
	}
	body, kind := formData("entries", visualEntry, "image", photo(t))
	for _, cut := range []string{body[:len(body)/2], ""} {
		r, err := http.Post(address+"/predict", kind, strings.NewReader(cut))
		if err != nil {
			t.Fatal(err)
		}
		if r.Body.Close(); r.StatusCode != 400 {
			t.Errorf("a truncated request: %s", r.Status)
		}
	}
}

// otherServer starts a server like Immich's, which knows faces and every model.
func otherServer(t *testing.T, status int) (*url.URL, *[]string) {
	t.Helper()
	var seen []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts, err := multipart.NewReader(r.Body, strings.TrimPrefix(r.Header.Get("Content-Type"), "multipart/form-data; boundary=")).ReadForm(1 << 20)
		if err != nil {
			t.Error(err)
			return
		}
		for _, field := range []string{"entries", "modelName", "modelType", "options", "text"} {
			seen = append(seen, parts.Value[field]...)
		}
		for _, f := range parts.File["image"] {
			seen = append(seen, f.Filename)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"facial-recognition":[{"boundingBox":{"x1":1,"y1":2,"x2":3,"y2":4},"embedding":"[1,0]","score":0.9}],"clip":"[1]","imageHeight":50,"imageWidth":70}`)
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u, &seen
}

// Other tasks and models go to the other server with the same image; the answers are merged.
func TestUpstream(t *testing.T) {
	t.Parallel()
	u, seen := otherServer(t, 200)
	address := serve(t, Options{Upstream: u})
	both := strings.TrimSuffix(visualEntry, "}") + "," + strings.TrimPrefix(facesEntry, "{")
	status, answer := predict(t, address, "entries", both, "image", photo(t))
	var x struct {
		Clip  string
		Faces []struct{ Embedding string } `json:"facial-recognition"`
		Width int                          `json:"imageWidth"`
	}
	if err := json.Unmarshal([]byte(answer), &x); status != 200 || err != nil || len(x.Faces) != 1 || x.Faces[0].Embedding != "[1,0]" || x.Width != 70 {
		t.Errorf("%d %s", status, answer)
	}
	checkEmbedding(t, x.Clip)
	if len(*seen) != 2 || (*seen)[0] != facesEntry || (*seen)[1] != "blob" {
		t.Errorf("the other server got %q", *seen)
	}
	*seen = nil
	other := `{"clip":{"textual":{"modelName":"nllb-clip-base-siglip__v1","options":{"language":"de"}}}}`
	if status, _ := predict(t, address, "entries", other, "text", "ein Hund"); status != 200 || strings.Join(*seen, " ") != other+" ein Hund" {
		t.Errorf("%d, and the other server got %q", status, *seen)
	}
	*seen = nil
	if status, _ := predict(t, address, "modelName", "buffalo_l", "modelType", "facial-recognition", "options", `{"minScore":0.7}`, "image", photo(t)); status != 200 || len(*seen) != 4 {
		t.Errorf("%d, and the other server got %q", status, *seen)
	}
}

// The failure of the other server is an error: an empty answer would delete the known faces.
func TestUpstreamFails(t *testing.T) {
	t.Parallel()
	broken, _ := otherServer(t, 500)
	gone, err := url.Parse("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []*url.URL{broken, gone} {
		if status, answer := predict(t, serve(t, Options{Upstream: u}), "entries", facesEntry, "image", photo(t)); status != 502 || !strings.Contains(answer, u.Host) {
			t.Errorf("%d %s", status, answer)
		}
	}
}

// stub starts another server with a fixed answer.
func stub(t *testing.T, answer string) *url.URL {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

const bothEntries = `{"clip":{"visual":{"modelName":"ViT-B-32__openai"}},"facial-recognition":{"detection":{"modelName":"buffalo_l"}}}`

// An answer without the output of a task is an error, also next to other outputs.
func TestUpstreamLacksOutputs(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`{}`, `null`, `[]`, `{"facial-recognition":null}`, `{"facial-recognition":{ }}`, `{"clip":"[1]"}`, `{"facial-recognition":[]} x`} {
		address := serve(t, Options{Upstream: stub(t, answer)})
		for _, entries := range []string{facesEntry, bothEntries} {
			if status, got := predict(t, address, "entries", entries, "image", photo(t)); status != 502 {
				t.Errorf("%s: %d %s", answer, status, got)
			}
		}
	}
	address := serve(t, Options{Upstream: stub(t, `{}`)})
	if status, got := predict(t, address, "modelName", "buffalo_l", "modelType", "facial-recognition", "options", `{}`, "image", photo(t)); status != 502 {
		t.Errorf("the older protocol: %d %s", status, got)
	}
}

// The other server's answer is merged as it is: its numbers are not rounded, and outputs that it was
// not asked for do not replace those of clipcue.
func TestUpstreamMerges(t *testing.T) {
	t.Parallel()
	u := stub(t, `{"facial-recognition":[{"id":9007199254740993}],"clip":"theirs","imageWidth":7,"more":1}`)
	status, answer := predict(t, serve(t, Options{Upstream: u}), "entries", bothEntries, "image", photo(t))
	if status != 200 || !strings.Contains(answer, "9007199254740993") || !strings.Contains(answer, `"imageWidth":7,`) && !strings.Contains(answer, `"imageWidth":7}`) ||
		strings.Contains(answer, "theirs") || strings.Contains(answer, "more") {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := predict(t, serve(t, Options{Upstream: stub(t, `{"facial-recognition":[]}`)}), "entries", facesEntry, "image", photo(t)); status != 200 {
		t.Errorf("a photo without faces: %d %s", status, answer)
	}
}

// A server that forwards to itself, directly or through another, answers with an error.
func TestUpstreamLoop(t *testing.T) {
	t.Parallel()
	var next url.URL // set before the first request
	second := serve(t, Options{Upstream: &next})
	u, err := url.Parse(second)
	if err != nil {
		t.Fatal(err)
	}
	next = *u
	for _, address := range []string{second, serve(t, Options{Upstream: u})} {
		status, answer := predict(t, address, "entries", facesEntry, "image", photo(t))
		if status != 502 {
			t.Errorf("%d %s", status, answer)
		}
	}
}

// Every model of the table has a name that can be pulled.
func TestPullNames(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, name := range hub.Names() {
		known[name] = true
	}
	for name, pull := range pullNames {
		if Name(name) != name || !known[pull] && !strings.HasPrefix(pull, "hf:") {
			t.Errorf("%s is %s, which cannot be pulled", name, pull)
		}
	}
	if PullName("RN50__openai") != "" || PullName("immich-app/ViT-B-16-SigLIP2__webli") != "siglip2-base-patch16-224" {
		t.Error("wrong names")
	}
}
