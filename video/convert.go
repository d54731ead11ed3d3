package video

import (
	"context"
	"fmt"
	"strings"

	"github.com/clipcue/clipcue/internal/ffmpeg"
)

// Treatment says for provenance what is done to a stored picture before it is
// resized, such as "upright, square pixels, bwdif, hable from PQ".
func (i *Info) Treatment() string {
	parts := []string{"upright", "square pixels"}
	if i.Interlaced {
		parts = append(parts, "bwdif")
	}
	if i.HDR != "" {
		parts = append(parts, "hable from "+i.HDR)
	}
	return strings.Join(parts, ", ")
}

// weaves reports whether a decoder puts the fields of the codec together. Those of
// HEVC are pictures of their own.
func (i *Info) weaves() bool { return i.Codec != "hevc" }

// turn is the filters, with a comma before them, that bring a stored picture upright.
func (i *Info) turn() string {
	turn := map[int]string{90: ",transpose=clock", 180: ",hflip,vflip", 270: ",transpose=cclock"}[i.Rotation]
	if i.Flipped {
		return ",hflip" + turn
	}
	return turn
}

// filters are those that Treatment names, but for turn, and beside what ffmpeg does by
// itself: it makes RGB after them, by the stream's own matrix and range, and by BT.601
// where the stream has none.
func (i *Info) filters(ctx context.Context) (string, error) {
	chain := ""
	if i.Interlaced {
		// One frame for each stored one, with its time; frames that are not marked
		// as interlaced pass.
		chain += ",bwdif=mode=send_frame:deint=interlaced"
	}
	if i.HDR == "" {
		return chain, nil
	}
	if err := ffmpeg.NeedFilters(ctx, "zscale", "tonemap"); err != nil {
		return "", &Error{Path: i.Path, Kind: ErrUnsupported,
			Reason: fmt.Sprintf("HDR (%s) has to be tone-mapped, and %v", i.HDR, err)}
	}
	transfer := map[string]string{"PQ": "smpte2084", "HLG": "arib-std-b67"}[i.HDR]
	matrix, primaries, reach := i.Matrix, i.primaries, "tv"
	if primaries == "" {
		primaries = "bt2020"
	}
	switch matrix {
	case "", "bt2020nc":
		matrix = "2020_ncl"
	case "bt2020c":
		matrix = "2020_cl"
	}
	if i.FullRange {
		reach = "pc"
	}
	full := "format=yuv444p16le" // zscale takes no odd sizes of halved chroma
	if matrix == "gbr" {
		full = "format=gbrp16le"
	}
	return chain + fmt.Sprintf(",%s,zscale=tin=%s:pin=%s:min=%s:rin=%s:t=linear:npl=100,format=gbrpf32le,zscale=p=709,"+
		"tonemap=hable:desat=0,zscale=t=709:m=709:r=tv,format=yuv444p", full, transfer, primaries, matrix, reach), nil
}
