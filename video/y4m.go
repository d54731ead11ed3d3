package video

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// wholeY4M reports whether a YUV4MPEG2 file ends after a frame. All frames have the same
// size. ffmpeg drops an incomplete last one.
func wholeY4M(f *io.SectionReader) bool {
	r := bufio.NewReaderSize(f, 1<<12)
	head, err := r.ReadSlice('\n')
	frame := y4mFrameSize(string(head))
	rest := f.Size() - int64(len(head))
	const mark = "FRAME\n" // the format allows parameters here, but no program writes them
	if m, _ := r.Peek(len(mark)); err != nil || frame == 0 || string(m) != mark {
		return true
	}
	return rest%(int64(len(mark))+frame) == 0
}

// y4mFrameSize returns the size of a frame in bytes, from the first line of the file, or 0
// if it is unknown.
func y4mFrameSize(head string) int64 {
	var w, h int64
	kind := "420"
	for word := range strings.FieldsSeq(head) {
		n, err := strconv.ParseInt(word[1:], 10, 32)
		switch {
		case word[0] == 'C':
			kind = word[1:]
		case word[0] == 'W' && err == nil:
			w = n
		case word[0] == 'H' && err == nil:
			h = n
		}
	}
	if w < 1 || h < 1 || w > maxFrame/h {
		return 0
	}
	bytes := int64(1)
	if name, depth, ok := strings.Cut(kind, "p"); ok && len(name) == 3 {
		if _, err := strconv.Atoi(depth); err == nil { // 420p10
			kind, bytes = name, 2
		}
	}
	halfW, halfH := (w+1)/2, (h+1)/2
	switch kind {
	case "420", "420jpeg", "420mpeg2", "420paldv":
		return bytes * (w*h + 2*halfW*halfH)
	case "422":
		return bytes * (w*h + 2*halfW*h)
	case "444":
		return bytes * 3 * w * h
	case "mono":
		return w * h
	}
	return 0
}
