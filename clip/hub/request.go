package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// once requests the rest of a file and writes it to the partial file.
func (d *downloader) once(parent context.Context, f fetch) (info remote, err error) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	defer func() {
		if errors.Is(context.Cause(ctx), errStalled) {
			err = errStalled
		}
	}()
	partial, offset := f.partial()
	response, err := d.request(ctx, f.url, offset)
	if err != nil {
		return info, err
	}
	defer response.Body.Close()
	d.reached = true
	info = describe(response)
	if offset, err = f.accept(response, info, partial, offset); err != nil || offset < 0 {
		return info, err
	}
	out, err := f.open(partial, info, offset)
	if err != nil {
		return info, err
	}
	defer func() {
		if closed := out.Close(); err == nil {
			err = closed
		}
	}()
	stall := time.AfterFunc(d.pace.stall, func() { cancel(errStalled) })
	defer stall.Stop()
	alive := func() { stall.Reset(d.pace.stall) }
	if err := f.receive(out, response.Body, offset, info.size, alive); err != nil {
		return info, err
	}
	return info, out.Sync()
}

// request requests a file from byte offset on. The credentials of a mirror go to the
// mirror only, and are in no address that is stored or printed.
func (d *downloader) request(ctx context.Context, address string, offset int64) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	request.URL.User = d.user
	request.Header.Set("User-Agent", "clipcue")
	request.Header.Set("Accept-Encoding", "identity") // offsets count the bytes of the file
	if d.token != "" {
		request.Header.Set("Authorization", "Bearer "+d.token)
	}
	if offset > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	response, err := d.client.Do(request)
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // without the address, which can contain credentials
	}
	return response, err
}

// accept checks the head of an answer to a request for the bytes from offset on, and
// returns the offset of the bytes that follow; -1 if the partial file is whole.
func (f fetch) accept(response *http.Response, info remote, partial string, offset int64) (int64, error) {
	same := partial == f.partialName(info)
	switch response.StatusCode {
	case http.StatusOK:
		offset = 0
	case http.StatusPartialContent:
		// Restart if the file has changed, or if the server sends another part.
		if start, ok := rangeStart(response); !ok || start != offset || info.tag == "" || !same {
			return 0, again(partial, "the server sends another part than was requested")
		}
	case http.StatusRequestedRangeNotSatisfiable:
		// Either the partial file is whole, or it is of another version.
		if offset == 0 || info.size != offset || !same {
			return 0, again(partial, "the server has no such part of the file")
		}
		return -1, nil
	default:
		return 0, newStatusError(response)
	}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
		return 0, &failure{true, errors.New("the server sends a web page instead of the file, such as a login page")}
	}
	if info.size > f.limit {
		return 0, &failure{true, fmt.Errorf("the server announces %d bytes, more than such a file can have", info.size)}
	}
	return offset, nil
}

// open opens the partial file for writing from offset on, in place of that of another
// version.
func (f fetch) open(partial string, info remote, offset int64) (*os.File, error) {
	if name := f.partialName(info); name != partial {
		if err := removeIfThere(partial); err != nil {
			return nil, err
		}
		partial = name
	}
	out, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return nil, &failure{true, err}
	}
	if err = out.Truncate(offset); err == nil {
		_, err = out.Seek(offset, io.SeekStart)
	}
	if err != nil {
		out.Close()
		return nil, err
	}
	return out, nil
}

// receive writes what follows offset to the partial file. size is that of the whole file;
// -1 if unknown. alive is called after each read.
func (f fetch) receive(out io.Writer, body io.Reader, offset, size int64, alive func()) error {
	buffer := make([]byte, 1<<18)
	for {
		n, err := body.Read(buffer)
		alive()
		if n > 0 {
			if _, err := out.Write(buffer[:n]); err != nil {
				return &failure{true, err}
			}
			if offset += int64(n); offset > f.limit {
				return &failure{true, fmt.Errorf("the server sends more than %d bytes, more than such a file can have", f.limit)}
			}
			if f.progress != nil {
				f.progress(offset, max(size, 0))
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if size >= 0 && offset < size {
		return fmt.Errorf("the server broke off after %d of %d bytes", offset, size)
	}
	return nil
}
