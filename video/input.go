package video

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// formats are the accepted containers: all of ffmpeg 5 that hold video in one file.
// Excluded are playlists (concat, hls, dash, imf), which name other files, and formats
// that read a device, the network or a script.
const formats = "3dostr,4xm,alias_pix,amv,anm,apng,argo_brp,asf,asf_o,av1,avi,avr,avs,avs2,avs3,bethsoftvid,bfi,bink," +
	"bmp_pipe,bmv,brender_pix,c93,cavsvideo,cdg,cdxl,cine,cri_pipe,dcstr,dds_pipe,derf,dfa,dhav,dirac,dnxhd,dpx_pipe,dsicin," +
	"dv,dxa,ea,ea_cdata,evc,exr_pipe,film_cpk,filmstrip,fits,flic,flv,frm,gdv,gem_pipe,gif,gif_pipe,gxf,h261,h263,h264,hdr_pipe," +
	"hevc,hnm,ico,idcin,iff,ifv,image2,ingenient,ipmovie,ipu,iss,iv8,ivf,ivr,j2k_pipe,jpeg_pipe,jpegls_pipe,jpegxl_anim,jpegxl_pipe," +
	"jv,kux,lmlm4,lvf,lxf,m4v,matroska,webm,mcc,mgsts,mjpeg,mjpeg_2000,mlv,mm,moflex,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpeg,mpegts," +
	"mpegvideo,msf,msnwctcp,mtv,mv,mvi,mxf,mxg,nc,nsv,nut,nuv,obu,ogg,osq,paf,pam_pipe,pbm_pipe,pcx_pipe,pfm_pipe,pgm_pipe,pgmyuv_pipe," +
	"pgx_pipe,phm_pipe,photocd_pipe,pictor_pipe,pmp,png_pipe,pp_bnk,ppm_pipe,psd_pipe,psxstr,pva,qcp,qdraw_pipe,qoi_pipe,r3d,rl2,rm," +
	"roq,rpl,sdr2,ser,sga,sgi_pipe,siff,simbiosis_imx,smjpeg,smk,smush,sunrast_pipe,svs,swf,tgv,thp,tiertexseq,tiff_pipe,tmv,ty," +
	"usm,vbn_pipe,vc1,vc1test,vividas,vivo,viv,vmd,vvc,wav,flac,aac,wc3movie,webp_pipe,wsvqa,wtv,xbm_pipe,xmv,xpm_pipe,xwd_pipe,xwma," +
	"yop,yuv4mpegpipe,aiff,amr,ape,ac3,eac3,dts,mp2,tta,w64,caf,au"

// limits on the memory that a file can make ffmpeg allocate.
var limits = []string{"-max_alloc", strconv.Itoa(1 << 30), "-max_pixels", strconv.Itoa(maxPixels)}

// input returns the arguments that make ffmpeg read a file, whatever its name looks like,
// and open nothing but files.
func input(path string) []string {
	args := append(slices.Clone(limits), "-protocol_whitelist", "file", "-format_whitelist", formats)
	ext := strings.ToLower(filepath.Ext(path))
	switch {
	case ext == ".gif" && strings.Contains(path, "%"):
		// Otherwise the % would start the pattern of a sequence.
		args = append(args, "-f", "gif")
	case slices.Contains(imageExtensions, ext) && strings.Contains(path, "%"):
		if first, ok := sequenceStart(path); ok {
			dir, base := filepath.Split(path)
			path = strings.ReplaceAll(dir, "%", "%%") + base
			args = append(args, "-f", "image2", "-pattern_type", "sequence", "-start_number", strconv.Itoa(first))
		} else {
			args = append(args, "-f", "image2", "-pattern_type", "none")
		}
	}
	return append(args, "-i", "file:"+path)
}

// input is the function input for the part of a file between i.from and i.end.
func (i *Info) input(path string) []string {
	args := input(path)
	if i.from == 0 && i.end == 0 {
		return args
	}
	for at, arg := range args {
		if arg == "-protocol_whitelist" {
			args[at+1] = "file,subfile"
		}
	}
	last := len(args) - 1
	args[last] = fmt.Sprintf("subfile,,start,%d,end,%d,,:%s", i.from, i.end, args[last])
	return args
}

// fileSize returns the size of a regular file, or 0.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return info.Size()
}

// imageExtensions are the extensions of files that hold one image.
var imageExtensions = strings.Fields(".bmp .dpx .exr .j2k .jp2 .jpeg .jpg .jxl .pbm .pcx .pgm .png .pnm .ppm .psd .sgi .tga .tif .tiff .webp")

var pattern = regexp.MustCompile(`%(0[1-9])?d`)

// sequenceStart returns the lowest number of the images that match a pattern such as
// frames/%04d.png. It returns false for a path without a number to fill in, for the name
// of a file, and for a pattern that no file matches.
func sequenceStart(path string) (first int, ok bool) {
	dir, base := filepath.Split(path)
	at := pattern.FindStringIndex(base)
	if at == nil || strings.Count(base, "%") != 1 {
		return 0, false
	}
	if _, err := os.Lstat(path); err == nil {
		return 0, false
	}
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, false
	}
	for _, e := range entries {
		name, cut := strings.CutPrefix(e.Name(), base[:at[0]])
		digits, end := strings.CutSuffix(name, base[at[1]:])
		n, err := strconv.Atoi(digits)
		if cut && end && err == nil && n >= 0 && fmt.Sprintf(base[at[0]:at[1]], n) == digits && (!ok || n < first) {
			first, ok = n, true
		}
	}
	return first, ok
}

// Files returns the files of a [Source] by its path: the file itself, or the images of a
// numbered sequence, up to the first missing number.
func Files(path string) []string {
	n, ok := sequenceStart(path)
	if !ok {
		return []string{path}
	}
	dir, base := filepath.Split(path)
	at := pattern.FindStringIndex(base)
	image := func() string { return dir + base[:at[0]] + fmt.Sprintf(base[at[0]:at[1]], n) + base[at[1]:] }
	files := []string{image()}
	for {
		n++
		if _, err := os.Lstat(image()); err != nil {
			return files
		}
		files = append(files, image())
	}
}

// checkFile returns the errors that are clearer than those of ffmpeg: a missing file, a
// folder, an empty file.
func checkFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		if _, ok := sequenceStart(path); ok {
			return nil
		}
	}
	var pathErr *os.PathError
	switch {
	case errors.As(err, &pathErr):
		return &Error{Path: path, Kind: pathErr.Err}
	case err != nil:
		return &Error{Path: path, Kind: err}
	case info.IsDir():
		return &Error{Path: path, Kind: ErrFormat, Reason: "a folder"}
	case info.Mode().IsRegular() && info.Size() == 0:
		return &Error{Path: path, Kind: ErrFormat, Reason: "the file is empty"}
	}
	return nil
}
