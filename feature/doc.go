// Package feature turns videos into sequences of frame features and stores them.
//
// [Extract] decodes videos with package video, encodes their frames with an [Encoder],
// such as the image tower of a clip.Model, and keeps one [Sequence] per video in a
// [Store]. [ExtractFunc] passes the sequences to a function instead, and [Encode] returns
// that of a single video. [Reader] and [Cache] read a store for training. [Import] and
// [Export] exchange features with NumPy and other programs.
//
// # Pipeline
//
// Several goroutines decode, one video each. One goroutine fills batches with frames of
// any of the videos and encodes them. One more saves finished sequences. The queues
// between them are bounded: 4 batches of frames and 4 finished videos. Of the features of a
// video at most 4 MiB are in memory; the rest is in an unnamed file in the folder of the
// store, or in the folder for temporary files if there is no store. So the memory does not
// depend on the length of the videos.
//
// A frame that equals the one before it, byte for byte after resizing, is not encoded
// again, nor with Options.Still one that nearly equals the last encoded frame. The [Report] has the time that each stage took and the share of time in which the
// encoder was busy. If that share is below 95 %, more decoders or a faster disk help.
//
// # Recipe
//
// All sequences of a store share one [Recipe]: backbone, preprocessing and sampling. A run
// with another one is refused with a [MismatchError] before it decodes anything. Every
// sequence has a [Provenance], which shows whether it fits a model and whether its video
// has changed since.
//
// # Files
//
// A store is a folder that others may have written to. Its files are opened below it, through
// os.Root, and only if they are regular files, so a link in it leads nowhere else and a pipe
// stops no run. The size of a file is checked against the memory budget before it is read.
// The hidden file .run, on which the runs that write to the store share a lock, has their
// recipe; one with other content is left alone, with [ErrForeignFile].
//
// IDs are compared in one Unicode form: a video whose name comes with "é" as one character
// or as two keeps the ID under which it was first stored. A byte of a name that is not UTF-8
// is written as \xHH in JSON.
//
// # Interruption and failure
//
// A sequence is written completely or not at all, so running Extract again resumes an
// interrupted run. A part of a damaged video is stored only with Options.AllowPartial, and
// marked in its provenance; a run without AllowPartial extracts the video again. Videos
// that failed are listed in the file failures.jsonl in the folder of the store.
package feature
