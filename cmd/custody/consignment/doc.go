// Package consignment is many deposits brought in together: it finds the files
// (Survey), deposits them, several at once, and goes on after one that failed
// (Deliver), and writes the list that accompanies them (Manifest).
//
// Nothing is left out silently: what is not deposited has an entry that says why.
package consignment
