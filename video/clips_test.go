package video

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/clipcue/clipcue/internal/ffmpeg"
)

// clipPath returns the path of a real clip. They stand in the folder that
// CLIPCUE_VIDEOS names, or in ../shared/videos beside the module.
func clipPath(t testing.TB, name string) string {
	t.Helper()
	needFFmpeg(t)
	dir := os.Getenv("CLIPCUE_VIDEOS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "videos")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no clip %s: set CLIPCUE_VIDEOS to a folder that has it", name)
	}
	return path
}

func needFFmpeg(t testing.TB) {
	t.Helper()
	for _, name := range []string{"ffmpeg", "ffprobe"} {
		if _, err := ffmpeg.Command(t.Context(), name); err != nil {
			t.Skip(err)
		}
	}
}

// clips says what Probe and Frames make of each real clip.
var clips = []struct {
	name        string
	info        Info // of which only what is set here is compared, and Width always
	first, last float64
	frames      int
	err         error // of Frames
}{
	{"ask-anything__hitting_baseball.mp4", Info{Width: 426, Height: 320, Frames: 300, FrameRate: 30, Duration: 10}, 0, 9.966667, 300, nil},
	{"ask-anything__jesse_dance.mp4", Info{Width: 1280, Height: 720, Codec: "h264", FrameRate: 24}, 0, 9.75, 235, nil},
	{"ask-anything__yoga.mp4", Info{Width: 568, Height: 320}, 0, 9.966667, 300, nil},
	{"decord__corrupted.mp4", Info{Width: 1280, Height: 720, Frames: 50}, 0, 4.9, 49, ErrDamaged},
	{"decord__flipping_a_pancake.mkv", Info{Width: 426, Height: 240, HasAudio: true, StartTime: -0.007}, 0, 10.3, 310, nil},
	{"decord__video_0.mov", Info{Width: 568, Height: 320}, 0, 0.066667, 3, nil},
	{"decord__video_90.mov", Info{Width: 320, Height: 568, Rotation: 90}, 0, 0.066667, 3, nil},
	{"decord__video_180.mov", Info{Width: 568, Height: 320, Rotation: 180}, 0, 0.066667, 3, nil},
	{"decord__video_270.mov", Info{Width: 320, Height: 568, Rotation: 270}, 0, 0.066667, 3, nil},
	{"file-type__fixture-raw.mts", Info{Width: 1920, Height: 1080, StartTime: 1.433367, Interlaced: true}, 1.433367, 2.434367, 31, nil},
	{"kinetics_i3d_pytorch__v_CricketShot_g04_c01_rgb.gif", Info{Width: 224, Height: 224, Container: "gif"}, 0, 3.12, 79, nil},
	{"lpms__zero-frame.ts", Info{Width: 0, StartTime: 8.335956}, 0, 0, 0, ErrNoFrames},
	{"media__mp4_sample_audio_only.mp4", Info{}, 0, 0, 0, ErrNoVideo},
	{"media__mp4_sample_rotate_and_reflect.mp4", Info{Width: 720, Height: 1080, Rotation: 270, Flipped: true}, 0, 0.967633, 30, nil},
	{"media__vp9_bear-vp9-odd-dimensions.webm", Info{Width: 161, Height: 121}, 0, 0.968, 30, nil},
	{"mediabunny__cursed-vfr.mp4", Info{Width: 3026, Height: 1386}, 0, 7.155503, 63, nil},
	{"mmaction2__demo.mp4", Info{Width: 427, Height: 256, SampleAspectRatio: 64. / 51}, 0, 9.964286, 280, nil},
	{"mmaction2__demo_skeleton.mp4", Info{Width: 1920, Height: 1080}, 0, 2.533333, 72, nil},
	{"mmaction2__part_0.mp4", Info{Width: 455, Height: 256}, 0, 1.066667, 32, nil},
	{"mmaction2__test.mp4", Info{Width: 455, Height: 256}, 0, 9.966667, 300, nil},
	{"moviepy__result.webm", Info{}, 0, 0, 0, ErrFormat},
	{"torchvision__R6llTwEh07w.mp4", Info{Width: 340, Height: 256}, 0, 10.066667, 303, nil},
	{"torchvision__RATRACE_wave_f_nm_np1_fr_goo_37.avi", Info{Width: 560, Height: 240, Codec: "mpeg4"}, 0.066667, 2.433333, 72, nil},
	{"torchvision__SOX5yA1l24A.mp4", Info{Width: 340, Height: 256, FrameRate: 30000. / 1001}, 0, 11.044367, 332, nil},
	{"torchvision__SchoolRulesHowTheyHelpUs_wave_f_nm_np1_ba_med_0.avi", Info{Width: 320, Height: 240}, 0.066667, 2.5, 74, nil},
	{"torchvision__TrumanShow_wave_f_nm_np1_fr_med_26.avi", Info{Width: 432, Height: 240}, 0.066667, 1.633333, 48, nil},
	{"torchvision__WUzgd7C1pWA.mp4", Info{Width: 340, Height: 256}, 0, 10.877533, 327, nil},
	{"torchvision__hmdb51_Turnk_r_Pippi_Michel_cartwheel_f_cm_np2_le_med_6.avi", Info{Width: 320, Height: 240}, 0.066667, 2.8, 83, nil},
	{"torchvision__v_SoccerJuggling_g23_c01.avi", Info{Width: 320, Height: 240}, 0, 7.974633, 240, nil},
	{"torchvision__v_SoccerJuggling_g24_c01.avi", Info{Width: 320, Height: 240}, 0, 8.341667, 251, nil},
	{"video-llama__skateboarding_dog.mp4", Info{Width: 576, Height: 1024}, 0.033367, 14.180833, 421, nil},
	{"wuffs__no-frames.gif", Info{Width: 1, Height: 1}, 0, 0, 0, ErrNoFrames},
}

func TestRealClips(t *testing.T) {
	for _, c := range clips {
		t.Run(c.name, func(t *testing.T) {
			path := clipPath(t, c.name)
			t.Parallel()
			info, err := Probe(t.Context(), path, Options{})
			if wantErr := c.err == ErrFormat || c.err == ErrNoVideo; wantErr != (err != nil) || wantErr && !errors.Is(err, c.err) {
				t.Fatalf("Probe: %v", err)
			}
			if err == nil {
				compareInfo(t, info, c.info)
			}

			var times []float64
			for f, ferr := range Frames(t.Context(), path, Options{}) {
				if err = ferr; err != nil {
					break
				}
				if f.Index != len(times) || f.Width != info.Width || f.Height != info.Height || len(f.Pix) != 3*f.Width*f.Height {
					t.Fatalf("frame %d of %dx%d and %d bytes, want number %d of %dx%d",
						f.Index, f.Width, f.Height, len(f.Pix), len(times), info.Width, info.Height)
				}
				times = append(times, f.Time)
			}
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("error %v, want %v", err, c.err)
			}
			if len(times) != c.frames {
				t.Fatalf("%d frames, want %d", len(times), c.frames)
			}
			if c.frames == 0 {
				return
			}
			if first, last := times[0], times[len(times)-1]; math.Abs(first-c.first) > 1e-6 || math.Abs(last-c.last) > 1e-6 {
				t.Errorf("from %f s to %f s, want %f to %f", first, last, c.first, c.last)
			}
			for i, want := range ffprobeTimes(t, path) {
				if !math.IsNaN(want) && math.Abs(times[i]-want) > 1e-6 {
					t.Errorf("frame %d at %f s, ffprobe says %f", i, times[i], want)
				}
			}
		})
	}
}

// Of a stream whose fields are packets of their own Check counts frames without
// decoding, in whatever container.
func TestCheckCountsFrames(t *testing.T) {
	original := clipPath(t, "file-type__fixture-raw.mts")
	remuxed := filepath.Join(t.TempDir(), "a.mp4")
	run(t, "-i", original, "-map", "0:v", "-c", "copy", remuxed)
	for _, path := range []string{original, remuxed} {
		r, err := Check(t.Context(), path, CheckOptions{})
		if err != nil || r.Frames != 31 || !r.Interlaced || math.Abs(r.FrameRate-30000./1001) > 0.7 || math.Abs(r.Last-r.First-1.001) > 1e-3 {
			t.Errorf("%v, %+v", err, r)
		}
	}
}

func compareInfo(t *testing.T, got *Info, want Info) {
	t.Helper()
	near := func(a, b float64) bool { return b == 0 || math.Abs(a-b) < 1e-6 }
	switch {
	case got.Width != want.Width,
		want.Height != 0 && got.Height != want.Height,
		got.Rotation != want.Rotation || got.Flipped != want.Flipped,
		want.Codec != "" && got.Codec != want.Codec,
		want.Container != "" && got.Container != want.Container,
		want.Frames != 0 && got.Frames != want.Frames,
		want.HasAudio && !got.HasAudio,
		got.Interlaced != want.Interlaced,
		!near(got.FrameRate, want.FrameRate), !near(got.SampleAspectRatio, want.SampleAspectRatio),
		!near(got.StartTime, want.StartTime), !near(got.Duration, want.Duration):
		t.Errorf("Probe: %+v, want %+v", *got, want)
	}
}

// ffprobeTimes returns the timestamps of all frames as ffprobe decodes them,
// NaN where it has none.
func ffprobeTimes(t *testing.T, path string) []float64 {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "quiet", "-select_streams", "V:0",
		"-show_entries", "frame=best_effort_timestamp_time", "-of", "json", "file:"+path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Frames []struct {
			Time string `json:"best_effort_timestamp_time"`
		}
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatal(err)
	}
	times := make([]float64, len(doc.Frames))
	for i, f := range doc.Frames {
		if times[i], err = strconv.ParseFloat(f.Time, 64); err != nil {
			times[i] = math.NaN()
		}
	}
	return times
}

// For a plain file the pixels are those of ffmpeg's own conversion.
func TestPixelsAreFFmpegs(t *testing.T) {
	for _, name := range []string{
		"torchvision__v_SoccerJuggling_g23_c01.avi", "decord__video_90.mov", "media__vp9_bear-vp9-odd-dimensions.webm",
		"media__mp4_sample_rotate_and_reflect.mp4", "kinetics_i3d_pytorch__v_CricketShot_g04_c01_rgb.gif",
	} {
		t.Run(name, func(t *testing.T) {
			path := clipPath(t, name)
			t.Parallel()
			matrix := "null"
			if info, err := Probe(t.Context(), path, Options{}); err != nil || info.assumesBT709() {
				matrix = "setparams=colorspace=bt709" // as players do, and ffmpeg does not
			}
			cmd := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", "0:V:0", "-vf", matrix,
				"-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for f, err := range Frames(t.Context(), path, Options{}) {
				if err != nil {
					t.Fatal(err)
				}
				want := make([]byte, len(f.Pix))
				if _, err := io.ReadFull(out, want); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(f.Pix, want) {
					t.Fatalf("frame %d differs", f.Index)
				}
			}
			if n, _ := io.Copy(io.Discard, out); n != 0 {
				t.Error("ffmpeg has more frames")
			}
			if err := cmd.Wait(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
