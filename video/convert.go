package video

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/clipcue/clipcue/internal/ffmpeg"
)

// Treatment describes, for provenance, what is done to a stored frame before it is
// resized, such as "upright, square pixels, bwdif, hable from PQ".
func (i *Info) Treatment() string {
	parts := []string{"upright", "square pixels"}
	if i.crop != nil {
		parts = append(parts, "cropped")
	}
	if i.Interlaced {
		parts = append(parts, "bwdif")
	}
	if i.Alpha {
		parts = append(parts, "alpha on black")
	}
	if i.HDR != "" {
		parts = append(parts, "hable from "+i.HDR)
	}
	if i.assumesBT709() {
		parts = append(parts, "BT.709 assumed")
	}
	if i.Outliers > 0 {
		parts = append(parts, english.Plural(i.Outliers, "wrong timestamp", "")+" corrected")
	}
	return strings.Join(parts, ", ")
}

// assumesBT709 reports whether a stream does not declare the matrix of its colors and has the
// size of HD video. Players and the standards of HD use BT.709 then; ffmpeg uses BT.601.
func (i *Info) assumesBT709() bool {
	yuv := slices.ContainsFunc([]string{"yuv", "nv", "p0", "p2", "uyvy", "yuyv", "y2"}, func(s string) bool { return strings.HasPrefix(i.PixelFormat, s) })
	return i.Matrix == "" && i.HDR == "" && yuv && !i.IsImage() && i.hd
}

// mergesFields reports whether decoders of the codec merge the two fields of a frame. Those
// of HEVC output each field as a frame.
func (i *Info) mergesFields() bool { return i.Codec != "hevc" }

// orient returns the filters, each after a comma, that rotate and flip a stored frame for
// display.
func (i *Info) orient() string {
	turn := map[int]string{90: ",transpose=clock", 180: ",hflip,vflip", 270: ",transpose=cclock"}[i.Rotation]
	if i.Flipped {
		return ",hflip" + turn
	}
	return turn
}

// filters returns the filters for what Treatment describes, except crop and orientation. After
// them ffmpeg converts to RGB by the stream's matrix and range, or by BT.601 if the stream
// declares none and is not HD.
func (i *Info) filters(ctx context.Context) (string, error) {
	chain := ""
	if i.Interlaced {
		if err := ffmpeg.NeedFilters(ctx, "bwdif"); err != nil {
			return "", &Error{Path: i.Path, Kind: ErrUnsupported, Reason: fmt.Sprintf("interlaced frames need deinterlacing: %v", err)}
		}
		// One output frame per stored frame, with its time. Frames not marked as
		// interlaced pass unchanged. showinfo reports which frames bwdif has output.
		chain += ",bwdif=mode=send_frame:deint=interlaced,showinfo=checksum=0"
	}
	if i.assumesBT709() {
		chain += ",setparams=colorspace=bt709"
	}
	if i.Alpha {
		// Colors that are hidden in the file stay hidden.
		chain += ",format=gbrap,premultiply=inplace=1"
	}
	if i.HDR == "" {
		return chain, nil
	}
	if err := ffmpeg.NeedFilters(ctx, "zscale", "tonemap"); err != nil {
		return "", &Error{Path: i.Path, Kind: ErrUnsupported,
			Reason: fmt.Sprintf("HDR (%s) needs tone mapping: %v", i.HDR, err)}
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
	full := "format=yuv444p16le" // zscale rejects odd sizes with subsampled chroma
	if matrix == "gbr" {
		full = "format=gbrp16le"
	}
	return chain + fmt.Sprintf(",%s,zscale=tin=%s:pin=%s:min=%s:rin=%s:t=linear:npl=100,format=gbrpf32le,zscale=p=709,"+
		"tonemap=hable:desat=0,zscale=t=709:m=709:r=tv,format=yuv444p", full, transfer, primaries, matrix, reach), nil
}
