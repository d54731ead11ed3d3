package library

import (
	"bytes"
	"crypto/rand"
	"errors"
	"hash/crc32"
	"image"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"sync"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

// films collect thumbnails while videos are decoded: of each one a frame every hop
// seconds, as the backbone sees it, and one in the middle of each moment if that is
// another. They lie in a folder of their own until the video is indexed.
type films struct {
	root        string // of all thumbnails
	window, hop float64

	mu sync.Mutex
	by map[string]*film // by the video's ID
}

// newPrefix begins the name of a folder of thumbnails that are not a video's yet.
const newPrefix = "new-"

type film struct {
	folder string
	times  []float64  // of thumbnails, by their numbers
	sums   []uint32   // the files' checksums
	hops   [2]float64 // the last frame's: hops from 0:00, and from a moment's middle
}

// watch is [feature.Options].OnFrame. The thumbnails are not flushed to the disk one
// by one, which would take longer than to make them: a cut of the power can damage
// the last ones, and Check names them.
func (f *films) watch(q *feature.Sequence, frame video.Frame) error {
	f.mu.Lock()
	one := f.by[q.ID]
	if one == nil {
		one = &film{hops: [2]float64{math.Inf(-1)}}
		f.by[q.ID] = one
	}
	f.mu.Unlock()
	at := frame.Time - q.Provenance.StartTime
	hops := [2]float64{math.Floor(at/f.hop + slack), math.Floor((at-f.window/2)/f.hop + slack)}
	if hops == one.hops {
		return nil
	}
	one.hops = hops
	if one.folder == "" {
		one.folder = filepath.Join(f.root, newPrefix+rand.Text())
		if err := os.Mkdir(one.folder, 0o777); err != nil {
			return err
		}
	}
	picture := image.NewRGBA(image.Rect(0, 0, frame.Width, frame.Height))
	for i := range frame.Width * frame.Height {
		copy(picture.Pix[4*i:], frame.Pix[3*i:3*i+3])
		picture.Pix[4*i+3] = 255
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, &jpeg.Options{Quality: 80}); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(one.folder, strconv.Itoa(len(one.times))+".jpg"), b.Bytes(), 0o666); err != nil {
		return err
	}
	one.times, one.sums = append(one.times, at), append(one.sums, crc32.Checksum(b.Bytes(), castagnoli))
	return nil
}

// take hands over what was collected of a video.
func (f *films) take(id string) *film {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.by[id]
	delete(f.by, id)
	return one
}

// discard removes what was collected of a video that failed.
func (f *films) discard(id string) {
	if one := f.take(id); one != nil && one.folder != "" {
		_ = os.RemoveAll(one.folder) // or the next run does it
	}
}

// number is the thumbnail of a moment that is nearest to its middle. There is one in
// each moment, as the first frame of each hop has one.
func (f *film) number(s span) int {
	first := min(sort.SearchFloat64s(f.times, s.start-slack), len(f.times)-1)
	last := max(first, sort.SearchFloat64s(f.times, s.end-slack)-1)
	middle := (s.start + s.end) / 2
	n := first
	for i := first; i <= last; i++ {
		if math.Abs(f.times[i]-middle) < math.Abs(f.times[n]-middle) {
			n = i
		}
	}
	return n
}

// move gives the thumbnails to the video of this number.
func (f *film) move(root string, video int64) error {
	to := filepath.Join(root, strconv.FormatInt(video, 10))
	// A run that was killed may have left a folder of this name.
	return errors.Join(os.RemoveAll(to), os.Rename(f.folder, to))
}
