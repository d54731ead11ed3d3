// Package synth renders images and videos with known content: colored shapes that rest,
// move, turn, grow and vanish over textured backgrounds. [World] renders captioned images,
// [Generate] captioned and labeled videos. Most motions form pairs that show the same frames
// in opposite order, so only time distinguishes them.
//
// Images and video frames are drawn by the same code, so a backbone trained on the images
// recognizes the frames. Captions are derived from measurements of the scene and mention
// only part of it. Every shape has a dot; without it, a rotating circle would look static.
// One shape of each color is excluded from the set "seen", to test unseen combinations.
//
// A video can show its class several times; each take is labeled with its start and end.
// Starting ffmpeg takes longer than encoding or decoding a take, so the demo gets hundreds
// of takes per class within minutes. One label for the whole video does not work, because
// training windows then cross cuts: 160 takes per class, four per video, reached an accuracy
// of 57 %. The same takes as separate videos reached 88 %.
package synth
