"""A dossier's bytes, read strictly (SPEC: Dossier)."""
import base64
import re
import struct

import canon
import documents
import seal
import spec
import tlog
from canon import Refused, b64, hexid, is_id, unbase64

MEDIA = 'application/vnd.dev.sigstore.bundle.v0.3+json'
PROOF_HEAD = 'c2sp.org/tlog-proof@v1\n'
DEVICES = {'con', 'prn', 'aux', 'nul'} | {d + str(n) for d in ('com', 'lpt') for n in range(10)}
KIB, MIB = 1 << 10, 1 << 20
README = spec.README_SHA256

# Every place of a file: pattern, most bytes.
PLACES = [
    ('bagit.txt', KIB), ('bag-info.txt', KIB), ('manifest-sha256.txt', 256 * MIB), ('tagmanifest-sha256.txt', KIB),
    (r'data/README\.txt', 64 * KIB), (r'data/scope\.json', 32 * MIB), (r'data/log/log\.json', 64 * KIB),
    (r'data/log/checkpoint\.txt', 64 * KIB), (r'data/log/consistency/(\d{12,})\.txt', 64 * KIB),
    (r'data/log/times/([0-9a-f]{64})\.tsr', 16 * KIB), (r'data/log/checkpoints/(\d{12,})\.txt', 64 * KIB),
    (r'data/events/(.+)', MIB), (r'data/proofs/(\d{12,})\.tlog-proof', 128 * KIB),
    (r'data/keys/([0-9a-f]{64})\.pem', 64 * KIB), (r'data/documents/([0-9a-f]{64})(\.json|\.txt)?', 4096 * MIB),
    (r'data/details/([0-9a-f]{64})\.json', 64 * KIB), (r'data/blocks/([0-9a-f]{64})\.bin', 32 * MIB),
    (r'data/attachments/([A-Za-z0-9._-]{1,100})', 1 << 32),
]
PLACES = [(re.compile(p + r'\Z', re.ASCII), n) for p, n in PLACES]


class Event:
    """One bundle: the log index, and what it holds as it stands there."""
    __slots__ = ('index', 'payload', 'sig', 'key', 'spki', 'hashes', 'timestamps', 'leaf', 'leaf_hash', 'id', 'statement')

    @property
    def predicate(self):
        return self.statement['predicate']

    @property
    def body(self):
        return self.statement['predicate']['body']

    @property
    def kind(self):
        return self.statement['predicate']['kind']


class Dossier:
    """case, items, log (document and bytes), checkpoint, consistency {size: hashes}, times {hex: bytes},
    older {size: Note}, events, documents, details, blocks, attachments {name: bytes}."""

    def __init__(self, data):
        entries = read_zip(data)
        files = {}
        for name, content in entries:
            limit = next((n for p, n in PLACES if p.match(name)), None)
            if limit is not None and len(content) > limit:
                raise Refused('dossier-limit', name)
        for name, content in entries:
            if name in files:
                raise Refused('dossier-layout', name)
            files[name] = content
        self._manifests(files)
        self._layout(files)
        self._files(files)
        self._bundles(files)
        self._rest(files, data)

    # Layout and manifests.

    def _layout(self, files):
        folded = set()
        for name in files:
            if not name.startswith('data/') and name not in TAGS and '/' not in name and name:
                raise Refused('dossier-layout', name)
            if name.startswith('data/'):
                if not any(p.match(name) for p, _ in PLACES):
                    raise Refused('dossier-layout', name)
            if name.startswith('data/attachments/'):
                base = name[len('data/attachments/'):]
                if base[0] == '.' or base[-1] == '.' or base.split('.')[0].lower() in DEVICES or base.lower() in folded:
                    raise Refused('dossier-layout', name)
                folded.add(base.lower())
        for name in ('data/log/log.json', 'data/log/checkpoint.txt'):
            if name not in files:
                raise Refused('dossier-layout', name)

    def _manifests(self, files):
        for name, data in (('manifest-sha256.txt', True), ('tagmanifest-sha256.txt', False)):
            if files.get(name) != manifest(files, data):
                raise Refused('manifest-mismatch', name)

    # Files other than bundles.

    def _files(self, files):
        self.consistency, self.times, self.older, self.keys, self.proofs = {}, {}, {}, {}, {}
        self.documents, self.details, self.blocks, self.attachments = {}, {}, {}, {}
        self.case, self.items = None, []
        try:
            self.log_bytes = files['data/log/log.json']
            canon.read(self.log_bytes)
            self.checkpoint = tlog.Note(files['data/log/checkpoint.txt'])
            if 'data/scope.json' in files:
                self._scope(files['data/scope.json'])
            for name, content in files.items():
                if name.startswith('data/'):
                    self._file(name.split('/')[1:], content)
        except (ValueError, TypeError, KeyError) as e:
            raise Refused('dossier-file', str(e))
        except Refused as e:
            raise Refused('dossier-file', e.rule)
        if len(self.older) > 4096 or len(self.times) > 4096:
            raise Refused('dossier-limit')

    def _scope(self, data):
        v = canon.plain(canon.parse(data))
        v = {k.lower(): x for k, x in v.items()}
        if set(v) != {'case', 'items'} or not is_id(v['case']) or not isinstance(v['items'], list):
            raise ValueError('scope')
        if not all(is_id(i) for i in v['items']) or v['items'] != sorted(set(v['items'])):
            raise ValueError('scope')
        self.case, self.items = v['case'], v['items']

    def _file(self, path, content):
        folder, name = path[0], path[-1]
        stem = name.split('.')[0]
        if folder == 'log' and len(path) == 3:
            if path[1] == 'times':
                self._named(stem, content)
                self.times[stem] = content
            elif path[1] == 'consistency':
                self.consistency[_number(stem)] = _hashes(content)
            else:
                note = tlog.Note(content)
                if note.size != _number(stem) or note.size == self.checkpoint.size:
                    raise ValueError('a checkpoint under another size')
                self.older[note.size] = note
        elif folder == 'keys':
            m = re.fullmatch(rb'-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=\n]+)-----END PUBLIC KEY-----\n', content)
            spki = unbase64(m.group(1).replace(b'\n', b'').decode()) if m else b''
            seal.p256(spki)
            if pem(spki) != content:
                raise ValueError('not the one PEM')
            self.keys[stem] = spki
        elif folder == 'proofs':
            self.proofs[_number(stem)] = content
        elif folder == 'blocks':
            if not content or len(content) % 32:
                raise ValueError('not hashes')
            self.blocks[stem] = content
        elif folder in ('documents', 'details'):
            self._named(stem, content)
            getattr(self, folder)[stem] = content
        elif folder == 'attachments':
            self.attachments[name] = content

    @staticmethod
    def _named(stem, content):
        if hexid(content) != stem:
            raise ValueError('under the name of another')

    # Bundles.

    def _bundles(self, files):
        self.events = []
        first = self._first_line()
        for name in sorted(n for n in files if n.startswith('data/events/')):
            try:
                self.events.append(self._bundle(files[name], first))
            except (ValueError, KeyError, IndexError, TypeError, AttributeError) as e:
                raise Refused('bundle-form', str(e))
        names = [e.index for e in self.events]
        if len(set(names)) != len(names):
            raise Refused('dossier-file', 'one index twice')
        self.events.sort(key=lambda e: e.index)

    def _first_line(self):
        """The first signature line by the log's first key, and the log's key id."""
        try:
            doc = documents.log(self.log_bytes)
        except Refused:
            doc = None
        if doc is None:
            return None
        try:
            key = seal.ed25519(doc['ed25519'][0])
        except Refused:
            return None
        khash = tlog.key_hash(doc['origin'], 1, key)
        for name, h, _, line in self.checkpoint.lines:
            if name == doc['origin'] and h == khash:
                return line, tlog.log_key_id(doc['origin'], key)
        return None

    def _bundle(self, data, first):
        v = canon.plain(canon.parse(data))
        e = Event()
        entry = v['verificationMaterial']['tlogEntries'][0]
        e.index = int(entry['logIndex'])
        e.payload = unbase64(v['dsseEnvelope']['payload'])
        e.sig = unbase64(v['dsseEnvelope']['signatures'][0]['sig'])
        e.key = v['verificationMaterial']['publicKey']['hint']
        e.spki = self.keys[e.key]
        if hexid(e.spki) != e.key or not e.payload or not 1 <= len(e.sig) <= 72 or not 0 <= e.index < 10 ** 12:
            raise ValueError('key, payload or signature')
        e.hashes = [unbase64(h) for h in entry['inclusionProof']['hashes']]
        if any(len(h) != 32 for h in e.hashes) or len(e.hashes) > 128:
            raise ValueError('hashes')
        e.timestamps = [unbase64(t['signedTimestamp']) for t in
                        v['verificationMaterial'].get('timestampVerificationData', {}).get('rfc3161Timestamps', [])]
        if e.timestamps != sorted(set(e.timestamps)) or len(e.timestamps) > 16 or any(not 1 <= len(t) <= 16 * KIB for t in e.timestamps):
            raise ValueError('timestamps')
        e.id = seal.event_id(e.payload)
        e.leaf = tlog.leaf(e.id, e.sig, e.spki)
        e.leaf_hash = tlog.leaf_hash(e.leaf)
        if canon.encode(bundle(e, self.checkpoint, *first)) != data:
            raise ValueError('does not follow')
        return e

    # All else: what a writer would make.

    def _rest(self, files, data):
        names = {'data/events/%012d.sigstore.json' % e.index for e in self.events}
        fine = {n for n in files if n.startswith('data/events/')} == names
        fine &= {e.key for e in self.events} == set(self.keys) and all(hexid(s) == k for k, s in self.keys.items())
        if self.proofs:
            fine &= set(self.proofs) == {e.index for e in self.events}
            fine &= all(self.proofs[e.index] == self._proof(e) for e in self.events if e.index in self.proofs)
        for name in files:
            m = re.match(r'data/(proofs|log/consistency|log/checkpoints)/(\d+)\.(.*)', name)
            fine &= not m or m.group(2) == '%012d' % int(m.group(2))
            fine &= not name.startswith('data/documents/') or name.endswith('.json' if files[name][:1] == b'{' else '.txt')
        fine &= all(files['data/log/consistency/%012d.txt' % n] == b''.join(b64(h).encode() + b'\n' for h in p) for n, p in self.consistency.items()) if fine else False
        fine &= files.get('bagit.txt') == b'BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n'
        fine &= self.case is not None and files.get('bag-info.txt') == ('Bag-Software-Agent: custodyd dossier 1\nExternal-Identifier: %s\n' % self.case).encode()
        fine &= hexid(files.get('data/README.txt', b'')) == README
        fine &= files.get('data/scope.json') == canon.encode({'case': self.case, 'items': self.items})
        if not fine or write_zip(files) != data:
            raise Refused('dossier-not-canonical')

    def _proof(self, e):
        return (PROOF_HEAD + 'index %d\n' % e.index + ''.join(b64(h) + '\n' for h in e.hashes) + '\n' + self.checkpoint.raw).encode()


TAGS = {'bagit.txt', 'bag-info.txt', 'manifest-sha256.txt', 'tagmanifest-sha256.txt'}


def _number(stem):
    if len(stem) > 12 and stem[0] == '0' or len(stem) > 12:
        raise ValueError('more than 12 digits')
    return int(stem)


def _hashes(content):
    lines = content.decode('ascii').split('\n')
    if lines[-1] == '':
        lines.pop()
    out = [unbase64(x) for x in lines]
    if any(len(h) != 32 for h in out) or len(out) > 128:
        raise ValueError('not a proof')
    return out


def manifest(files, data):
    """The manifest of the files below data/, or of the others but itself."""
    names = [n for n in files if n.startswith('data/') == data and n != 'tagmanifest-sha256.txt']
    return b''.join(hexid(files[n]).encode() + b'  ' + n.encode() + b'\n' for n in sorted(names, key=str.encode))


def pem(spki):
    text = base64.b64encode(spki).decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return ('-----BEGIN PUBLIC KEY-----\n' + '\n'.join(lines) + '\n-----END PUBLIC KEY-----\n').encode()


def bundle(e, checkpoint, line, key_id):
    material = {
        'publicKey': {'hint': e.key},
        'tlogEntries': [{
            'canonicalizedBody': b64(e.leaf),
            'inclusionProof': {
                'checkpoint': {'envelope': checkpoint.text + '\n' + line + '\n'}, 'hashes': [b64(h) for h in e.hashes],
                'logIndex': str(e.index), 'rootHash': b64(checkpoint.root), 'treeSize': str(checkpoint.size)},
            'kindVersion': {'kind': 'hashedrekord', 'version': '0.0.2'}, 'logId': {'keyId': b64(key_id)}, 'logIndex': str(e.index)}]}
    if e.timestamps:
        material['timestampVerificationData'] = {'rfc3161Timestamps': [{'signedTimestamp': b64(t)} for t in e.timestamps]}
    return {'dsseEnvelope': seal.envelope_of(e.payload, e.sig), 'mediaType': MEDIA, 'verificationMaterial': material}


# Zip.

LOCAL, CENTRAL, END = b'PK\x03\x04', b'PK\x01\x02', b'PK\x05\x06'


def read_zip(data):
    """Entries from the beginning up to a central directory, without looking at what it says."""
    at, out = 0, []
    while data[at:at + 4] == LOCAL:
        if at + 30 > len(data):
            raise Refused('dossier-zip')
        _, flags, _, _, _, _, packed, size, names, extra = struct.unpack('<5H3I2H', data[at + 4:at + 30])
        end = at + 30 + names + extra + packed
        if names > 200 or extra or flags & 8 or packed != size or end > len(data) or size == 0xffffffff:
            raise Refused('dossier-zip')
        try:
            name = data[at + 30:at + 30 + names].decode('utf-8')
        except UnicodeDecodeError:
            raise Refused('dossier-zip')
        out.append((name, data[at + 30 + names:end]))
        at = end
    if not out or data[at:at + 4] != CENTRAL:
        raise Refused('dossier-zip')
    return out


def write_zip(files):
    import zlib
    out, directory = bytearray(), bytearray()
    names = sorted(files, key=str.encode)
    for name in names:
        raw, content = name.encode(), files[name]
        crc, at = zlib.crc32(content), len(out)
        head = struct.pack('<5H3I2H', 20, 0, 0, 0, 0x21, crc, len(content), len(content), len(raw), 0)
        out += LOCAL + head + raw + content
        directory += CENTRAL + struct.pack('<H', 20) + head + struct.pack('<3H2I', 0, 0, 0, 0, at) + raw
    at, n = len(out), len(names)
    out += directory
    if n >= 65535:
        zip64 = len(out)
        out += b'PK\x06\x06' + struct.pack('<Q2H2I4Q', 44, 45, 45, 0, 0, n, n, len(directory), at)
        out += b'PK\x06\x07' + struct.pack('<IQI', 0, zip64, 1)
        n = 65535
    return bytes(out + END + struct.pack('<4H2IH', 0, 0, n, n, len(directory), at, 0))
