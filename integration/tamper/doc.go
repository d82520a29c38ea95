// Package tamper holds the whole matrix of what a database superuser can do to
// the record's tables, and who notices. MATRIX.md is the matrix: for each cell
// what the next start, the check of the record and an auditor from outside say,
// to the word. A table or column that a migration adds appears in it by itself.
package tamper
