package markfile

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// A Format is the name of a file format.
type Format string

// The formats. A format is one entry of codecs, which describes it.
const (
	CSV         Format = "csv"
	JSONL       Format = "jsonl"
	ActivityNet Format = "activitynet"
	LabelStudio Format = "labelstudio"
	SRT         Format = "srt"
	VTT         Format = "vtt"
	EDL         Format = "edl"
	ELAN        Format = "elan"
	TextGrid    Format = "textgrid"
	BORIS       Format = "boris"
	FFMetadata  Format = "ffmetadata"
	Matroska    Format = "matroska"
	MPV         Format = "mpv"
	VIA         Format = "via"
	Parquet     Format = "parquet"
	CVAT        Format = "cvat"
	Datumaro    Format = "datumaro"
	FiftyOne    Format = "fiftyone"
	COCO        Format = "coco"
	HuggingFace Format = "huggingface"
	Premiere    Format = "premiere"
	Resolve     Format = "resolve"
	FCPXML      Format = "fcpxml"
)

// Info describes a format.
type Info struct {
	Name       Format   `json:"name"`
	Program    string   `json:"program"`
	Extensions []string `json:"extensions"` // files are written with the first
	Import     bool     `json:"import"`
	Export     bool     `json:"export"`
	PerVideo   bool     `json:"file_per_video"` // named as the video with the extension added
	Loses      string   `json:"loses"`          // what the format cannot represent; "" if nothing
	Binary     bool     `json:"binary"`         // the files are not text

	anonymous bool // the files may not name their video, as PerVideo
}

// codec reads and writes one file of a format. The videos of rows of a format with a file
// for each video are set by the caller if the file does not name them.
type codec struct {
	Info
	is    func(data []byte) bool // the content is of this format; nil if the extension decides
	read  func(data []byte, o Options) ([]Row, error)
	write func(w io.Writer, rows []Row, o Options) error
}

const marksOnly = "negative marks, authors, dates"

// codecs are the formats. Of several with one extension, the first is the default. A new
// format is a constant, an entry here, and its two functions; either may be nil.
var codecs = []codec{
	{Info{Name: CSV, Program: "spreadsheets, pandas", Extensions: []string{".csv", ".tsv"}}, nil, readCSV, writeCSV},
	{Info{Name: JSONL, Program: "scripts", Extensions: []string{".jsonl"}}, nil, readJSONL, writeJSONL},
	{Info{Name: Parquet, Program: "pandas, polars, DuckDB", Extensions: []string{".parquet"}, Binary: true}, nil, readParquet, writeParquet},
	{Info{Name: ActivityNet, Program: "ActivityNet's tools", Extensions: []string{".json"}, Loses: marksOnly}, nil, readActivityNet, writeActivityNet},
	{Info{Name: LabelStudio, Program: "Label Studio", Extensions: []string{".json"}, Loses: marksOnly}, isArray, readLabelStudio, writeLabelStudio},
	{Info{Name: SRT, Program: "video players", Extensions: []string{".srt"}, PerVideo: true, Loses: marksOnly + ", scores, fractions of a millisecond"}, nil, readSRT, writeSRT},
	{Info{Name: VTT, Program: "browsers", Extensions: []string{".vtt"}, PerVideo: true, Loses: marksOnly + ", scores, fractions of a millisecond"}, nil, readVTT, writeVTT},
	{Info{Name: EDL, Program: "video editors (CMX 3600)", Extensions: []string{".edl"}, PerVideo: true, Loses: marksOnly + ", scores, fractions of a frame"}, nil, readEDL, writeEDL},
	{Info{Name: ELAN, Program: "ELAN", Extensions: []string{".eaf"}, PerVideo: true, Loses: marksOnly + ", fractions of a millisecond"}, nil, readELAN, writeELAN},
	{Info{Name: TextGrid, Program: "Praat", Extensions: []string{".TextGrid"}, PerVideo: true, Loses: marksOnly + ", scores"}, nil, readTextGrid, writeTextGrid},
	{Info{Name: BORIS, Program: "BORIS (aggregated or tabular events)", Extensions: []string{".tsv", ".csv"}, Loses: marksOnly}, isBORIS, readBORIS, writeBORIS},
	{Info{Name: VIA, Program: "VGG Image Annotator 3", Extensions: []string{".json"}, Loses: marksOnly + ", scores"}, isVIA, readVIA, writeVIA},
	{Info{Name: CVAT, Program: "CVAT 1.1", Extensions: []string{".xml"}, PerVideo: true, Loses: marksOnly + ", scores, fractions of a frame, borders between spans that touch"}, nil, readCVAT, writeCVAT},
	{Info{Name: Datumaro, Program: "Datumaro, CVAT", Extensions: []string{".json"}, Loses: marksOnly + ", fractions of a frame", anonymous: true}, isDatumaro, readDatumaro, writeDatumaro},
	{Info{Name: FiftyOne, Program: "FiftyOne (temporal detections)", Extensions: []string{".json"}, Loses: marksOnly}, isFiftyOne, readFiftyOne, writeFiftyOne},
	{Info{Name: COCO, Program: "tables in COCO's style", Extensions: []string{".json"}, Loses: marksOnly}, isCOCO, readCOCO, writeCOCO},
	{Info{Name: HuggingFace, Program: "Hugging Face (metadata.jsonl of a folder)", Extensions: []string{".jsonl"}, Loses: marksOnly}, isHuggingFace, readHuggingFace, writeHuggingFace},
	{Info{Name: Premiere, Program: "Premiere Pro (markers)", Extensions: []string{".csv"}, PerVideo: true, Loses: marksOnly + ", fractions of a frame"}, nil, nil, writePremiere},
	{Info{Name: Resolve, Program: "DaVinci Resolve (markers)", Extensions: []string{".edl"}, PerVideo: true, Loses: marksOnly + ", fractions of a frame"}, nil, nil, writeResolve},
	{Info{Name: FCPXML, Program: "Final Cut Pro, DaVinci Resolve (timeline)", Extensions: []string{".fcpxml"}, Loses: marksOnly + ", fractions of a frame"}, nil, nil, writeFCPXML},
	{Info{Name: FFMetadata, Program: "ffmpeg (chapters)", Extensions: []string{".ffmetadata"}, PerVideo: true, Loses: marksOnly + ", scores, fractions of a millisecond"}, nil, nil, writeFFMetadata},
	{Info{Name: Matroska, Program: "mkvmerge (chapters)", Extensions: []string{".xml"}, PerVideo: true, Loses: marksOnly + ", scores"}, nil, nil, writeMatroska},
	{Info{Name: MPV, Program: "mpv (playlist of segments)", Extensions: []string{".edl"}, Loses: marksOnly + ", scores"}, nil, nil, writeMPV},
}

// keepsNegatives reports whether the format can represent negative marks.
func (i Info) keepsNegatives() bool { return !strings.Contains(i.Loses, marksOnly) }

// List describes all formats.
func List() (out []Info) {
	for _, c := range codecs {
		out = append(out, c.Name.Info())
	}
	return out
}

// Formats returns the names of the formats.
func Formats() (out []Format) {
	for _, c := range codecs {
		out = append(out, c.Name)
	}
	return out
}

// Info describes the format. It is the zero Info if there is no such format.
func (f Format) Info() Info {
	c := f.codec()
	c.Import, c.Export = c.read != nil, c.write != nil
	return c.Info
}

// has reports whether files of the format can have the extension, in any case.
func (i Info) has(extension string) bool {
	return slices.ContainsFunc(i.Extensions, func(e string) bool { return strings.EqualFold(e, extension) })
}

func (f Format) codec() codec {
	if i := slices.IndexFunc(codecs, func(c codec) bool { return c.Name == f }); i >= 0 {
		return codecs[i]
	}
	return codec{}
}

// FormatOf returns the format that the extension of a path indicates. If data, the content
// of the file, is not nil, it tells formats with the same extension apart.
func FormatOf(name string, data []byte) (Format, error) {
	extension := filepath.Ext(name)
	var found Format
	for _, c := range codecs {
		switch {
		case c.read == nil || !c.has(extension):
		case data != nil && c.is != nil && c.is(data):
			return c.Name, nil
		case found == "":
			found = c.Name
		}
	}
	if found == "" {
		return "", fmt.Errorf("%s: %w, the extension is %q", name, ErrFormat, extension)
	}
	return found, nil
}

// ExportFormat returns the first format that is written with the extension of a path.
func ExportFormat(name string) (Format, error) {
	for _, c := range codecs {
		if c.write != nil && strings.EqualFold(c.Extensions[0], filepath.Ext(name)) {
			return c.Name, nil
		}
	}
	return "", fmt.Errorf("%s: %w, the extension is %q", name, ErrFormat, filepath.Ext(name))
}

func isArray(data []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) }
