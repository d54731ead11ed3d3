package markfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Formats that count frames ask for the rate of each video once, by its own name, and refuse videos whose rate is
// unknown.
func TestFramesNeedARate(t *testing.T) {
	const video = "gr\xf6\xdfe.mp4"
	rows := []Row{{Video: video, Start: 1, End: 2, Label: "x"}, {Video: video, Start: 3, End: 4, Label: "x"}}
	for _, f := range Formats() {
		t.Run(string(f), func(t *testing.T) {
			folder, asked := t.TempDir(), 0
			o := Options{Clock: func(name string) (float64, Clock, error) {
				if asked++; name != video {
					return 0, nil, nil
				}
				return 12, plainClock(12), nil
			}}
			out := filepath.Join(folder, "marks"+f.Info().Extensions[0])
			if _, err := Write(out, f, rows, o); err != nil || asked > 1 {
				t.Fatalf("%d questions, error %v", asked, err)
			}
			counts := asked > 0
			missing := filepath.Join(folder, "missing")
			_, err := Write(missing, f, rows, Options{})
			refused := errors.Is(err, ErrRate) && strings.Contains(err.Error(), `gr\xf6\xdfe.mp4`)
			if refused != counts || err != nil && !counts {
				t.Errorf("it counts frames: %t, error %v", counts, err)
			}
			if _, err := os.Stat(missing); counts && err == nil {
				t.Error("a failed export leaves files")
			}
			if !f.Info().Import {
				return
			}
			asked = 0
			got, err := Read(out, f, o)
			if d := cmp.Diff(rows, got, cmpopts.EquateApprox(0, 1e-9), cmpopts.IgnoreFields(Row{}, "Split")); err != nil || d != "" || asked > 1 {
				t.Errorf("%d questions, error %v\n%s", asked, err, d)
			}
			if got, err := Read(out, f, Options{}); errors.Is(err, ErrRate) != counts {
				t.Errorf("%v, error %v", got, err)
			}
		})
	}
}
