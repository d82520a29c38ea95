"""The log: leaves, RFC 6962 proofs, signed notes, cosignatures (SPEC: Log)."""
import re

import documents
import mldsa
import seal
from canon import MAX_INTEGER, Refused, b64, encode, parse, plain, sha256, unbase64
from spec import LIMITS

EMPTY_ROOT = sha256(b'')
BLOCK = 8 << 20


def leaf_hash(leaf):
    return sha256(b'\0' + leaf)


def node_hash(left, right):
    return sha256(b'\1' + left + right)


def root_of(leaves):
    """The root of a tree of these leaf hashes."""
    if not leaves:
        return EMPTY_ROOT
    while len(leaves) > 1:
        pairs = [node_hash(a, b) for a, b in zip(leaves[::2], leaves[1::2])]
        leaves = pairs + leaves[len(pairs) * 2:]
    return leaves[0]


def included(index, size, leaf, proof, root):
    """RFC 9162 2.1.3.2, which says the same as RFC 6962."""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def consistent(first, first_root, second, second_root, proof):
    """RFC 9162 2.1.4.2. A tree is consistent with itself and the empty one without a proof."""
    if first == 0:
        return not proof and first_root == EMPTY_ROOT
    if first == second:
        return not proof and first_root == second_root
    if first > second or not proof:
        return False
    path = list(proof)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == first_root and sr == second_root and sn == 0


def leaf(event_id, sig, spki):
    return encode({'apiVersion': '0.0.2', 'kind': 'hashedrekord', 'spec': {'hashedRekordV002': {
        'data': {'algorithm': 'SHA2_256', 'digest': b64(event_id)},
        'signature': {'content': b64(sig), 'verifier': {
            'keyDetails': 'PKIX_ECDSA_P256_SHA_256', 'publicKey': {'rawBytes': b64(spki)}}}}}})


def open_leaf(data):
    """(event id, signature, SPKI) of bytes that are a leaf of this format."""
    try:
        v = plain(parse(data))['spec']['hashedRekordV002']
        event_id, sig = unbase64(v['data']['digest']), unbase64(v['signature']['content'])
        spki = unbase64(v['signature']['verifier']['publicKey']['rawBytes'])
        seal.p256(spki)
    except (ValueError, KeyError, TypeError, Refused):
        raise Refused('not-a-leaf')
    if len(event_id) != 32 or not 1 <= len(sig) <= 72 or leaf(event_id, sig, spki) != data:
        raise Refused('not-a-leaf')
    return event_id, sig, spki


class Note:
    """A signed note that has a checkpoint's text: origin, size, root, and its signature lines."""

    def __init__(self, data):
        if len(data) > LIMITS['checkpoint note, bytes']:
            raise Refused('not-a-checkpoint')
        try:
            self.raw = data.decode('utf-8')
        except UnicodeDecodeError:
            raise Refused('not-a-checkpoint')
        if any(ord(c) < 0x20 and c != '\n' for c in self.raw):
            raise Refused('not-a-checkpoint')
        at = self.raw.rfind('\n\n')
        if at < 0 or not self.raw.endswith('\n') or at + 2 == len(self.raw):
            raise Refused('not-a-checkpoint')
        self.text = self.raw[:at + 1]
        lines = self.text.split('\n')
        if len(lines) != 4 or not re.fullmatch(r'0|[1-9][0-9]{0,15}', lines[1]) or not documents.is_origin(lines[0]):
            raise Refused('not-a-checkpoint')
        self.origin, self.size = lines[0], int(lines[1])
        try:
            self.root = unbase64(lines[2])
        except ValueError:
            raise Refused('not-a-checkpoint')
        if len(self.root) != 32 or self.size > MAX_INTEGER or (self.size == 0 and self.root != EMPTY_ROOT):
            raise Refused('not-a-checkpoint')
        self.lines = [self._line(x) for x in self.raw[at + 2:-1].split('\n')]
        if len(self.lines) > 100:
            raise Refused('not-a-checkpoint')

    @staticmethod
    def _line(line):
        m = re.fullmatch('\u2014 ([^ ]+) ([^ ]+)', line)
        try:
            data = unbase64(m.group(2)) if m else b''
        except ValueError:
            data = b''
        if len(data) < 5 or '+' in m.group(1) or m.group(1) != ''.join(m.group(1).split()):
            raise Refused('not-a-checkpoint')
        return m.group(1), data[:4], data[4:], line

    def message(self):
        return self.text.encode()


def key_hash(name, kind, key):
    return sha256(name.encode() + b'\n' + bytes([kind]) + key)[:4]


def log_key_id(origin, key):
    return sha256(origin.encode() + b'\n\x01' + key)


def _head(note, name, when=0):
    """What an ML-DSA-44 key of this name signs of the note's head: start is 0, and so is the
    timestamp of a log's own line."""
    origin = note.origin.encode()
    label = name.encode()
    return (b'subtree/v1\n\0' + bytes([len(label)]) + label + when.to_bytes(8, 'big') + bytes([len(origin)]) + origin + bytes(8)
            + note.size.to_bytes(8, 'big') + note.root)


def opened_by_log(note, origin, keys, post_quantum=()):
    """Whether a log of this origin and these Ed25519 keys signed the note: a line of one of
    them holds, and none of them has a line that does not. Where it has ML-DSA-44 keys, the
    same of those."""
    good = False
    if note.origin != origin:
        return False
    if post_quantum:
        both = False
        for name, khash, sig, _ in note.lines:
            for key in post_quantum:
                if name == origin and khash == key_hash(origin, 6, key):
                    if sig[:8] != bytes(8) or not mldsa.holds(key, sig[8:], _head(note, name)):
                        return False
                    both = True
        if not both:
            return False
    for name, khash, sig, _ in note.lines:
        for key in keys:
            if name == origin and khash == key_hash(origin, 1, key):
                if not seal.ed25519_holds(key, sig, note.message()):
                    return False
                good = True
    return good


def witness_key(vkey):
    """(name, key) of a witness's note verifier key, Ed25519 or ML-DSA-44."""
    m = re.fullmatch(r'([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)', vkey)
    if not m:
        raise ValueError('not a verifier key')
    data = unbase64(m.group(3))
    if (data[0], len(data)) not in ((4, 33), (6, 1 + mldsa.KEY_BYTES)) or key_hash(m.group(1), data[0], data[1:]).hex() != m.group(2):
        raise ValueError('not a witness key')
    return m.group(1), data[1:]


def count_witnesses(note, witnesses):
    """How many of the keys have cosigned, each counted once."""
    seen = set()
    for name, khash, body, _ in note.lines:
        for wname, key in witnesses:
            kind = 4 if len(key) == 32 else 6
            when = int.from_bytes(body[:8], 'big')
            if name != wname or khash != key_hash(wname, kind, key) or not 1 <= when < 1 << 63:
                continue
            if kind == 6:
                if mldsa.holds(key, body[8:], _head(note, name, when)):
                    seen.add(key)
            elif len(body) == 72 and seal.ed25519_holds(key, body[8:], b'cosignature/v1\ntime %d\n' % when + note.message()):
                seen.add(key)
    return len(seen)
