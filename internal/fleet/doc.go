// Package fleet distributes the extraction of features over machines.
//
// A coordinator owns the feature store. Submitters list videos and send them to it. It
// publishes those that the store lacks to a work queue of NATS JetStream. Workers pull
// them, extract features, write the feature file to a bucket, and report to the
// coordinator, which checks the file and commits it to the store. Only then the worker
// acknowledges the message of the queue.
//
// A long video is divided at keyframes into spans, which are units like videos. The coordinator
// joins their results, after it has checked that neighbors agree about the frames that both
// have decoded. A video of which this is not certain is processed whole.
//
// The store says what is finished, and the coordinator's ledger what is not. The queue only
// distributes: it may lose or repeat messages. A video that is processed twice gives the
// same bytes, and the second result is discarded. Nothing depends on the clocks of machines.
package fleet
