"""What this verifier finds of every vector below custody/testdata: the same members that a
vector expects, one JSON object a vector, {"file","name","got"}. It reads of a vector what is
given, never what is expected."""
import base64
import glob
import json
import os
import time

import bag
import canon
import documents
import opinion
import policy
import seal
import statement
import tlog
import tsp
from canon import Refused


def b64(text):
    return base64.b64decode(text or '')


def judged(member, f, *args):
    """{member: ok or the rule that refused}, and what f gave."""
    try:
        return {member: 'ok'}, f(*args)
    except Refused as e:
        return {member: e.rule}, None


def given(v):
    data = v['payload'].encode() if 'payload' in v else b64(v.get('payloadBase64'))
    return data * v.get('times', 1)


def one_statement(v, at):
    return judged('expect', statement.read, given(v))[0]


def one_document(v, at):
    data = given(v)
    got, ok = judged('expect', documents.READERS[v['type']], data)
    return got | ({'sha256': canon.hexid(data)} if ok else {})


def one_note(v, at):
    def check():
        origin, _, key = v['log'].split('+', 2)
        note = tlog.Note(v['note'].encode())
        if not tlog.opened_by_log(note, origin, [canon.unbase64(key)[1:]]):
            raise Refused('not-a-checkpoint')
    return judged('rule', check)[0]


def one_count(v, at):
    witnesses = [tlog.witness_key(w) for w in v['witnesses'] or []]
    return {'count': tlog.count_witnesses(tlog.Note(v['note'].encode()), witnesses)}


def one_two_keys(v, at):
    """A note by the keys of a log document, which may list one of each algorithm."""
    def opened():
        log = documents.log(v['document'].encode())
        note = tlog.Note(v['note'].encode())
        if not tlog.opened_by_log(note, log['origin'], [seal.ed25519(k) for k in log['ed25519']], [seal.mldsa44(k) for k in log['mldsa']]):
            raise Refused('refused')
    return judged('expect', opened)[0]


def one_leaf(v, at):
    data = v['leaf'].encode()
    got, ok = judged('rule', tlog.open_leaf, data)
    return got | ({'leafHash': tlog.leaf_hash(data).hex()} if ok else {})


def one_timestamp(v, at):
    accepted = [b64(c) for c in v['certificates'] or []]
    got, when = judged('expect', tsp.check, b64(v['timestamp']), v['message'].encode(), accepted)
    if when:
        seconds, nanos = divmod(when[0], 10 ** 9)
        fraction = ('.%09d' % nanos).rstrip('0').rstrip('.')
        got['time'] = time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds)) + fraction + 'Z'
        got['accuracy'] = when[1]
    return got


def one_key(v, at):
    spki = b64(v['spki'])
    got, ok = judged('rule', seal.p256, spki)
    return got | ({'id': canon.hexid(spki)} if ok else {})


def named(at, file, name):
    with open(os.path.join(at, file), encoding='utf-8') as f:
        return next(v for v in json.load(f) if v['name'] == name)


def one_signature(v, at):
    spki = b64(named(at, 'keys.json', 'good')['spki'])
    payload, _ = seal.open_envelope(b64(named(at, 'envelopes.json', 'good')['envelope']))
    return judged('rule', seal.check_signature, spki, b64(v['signature']), payload)[0]


def one_envelope(v, at):
    spki = b64(named(at, 'keys.json', 'good')['spki'])

    def check():
        payload, sig = seal.open_envelope(b64(v['envelope']))
        seal.check_signature(spki, sig, payload)
        return seal.event_id(payload).hex()
    got, event_id = judged('rule', check)
    return got | ({'eventId': event_id} if event_id else {})


def one_zip(v, at):
    data = b64(v['zip'])
    got, _ = judged('rule', bag.Dossier, data)
    return got | ({'sha256': canon.hexid(data)} if 'sha256' in v else {})


def one_change(v, at):
    files = dict(bag.read_zip(b64(named(at, 'whole.json', '3-events')['zip'])))
    files = {n: c for n, c in files.items() if n not in ('manifest-sha256.txt', 'tagmanifest-sha256.txt')}
    for name, content in v['files'].items():
        files.pop(name, None)
        if content is not None:
            files[name] = content.encode()
    for manifest, data in (('manifest-sha256.txt', True), ('tagmanifest-sha256.txt', False)):
        files[manifest] = bag.manifest(files, data)
    return judged('rule', bag.Dossier, bag.write_zip(files))[0]


def one_verification(v, at):
    def read(name):
        with open(os.path.join(at, name), 'rb') as f:
            return f.read()
    trust = policy.Policy(read(v['policy'])) if 'policy' in v else None
    sets = [[(f['name'], read(f['file'])) for f in files] for files in v.get('sets', [])]
    verdict, code, findings = opinion.verify([read(d) for d in v['dossiers']], trust, [read(f) for f in v['artifacts']], sets)
    return {'verdict': verdict, 'exit': code, 'findings': findings}


KINDS = {
    'statement/*.json': one_statement, 'document/*.json': one_document, 'detail/*.json': one_document,
    'tlog/checkpoints.json': one_note, 'tlog/witnesses.json': one_count, 'tlog/leaves.json': one_leaf,
    'tlog/timestamps.json': one_timestamp, 'tlog/mldsa.json': one_two_keys, 'seal/keys.json': one_key, 'seal/signatures.json': one_signature,
    'seal/envelopes.json': one_envelope, 'dossier/whole.json': one_zip, 'dossier/zips.json': one_zip,
    'dossier/contents.json': one_change, 'verify/*.json': one_verification,
}


def run(root):
    for pattern, judge in KINDS.items():
        for path in sorted(glob.glob(os.path.join(root, pattern))):
            with open(path, encoding='utf-8') as f:
                content = json.load(f)
            for v in content if isinstance(content, list) else [content]:
                yield {'file': os.path.relpath(path, root), 'name': v.get('name', ''), 'got': judge(v, os.path.dirname(path))}
