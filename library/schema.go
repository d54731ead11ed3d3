package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// applicationID ("clip") marks a database as one of clipcue, in PRAGMA application_id.
// Version 1 did not have it.
const applicationID = 0x636c6970

// migrations upgrade a database of version i to version i+1. The version is stored in
// PRAGMA user_version. A published migration never changes.
//
// A video that is waiting to be re-indexed has pending set and no moments. Times are
// seconds as a player shows them; modified is in nanoseconds since 1970. A video's
// background is the sum over its moments. A moment's thumbnail is its number in the
// video's folder, picture is that file's checksum. sum is the checksum of the row; see
// sums.go.
var migrations = []string{`
CREATE TABLE settings (
	only       INTEGER PRIMARY KEY CHECK (only = 1),
	generation INTEGER NOT NULL, -- of the vectors
	json       TEXT NOT NULL,
	sum        INTEGER
);
CREATE TABLE folders (path TEXT PRIMARY KEY, sum INTEGER) WITHOUT ROWID;
CREATE TABLE videos (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	path       TEXT NOT NULL UNIQUE,
	size       INTEGER NOT NULL,
	modified   INTEGER NOT NULL,
	sha256     TEXT NOT NULL,
	seconds    REAL NOT NULL,
	partial    TEXT NOT NULL,
	moments    INTEGER NOT NULL, -- how many it has
	background REAL NOT NULL,
	pending    INTEGER NOT NULL DEFAULT 0,
	missing    INTEGER NOT NULL DEFAULT 0,
	sum        INTEGER
);
CREATE INDEX videos_content ON videos (sha256);
CREATE TABLE moments (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	video     INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
	start     REAL NOT NULL,
	"end"     REAL NOT NULL,
	thumbnail INTEGER NOT NULL,
	picture   INTEGER NOT NULL,
	sum       INTEGER
);
CREATE INDEX moments_video ON moments (video, start);
CREATE TABLE failures (
	path   TEXT PRIMARY KEY,
	reason TEXT NOT NULL,
	time   TEXT NOT NULL,
	sum    INTEGER
) WITHOUT ROWID;
` + triggers(settingsTable, foldersTable, videosTable, momentsTable1, failuresTable),

	// blank is the share of a moment's frames that show nothing; NULL until it is derived
	// from the thumbnail. Damaged rows stay damaged.
	`ALTER TABLE moments ADD COLUMN blank REAL;
DROP TRIGGER moments_0;
DROP TRIGGER moments_1;
UPDATE moments SET sum = CASE WHEN sum IS ` + momentsTable1.sum() + ` THEN ` + momentsTable.sum() + ` END;
` + triggers(momentsTable) + `
PRAGMA application_id = ` + strconv.Itoa(applicationID) + `;
`,

	`CREATE TABLE motions (
	moment INTEGER PRIMARY KEY REFERENCES moments ON DELETE CASCADE,
	packed BLOB NOT NULL -- of label.PackMotion, which has a checksum of its own
);
CREATE TABLE labels (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	name    TEXT NOT NULL UNIQUE,
	texts   TEXT NOT NULL, -- JSON
	created TEXT NOT NULL,
	sum     INTEGER
);
CREATE TABLE marks (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	label    INTEGER NOT NULL REFERENCES labels ON DELETE CASCADE,
	sha256   TEXT NOT NULL, -- of the video, which may move or be re-indexed
	path     TEXT NOT NULL, -- where the video was
	start    REAL NOT NULL,
	"end"    REAL NOT NULL,
	positive INTEGER NOT NULL,
	author   TEXT NOT NULL,
	time     TEXT NOT NULL,
	sum      INTEGER
);
CREATE INDEX marks_label ON marks (label, sha256);
` + triggers(labelsTable, marksTable),

	`CREATE TABLE chance (
	only       INTEGER PRIMARY KEY CHECK (only = 1),
	generation INTEGER NOT NULL, -- of the vectors
	cosine     REAL NOT NULL, -- see chance.go
	sum        INTEGER
);
CREATE TABLE searches (
	name    TEXT PRIMARY KEY,
	query   TEXT NOT NULL, -- JSON
	created TEXT NOT NULL,
	sum     INTEGER
) WITHOUT ROWID;
` + triggers(chanceTable, searchesTable),

	`CREATE TABLE trained ( -- labels with a trained head
	label INTEGER PRIMARY KEY REFERENCES labels ON DELETE CASCADE,
	marks INTEGER NOT NULL, -- from which this was decided
	time  TEXT NOT NULL,
	sum   INTEGER
);
` + triggers(trainedTable),

	`CREATE TABLE points ( -- operating points of labels
	label     INTEGER PRIMARY KEY REFERENCES labels ON DELETE CASCADE,
	precision REAL NOT NULL, -- one of the two is 0
	recall    REAL NOT NULL,
	sum       INTEGER
);
` + triggers(pointsTable),

	`DROP TABLE motions; -- they are derived from the frames
CREATE TABLE frames (
	video  INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
	first  REAL NOT NULL, -- seconds, of the first and last of these frames
	last   REAL NOT NULL,
	packed BLOB NOT NULL  -- of label.PackFrames, which has a checksum of its own
);
CREATE INDEX frames_video ON frames (video, first);
`,

	`CREATE TABLE models ( -- recognizers of labels
	id    INTEGER PRIMARY KEY AUTOINCREMENT,
	label INTEGER NOT NULL REFERENCES labels ON DELETE CASCADE,
	held  TEXT NOT NULL, -- JSON: SHA-256 of the marked videos that it has not seen
	scale TEXT NOT NULL, -- JSON of a label.Scale
	file  BLOB NOT NULL,
	sum   INTEGER
);
CREATE INDEX models_label ON models (label);
CREATE TABLE evidence ( -- what they say about moments
	id     INTEGER PRIMARY KEY,
	label  INTEGER NOT NULL REFERENCES labels ON DELETE CASCADE,
	video  INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
	packed BLOB NOT NULL, -- a float32 for each moment, by start
	sum    INTEGER,
	UNIQUE (label, video)
);
` + triggers(modelsTable, evidenceTable),
}

func migrate(ctx context.Context, db *sql.DB, version int) error {
	if version == len(migrations) {
		return nil
	}
	// All in one transaction: a new library is whole or not there.
	return inTx(ctx, db, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, strings.Join(migrations[version:], "")+fmt.Sprintf("PRAGMA user_version = %d;", len(migrations)))
		return err
	})
}

// schemaVersion returns the version of a database whose schema is exactly that of this
// version, 0 for an empty database. Any other gives ErrForeign, or ErrNewer.
func schemaVersion(ctx context.Context, db *sql.DB) (int, error) {
	version, application := 0, 0
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, err
	}
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&application); err != nil {
		return 0, err
	}
	if version > len(migrations) && application == applicationID {
		return 0, fmt.Errorf("%w: version %d, supported up to %d", ErrNewer, version, len(migrations))
	}
	if version < 0 || version > len(migrations) || version > 1 && application != applicationID {
		return 0, ErrForeign
	}
	have, err := schema(ctx, db)
	if err != nil {
		return 0, err
	}
	want, err := schemaOf(ctx, version)
	if err == nil && !slices.Equal(have, want) {
		err = ErrForeign
	}
	return version, err
}

// schemaOf returns the schema that a library of a version has.
func schemaOf(ctx context.Context, version int) (_ []string, err error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1) // each connection has its own memory
	for _, m := range migrations[:version] {
		if _, err := db.ExecContext(ctx, m); err != nil {
			return nil, err
		}
	}
	return schema(ctx, db)
}

// schema lists the tables, indexes, views and triggers of a database. Its texts and
// their number are cut to what a library can have.
func schema(ctx context.Context, db *sql.DB) ([]string, error) {
	return texts(ctx, db, nil, `SELECT CAST(concat_ws(char(0), type, substr(name, 1, 100), substr(tbl_name, 1, 100), substr(sql, 1, 10000)) AS TEXT)
		FROM sqlite_schema ORDER BY 1 LIMIT 100`)
}
