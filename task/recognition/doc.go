// Package recognition classifies the action in a video. It trains on labeled videos,
// evaluates and predicts, for known classes, for few examples per class (few-shot) and
// for classes known only by name (zero-shot). A [Watcher] classifies a stream of frames.
//
// The method is Ju et al., "Prompting Visual-Language Models for Efficient Video
// Understanding" (ECCV 2022): see packages adapter and clip for the model. Training draws
// windows as the authors do, at rates from 1 to 1/4 and with a random start. Evaluation
// spaces them evenly at the most common rate, so that it is repeatable; the probability
// of a class is the mean over the windows.
package recognition
