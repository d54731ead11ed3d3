// Package playback sends videos to browsers: the original file where browsers can play it,
// and otherwise a fragment around a moment, which ffmpeg converts on demand. It also makes
// clips for download and single frames.
//
// All times are seconds on a player's clock, as in package video: 0 is the start of the
// video whatever its first timestamp. Time 0 of a fragment is exactly the requested start,
// even if that lies between two frames.
//
// What ffmpeg made is kept in a folder of limited size, which is removed at the end. The
// number of ffmpeg processes, their time and the length of their output are limited. A
// process is killed when nobody waits for its output anymore.
package playback
