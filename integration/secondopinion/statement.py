"""The payload's rules of form (SPEC: Payload, Kinds, Bodies, Subjects, Rules)."""
import re

import canon
import spec
from canon import Members, Number, Refused, ZERO, is_id

TYPE = 'https://in-toto.io/Statement/v1'
VERSION = 'https://evidence-custody.github.io/custodyd/event/v1'
SEAL = re.compile(r'[A-Za-z0-9./_-]{1,64}\Z')
MULTI = ('custody.released', 'custody.accepted', 'custody.assumed')


def derived(prefix, *ids):
    return canon.hexid((prefix + ':' + ':'.join(ids)).encode())


def _values(value):
    """Every value of a tree as it is written."""
    yield value
    if isinstance(value, Members):
        for _, v in value:
            yield from _values(v)
    elif isinstance(value, list):
        for v in value:
            yield from _values(v)


def _member(obj, name):
    """The member read for a name: any case, the last one."""
    got = None
    for k, v in obj:
        if k.casefold() == name.casefold():
            got = v
    return got


def read(payload):
    """The statement of a payload, as a dict; Refused with its rule otherwise."""
    if len(payload) > spec.LIMITS['payload, bytes']:
        raise Refused('statement.size')
    if any(c < 0x20 or c > 0x7e for c in payload):
        raise Refused('statement.ascii')
    try:
        tree = canon.parse(payload)
    except ValueError as e:
        raise Refused('statement.form', str(e))
    if payload.endswith(b' '):
        raise Refused('statement.form')
    if canon.depth(tree) > spec.LIMITS['depth']:
        raise Refused('statement.depth')
    for v in _values(tree):
        if v is None:
            raise Refused('statement.null')
    for v in _values(tree):
        if isinstance(v, Number) and re.fullmatch(r'0|[1-9][0-9]*', v.text) and int(v.text) > canon.MAX_INTEGER:
            raise Refused('statement.integer')
    if not isinstance(tree, Members):
        raise Refused('statement.form')
    st = _shape(tree)
    if canon.encode(st) != payload:
        raise Refused('statement.not-canonical')
    _judge(st)
    return st


# Shapes: what each member is, before any rule about its value. A missing member
# is what an empty one is (so it is not canonical), unless nothing can be read from that.

def _object(tree, shape, what):
    """Reads an object of named members; shape is name to (reader, optional)."""
    if not isinstance(tree, Members):
        raise Refused('statement.form', what)
    known = {n.casefold(): n for n in shape}
    for k, _ in tree:
        if k.casefold() not in known:
            raise Refused('statement.form', 'unknown member ' + k)
    out = {}
    for name, (reader, optional) in shape.items():
        values = [v for k, v in tree if k.casefold() == name.casefold()]
        for v in values:
            out[name] = reader(v)
        if not values and not optional:
            out[name] = None
            if reader in REQUIRED:
                raise Refused('statement.form', name + ' missing')
        if optional and name in out and out[name] in ('', None):
            raise Refused('statement.not-canonical')
    return out


def _text(v):
    if not isinstance(v, str):
        raise Refused('statement.form')
    return v


def _id(v):
    if not is_id(v):
        raise Refused('statement.form')
    return v


def _optional_id(v):
    if v == '':
        raise Refused('statement.not-canonical')
    return _id(v)


def _int(v):
    if not isinstance(v, Number) or not re.fullmatch(r'0|[1-9][0-9]*', v.text):
        raise Refused('statement.form')
    return int(v.text)


def _list(reader):
    def read_list(v):
        if isinstance(v, Members) or not isinstance(v, list):
            raise Refused('statement.form')
        return [reader(x) for x in v]
    return read_list


def _details(v):
    if not isinstance(v, Members):
        raise Refused('statement.form')
    return {k: _id(x) for k, x in v}


def _raw(v):
    return v


def _whole(v):
    return v


REQUIRED = {_raw}


def _subject(v):
    return _object(v, {'digest': (lambda d: _object(d, {'sha256': (_id, False)}, 'digest'), False)}, 'subject')


def _link(v):
    return _object(v, {'id': (_id, False), 'prev': (_optional_id, True), 'seq': (_int, False)}, 'chain')


def _times(v):
    act = lambda a: _object(a, {'from': (_text, False), 'to': (_text, True)}, 'act')
    return _object(v, {'act': (act, False), 'signed': (_text, False)}, 'times')


PREDICATE = {
    'basis': (_list(_id), False), 'body': (_raw, False), 'chains': (_list(_link), False), 'details': (_details, False),
    'kind': (_text, False), 'log': (_optional_id, True), 'nonce': (_id, False),
    'seen': (lambda v: _object(v, {'root': (_id, False), 'size': (_int, False)}, 'seen'), False),
    'signer': (lambda v: _object(v, {'cert': (_optional_id, True), 'class': (_text, False), 'key': (_id, False)}, 'signer'), False),
    'times': (_times, False),
}


def _reader(m):
    if m.type == 'object':
        return lambda v: _object(v, _shape_of(m.children), 'body')
    if m.type == 'list of objects':
        return _list(lambda v: _object(v, _shape_of(m.children['[]'].children if '[]' in m.children else m.children), 'body'))
    if m.type.startswith('list of '):
        return _list(_id if m.type == 'list of id' else _int if m.type == 'list of integer' else _text)
    return _id if m.type == 'id' else _int if m.type == 'integer' else _text


def _shape_of(members):
    return {name: (_reader(m), m.optional) for name, m in members.items()}


def _shape(tree):
    st = _object(tree, {'_type': (_text, False), 'predicateType': (_text, False), 'predicate': (_whole, False),
                        'subject': (_list(_subject), False)}, 'statement')
    if st['predicateType'] != VERSION:
        raise Refused('statement.version')
    if st['_type'] != TYPE:
        raise Refused('statement.type')
    p = _object(Members() if st['predicate'] is None else st['predicate'], PREDICATE, 'predicate')
    if p['kind'] not in spec.KINDS:
        raise Refused('statement.kind')
    p['body'] = _object(p['body'], _shape_of(spec.KINDS[p['kind']].body), 'body')
    st['predicate'] = p
    return st


def at(body, path):
    """The values at a path like items[].item."""
    values = [body]
    for step in path.split('.'):
        many = step.endswith('[]')
        values = [v[step.rstrip('[]')] for v in values if step.rstrip('[]') in v]
        if many:
            values = [x for v in values for x in v]
    return [x for v in values for x in (v if isinstance(v, list) else [v])]


def _sorted_unique(values):
    return all(a < b for a, b in zip(values, values[1:]))


def _judge(st):
    p = st['predicate']
    kind = spec.KINDS[p['kind']]
    if p['nonce'] == ZERO or p['signer']['key'] == ZERO:
        raise Refused('statement.form')
    if ('log' in p) == (kind.name == 'log.genesis'):
        raise Refused('statement.log')
    _times_rule(p['times'])
    if p['signer']['class'] not in spec.WORDS['Class'] or p['signer']['class'] != kind.signer:
        raise Refused('signer.class')
    if ('cert' in p['signer']) != kind.cert:
        raise Refused('signer.cert')
    if len(p['basis']) > spec.LIMITS['basis of an event'] or not _sorted_unique(p['basis']):
        raise Refused('statement.basis')
    _members(kind.body, p['body'])
    _body_rules(kind, p)
    want = sorted({i for path in kind.subjects for i in at(p['body'], path)})
    if [s['digest']['sha256'] for s in st['subject']] != want:
        raise Refused('statement.subject')
    _chains(kind, p)
    for field in p['details']:
        if field not in kind.details:
            raise Refused('detail.field')
    if kind.name == 'correction.recorded' and not p['details']:
        raise Refused('correction.empty')


def _times_rule(times):
    try:
        canon.instant(times['signed'])
        start = canon.instant(times['act']['from'])
        if 'to' in times['act'] and canon.instant(times['act']['to']) < start:
            raise ValueError('ends before it begins')
    except ValueError as e:
        raise Refused('statement.time', str(e))


def _members(members, body):
    for name, m in members.items():
        if name not in body:
            continue
        v = body[name]
        if m.type == 'object':
            _members(m.children, v)
        elif m.type.startswith('list of '):
            _list_rules(m, v)
        else:
            _scalar(m.type, m, v)


def _list_rules(m, v):
    if 'not sorted' in m.meaning:  # see _body_rules
        return
    if len(v) < m.least and '[] for scope record' not in m.meaning or m.most is not None and len(v) > m.most:
        raise Refused('body.count')
    inner = m.type[len('list of '):]
    if inner == 'objects':
        children = m.children['[]'].children if '[]' in m.children else m.children
        for x in v:
            _members(children, x)
            if (x['state'] == 'none') != (not x['seals']):
                raise Refused('body.seal')
        keys = [x['item'] for x in v]
    else:
        for x in v:
            _scalar(inner, m, x)
        keys = v
    if not _sorted_unique(keys):
        raise Refused('body.order')


def _scalar(kind, m, v):
    if kind == 'id':
        if v == ZERO:
            raise Refused('body.id')
    elif kind == 'hex':
        if not re.fullmatch('[0-9a-f]{%d}' % m.digits, v):
            raise Refused('body.digest')
    elif kind == 'seal number':
        if not SEAL.match(v):
            raise Refused('body.seal')
    elif kind == 'time':
        try:
            canon.instant(v)
        except ValueError:
            raise Refused('statement.time')
    elif kind == 'integer':
        if m.positive and v == 0:
            raise Refused('time.empty' if 'leaves' in m.meaning else 'artifact.empty')
    elif v not in spec.WORDS[kind]:
        raise Refused('body.enum')


def _body_rules(kind, p):
    b = p['body']
    if 'log' in b and b['log'] != p.get('log'):
        raise Refused('statement.log')
    if kind.name == 'item.registered' and b['class'] == 'digital':
        raise Refused('body.enum')
    if kind.name in ('item.registered', 'artifact.deposited') and b.get('parent') == b['item']:
        raise Refused('body.id')
    if kind.name == 'artifact.deposited' and b['declared'].get('sha256', b['artifact']['sha256']) != b['artifact']['sha256']:
        raise Refused('artifact.declared')
    if kind.name == 'fixity.failed':
        listed = 0 if b['reason'] == 'missing' else min(b['count'], 256)
        if not b['count'] <= b['checked'] or len(b['blocks']) != listed:
            raise Refused('body.count')
        if b['count'] == 0 and b['reason'] != 'long' or b['reason'] == 'missing' and b['count'] != b['checked']:
            raise Refused('body.count')
    if kind.name == 'image.read' and not _image_fits(b):
        raise Refused('image.found')
    if 'segments' in b:
        sizes = b['segments']
        if not 2 <= len(sizes) <= spec.SEGMENTS or 0 in sizes or sum(sizes) != b['artifact']['size'] or b['declared']:
            raise Refused('artifact.segments')
    if kind.name == 'access.granted' and (b['scope'] == 'record') != (not b['items']):
        raise Refused('body.count')


def _image_fits(b):
    """Whether a reading of an image agrees with itself (SPEC, Images and image.read)."""
    f = b.get('found')
    if f is None:
        return b['outcome'] == 'unreadable' and 'reason' in b
    size, chunk, sector, damaged, unread = f['size'], f['chunkSize'], f['sectorSize'], f['damaged'], f['unread']
    if not (size and chunk and sector) or size % sector or chunk % sector or f['chunks'] != -(-size // chunk) or not f['segments']:
        return False
    if f['compressed'] > f['chunks'] or damaged['count'] > f['chunks'] or len(damaged['first']) != min(damaged['count'], 100):
        return False
    if any(n >= f['chunks'] for n in damaged['first']):
        return False
    hashes = [n in f for n in ('md5', 'sha1', 'sha256')]
    if any(hashes) if damaged['count'] else not all(hashes):
        return False
    if unread['sectors'] > size // sector or unread['ranges'] > unread['sectors'] or not unread['ranges'] and unread['sectors']:
        return False
    return 'reason' not in b and b['outcome'] == ('damaged' if damaged['count'] or hash_differs(f) else 'whole')


def hash_differs(found):
    """Whether a stored hash is not that of the medium's data; where chunks are damaged there is none to compare."""
    return not found['damaged']['count'] and any(found[n] != v for n, v in found['stored'].items())


def chains_of(p):
    """{chain id: (type, founded)} that the kind advances; founded is None where seq decides."""
    kind, b = spec.KINDS[p['kind']], p['body']
    out = []
    for word in kind.advances:
        founds = word in kind.founds
        if word == 'log':
            out.append((b.get('log', b.get('document')), 'log', founds))
        elif word == 'organisation':
            out.append((b['org'], 'organisation', founds))
        elif word in ('key', 'case', 'item', 'grant'):
            out.append((b[word], word, founds))
        elif word.startswith('each item'):
            out += [(i, 'item', False) for i in (at(b, 'items[].item') if kind.name in MULTI else b['items'])]
        elif word.startswith('observations('):
            of = b['log'] if '(log)' in word else b['about'] if 'parent' in word else b['item'] if '(item)' in word else b['case']
            out.append((derived('observations', of), 'observations', None))
        elif word.startswith('access('):
            out.append((derived('access', b['item'], p['signer']['key']), 'access', None))
        else:
            raise SystemExit('SPEC.md names a chain that is not known here: ' + word)
    return out


def _chains(kind, p):
    links = p['chains']
    if not 1 <= len(links) <= spec.LIMITS['chains of an event']:
        raise Refused('chain.count')
    if not _sorted_unique([c['id'] for c in links]):
        raise Refused('chain.order')
    for c in links:
        if (c['seq'] == 0) == ('prev' in c):
            raise Refused('chain.link')
    want = chains_of(p)
    if len({w[0] for w in want}) != len(want):
        raise Refused('chain.founding' if kind.founds else 'chain.set')
    if sorted(w[0] for w in want) != [c['id'] for c in links]:
        raise Refused('chain.set')
    founds = {w[0]: w[2] for w in want}
    for c in links:
        if founds[c['id']] is not None and founds[c['id']] != (c['seq'] == 0):
            raise Refused('chain.founding')
