// Package vector finds the nearest of many unit vectors.
//
// [Index] is the interface that a library of videos needs. [Open] opens the embedded index,
// a folder of memory-mapped files; package vector/weaviate uses a Weaviate server. One
// conformance suite (vector/internal/vectortest) runs against every implementation.
//
// # Files
//
// An embedded index is a folder with a lock and a generation (000001) of append-only files.
// Numbers are little-endian; arrays have no header; row i of one file belongs to row i of
// the others.
//
//	log      two commits, one page each: magic, number, width, number of valid entries and
//	         rows, CRC-32C. Then entries of 32 bytes: id, scale, norm of the residual,
//	         checksums of the row's levels and vector, added or deleted, and a checksum of
//	         the entry and its position
//	levels   [rows, E rounded up to 64] bytes: the vectors rounded to 8 bits, plus 128
//	vectors  [rows, E] float32, memory-mapped
//	graph    optional: the graph over the first rows, with CRC-32C at its end
//
// # Commits
//
// A change appends to the first three files, flushes them, writes and flushes the first
// commit, then writes the second. After a crash, a torn write or a full disk, the last
// commit is valid, and the next writer truncates what follows it. Everything that a commit
// covers has checksums: opening verifies the log and the levels, reading a vector verifies
// that vector. Errors give the file and the row. Replaced and deleted vectors stay until
// most vectors are dead; the next writer then copies the live ones to the next generation.
// Readers take no lock, because what a commit covers never changes.
//
// Files are opened only if they are regular files of the folder, not through links that
// leave it. The memory for the log and the graph comes from the memory budget.
//
// # Exact search
//
// Exact search reads the levels, a quarter of the bytes. It bounds each score from both
// sides with the stored norm of the rounding error (proof in exact.go), and computes exact
// scores only for possible results. Scores are double-precision sums rounded to float32. The
// result is bitwise that of brute force, including ties. There is no separate path for small
// collections.
//
// # The graph
//
// The graph (Options.Graph, [Index.Build]) is HNSW over the levels, with exact scores for
// its results. Rows added after it was built are searched exactly. Rows with equal levels,
// as still images produce, are one node with a list; otherwise they would be each other's
// only neighbors. It is built in parts of 1024 rows. Each part searches the existing graph
// and its own rows exhaustively, so the links do not depend on the number of threads, and
// moments of one video, which arrive together, find each other. A process that searches once
// does not load the graph, because reading it takes longer than an exact search.
//
// github.com/coder/hnsw v0.6.1 was evaluated on 20,000 vectors of width 512: recall@10 was
// 0.08 with M 16 and 0.18 with M 48, for EfSearch from 50 to 400.
package vector
