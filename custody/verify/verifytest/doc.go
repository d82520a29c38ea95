// Package verifytest makes dossiers and policies of told stories, for tests:
// honest ones, and such as only somebody with the server's keys could make.
package verifytest
