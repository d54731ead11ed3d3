// Package localization finds actions in long videos: when each happens, and its class.
// All times are seconds on the player's clock unless stated otherwise.
//
// It has two stages (Ju et al., ECCV 2022, section 4.2), so that new classes need only
// names. Package proposal finds segments in which something happens; this package
// classifies them by their cosine similarity with prompted class names.
//
// # Classification
//
// A video passes through the temporal Transformer once, in adjacent windows. The
// embedding of a segment is the mean of the output over its frames
// ([adapter.Adapter.EncodeSegments]), so the cost depends on the duration of the video
// and hardly on the number of proposals. In training, each example has its own window,
// placed at random around it.
//
// # Scores
//
// The score of a detection is the score of the proposal times the probability of the
// class. There is no background class. Instead, proposals outside all true segments are
// trained toward equal probabilities for all classes (Hendrycks et al. 2019), which
// lowers their scores and also works for new classes. A proposal is background according
// to the share of it that is within true segments, not by tIoU: by tIoU, short parts of
// long segments would be background.
//
// In the metrics, detections with equal scores count together, so the order of the input
// has no effect.
package localization
