// Package synth renders a world whose truth is known: colored shapes over textured
// backgrounds that rest, move, turn, grow and vanish, in captioned images ([World]) and in
// captioned and labeled videos ([Generate]). Most motions come in pairs that show the same
// frames in opposite order, so only time tells them apart.
//
// Images and video frames are drawn by the same code, so a backbone trained on the images
// recognizes the frames. Captions are derived from measurements of the scene and mention
// only part of it. Every shape has a dot; without it, a rotating circle would look static.
// One shape of each color is excluded from the set "seen", to test unseen combinations.
//
// A video can show its class several times; each take is labeled with its start and end.
// Starting ffmpeg takes longer than encoding or decoding a take, so this gives the demo
// hundreds of takes per class within minutes. One label for the whole video does not work:
// training windows then cross cuts, and 160 takes per class, four per video, reached 57 %,
// while the same takes as separate videos reached 88 %.
package synth
