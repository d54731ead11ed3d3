package library

// FirstSchema is that of the first version of the database.
var FirstSchema = migrations[0] + "PRAGMA user_version = 1;"

// SetLists sets how many moments a search looks up, until the function that it returns is
// called.
func SetLists(least, most int) (reset func()) {
	a, b := shortest, enough
	shortest, enough = least, most
	return func() { shortest, enough = a, b }
}

// AppendValue is what the checksums of rows are computed from.
var AppendValue = appendValue
