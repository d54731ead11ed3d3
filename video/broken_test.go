package video

import (
	"bytes"
	"encoding/binary"
	"io"
	"maps"
	"slices"
	"testing"
	"time"
)

// The functions that look for truncation read any bytes without a panic, and in time that
// does not depend on the sizes that a file declares.
func FuzzWhole(f *testing.F) {
	chunk := func(name string, size uint32, rest string) []byte {
		return append(binary.LittleEndian.AppendUint32([]byte(name), size), rest...)
	}
	for _, seed := range [][]byte{
		nil,
		[]byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"),
		[]byte("GIF89a\xff\xff\xff\xff\xf7\x00\x00"),
		append([]byte("OggS\x00\x04"), bytes.Repeat([]byte{1}, 40)...),
		slices.Concat(chunk("RIFF", 1<<31, "AVI "), chunk("LIST", 4, "movi")),
		slices.Concat(chunk("RIFF", 0xffffffff, "AVI "), chunk("LIST", 0xffffffff, "hdrl")),
		[]byte("YUV4MPEG2 W2 H2 C420p10 F25:1\nFRAME\n012345678901"),
		[]byte("YUV4MPEG2 W99999999 H99999999 C W H\nFRAME\n"),
		append(bytes.Clone(asfHeader[:]), 24, 0, 0, 0, 0, 0, 0, 0),
		slices.Concat(mxfPartition, make([]byte, 3), []byte{0x84, 0, 0, 0, 88}, bytes.Repeat([]byte{0xff}, 60)),
	} {
		f.Add(seed)
	}
	names := slices.Sorted(maps.Keys(whole))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range names {
			began := time.Now()
			read := counted{r: bytes.NewReader(data)}
			whole[name](io.NewSectionReader(&read, 0, int64(len(data))))
			if d := time.Since(began); d > 5*time.Second || read.n > 1<<20+3*len(data)+100*read.calls {
				t.Errorf("%s: %v, %d bytes read of %d", name, d, read.n, len(data))
			}
		}
	})
}

// counted counts what is read.
type counted struct {
	r        io.ReaderAt
	n, calls int
}

func (c *counted) ReadAt(p []byte, at int64) (int, error) {
	n, err := c.r.ReadAt(p, at)
	c.n, c.calls = c.n+n, c.calls+1
	return n, err
}

// What ffprobe prints about packets, and what the decoder logs, gives a timeline that is
// finite and bounded by the number of frames.
func FuzzTimeline(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 2}, false)
	f.Add(binary.LittleEndian.AppendUint32(bytes.Repeat([]byte{1, 0, 0, 0}, 20), 1<<31), true)
	f.Fuzz(func(t *testing.T, data []byte, broadcast bool) {
		info := &Info{Container: "matroska,webm", FrameRate: 10, tickNum: 1, tickDen: 10}
		if broadcast {
			info.Container = "mpegts"
		}
		x := &packetIndex{exact: true, seconds: 0.1}
		var stamps []stamp
		for len(data) >= 4 && len(stamps) < 1000 {
			ticks := int64(int32(binary.LittleEndian.Uint32(data)))
			x.packets = append(x.packets, packet{ticks: ticks, duration: ticks % 100, timed: true, stamped: true})
			stamps = append(stamps, stamp{ticks: ticks, time: info.seconds(ticks)})
			data = data[4:]
		}
		if len(stamps) == 0 {
			return
		}
		moments := make([]moment, len(stamps))
		for i, p := range x.packets {
			moments[i] = x.moment(p)
		}
		x.correct(newTimeline(moments, info.clock(), back), stamps, info)
		slices.SortStableFunc(x.packets, inTime)
		x.held = x.lastHeld(info)
		x.correctHeaders(info)
		if x.timeline == nil {
			return
		}
		if n := float64(len(stamps)); x.span().end-x.span().start > 2*maxHolds+(jump+maxEach)*n { // the last frame lasts as long as the one before it
			t.Errorf("%v frames last %v s", n, x.span().end-x.span().start)
		}
	})
}
