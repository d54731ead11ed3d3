// Package video decodes video files into timed RGB frames.
//
// [Discover] finds videos, [Probe] reads the headers of one, [Check] examines it,
// [Frames] decodes it, and [Live] decodes a source that is still being recorded.
// [Resizer] resizes frames exactly as PIL and torchvision do for CLIP.
//
// # Decoder
//
// Decoding is done by the programs ffmpeg and ffprobe, version 4.4 or later. Each call
// is a separate process, so that a file that crashes the decoder affects nothing else.
// They are found on PATH or through the environment variables CLIPCUE_FFMPEG and
// CLIPCUE_FFPROBE.
//
// # Times
//
// All times are presentation timestamps in seconds, as ffprobe prints them. Most files
// start at 0; for the others, [Info.StartTime] is the time that players show as 0:00.
//
// ffmpeg's showinfo filter prints the timestamp of each frame before its pixels are
// written; no time is computed from a frame number. Only streams without timestamps,
// such as raw H.264, get times from their frame rate. Where recordings were joined,
// timestamps start again or jump. The times then continue ([EveryFrame]), and sampling uses
// the clock of a player, which does not wait either ([AtRate]).
//
// An outlier, a timestamp that its neighbors on both sides contradict, is ignored: its frame
// is placed between its neighbors. So are up to three in a row, and the first or the last
// timestamps of a stream whose other frames follow each other without a jump. [Info.Outliers]
// is their number.
//
// A frame is displayed until the next one, the last one as long as its packet declares, if
// that agrees with the durations of the other packets and of the stream. All frames
// together wait for jumps ahead of more than 10 s at most a day, plus a minute per frame, so
// that the number of samples is bounded by the number of frames.
//
// # Frames
//
// Frames look as a player shows them:
//
//   - They are rotated and flipped as the display matrix says, and cropped as a Matroska
//     file says, which only ffmpeg 7.1 and later do.
//   - They are scaled to square pixels, because CLIP was trained on square pixels. One
//     side grows and none shrinks, so no detail is lost.
//   - Interlaced frames pass through bwdif, one output frame per stored frame: a comb is
//     an edge that the scene does not have. If the headers do not say that a stream is
//     interlaced but a decoded frame does, the rest is decoded again with bwdif. Frames
//     are rotated after it.
//   - HDR (PQ, HLG) is tone-mapped with hable, or refused with [ErrUnsupported] if ffmpeg
//     was built without zscale.
//   - A stream that does not name its color matrix is read as BT.709 if it is at least 1280
//     pixels wide or 720 high, as players do, and as BT.601 otherwise. The pixels of a plain
//     file equal those of ffmpeg -pix_fmt rgb24.
//
// [Info.Treatment] describes these steps for the provenance of features.
//
// The default stream is the first one that the file marks as default. Cover art is not a
// video stream.
//
// Size, pixel aspect ratio, rotation, interlacing and color may change within a stream.
// Each frame is processed by its own properties, and [Info.Changes] lists what changes. A
// frame is rotated as the last display matrix says; a keyframe without one, as the header
// says. A decoder keeps a color description until the stream gives another. Where HDR
// changes, the file is decoded again from its start for the frames that follow. bwdif loses
// the last frame before a change of size. ffmpeg 7 and newer report a pixel aspect ratio that
// changes without the size as that of the first frame.
//
// # Damage
//
// A file is damaged ([ErrDamaged]) if a wanted frame, or one before it, is corrupt or
// missing. A decoder with several threads reports damage at a random place, and some
// damage only by chance. If it reports anything, the file is therefore decoded again with
// one thread, and only this pass decides. Reports about metadata, or about units of the
// stream that hold no picture, count only if fewer frames were decoded than there are.
//
// A file is also damaged if its container promises more than it has: an MXF or ASF file
// without its last part, a GIF without its trailer, an Ogg file without its last page, an
// AVI file without one of its frame lists, a YUV4MPEG2 file that ends within a frame.
//
// A transport stream or raw stream may start and end anywhere. Frames before the first
// keyframe and a frame that the end cuts are left out, which [Check] reports. Jumps of
// packet counters, where parts were joined, are ignored. Damage is an error unless
// [Options.AllowPartial].
//
// # Encryption
//
// An encrypted file has no frames, whatever the options: [ErrEncrypted]. ASF, Matroska, MP4
// and MXF files declare encryption in their headers, MP4 files also in any fragment, and
// transport streams in each packet. ffmpeg finds only some of these declarations.
//
// # Seeking
//
// If few frames of a long MP4 or Matroska file are wanted, they are decoded from the
// keyframes before them. The packets' timestamps, which are cheap to read, say in
// advance which frames exist. Every decoded frame must be the one that this index has
// at its place; otherwise the file is decoded from its start. Frames before the first
// keyframe are not used, because in an open GOP they depend on frames that are missing.
// Damage between the wanted frames is not noticed on this route. A file whose packets
// cause an ffprobe error is always decoded from its start.
//
// If all wanted frames are keyframes of H.264 or HEVC in such a file, or of VP9 or AV1 in an MP4
// file, only keyframes are decoded, whatever their distance. Each must be at its place in the
// index and depend on no other frame, all must have the same size, rotation and color, and the
// decoder must report nothing. Otherwise the file is decoded from its start. Damage and changes
// between the keyframes are not noticed on this route.
//
// # Parts
//
// [Divide] divides a long file of the same kinds at keyframes, so that several machines can
// decode it. A [Part] is decoded from its first keyframe; all its frames are compared with the
// index, and any report of damage is an error, [ErrIndivisible]. Two parts have some frames in
// common, by which the caller verifies that the second one does not depend on earlier frames.
//
// # Selecting
//
// If frames are sampled from the start of a file, ffmpeg decodes and logs every frame, but
// converts only those to RGB that may be wanted. All decisions are made from the log, so
// times, repeated frames, changes and damage are the same as if every frame were converted.
// If a wanted frame was not converted, the file is decoded again. Every frame is converted if
// the stream is interlaced, because frames are then separated later, and if its timestamps
// are missing, restart or have outliers.
//
// # Limits
//
// ffmpeg opens only the given file: no network, no standard input, no format that names
// other files. Frames above 42 million pixels or 315 MB are refused before they are decoded,
// images above 134 million pixels. A decoder that produces nothing for [Options.Timeout], or
// uses more than half of the machine's memory (at most 8 GiB), is killed with all processes
// that it started. [Live] sources may use the network, but no files other than the given one.
package video
