// Package encode runs towers of backbones for servers. Requests name a model, which is loaded
// when it is first used and unloaded when nobody has used it for a while. Requests that arrive
// together are encoded together.
//
// Embeddings are those of Immich's machine-learning server with the same weights, up to
// rounding: images are resized as Pillow does and cropped as Immich does, texts are cleaned
// as Immich and Transformers' tokenizers do, and embeddings have length 1.
package encode
