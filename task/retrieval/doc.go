// Package retrieval finds videos by text and texts by video. It trains on captioned
// videos and evaluates; a [Retriever] embeds texts and videos in one space.
//
// # Training
//
// Whole captions stand between the prompt vectors (4+X+4), and the temporal Transformer
// has two layers (Ju et al., ECCV 2022, section 4.4). A step draws videos and one caption
// for each, and the loss is contrastive in both directions over the batch. Equal captions
// are not each other's negatives. A caption describes the whole video, so its frames come
// from equal parts of the video, at random positions within the parts during training
// (Wang et al., ECCV 2016).
//
// # Evaluation
//
// Evaluation never holds the full matrix of similarities (100,000 × 100,000): one pass
// over blocks collects the scores of the correct pairs, a second one counts higher scores.
// The dual softmax (Cheng et al. 2021) and the query bank (QB-Norm, Bogolin et al., CVPR
// 2022) need one more pass for their sums. They have rows of their own in the results,
// because the dual softmax uses the whole test set.
package retrieval
