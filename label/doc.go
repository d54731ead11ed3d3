// Package label learns a label from a few marked moments of an archive of videos. It is
// arithmetic on embeddings and reads no files; package library stores the moments and the
// marks.
//
//   - [Directions] describe how the frames of a moment change, which their mean cannot.
//     [Motion] is a simpler description for a few videos.
//   - [Fit] learns a [Head] from marks: Bayesian logistic regression whose prior is the
//     label's text. Without marks the head ranks moments as the text query does.
//   - [Train] learns a head that is not linear.
//   - [Teacher] proposes the moments to mark next and estimates the quality of the head
//     by cross-validation over videos.
//   - [Teacher.Segments] turns the scores of moments into spans with start and end.
//
// Nothing has to be tuned: there is no validation set when a label has five marks. The
// constants of the prior are explained in head.go.
//
// The approach combines ideas from Video Annotator (arXiv 2402.06560: one binary head per
// label, and feeds of likely, uncertain and random moments) and from few-shot adapters of
// CLIP that start at the text embedding (LP++, CVPR 2024; CLAP, CVPR 2024; Gaussian
// heads, ICLR 2024). The code is our own.
package label
