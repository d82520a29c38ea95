// Package vault is the write-once store of evidence: an S3 bucket under Object
// Lock, written in parts and read in ranges.
//
// What it promises. A key is made by the store and never used twice. A part is
// acknowledged only after the server has compared its checksum. An object is
// returned by Complete only after the server's own size, whole-object checksum
// and lock were read back. Retention is extended, never shortened, and no call
// of this package can delete evidence.
//
// What it does not promise. The checksum here (CRC-64/NVME) finds damage, not
// malice: what the bytes are is said by the SHA-256 digests of package
// evidence, which readers check again.
//
// Servers differ in their answers; the store absorbs that. Whether a server is
// safe at all is asked by Probe at every start.
package vault
