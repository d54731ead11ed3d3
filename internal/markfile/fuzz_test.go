package markfile

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// fuzzRead checks that any file of a format gives valid spans or an error.
func fuzzRead(f *testing.F, name Format, seeds ...string) {
	var b bytes.Buffer
	if err := name.codec().write(&b, []Row{{Video: "v.mp4", Start: 1, End: 2.5, Label: "a label"}}, Options{Rate: 25}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	path := filepath.Join(f.TempDir(), "file")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		rows, err := Read(path, name, Options{Rate: 25})
		for _, r := range rows {
			if err != nil || r.Label == "" || !(r.Start >= 0 && r.Start < r.End) {
				t.Errorf("%+v, error %v", r, err)
			}
		}
	})
}

func FuzzCSV(f *testing.F)         { fuzzRead(f, CSV) }
func FuzzJSONL(f *testing.F)       { fuzzRead(f, JSONL) }
func FuzzParquet(f *testing.F)     { fuzzRead(f, Parquet) }
func FuzzActivityNet(f *testing.F) { fuzzRead(f, ActivityNet) }
func FuzzLabelStudio(f *testing.F) { fuzzRead(f, LabelStudio) }
func FuzzSRT(f *testing.F)         { fuzzRead(f, SRT) }
func FuzzVTT(f *testing.F)         { fuzzRead(f, VTT) }
func FuzzEDL(f *testing.F)         { fuzzRead(f, EDL) }
func FuzzELAN(f *testing.F)        { fuzzRead(f, ELAN, elanFile) }
func FuzzTextGrid(f *testing.F)    { fuzzRead(f, TextGrid, longGrid, shortGrid) }
func FuzzBORIS(f *testing.F) {
	fuzzRead(f, BORIS, borisFile, borisHead+"o\tplayer #1:a.mp4;b.mp4\t1.0\t4.0;8.0\tbird\tSTATE\t4\t6\ta.mp4\n")
}
func FuzzVIA(f *testing.F)         { fuzzRead(f, VIA, viaFile3) }
func FuzzCVAT(f *testing.F)        { fuzzRead(f, CVAT, cvatFile) }
func FuzzDatumaro(f *testing.F)    { fuzzRead(f, Datumaro, datumaroFile) }
func FuzzFiftyOne(f *testing.F)    { fuzzRead(f, FiftyOne, fiftyOneFile) }
func FuzzHuggingFace(f *testing.F) { fuzzRead(f, HuggingFace) }
func FuzzCOCO(f *testing.F)        { fuzzRead(f, COCO, cocoFile) }
