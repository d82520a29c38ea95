// Package acquisition reads what imaging programs wrote about their own work:
// FTK Imager, Guymager, ewfacquire and ewfverify, dc3dd, ddrescue, dcfldd, and
// lists of hashes (sha256sum, hashdeep).
//
// A log is another's word. It is read tolerantly (encodings, languages, versions,
// missing ends) and believed narrowly: a hash is kept together with what it was
// computed over, a time without a zone stays without one, and a verdict of the
// program ("verified", "OK") is never taken where the hashes that it rests on
// stand in the log themselves. Compare holds a log against what was received and
// says in plain words what follows from it, and no more.
//
// It imports nothing of this module and has no clock, network or file in it.
package acquisition
