package library

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"

	"modernc.org/sqlite"
)

// SQLite detects pages that do not fit together, but not a changed number or text in
// them. So each row has a checksum, which triggers maintain, and a row is used only if
// it is intact.

// table is a table with the columns that a row's checksum covers; the first is its key.
type table struct {
	name    string
	columns []string
}

var (
	settingsTable = table{"settings", []string{"only", "generation", "json"}}
	foldersTable  = table{"folders", []string{"path"}}
	videosTable   = table{"videos", []string{"id", "path", "size", "modified", "sha256", "seconds", "partial", "moments", "background", "pending", "missing"}}
	momentsTable1 = table{"moments", []string{"id", "video", "start", `"end"`, "thumbnail", "picture"}} // of version 1
	momentsTable  = table{"moments", append(slices.Clone(momentsTable1.columns), "blank")}
	failuresTable = table{"failures", []string{"path", "reason", "time"}}
	labelsTable   = table{"labels", []string{"id", "name", "texts", "created"}}
	chanceTable   = table{"chance", []string{"only", "generation", "cosine"}}
	searchesTable = table{"searches", []string{"name", "query", "created"}}
	marksTable    = table{"marks", []string{"id", "label", "sha256", "path", "start", `"end"`, "positive", "author", "time"}}
	modelsTable   = table{"models", []string{"id", "label", "held", "scale", "file"}}
	evidenceTable = table{"evidence", []string{"id", "label", "video", "packed"}}
	trainedTable  = table{"trained", []string{"label", "marks", "time"}}
	pointsTable   = table{"points", []string{"label", "precision", "recall"}}

	tables = []table{settingsTable, foldersTable, videosTable, momentsTable, failuresTable, labelsTable, marksTable, chanceTable, searchesTable, trainedTable, pointsTable, modelsTable, evidenceTable}
)

func init() { sqlite.MustRegisterDeterministicScalarFunction("clipcue_sum", -1, rowSum) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// rowSum returns the checksum of values with their types.
func rowSum(_ *sqlite.FunctionContext, values []driver.Value) (driver.Value, error) {
	b := make([]byte, 0, 256)
	for _, v := range values {
		b = append(appendValue(b, v), 0)
	}
	return int64(crc32.Checksum(b, castagnoli)), nil
}

// appendValue appends fmt's "%T %v" of a value, or bytes as they are. Searches check thousands of
// rows, so it avoids fmt for the usual types.
func appendValue(b []byte, v driver.Value) []byte {
	switch v := v.(type) {
	case int64:
		return strconv.AppendInt(append(b, "int64 "...), v, 10)
	case float64:
		return strconv.AppendFloat(append(b, "float64 "...), v, 'g', -1, 64)
	case string:
		return append(append(b, "string "...), v...)
	case []byte:
		return append(append(b, "bytes "...), v...)
	}
	return fmt.Appendf(b, "%T %v", v, v)
}

func (t table) sum() string {
	return fmt.Sprintf("clipcue_sum(%[1]s.%[2]s)", t.name, strings.Join(t.columns, ", "+t.name+"."))
}

// triggers returns the statements that create the triggers of tables. They maintain the
// checksums.
func triggers(tables ...table) string {
	var b strings.Builder
	for _, t := range tables {
		for i, event := range []string{"INSERT", "UPDATE OF " + strings.Join(t.columns, ", ")} {
			fmt.Fprintf(&b, "CREATE TRIGGER %[1]s_%[2]d AFTER %[3]s ON %[1]s BEGIN UPDATE %[1]s SET sum = %[4]s WHERE %[5]s = NEW.%[5]s; END;\n",
				t.name, i, event, t.sum(), t.columns[0])
		}
	}
	return b.String()
}

// intact returns the SQL of whether a table's row matches its checksum.
func intact(name string) string {
	t := tables[slices.IndexFunc(tables, func(t table) bool { return t.name == name })]
	return fmt.Sprintf("%s.sum IS %s", name, t.sum())
}

// errDamaged is wrapped by the error for a row that is not intact.
var errDamaged = errors.New("does not match its checksum")

func damaged(name string) error { return fmt.Errorf("a row of %s %w", name, errDamaged) }

// verify returns an errDamaged unless all rows of the tables are intact.
func verify(ctx context.Context, db *sql.DB, names ...string) error {
	for _, name := range names {
		var found bool
		err := db.QueryRowContext(ctx, fmt.Sprintf("SELECT EXISTS (SELECT 1 FROM %s WHERE NOT (%s))", name, intact(name))).Scan(&found)
		switch {
		case err != nil:
			return err
		case found:
			return damaged(name)
		}
	}
	return nil
}
