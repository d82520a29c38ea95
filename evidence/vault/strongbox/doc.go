// Package strongbox encrypts evidence at rest, block by block, and wraps the
// keys that do. It knows no storage, clock or network.
//
// # Blocks
//
// An object has a data key of its own, 32 random bytes. Each of its 8 MiB
// blocks becomes one DARE 2.0 stream (packages of 64 KiB under AES-256-GCM,
// each with a header of 16 and a tag of 16 bytes) under a key of its own:
//
//	HKDF-SHA256(data key, no salt, "custodyd dare-blocks 1\x00" || index || leaf)
//
// index is the block's place in the object (8 bytes, big endian), leaf the
// RFC 6962 leaf hash of its plaintext. The streams lie one behind the other: a
// whole block has 8 MiB + 4 KiB of ciphertext, so that any block is read from
// a known offset without its neighbours, opened, and then held to its leaf.
//
// # Why the nonce may be fixed
//
// GCM breaks where two plaintexts meet the same key and nonce. Here the nonce
// of every stream is zero, from which DARE counts its packages on, and that is
// safe because a key can never meet two plaintexts: a block that differs in one
// bit has another leaf, hence another key, as does the same block at another
// place or in another object. Sealing the same block again makes the same
// bytes, so that a part sent twice has no other effect, nothing about nonces
// has to be kept, and two replicas agree without asking one another. What that
// equality tells somebody who watches the store is that a part was sent twice.
//
// Whoever knows the data key can make ciphertexts, as with any symmetric
// scheme; that they aren't evidence shows from the leaf, which leads to the
// block root in a signed event.
//
// # Wrapped keys
//
// Data keys are kept wrapped by a key-encryption key: see Wrap.
package strongbox
