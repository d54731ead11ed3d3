package library

// FirstSchema is that of the first version of the database.
var FirstSchema = migrations[0] + "PRAGMA user_version = 1;"
