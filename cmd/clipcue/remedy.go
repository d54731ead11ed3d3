package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/clip/sentencepiece"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/settings"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/fleet"
	"github.com/clipcue/clipcue/internal/markfile"
	"github.com/clipcue/clipcue/internal/npy"
	"github.com/clipcue/clipcue/internal/server/access"
	"github.com/clipcue/clipcue/internal/server/encode"
	"github.com/clipcue/clipcue/internal/server/immich"
	"github.com/clipcue/clipcue/internal/server/jobs"
	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/localization"
	"github.com/clipcue/clipcue/task/pretraining"
	"github.com/clipcue/clipcue/task/recognition"
	"github.com/clipcue/clipcue/train"
	"github.com/clipcue/clipcue/vector/weaviate"
	"github.com/clipcue/clipcue/video"
)

// remedy returns what to type next after an error, or "" if there is no advice. The
// packages report what failed; only the command line knows its flags.
func remedy(err error) string {
	for _, r := range remedies {
		if advice := r(err); advice != "" {
			return advice
		}
	}
	return ""
}

// advisedError is an error with advice that only its command knows.
type advisedError struct {
	error
	advice string
}

func (e *advisedError) Unwrap() error { return e.error }

// remedies are asked in order, the most specific first.
var remedies = []func(error) string{
	of(func(*crash.Error) string {
		return "the same command with CLIPCUE_DEBUG=1, and report its output: this is a defect of clipcue"
	}),
	of(func(e *advisedError) string { return e.advice }),
	of(func(*train.InterruptedError) string { return "the same command with --resume, to continue the run" }),
	is(train.ErrBusy, "another --out, or the same command with --resume when that process has ended"),
	of(func(*train.ExistsError) string { return "--resume to continue the run, or another --out" }),
	of(func(*train.SettingsError) string {
		return "the same settings as before with --resume, or another --out"
	}),
	of(func(*train.DivergedError) string { return "a lower --learning-rate, or --clip-norm 1" }),
	of(func(e *adapter.NoBestModelError) string {
		return "train --resume to continue the run, or " + e.Last + " (eval: --checkpoint last)"
	}),
	of(func(e *adapter.FewShotRunError) string {
		return e.Episodes[0] + "; the accuracies are in " + filepath.Join(e.Dir, recognition.EpisodesFile)
	}),
	of(func(e *adapter.WrongBackboneError) string { return "--model with that backbone" }),
	of(func(e *adapter.UnknownClassError) string { return "--model with the backbone" }),
	is(adapter.ErrTooManyPrompts, "a lower --prefix or --postfix"),
	is(adapter.ErrNoResidual, "training with --residual and temporal layers; --temporal-drop and --temporal-scale require it"),
	of(downloadRemedy),
	of(func(*hub.UnknownNameError) string {
		return strings.Join(hub.Names(), ", ") + ", or hf:OWNER/NAME for a repository on the hub"
	}),
	is(video.ErrNoFFmpeg, "clipcue doctor, to see what else is missing"),
	of(func(e *encode.MissingError) string {
		if e.Pull != "" {
			return "clipcue model pull " + e.Pull + ", or clipcue immich --pull"
		}
		return "clipcue immich --weights " + shellArg(e.Model+"=FOLDER") + ", or --upstream with a server that runs it"
	}),
	is(immich.ErrNoServer, "clipcue immich --upstream with the address of Immich's own server"),
	is(hub.ErrNoDir, "set CLIPCUE_MODELS to a folder for models"),
	is(hub.ErrNoWeights, "the repository of a CLIP model"),
	of(func(e *checkpoint.NotWeightsError) string { return e.Remedy }),
	is(sentencepiece.ErrNone, "its tokenizer's files from where the weights came from, in the same folder, or clipcue model pull"),
	is(checkpoint.ErrDamaged, "compare its size with the published one and download it again"),
	is(checkpoint.ErrSeveralFiles, "the path of one of them"),
	is(bpe.ErrTooLong, "a shorter text, or embed --truncate"),
	is(clip.ErrNoImage, "weights with both towers, such as ViT-B/16"),
	is(clip.ErrNoText, "weights with both towers, such as ViT-B/16; extraction needs the image tower only"),
	is(npy.ErrOrder, "np.ascontiguousarray(a) in NumPy before saving"),
	is(npy.ErrType, "a.astype('<f4') in NumPy before saving, and t / numpy.timedelta64(1, 's') for times, which have to be seconds"),
	is(hub.ErrNoModel, "clipcue model pull ViT-B/16, or a weight file"),
	is(train.ErrNotRun, "a run folder that clipcue train wrote, or its best.safetensors"),
	of(func(e *feature.RateError) string {
		return fmt.Sprintf("extract the video again with --fps %.4g", e.Want)
	}),
	of(func(e *feature.MismatchError) string {
		if e.What == "width" {
			return "features of the same model; if they were imported as [E,T], import the transposed arrays"
		}
		return "another --out, --force with all videos of the store, or features of the same model: clipcue extract --model MODEL --out NEW-STORE VIDEOS"
	}),
	of(func(e *feature.InterruptedError) string { return "the same command again, to resume" }),
	is(feature.ErrBusy, "again when the other run has ended, or another --out"),
	is(errNoFeatures, "clipcue extract for the missing videos, or take them out of --data"),
	is(feature.ErrNoStore, "clipcue extract --model MODEL --out STORE VIDEOS, to make one"),
	is(feature.ErrDamaged, "delete the file and run clipcue extract again"),
	is(feature.ErrIDTaken, "a folder above both videos, another --out, or --force to replace it"),
	is(feature.ErrExists, "--force, to replace the stored features"),
	is(feature.ErrNoTimestamps, "--fps, or {\"timestamps\": [...]} in seconds in a .json file of the same name"),
	is(feature.ErrNoBackbone, "--model or --fingerprint"),
	is(feature.ErrChanging, "again when the file is complete"),
	is(feature.ErrLongName, "a shorter file name"),
	is(feature.ErrStopped, "a higher --max-failures without --strict, to skip more videos that fail"),
	is(video.ErrDuplicateID, "a folder above both videos"),
	of(func(e *pretraining.BatchError) string { return fmt.Sprintf("--batch %d", e.Pairs) }),
	is(pretraining.ErrCollapsed, "a lower --learning-rate, or a longer --warmup"),
	is(synth.ErrForeign, "another --out, or move that file away"),
	is(synth.ErrOtherOptions, "another --out, or remove the folder"),
	is(localization.ErrNoDetector, "--proposals with a file of proposals"),
	is(localization.ErrScoreRange, "scores from 0 to 1: a sigmoid, if they are logits"),
	is(localization.ErrTooManyDetections, "a higher --min-score"),
	is(dataset.ErrAmbiguous, "a longer part of the video's path in the annotation"),
	is(dataset.ErrUnknownFormat, "--data-format"),
	is(markfile.ErrRate, "the same command when the video can be read, or a format that does not count frames"),
	is(dataset.ErrNotUnpacked, "another --out, or remove that folder"),
	is(dataset.ErrNotText, "the file saved as UTF-8"),
	is(feature.ErrForeignFile, "another --out"),
	is(dataset.ErrNoFeatures, "clipcue extract --model MODEL --out STORE VIDEOS"),
	is(dataset.ErrNoClasses, "a file with class names, one a line"),
	is(library.ErrNotLibrary, "clipcue index --library LIBRARY VIDEOS, to create one"),
	is(library.ErrNewer, "that version of clipcue"),
	is(library.ErrOlder, "clipcue index --library LIBRARY, to upgrade it"),
	of(func(e *library.BusyError) string {
		if strings.Contains(e.Holder, "clipcue serve at ") {
			return "the page of that server, or the same command again when its job has ended"
		}
		return "the same command again when that run has ended"
	}),
	is(library.ErrLocked, "the same command again when that program has ended"),
	is(library.ErrDiskFull, "the same command again when there is space"),
	is(syscall.ENOSPC, "the same command again when there is space"),
	is(library.ErrNotWritable, "a folder and disk that can be written, or another --library"),
	is(library.ErrDamaged, "a copy of the library, or delete its folder and index again"),
	is(weaviate.ErrKey, "the key of the server in CLIPCUE_WEAVIATE_KEY"),
	is(weaviate.ErrAnswer, "the address of a Weaviate server, version 1.35 or later"),
	is(weaviate.ErrAddress, "an address such as http://localhost:8080, with the key in CLIPCUE_WEAVIATE_KEY"),
	is(library.ErrForeign, "another --library, or move that file away"),
	of(func(e *library.VectorsError) string {
		if e.Missing {
			return "clipcue index --library " + shellArg(e.Dir) + ", to make the vectors again"
		}
		return "a copy of the library, or delete " + e.Folder + " and run: clipcue index --library " + shellArg(e.Dir)
	}),
	of(libraryMismatch),
	of(func(e *library.ServerError) string {
		return "--server " + shellArg(e.Address) + ", if you trust that address: CLIPCUE_WEAVIATE_KEY is sent to it"
	}),
	of(func(*pruneError) string {
		return "mount the disk that has them; or --yes with --prune, if they were really deleted"
	}),
	is(library.ErrEmptyQuery, "a text query, --image, --video or --like"),
	is(library.ErrNoSearch, "clipcue library searches --library LIBRARY, for their names"),
	is(library.ErrNoLabel, "clipcue label new, to create it, or clipcue label list"),
	is(settings.ErrEdit, "edit the file by hand"),
	is(library.ErrOwnFile, "another path for the output"),
	is(atomicfile.ErrNotFile, "another path for the output"),
	is(atomicfile.ErrOtherKind, "another path for the output, or delete that file"),
	is(library.ErrLabelExists, "another name, or clipcue label mark"),
	is(library.ErrUnknownVideo, "clipcue index --library LIBRARY VIDEO, to add it"),
	is(library.ErrChanged, "clipcue index --library LIBRARY, to index it again"),
	is(library.ErrNoMark, "clipcue label list --library LIBRARY NAME"),
	of(func(e *library.ConflictError) string {
		if e.Old.ID == 0 {
			return "the same command without one of both marks in the files"
		}
		return fmt.Sprintf("clipcue label mark --remove with the older mark, %g to %g s, first", e.Old.Start, e.Old.End)
	}),
	is(label.ErrNoPositives, "clipcue label mark for moments that show the label"),
	is(label.ErrNoNegatives, "clipcue label mark --not for wrong suggestions of: clipcue label suggest --feed uncertain"),
	is(library.ErrNoFrames, "clipcue index --library LIBRARY, which stores them"),
	is(library.ErrReindexed, "the same command again"),
	is(label.ErrFewVideos, "clipcue label mark for moments of other videos"),
	of(func(*access.OpenError) string {
		return "clipcue serve token add NAME --role edit, so that every request needs a token"
	}),
	of(func(*access.InUseError) string {
		return "--address 127.0.0.1:8766, or another free port (immich: --listen 127.0.0.1:3004)"
	}),
	is(access.ErrTokenName, "another name, or clipcue serve token remove NAME first"),
	is(access.ErrNoToken, "clipcue serve token list, for their names"),
	is(jobs.ErrInUse, "the address of that server, or stop it first"),
	of(func(e *fleet.BrokerError) string {
		if e.Denied {
			return "the secret of fleet serve in CLIPCUE_FLEET_TOKEN, or --creds for an external broker"
		}
		return "--broker with the address that clipcue fleet serve prints"
	}),
	of(func(*fleet.OpenError) string { return "a secret in CLIPCUE_FLEET_TOKEN, for all commands of the fleet" }),
	is(fleet.ErrNoCoordinator, "clipcue fleet serve, or --fleet with the name of the running one"),
	is(fleet.ErrCoordinator, "another --state, or stop the other coordinator"),
	is(fleet.ErrSuspended, "clipcue fleet release NAME, when the machine is repaired"),
	is(fleet.ErrRejected, "the same clipcue, --model, --precision and ffmpeg as the coordinator"),
	is(fleet.ErrBucket, "an address such as s3://BUCKET/PREFIX?region=REGION, and the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
	is(train.ErrNotCheckpoint, "a model file that clipcue train wrote, such as RUN/best.safetensors"),
}

// downloadRemedy depends on what the server answered.
func downloadRemedy(e *hub.DownloadError) string {
	switch {
	case errors.Is(e, context.Canceled), errors.Is(e, context.DeadlineExceeded):
		return "the same command again, to resume"
	case e.Status == 401:
		return "check that " + e.Page + " exists; if it is private, set HF_TOKEN to a token that may read it"
	case e.Status == 403:
		return "accept the terms on " + e.Page + ", and set HF_TOKEN to a token of that account"
	}
	return "again, --mirror ADDRESS, or download " + strings.Join(e.Files, " and ") + " by hand into " + e.Dir
}

// of returns a remedy for errors of one type.
func of[E error](advice func(E) string) func(error) string {
	return func(err error) string {
		var e E
		if errors.As(err, &e) {
			return advice(e)
		}
		return ""
	}
}

// is returns a remedy for errors that wrap a sentinel.
func is(target error, advice string) func(error) string {
	return func(err error) string {
		if errors.Is(err, target) {
			return advice
		}
		return ""
	}
}

// skipped logs an input that failed, of the given kind, with advice if there is any.
func (a *app) skipped(kind string, f feature.Failure) {
	args := []any{kind, f.Path, "reason", f.Reason}
	if advice := remedy(f); advice != "" {
		args = append(args, "try", advice)
	}
	a.log.Warn("skipped", args...)
}
