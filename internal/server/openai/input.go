package openai

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"github.com/clipcue/clipcue/internal/exactjson"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/server/encode"
	"github.com/clipcue/clipcue/internal/text"
)

// maxInputs is the largest number of inputs of a request, OpenAI's.
const maxInputs = 2048

// element is a text or the content of an image file.
type element struct {
	text  string
	image []byte
}

// object is an input as other servers take it: {"text": …}, {"image": …}, or a part of a
// message, {"type": "image_url", "image_url": {"url": …}}.
type object struct {
	Text  *string `json:"text"`
	Image *string `json:"image"`
	URL   *struct {
		URL string `json:"url"`
	} `json:"image_url"`
}

// inputs returns the inputs of a request: one, or a list.
func (q *request) inputs() ([]element, error) {
	switch {
	case q.Model == "":
		return nil, invalid("model is missing")
	case q.Format != "" && q.Format != "float" && q.Format != "base64":
		return nil, invalid("encoding_format must be float or base64, got %q", q.Format)
	}
	list := []json.RawMessage{q.Input}
	if bytes.HasPrefix(bytes.TrimSpace(q.Input), []byte("[")) {
		if err := exactjson.Unmarshal(q.Input, &list); err != nil {
			return nil, invalid("input: %v", input.Explain(err))
		}
	}
	if len(list) == 0 || len(list) > maxInputs {
		return nil, invalid("input must have 1 to %d elements, got %d", maxInputs, len(list))
	}
	inputs := make([]element, len(list))
	for i, raw := range list {
		var err error
		if inputs[i], err = parseInput(raw); err != nil {
			return nil, &requestError{textStatus(err), fmt.Sprintf("input %d: %v", i, err)}
		}
	}
	return inputs, nil
}

// textStatus returns the status for an input that cannot be encoded.
func textStatus(err error) int {
	if errors.Is(err, input.ErrLongQuery) {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

func parseInput(raw json.RawMessage) (in element, err error) {
	var one string
	var o object
	switch first, _ := firstByte(raw); first {
	case '"':
		if err := exactjson.Unmarshal(raw, &one); err != nil {
			return in, err
		}
		o.Text = &one
		if isAddress(one) {
			o = object{Image: &one}
		}
	case '{':
		if err := exactjson.Unmarshal(raw, &o); err != nil {
			return in, input.Explain(err)
		}
	default:
		return in, invalid("must be a text or an object with text or image; token ids are not supported")
	}
	if o.URL != nil {
		o.Image = cmp.Or(o.Image, &o.URL.URL)
	}
	switch {
	case (o.Text == nil) == (o.Image == nil):
		return in, invalid("must have either text or image")
	case o.Text != nil && text.Key(*o.Text) == "":
		return in, invalid("the text is empty")
	case o.Text != nil:
		return element{text: *o.Text}, input.CheckQuery(*o.Text)
	}
	in.image, err = decodeImage(*o.Image)
	return in, err
}

func firstByte(raw []byte) (byte, bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return 0, false
	}
	return raw[0], true
}

// isAddress reports whether a text is nothing but an address, and so meant as an image. Such a text
// can be encoded as an object.
func isAddress(s string) bool {
	s = strings.TrimSpace(s)
	return hasScheme(s, "data") || isWeb(s) && !strings.ContainsFunc(s, unicode.IsSpace)
}

func isWeb(s string) bool { return hasScheme(s, "http") || hasScheme(s, "https") }

// hasScheme reports whether an address has a scheme, in any case.
func hasScheme(s, scheme string) bool {
	got, _, ok := strings.Cut(s, ":")
	return ok && strings.EqualFold(got, scheme)
}

// decodeImage returns the content of a data URL or of base64 alone. Nothing is downloaded: a
// client must not be able to send requests to the server's network.
func decodeImage(s string) ([]byte, error) {
	s = strings.TrimSpace(s)
	if isWeb(s) {
		return nil, invalid(`images are not downloaded; send a data URL, or {"text": …} to encode the address as a text`)
	}
	if hasScheme(s, "data") {
		kind, data, ok := strings.Cut(s[len("data:"):], ",")
		if !ok || !isImage(kind) {
			return nil, invalid(`a data URL must be a base64 image (data:image/jpeg;base64,…); to encode it as a text, send {"text": …}`)
		}
		s = data
	}
	data, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, invalid("the image is not base64: %v", err)
	}
	return data, nil
}

// isImage reports whether the head of a data URL may be that of an image in base64. A type may be
// missing.
func isImage(head string) bool {
	head, ok := strings.CutSuffix(strings.ToLower(strings.ReplaceAll(head, " ", "")), ";base64")
	kind, _, _ := strings.Cut(head, ";")
	return ok && (kind == "" || kind == "application/octet-stream" || strings.HasPrefix(kind, "image/"))
}

// encode returns the embedding of an input and how many tokens it has.
func (in element) encode(ctx context.Context, e *encode.Encoder, model string) ([]float32, int, error) {
	if in.image != nil {
		i, err := e.Image(ctx, model, in.image)
		return i.Embedding, 0, err
	}
	return e.Text(ctx, model, in.text)
}
