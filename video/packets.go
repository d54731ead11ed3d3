package video

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// listed is a packet as ffprobe lists it: numbers as text, which may be "N/A" or missing.
type listed struct {
	Stream   int `json:"stream_index"`
	PTS      json.Number
	DTS      json.Number
	Duration json.Number
	Position string `json:"pos"`
	Flags    string
	SideData []struct {
		Type string `json:"side_data_type"`
	} `json:"side_data_list"`
	encrypted bool
}

// packetEntries are what ffprobe lists of a packet.
const packetEntries = "packet=stream_index,pts,dts,duration,pos,flags:packet_side_data=side_data_type"

const (
	encryptedPacket = "Encryption info" // in what ffprobe prints about a packet
	protected       = "the video stream is protected"
)

// list calls add with each packet of the stream, in stream order, until add returns false.
// The packets of a small file were read with its headers. It returns the errors that
// ffprobe logged.
func (i *Info) list(ctx context.Context, path string, timeout time.Duration, add func(listed) bool) (complaints []string, err error) {
	if i.packets != nil && i.from == 0 && i.end == 0 {
		for _, l := range i.packets {
			if !add(l) {
				break
			}
		}
		return nil, nil
	}
	enough := errors.New("enough packets")
	stopped := false
	complaints, err = probeInput(ctx, path, timeout, i.input(path), func(r io.Reader) error {
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			if stopped = !add(parseListed(lines.Text())); stopped {
				return enough
			}
		}
		return lines.Err()
	}, "-select_streams", strconv.Itoa(i.index), "-show_entries", packetEntries, "-of", "compact=p=0")
	if stopped && ctx.Err() == nil {
		return nil, nil
	}
	return complaints, err
}

// parseListed parses a line such as "pts=512|dts=-512|duration=512|flags=K_".
func parseListed(line string) (l listed) {
	for field := range strings.SplitSeq(strings.TrimSpace(line), "|") {
		switch key, value, _ := strings.Cut(field, "="); key {
		case "pts":
			l.PTS = json.Number(value)
		case "dts":
			l.DTS = json.Number(value)
		case "duration":
			l.Duration = json.Number(value)
		case "pos":
			l.Position = value
		case "flags":
			l.Flags = value
		}
	}
	l.encrypted = strings.Contains(line, encryptedPacket)
	return l
}

// packetsOf returns the packets of a stream among those of a file.
func packetsOf(all []listed, stream int) []listed {
	kept := []listed{}
	for _, l := range all {
		if l.Stream != stream {
			continue
		}
		for _, d := range l.SideData {
			l.encrypted = l.encrypted || d.Type == encryptedPacket
		}
		l.SideData = nil
		kept = append(kept, l)
	}
	return kept
}

// noTimestamp represents a missing timestamp.
const noTimestamp = math.MinInt64

// packet returns the packet and its decoding timestamp. It returns false for a packet that
// is marked to be discarded.
func (l listed) packet() (p packet, dts int64, ok bool) {
	if l.Flags == "" || strings.Contains(l.Flags, "D") {
		return packet{}, noTimestamp, false
	}
	pts, dts := ticks(string(l.PTS)), ticks(string(l.DTS))
	p.duration = max(0, ticks(string(l.Duration)))
	p.key = l.key()
	switch {
	case pts != noTimestamp:
		p.ticks, p.timed, p.stamped = pts, true, true
	case dts != noTimestamp:
		p.ticks, p.timed = dts, true
	}
	return p, dts, true
}

func (l listed) key() bool { return strings.Contains(l.Flags, "K") }

// ticks parses a timestamp. Beyond 2^62 the difference of two would overflow.
func ticks(s string) int64 {
	if v, err := strconv.ParseInt(s, 10, 64); err == nil && v > -1<<62 && v < 1<<62 {
		return v
	}
	return noTimestamp
}

// encrypted returns an error if packets of a stream are encrypted. Only the packets show
// that; decoding them gives noise and, for most codecs, errors.
func encrypted(ctx context.Context, path string, info *Info, timeout time.Duration) error {
	found := false
	_, err := info.list(ctx, path, timeout, func(l listed) bool {
		found = l.encrypted
		return !found
	})
	switch {
	case found:
		return &Error{Path: path, Kind: ErrEncrypted, Reason: protected}
	case ctx.Err() != nil:
		return err
	}
	return nil
}
