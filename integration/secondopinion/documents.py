"""Founding documents, details and text (SPEC: Founding documents, Text, Details)."""
import re
import unicodedata

import canon
import seal
import spec
from canon import Refused, is_id, is_salt

BIDI = {0x61c, 0x200e, 0x200f} | set(range(0x202a, 0x202f)) | set(range(0x2066, 0x206a))
# U+200C and U+200D, and Prepended_Concatenation_Mark, are the format characters that pass.
CF_PASS = {0x200c, 0x200d} | set(range(0x600, 0x606)) | {0x6dd, 0x70f, 0x890, 0x891, 0x8e2, 0x110bd, 0x110cd}
FOUNDING = set(spec.DOCUMENT_FIELDS)


def text_rule(text):
    """The rule that a text breaks, or None."""
    try:
        text.encode('utf-8')
    except UnicodeEncodeError:
        return 'text.utf8'
    if unicodedata.normalize('NFC', text) != text:
        return 'text.nfc'
    for c in map(ord, text):
        if c in BIDI:
            return 'text.bidi'
        cat = unicodedata.category(chr(c))
        if c in (0x2028, 0x2029) or cat == 'Cf' and c not in CF_PASS or cat == 'Cc' and c not in (9, 10):
            return 'text.control'
    return None


def is_name(name):
    return name != '' and len(name.encode()) <= 300 and '\n' not in name and '\t' not in name and text_rule(name) is None


def _read(data, form):
    if len(data) > spec.LIMITS['document or detail, bytes']:
        raise Refused(form.split('.')[0] + '.size')
    try:
        value = canon.read(data)
    except ValueError as e:
        raise Refused(form, str(e))
    if not isinstance(value, dict):
        raise Refused(form)
    return value


def _has(value, names, optional=()):
    if set(value) - set(optional) != set(names):
        raise Refused('document.form')


def manifest(data):
    """The (digest, name) pairs of a segmented image's manifest, or None (SPEC: Artifacts)."""
    if len(data) > spec.MANIFEST:
        return None
    try:
        lines = data.decode('utf-8').split('\n')
    except UnicodeDecodeError:
        return None
    if lines.pop() != '' or not 2 <= len(lines) <= spec.SEGMENTS:
        return None
    out = [(line[:64], line[66:]) for line in lines]
    for line, (digest, name) in zip(lines, out):
        if not is_id(digest) or line[64:66] != '  ' or name in ('', '.', '..') or len(name.encode()) > 255:
            return None
        if any(c in '/\\\u2028\u2029' or ord(c) in BIDI or unicodedata.category(c) == 'Cc' for c in name):
            return None
    if len({name.encode().lower() for _, name in out}) != len(out):
        return None
    return out


def detail(data):
    v = _read(data, 'detail.form')
    if set(v) != {'field', 'salt', 'value'} or not all(isinstance(x, str) for x in v.values()):
        raise Refused('detail.form')
    if v['field'] not in spec.FIELDS:
        raise Refused('detail.field')
    if not is_salt(v['salt']):
        raise Refused('detail.salt')
    return v


def founding(data):
    v = _read(data, 'document.form')
    kind = v.get('document')
    if isinstance(kind, str) and kind not in FOUNDING:
        raise Refused('document.type')
    _has(v, ('document', 'fields', 'salt'))
    if not isinstance(v['fields'], dict) or not isinstance(kind, str) or not isinstance(v['salt'], str):
        raise Refused('document.form')
    if not all(isinstance(x, str) for x in v['fields'].values()):
        raise Refused('document.form')
    if not set(v['fields']) <= spec.DOCUMENT_FIELDS[kind]:
        raise Refused('document.field')
    if not is_salt(v['salt']):
        raise Refused('detail.salt')
    return v


def _keys(keys, least, most, size=256):
    """The SPKIs of a list of base64 ones, different, each of at most size bytes."""
    if not isinstance(keys, list) or not least <= len(keys) <= most or len(set(map(str, keys))) != len(keys):
        raise Refused('document.keys')
    out = []
    for k in keys:
        try:
            out.append(canon.unbase64('' if k is None else k))
        except ValueError:
            raise Refused('document.form')
        if not 1 <= len(out[-1]) <= size:
            raise Refused('document.keys')
    return out


def _p256_keys(keys, most):
    out = _keys(keys, 1, most)
    for k in out:
        try:
            seal.p256(k)
        except Refused:
            raise Refused('document.keys')
    return out


def organisation(data):
    v = _read(data, 'document.form')
    if v.get('document') != 'organisation' and isinstance(v.get('document'), str):
        raise Refused('document.type')
    _has(v, ('class', 'controlledBy', 'document', 'name', 'rootKeys', 'threshold'))
    owners = v['controlledBy']
    if not isinstance(owners, list) or not all(is_id(o) for o in owners) or owners != sorted(set(owners)) or len(owners) > 16:
        raise Refused('document.form')
    if not isinstance(v['name'], str) or not isinstance(v['threshold'], int) or not isinstance(v['class'], str):
        raise Refused('document.form')
    if v['class'] not in spec.WORDS['OrgClass']:
        raise Refused('document.enum')
    if not is_name(v['name']):
        raise Refused('document.text')
    v['roots'] = {canon.hexid(k) for k in _p256_keys(v['rootKeys'], 16)}
    if not 1 <= v['threshold'] <= len(v['rootKeys']):
        raise Refused('document.keys')
    return v


def is_origin(origin):
    labels = origin.split('.')
    if len(origin) > 253 or len(labels) < 2:
        return False
    if not all(re.fullmatch(r'[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?', x) for x in labels):
        return False
    return not labels[-1].isdigit() and not labels[-1].startswith('0x')


def log(data):
    v = _read(data, 'document.form')
    if v.get('document') != 'log' and isinstance(v.get('document'), str):
        raise Refused('document.type')
    _has(v, ('document', 'keys', 'mode', 'origin', 'salt', 'serviceKeys'), ('succeeds',))
    if not isinstance(v['mode'], str) or not isinstance(v['origin'], str) or not isinstance(v['salt'], str):
        raise Refused('document.form')
    if v['mode'] not in spec.WORDS['Mode']:
        raise Refused('document.enum')
    if not is_origin(v['origin']):
        raise Refused('document.origin')
    keys = v['keys']
    if not isinstance(keys, list) or not 1 <= len(keys) <= 4:
        raise Refused('document.keys')
    for k in keys:
        if not isinstance(k, dict) or set(k) != {'algorithm', 'key'} or not all(isinstance(x, str) for x in k.values()):
            raise Refused('document.form')
        if not re.fullmatch('[a-z0-9-]{1,32}', k['algorithm']):
            raise Refused('document.keys')
    spkis = _keys([k["key"] for k in keys], 1, 4, 4096)
    if keys[0]['algorithm'] != 'ed25519':
        raise Refused('document.keys')
    v['ed25519'] = [s for k, s in zip(keys, spkis) if k['algorithm'] == 'ed25519']
    v['mldsa'] = [s for k, s in zip(keys, spkis) if k['algorithm'] == 'ml-dsa-44']
    v['services'] = {canon.hexid(k) for k in _p256_keys(v['serviceKeys'], 16)}
    if not is_salt(v['salt']):
        raise Refused('detail.salt')
    s = v.get('succeeds')
    if 'succeeds' in v:
        if not isinstance(s, dict) or set(s) != {'log', 'root', 'size'} or not is_id(s['log']) or not is_id(s['root']):
            raise Refused('document.form')
        if not isinstance(s['size'], int) or s['size'] < 1:
            raise Refused('document.form')
    return v


READERS = {'founding': founding, 'organisation': organisation, 'log': log, 'detail': detail}
