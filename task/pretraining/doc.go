// Package pretraining trains a CLIP backbone from captioned images (Radford et al. 2021,
// arXiv 2103.00020, section 2): both towers and the logit scale, with the symmetric loss
// over the batch. Images with equal captions are not each other's negatives.
//
// The batch is first embedded in chunks without storing activations. The loss gives the
// gradients of the embeddings. Each chunk is then embedded again and back-propagated (Gao
// et al. 2021, arXiv 2101.06983). The gradients equal those of the whole batch, so memory
// does not limit the batch size.
package pretraining
