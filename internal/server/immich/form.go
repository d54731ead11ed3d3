package immich

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/server/gate"
)

// form is a request as Immich sends it. The fields before the payload are those of one protocol.
type form struct {
	entries entries // since Immich 1.107
	old     *oldForm

	image []byte
	text  *string
	via   []string // servers that have forwarded the request
}

// entries are the models that a request asks for, by task and type.
type entries map[string]map[string]entry

type entry struct {
	Model   string          `json:"modelName"`
	Options json.RawMessage `json:"options,omitempty"`
}

// oldForm asks for one model, as Immich before 1.107 does. The answer is the output alone.
type oldForm struct{ model, kind, options string }

// The task and types of CLIP.
const (
	taskCLIP    = "clip"
	typeVisual  = "visual"
	typeTextual = "textual"
)

// formError is the error of a request that is not Immich's.
type formError struct {
	code   int
	detail string
}

func (e *formError) Error() string { return e.detail }
func (e *formError) status() int   { return e.code }

func invalid(format string, a ...any) error {
	return &formError{http.StatusUnprocessableEntity, fmt.Sprintf(format, a...)}
}

// maxField is the limit of a field that is not the image, in bytes.
const maxField = 1 << 20

// readForm reads a request.
func readForm(r *http.Request) (*form, error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, invalid("the request is not multipart/form-data")
	}
	f, fields, err := &form{via: r.Header.Values(viaHeader)}, map[string]string{}, error(nil)
	for {
		p, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = f.readPart(p, fields)
		}
		if err != nil {
			return nil, broken(err)
		}
	}
	if f.image == nil && f.text == nil {
		return nil, &formError{http.StatusBadRequest, "either image or text must be provided"}
	}
	if list, ok := fields["entries"]; ok {
		err = input.Unmarshal([]byte(list), &f.entries)
	} else if f.old = oldOf(fields); f.old != nil {
		f.entries, err = f.old.entries()
	} else {
		return nil, invalid("the field entries is missing")
	}
	if err != nil {
		return nil, invalid("the models cannot be read: %v", err)
	}
	return f, f.check()
}

// broken returns the error for a request whose body cannot be read.
func broken(err error) error {
	if _, ok := errors.AsType[*formError](err); ok {
		return err
	}
	return &formError{gate.BodyStatus(err), "the request cannot be read: " + err.Error()}
}

func (f *form) readPart(p *multipart.Part, fields map[string]string) error {
	name := p.FormName()
	if name == "image" {
		data, err := io.ReadAll(p)
		f.image = data
		return err
	}
	data, err := io.ReadAll(io.LimitReader(p, maxField+1))
	switch {
	case err != nil:
		return err
	case len(data) > maxField:
		return &formError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the field %q has more than %d bytes", name, maxField)}
	case name == "text":
		text := string(data)
		f.text = &text
		return checkText(text)
	default:
		fields[name] = string(data)
	}
	return nil
}

// checkText returns the error for a text that cannot be encoded. An empty one can be, as by Immich's server.
func checkText(text string) error {
	err := input.CheckQuery(text)
	if errors.Is(err, input.ErrLongQuery) {
		return &formError{http.StatusRequestEntityTooLarge, err.Error()}
	}
	if err != nil {
		return invalid("%v", err)
	}
	return nil
}

// check returns an error for models without a name or a payload that the CLIP entries cannot use.
func (f *form) check() error {
	if len(f.entries) == 0 {
		return invalid("entries has no task")
	}
	for task, types := range f.entries {
		if len(types) == 0 {
			return invalid("the task %s has no type", task)
		}
		for kind, e := range types {
			switch {
			case e.Model == "":
				return invalid("the model of %s/%s has no name", task, kind)
			case task == taskCLIP && kind == typeVisual && f.image == nil:
				return invalid("%s/%s needs an image", task, kind)
			case task == taskCLIP && kind == typeTextual && (f.text == nil || f.image != nil):
				return invalid("%s/%s needs a text and no image", task, kind)
			case task == taskCLIP && kind != typeVisual && kind != typeTextual:
				return invalid("the task %s has no type %q", task, kind)
			}
		}
	}
	return nil
}

func oldOf(fields map[string]string) *oldForm {
	if fields["modelName"] == "" {
		return nil
	}
	return &oldForm{fields["modelName"], fields["modelType"], fields["options"]}
}

// entries returns the same request in the newer protocol, if it asks for CLIP.
func (o *oldForm) entries() (entries, error) {
	var options struct {
		Mode string `json:"mode"`
	}
	if o.options != "" {
		if err := input.Unmarshal([]byte(o.options), &options); err != nil {
			return nil, err
		}
	}
	kind := map[string]string{"vision": typeVisual, "text": typeTextual}[options.Mode]
	if o.kind != taskCLIP || kind == "" {
		return entries{o.kind: {options.Mode: {Model: o.model}}}, nil
	}
	return entries{taskCLIP: {kind: {Model: o.model}}}, nil
}

// encode returns the body of a request with some of the entries, and its content type.
func (f *form) encode(some entries) (io.Reader, string, error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	fields := [][2]string{}
	if f.old != nil {
		fields = append(fields, [2]string{"modelName", f.old.model}, [2]string{"modelType", f.old.kind}, [2]string{"options", f.old.options})
	} else {
		list, err := json.Marshal(some)
		if err != nil {
			return nil, "", err
		}
		fields = append(fields, [2]string{"entries", string(list)})
	}
	if f.text != nil {
		fields = append(fields, [2]string{"text", *f.text})
	}
	for _, v := range fields {
		if err := w.WriteField(v[0], v[1]); err != nil {
			return nil, "", err
		}
	}
	if f.image != nil {
		file, err := w.CreateFormFile("image", "blob")
		if err == nil {
			_, err = file.Write(f.image)
		}
		if err != nil {
			return nil, "", err
		}
	}
	return &b, w.FormDataContentType(), w.Close()
}
