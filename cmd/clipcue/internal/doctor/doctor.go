// Package doctor finds out what on this machine keeps clipcue from working well.
package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/dustin/go-humanize"
	"github.com/shirou/gopsutil/v4/disk"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/ffmpeg"
	"github.com/clipcue/clipcue/internal/memory"
)

// State tells how bad the result of an examination is.
type State string

// The states, from good to bad.
const (
	OK      State = "ok"
	Warning State = "warning" // something is slow or missing that not everyone needs
	Problem State = "problem" // clipcue does not work
)

// Finding is the result of an examination.
type Finding struct {
	What   string `json:"what"`
	State  State  `json:"state"`
	Found  string `json:"found"`            // what there is, or what is wrong
	Remedy string `json:"remedy,omitempty"` // of what is not OK
}

// Options say what to examine.
type Options struct {
	Model    string // default of --model, or ""
	Settings error  // what is wrong with the settings, or nil
	Offline  bool   // do not ask the hub
}

// Examine examines the machine.
func Examine(ctx context.Context, o Options) []Finding {
	findings := []Finding{program(ctx)}
	if findings[0].State == OK {
		for _, p := range parts {
			findings = append(findings, p.examine(ctx))
		}
	}
	findings = append(findings, processor(), free(), folder("temporary folder", os.TempDir(), "set TMPDIR to a folder on a disk with space"), models(), defaultModel(o.Model),
		finding("settings", "can be read", o.Settings, Problem, "clipcue config set NAME VALUE, or edit the file or the variable"))
	if !o.Offline {
		findings = append(findings, reach(ctx))
	}
	return findings
}

// finding returns a finding that is OK unless there is an error.
func finding(what, found string, err error, bad State, remedy string) Finding {
	if err != nil {
		return Finding{what, bad, err.Error(), remedy}
	}
	return Finding{What: what, State: OK, Found: found}
}

func program(ctx context.Context) Finding {
	version, err := ffmpeg.Version(ctx)
	return finding("ffmpeg", version, err, Problem, "install ffmpeg 5.1 or later, for example: apt install ffmpeg, brew install ffmpeg, winget install ffmpeg")
}

// part is something that ffmpeg may have been built without.
type part struct {
	what   string
	names  []string
	need   func(ctx context.Context, name string) error
	state  State // if it is missing
	remedy string
}

var parts = []part{
	{"decoders", []string{"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mpeg2video", "mjpeg", "prores"}, ffmpeg.NeedDecoder, Warning, "videos of these codecs need a complete build of ffmpeg"},
	{"filters", []string{"scale", "select", "showinfo", "format", "fps"}, filter, Problem, "clipcue needs a complete build of ffmpeg"},
	{"filter for interlaced videos", []string{"bwdif"}, filter, Warning, "interlaced videos need a build of ffmpeg with this filter"},
	{"filters for HDR videos", []string{"zscale", "tonemap"}, filter, Warning, "HDR videos need a build of ffmpeg with zimg"},
	{"encoders for playing and cutting", []string{"libx264", "aac"}, ffmpeg.NeedEncoder, Warning, "clipcue serve converts and cuts videos with these encoders; install a build of ffmpeg with them"},
}

func filter(ctx context.Context, name string) error { return ffmpeg.NeedFilters(ctx, name) }

func (p part) examine(ctx context.Context) Finding {
	var missing string
	for _, name := range p.names {
		if p.need(ctx, name) != nil {
			missing += " " + name
		}
	}
	if missing != "" {
		return Finding{p.what, p.state, "missing:" + missing, p.remedy}
	}
	return Finding{What: p.what, State: OK, Found: fmt.Sprintf("%d of %d", len(p.names), len(p.names))}
}

func processor() Finding {
	name, err := compute.Backend()
	f := finding("processor", fmt.Sprintf("%s, %d cores", name, runtime.GOMAXPROCS(0)), err, Problem, "unset CLIPCUE_CPU, which selects instructions that this processor lacks")
	if name == "generic" {
		f.State, f.Remedy = Warning, "clipcue is many times faster on a processor with AVX2 or NEON"
	}
	return f
}

const (
	fewMemory = 1 << 30 // bytes; ViT-B/16 with its images needs about as much
	fewDisk   = 2 << 30 // bytes; the weights of a larger backbone
)

func free() Finding {
	limit := memory.Limit()
	f := Finding{What: "memory", State: OK, Found: "clipcue uses up to " + humanize.IBytes(uint64(limit)) + " for the content of files"}
	if limit < fewMemory {
		f.State, f.Remedy = Warning, "close other programs, or use a smaller backbone"
	}
	return f
}

// folder examines whether files can be written to a folder, and how much space it has.
func folder(what, dir, remedy string) Finding {
	f, err := os.CreateTemp(dir, ".clipcue-doctor-*")
	if err != nil {
		return Finding{what, Problem, err.Error(), remedy}
	}
	defer os.Remove(f.Name())
	if err := f.Close(); err != nil {
		return Finding{what, Problem, err.Error(), remedy}
	}
	usage, err := disk.Usage(dir)
	if err != nil {
		return Finding{what, Warning, fmt.Sprintf("%s: the free space is unknown: %v", dir, err), remedy}
	}
	found := Finding{What: what, State: OK, Found: fmt.Sprintf("%s, %s free", dir, humanize.IBytes(usage.Free))}
	if usage.Free < fewDisk {
		found.State, found.Remedy = Warning, remedy
	}
	return found
}

// models examines the folder of pulled models, or the folder above that it will be made in.
func models() Finding {
	const remedy = "set CLIPCUE_MODELS to a folder that can be written, on a disk with space"
	dir, err := hub.Dir()
	if err != nil {
		return Finding{"models", Problem, err.Error(), remedy}
	}
	existing := dir
	for {
		if _, err := os.Stat(existing); err == nil || filepath.Dir(existing) == existing {
			break
		}
		existing = filepath.Dir(existing)
	}
	f := folder("models", existing, remedy)
	if f.State == OK {
		pulled := 0
		for _, name := range hub.Names() {
			if _, ok, _ := hub.Resolve(name); ok {
				pulled++
			}
		}
		f.Found = fmt.Sprintf("%d pulled; %s", pulled, f.Found)
	}
	return f
}

func defaultModel(model string) Finding {
	if model == "" {
		return Finding{"default model", Warning, "the built-in clipcue-tiny, which knows colored shapes only", "clipcue model pull ViT-B/16, then clipcue config set model ViT-B/16"}
	}
	path, err := hub.Find(model)
	if err != nil {
		return Finding{"default model", Problem, err.Error(), "clipcue model pull " + model}
	}
	_, err = hub.Load(path, clip.Options{})
	return finding("default model", path, err, Problem, "clipcue config set model NAME, with a model that works")
}

func reach(ctx context.Context) Finding {
	address, err := hub.Reach(ctx)
	return finding("model hub", address+" answers", err, Warning, "without it, model pull prints which files to download by hand; HF_ENDPOINT selects a mirror")
}
