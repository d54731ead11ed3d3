// Package proposal finds segments of a long video in which something happens, without
// classifying them. The detector is anchor-free and uses only frozen frame features, after
// AFSD (Lin et al., CVPR 2021) and ActionFormer (Zhang et al., ECCV 2022).
//
// # Network
//
// A convolution projects the features to the width of the detector, and positions are
// added. Pre-LN blocks with local attention mix the frames. Strided convolutions, each
// followed by a block, form a pyramid; a row of level l represents 2^l frames. Two heads,
// shared by all levels, predict for each row whether it is the center of an action, the
// distances to its start and end, and how accurate these are.
//
// Attention is local: a group of rows attends to itself and to half a group on either
// side, which are attention segments of package internal/compute. Convolutions are gathered
// rows followed by a linear layer. Neither needs its own kernel.
//
// The first layers are initialized from the training features: every channel is
// standardized, and half of the projection computes differences between frames, because
// the component that all frames of a video share is far larger than the changes. On 42 videos
// of `synth untrimmed`, after training on 168 others, the class-agnostic average
// precision at tIoU 0.5 was 0.80 with differences and 0.18 without.
//
// # Windows
//
// Long videos are processed in overlapping windows. A window contributes the proposals
// whose center is in its half of the overlap, so nothing is found twice.
//
// # Shapes
//
// T is the number of frames in a window, R the rows of several windows, P = R + R/2 + R/4
// + … the rows of their pyramids, E the width of the features, D that of the detector.
package proposal
