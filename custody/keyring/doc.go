// Package keyring keeps what belongs to one person on one computer: private
// keys, events on their way, the checkpoints this person has checked, and the
// trust policies this person has accepted.
//
// A private key never leaves the directory in clear. It is a P-256 key in
// PKCS#8, encrypted with PBES2 (scrypt N=2^14 r=8 p=5, AES-256-CBC), so that
// `openssl pkey -in FILE` opens it without this program. Directories are 0700
// and files 0600; a key file is written once and never again.
package keyring
