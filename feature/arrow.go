package feature

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/clipcue/clipcue/internal/arrowfile"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/internal/safetensors"
)

// maxArrow is the size of the largest Arrow file, in bytes: it is in memory as a whole.
const maxArrow = 8 << 30

// readArrow reads an Arrow file with the frames of one video.
func readArrow(path string) (out arrays, err error) {
	info, err := stat(path)
	if err != nil {
		return out, err
	}
	release, err := memory.Request(3*info.size, path)
	if err != nil {
		return out, err
	}
	defer release()
	data, err := input.ReadFile(path, maxArrow)
	if err != nil {
		return out, err
	}
	t := frameTable{}
	if err := arrowfile.Read(data, t.add); err != nil {
		return out, err
	}
	return t.arrays()
}

// frameTable collects the frames of a table in batches or lines.
type frameTable struct {
	provenance *Provenance
	video      *string
	features   []float32
	width      int
	frames     int
	times      []float64
}

// add adds the rows of a batch.
func (t *frameTable) add(about string, batch arrow.RecordBatch) error {
	var a tableAbout
	if json.Unmarshal([]byte(about), &a) == nil {
		t.provenance = a.Provenance
	}
	var names []string
	for _, f := range batch.Schema().Fields() {
		names = append(names, f.Name)
	}
	column := func(of []string) arrow.Array {
		if i := slices.IndexFunc(names, func(n string) bool { return slices.Contains(of, n) }); i >= 0 {
			return batch.Column(i)
		}
		return nil
	}
	c := column(vectorColumns)
	if c == nil {
		return fmt.Errorf("it has no column %s; it has %s", vectorColumns[0], strings.Join(names, ", "))
	}
	vectors, lengths, err := arrowfile.Vectors(c)
	if err != nil {
		return fmt.Errorf("frame %d and the following: %w", t.frames, err)
	}
	for _, n := range lengths {
		if err := t.frame(vectors[:n]); err != nil {
			return err
		}
		vectors = vectors[n:]
	}
	if c := column(timeColumns); c != nil {
		times, err := arrowfile.Seconds(c)
		if err != nil {
			return fmt.Errorf("times: %w", err)
		}
		t.times = append(t.times, times...)
	}
	if c := column([]string{"video"}); c != nil {
		videos, err := arrowfile.Texts(c)
		if err != nil {
			return fmt.Errorf("videos: %w", err)
		}
		for _, v := range videos {
			if err := t.of(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// frame adds a frame.
func (t *frameTable) frame(vector []float32) error {
	if t.frames == 0 {
		t.width = len(vector)
	}
	if len(vector) != t.width {
		return uneven(t.frames, len(vector), t.width)
	}
	t.features = append(t.features, vector...)
	t.frames++
	return nil
}

// of checks that a frame is of the same video as the others.
func (t *frameTable) of(video string) error {
	if t.video == nil {
		t.video = &video
	}
	return sameVideo(*t.video, video)
}

// arrays returns what was collected.
func (t *frameTable) arrays() (arrays, error) {
	if t.frames == 0 || t.width == 0 {
		return arrays{}, errNoFrames
	}
	for i, x := range t.times {
		if x-x != 0 {
			return arrays{}, notFinite(i)
		}
	}
	return arrays{safetensors.ViewFloat32s(t.features, t.frames, t.width), t.times, t.provenance}, nil
}
