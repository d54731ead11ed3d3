package library

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc32"
	"image/jpeg"
	"math"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strconv"
	"sync"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/video"
)

// Thumbnails are frames as the backbone sees them, so they are small.
const (
	maxThumbnail     = 8 << 20 // bytes
	maxThumbnailSide = 4096    // pixels
)

// errNotThumbnail is wrapped by the error for a thumbnail that is not the JPEG file that
// was written.
var errNotThumbnail = errors.New("the thumbnail does not match its checksum")

// thumbnail identifies a thumbnail of a library.
type thumbnail struct {
	video  int64
	number int
	sum    uint32 // checksum of the file
}

// name returns the thumbnail's file, relative to the library.
func (t thumbnail) name() string {
	return path.Join(thumbnailsFolder, strconv.FormatInt(t.video, 10), strconv.Itoa(t.number)+".jpg")
}

func (t thumbnail) path(dir string) string { return filepath.Join(dir, filepath.FromSlash(t.name())) }

// read returns the content of a thumbnail's file. It never reads anything else: not
// through a link that leaves the library, and no other content.
func (t thumbnail) read(root *os.Root) ([]byte, error) {
	data, err := input.ReadFileIn(root, t.name(), maxThumbnail)
	if err != nil {
		return nil, err
	}
	if crc32.Checksum(data, castagnoli) != t.sum || !bytes.HasPrefix(data, []byte("\xff\xd8\xff")) {
		return nil, fmt.Errorf("%s: %w", filepath.Join(root.Name(), t.name()), errNotThumbnail)
	}
	return data, nil
}

// films collect thumbnails while videos are decoded: of each video a frame every hop
// seconds, as the backbone sees it, and one in the middle of each moment if that is a
// different one. They are in a folder of their own until the video is indexed.
type films struct {
	root        *os.Root // the library
	window, hop float64

	mu sync.Mutex
	by map[string]*film // by the video's ID
}

// newPrefix begins the name of a folder of thumbnails that do not belong to a video yet.
const newPrefix = "new-"

type film struct {
	folder string     // relative to the library
	times  []float64  // of thumbnails, by their numbers
	sums   []uint32   // the files' checksums
	hops   [2]float64 // of the last frame: hops from 0:00, and from a moment's middle
	frames []shown    // all frames, in the order of time
}

// shown is the time of a frame and whether it is blank.
type shown struct {
	at    float64
	blank bool
}

// watch is [feature.Options].OnFrame. Thumbnails are not flushed to the disk one by one,
// which would take longer than making them: a power failure can damage the last ones,
// and Check reports them.
func (f *films) watch(q *feature.Sequence, frame video.Frame) error {
	f.mu.Lock()
	one := f.by[q.ID]
	if one == nil {
		one = &film{hops: [2]float64{math.Inf(-1)}}
		f.by[q.ID] = one
	}
	f.mu.Unlock()
	at := frame.Time - q.Provenance.StartTime
	one.frames = append(one.frames, shown{at, isBlank(frame.Pix, frame.Width, frame.Height)})
	hops := [2]float64{math.Floor(at/f.hop + slack), math.Floor((at-f.window/2)/f.hop + slack)}
	if hops == one.hops {
		return nil
	}
	one.hops = hops
	if one.folder == "" {
		one.folder = path.Join(thumbnailsFolder, newPrefix+rand.Text())
		if err := f.root.Mkdir(one.folder, 0o777); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, rgba(frame), &jpeg.Options{Quality: 80}); err != nil {
		return err
	}
	if err := f.root.WriteFile(path.Join(one.folder, strconv.Itoa(len(one.times))+".jpg"), b.Bytes(), 0o666); err != nil {
		return err
	}
	one.times, one.sums = append(one.times, at), append(one.sums, crc32.Checksum(b.Bytes(), castagnoli))
	return nil
}

// take returns and removes what was collected of a video.
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
		_ = f.root.RemoveAll(one.folder) // or the next run does it
	}
}

// number returns the thumbnail nearest to the middle of a moment. There is one in each
// moment, because the first frame of each hop has one.
func (f *film) number(s video.Span) int {
	first := min(sort.SearchFloat64s(f.times, s.Start-slack), len(f.times)-1)
	last := max(first, sort.SearchFloat64s(f.times, s.End-slack)-1)
	middle := (s.Start + s.End) / 2
	n := first
	for i := first; i <= last; i++ {
		if math.Abs(f.times[i]-middle) < math.Abs(f.times[n]-middle) {
			n = i
		}
	}
	return n
}

// blank returns the share of a moment's frames that are blank.
func (f *film) blank(s video.Span) float64 {
	first := sort.Search(len(f.frames), func(i int) bool { return f.frames[i].at >= s.Start-slack })
	n, blank := 0, 0
	for _, x := range f.frames[first:] {
		if x.at >= s.End-slack {
			break
		}
		if n++; x.blank {
			blank++
		}
	}
	return float64(blank) / float64(max(1, n))
}

// move makes the thumbnails those of the video with this id.
func (f *film) move(root *os.Root, video int64) error {
	to := path.Join(thumbnailsFolder, strconv.FormatInt(video, 10))
	// An interrupted run may have left a folder of this name.
	return errors.Join(root.RemoveAll(to), root.Rename(f.folder, to))
}
