"""The trust policy (SPEC: Trust policy)."""
import canon
import documents
import tlog
import tsp
from canon import is_id

SHAPE = {'format', 'logs', 'organisations', 'witnesses', 'quorum', 'timestampAuthorities', 'algorithms'}


def _object(members, names, optional=()):
    if not isinstance(members, canon.Members):
        raise ValueError('not an object')
    keys = [k for k, _ in members]
    if len(set(keys)) != len(keys) or not set(names) <= set(keys) <= set(names) | set(optional):
        raise ValueError('members of a policy')
    return dict(members)


def _list(value, least=0, most=1 << 20):
    if isinstance(value, canon.Members) or not isinstance(value, list) or not least <= len(value) <= most:
        raise ValueError('not a list')
    return value


def _text(value):
    if not isinstance(value, str):
        raise ValueError('not text')
    return value


def _name(value):
    return documents.is_name(_text(value))


class Policy:
    """logs {id: accepted recoveries}, organisations {id: oldest status or None}, witnesses, quorum,
    authorities (certificates), algorithms {name: until}. ValueError where it is no policy."""

    def __init__(self, data):
        if len(data) > 4 << 20:
            raise ValueError('too large')
        v = _object(canon.parse(data), ('format', 'logs', 'organisations', 'quorum'), SHAPE)
        if v['format'] != 'custody-policy/v1':
            raise ValueError('format')
        self.logs, self.organisations = {}, {}
        for m in _list(v['logs'], 1):
            m = _object(m, ('id', 'origin'), ('recoveries',))
            known = _list(m.get('recoveries', []))
            if not is_id(m['id']) or m['id'] in self.logs or not isinstance(m['origin'], str) or not all(map(is_id, known)) or known != sorted(set(known)):
                raise ValueError('log')
            self.logs[m['id']] = set(known)
        for m in _list(v['organisations'], 1):
            m = _object(m, ('id', 'name'), ('oldestStatus',))
            if not is_id(m['id']) or m['id'] in self.organisations or not _name(m['name']):
                raise ValueError('organisation')
            self.organisations[m['id']] = canon.instant(m['oldestStatus']) if 'oldestStatus' in m else None
        self.witnesses = [tlog.witness_key(_text(_object(m, ('key',))['key'])) for m in _list(v.get('witnesses', []))]
        self.quorum = canon.plain(v['quorum']) if isinstance(v['quorum'], canon.Number) else -1
        if not 0 <= self.quorum <= len({k for _, k in self.witnesses}):
            raise ValueError('quorum')
        self.authorities, names = [], set()
        for m in _list(v.get('timestampAuthorities', [])):
            m = _object(m, ('name', 'certificates'))
            if not _name(m['name']) or m['name'] in names:
                raise ValueError('authority')
            names.add(m['name'])
            self.authorities += [tsp.readable(canon.unbase64(c)) for c in _list(m['certificates'], 1, 16)]
        self.algorithms = {}
        for m in _list(v.get('algorithms', [])):
            m = _object(m, ('algorithm', 'until'))
            if _text(m['algorithm']) in self.algorithms or m['algorithm'] not in ('ecdsa-p256-sha256', 'ed25519'):
                raise ValueError('algorithm')
            self.algorithms[m['algorithm']] = canon.instant(m['until'])
