// Package library makes many videos searchable by a text query, an image or another
// video. [Index] creates and updates a library; [Open] opens it for [Library.Search],
// [Library.Find], which combines queries and filters, and [Library.Duplicates].
//
// A library is a folder. Each video is divided into moments, overlapping windows of a few
// seconds.
//
//	library.db      SQLite, WAL mode: videos, moments and their times, settings, labels
//	                and their recognizers, saved searches
//	vectors-1/      the embeddings, by the moments' ids (a vector.Index; the number is a
//	                generation); they may be on a Weaviate server instead
//	thumbnails/     a folder for each video, by its id: NUMBER.jpg
//	motions         the motion descriptors of the moments, once a label was used
//	lock.db         locked while a run writes
//
// # Consistency
//
// Only the database has transactions that cover everything about a video, so it is
// authoritative. Vectors and thumbnails are written before the transaction that refers to
// them, and deleted after the one that drops them, so every moment has a vector and a
// thumbnail. Files that no moment refers to are leftovers of an interrupted run; the next
// run deletes them and re-indexes videos whose files are missing. Ids of deleted vectors
// are not reused, because a reader may still see them.
//
// A run holds an exclusive transaction on lock.db. SQLite's locks exist on every platform
// and are released when a process dies. Readers are not blocked: they see the current
// database and the vectors as of opening.
//
// A new model, sampling or window creates a new generation. One transaction deletes the
// moments and marks all videos as pending. Later runs process pending videos, whatever
// paths they are given, so an interrupted run can be resumed.
//
// Reading a WAL database requires files that SQLite creates. If it cannot create them and
// the log is empty, the database is opened as immutable, so libraries on read-only disks
// can be searched.
//
// The file motions has the motion descriptors of all moments, which labels need. It is derived
// from the database, written by readers if the folder permits, and may be deleted. Damaged
// parts are derived again.
//
// # Foreign and damaged files
//
// A library may come from somebody else. Its database is used only if its schema is
// exactly ours, and thumbnails only through an [os.Root] and if they match their checksums.
// A run refuses folders that have no library but what looks like parts of one, and never
// writes or deletes through links that leave the folder. A server that the library names
// is used only if the caller gave it; see [ServerError].
//
// SQLite detects broken pages, but not changed values. Every row therefore has a checksum,
// which triggers maintain. The database has the checksums of the thumbnails, the log of
// the vectors those of the vectors. Thumbnails are frames as the backbone sees them, taken
// during decoding, and are not flushed individually: a power failure can damage the last
// ones, and [Library.Check] reports them.
//
// # Missing videos
//
// A video is deleted if the folder that had it can be read and does not have it. If that
// folder cannot be read, or nothing is left in a folder that the library was given, its
// disk may not be mounted, and the video stays in the library whatever Options.Prune says.
//
// # Changed videos
//
// A file with another size or modification time than the stored one may have another content.
// Only [Index] reads it to find out. Until then, results have Changed set, and whatever
// connects the file with the indexed content returns [ErrChanged]: marks, examples of a
// query, and what callers refuse by [Video.Unchanged].
//
// # Blank frames
//
// Frames without content (one color, noise, color bars) are alike in all videos. The
// database has each moment's share of them. A moment with more than half of them is marked
// in results, and is no evidence of a duplicate.
//
// # Scores
//
// For a query t and a moment v, p = 1/(1 + exp(L − cos(t,v)/τ)): the probability that the
// model assigns to t against the background captions b, where L is the mean over the
// library of log Σ exp(cos(b,v)/τ). Using each moment's own sum instead would be the
// inverted softmax of QB-Norm, which changes the order of the results. Measured with
// clipcue-tiny on 144 rendered videos of 72 objects, with one query per object:
//
//	score                        background     correct at rank 1, of 72   average precision
//	cosine, or p with the mean   any            69                         0.82
//	each moment's own sum        295 captions   60                         0.72
//	each moment's own sum        the 72 names   68                         0.88
//
// The moment's own sum favors moments that no background caption happens to describe; it
// helps only if the background covers the domain. Videos store the sums of their moments,
// so L stays current when the library changes.
//
// # Duplicates
//
// [Library.Duplicates] compares all moments with all others in blocks of 2048 × 2048, as
// matrix products. This is exact. A nearest-neighbor search per moment would mostly return
// neighbors from the same video. Matches of two videos with the same time offset are
// merged.
package library
