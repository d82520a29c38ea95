"""Opens the vectors of blocks.json from the formats' own words, knowing nothing
of the Go code: HKDF (RFC 5869), DARE 2.0 (header, nonce and package rules), and
the leaf of RFC 6962. Usage: open.py VECTORS BLOCK...  with each vector's sealed
bytes in a file; prints "NAME SHA-256-of-plaintext" a line, or fails."""

import hashlib
import hmac
import json
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def hkdf(secret, info, size):
    prk = hmac.new(bytes(32), secret, hashlib.sha256).digest()
    out, last, n = b"", b"", 1
    while len(out) < size:
        last = hmac.new(prk, last + info + bytes([n]), hashlib.sha256).digest()
        out, n = out + last, n + 1
    return out[:size]


def dare(key, stream):
    plain, sequence, reference = b"", 0, None
    while True:
        header = stream[:16]
        assert len(header) == 16 and header[0] == 0x20 and header[1] == 0, "header"
        size = int.from_bytes(header[2:4], "little") + 1
        final = header[4] & 0x80 != 0
        assert final or size == 65536, "only the last package may be shorter"
        name = bytes([header[4] & 0x7F]) + header[5:]
        reference = reference or name
        assert name == reference, "one nonce for the stream"
        nonce = bytearray(header[4:16])
        counter = int.from_bytes(nonce[8:], "little") ^ sequence
        nonce[8:] = counter.to_bytes(4, "little")
        body, stream = stream[16 : 16 + size + 16], stream[16 + size + 16 :]
        plain += AESGCM(key).decrypt(bytes(nonce), body, header[:4])
        sequence += 1
        if final:
            assert not stream, "nothing follows the last package"
            return plain


def unwrap(secret, identity, object_name, wrapped):
    assert hkdf(secret, b"custodyd key-encryption key 1: id", 16).hex() == identity
    assert len(wrapped) == 61 and wrapped[0] == 1
    bound = b"\x00".join([b"custodyd data key 1", identity.encode(), object_name.encode(), b""])
    return AESGCM(hkdf(secret, b"custodyd key-encryption key 1: wrap", 32)).decrypt(wrapped[1:13], wrapped[13:], bound)


vectors = json.load(open(sys.argv[1]))
assert len(vectors["blocks"]) == len(sys.argv) - 2 > 0
w = vectors["wrapped"]
key = unwrap(bytes.fromhex(w["secret"]), w["id"], w["object"], bytes.fromhex(w["wrapped"]))
assert key.hex() == vectors["dataKey"]
for v, path in zip(vectors["blocks"], sys.argv[2:]):
    leaf = bytes.fromhex(v["leaf"])
    info = b"custodyd dare-blocks 1\x00" + v["index"].to_bytes(8, "big") + leaf
    sealed = open(path, "rb").read()
    assert hashlib.sha256(sealed).hexdigest() == v["sealed"], "the sealed bytes"
    plain = dare(hkdf(key, info, 32), sealed)
    assert hashlib.sha256(b"\x00" + plain).digest() == leaf, "the leaf"
    print(v["name"], hashlib.sha256(plain).hexdigest())
