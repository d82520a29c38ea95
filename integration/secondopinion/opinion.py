"""Several dossiers, files given, and the verdict (SPEC: Verification, Several dossiers, Result as JSON, Verdict)."""
import canon
import spec
import tlog
from examine import Examination

ORDER = {'bad': 0, 'unchecked': 1, 'note': 2}
VERDICTS = {'bad': ('bad', 3), 'unchecked': ('unchecked', 1), 'note': ('whole', 0)}


def verify(dossiers, policy, files):
    """(verdict, exit, findings) of the bytes of dossiers and of files, under a policy or None."""
    exams = [Examination(i, data, policy) for i, data in enumerate(dossiers)]
    _places(exams)
    for later, x in enumerate(exams):
        for y in exams[:later]:
            if x.standing and y.standing and x.log_id == y.log_id:
                _compare(x, y)
    findings = [f for x in exams for f in x.findings]
    if any(x.standing for x in exams):
        findings += _files(exams, files)
    findings.sort(key=lambda f: (ORDER[f['severity']], f['dossier'], f.get('event', -1), f['name'], f.get('rule', ''), f.get('subject', '')))
    worst = min((f['severity'] for f in findings), key=ORDER.get, default='note')
    verdict, code = VERDICTS[worst]
    return verdict, code, findings


def _places(exams):
    """Each place of a log or chain, against the first dossier that shows an event there."""
    held = {}
    for x in exams:
        for e in x.admitted:
            if held.setdefault((x.log_id, e.index), e.leaf) != e.leaf:
                x.find('log-fork', e.index)
            for c in e.event.predicate['chains']:
                if held.setdefault((x.log_id, c['id'], c['seq']), e.leaf) != e.leaf:
                    x.find('chain-fork', e.index)


def _compare(x, y):
    """x is the later dossier."""
    if any(x.proven[n] != y.proven[n] for n in x.proven if n in y.proven):
        x.find('log-fork')
    large, small = (x, y) if x.dossier.checkpoint.size > y.dossier.checkpoint.size else (y, x)
    size, root = small.dossier.checkpoint.size, small.dossier.checkpoint.root
    if size not in large.proven and size > 0 and large.dossier.checkpoint.size > 0:
        cp = large.dossier.checkpoint
        if size not in large.dossier.consistency:
            x.find('consistency-not-shown')
        elif not tlog.consistent(size, root, cp.size, cp.root, large.dossier.consistency[size]):
            x.find('log-fork')


def _files(exams, files):
    out, artifacts = [], []
    for x in exams:
        if x.standing:
            artifacts += [(x, i, item.artifact) for i, item in sorted(x.items.items()) if item.artifact]
    checked = []
    for data in files:
        digest = canon.hexid(data)
        leaves = [tlog.leaf_hash(data[i:i + tlog.BLOCK]) for i in range(0, len(data), tlog.BLOCK)]
        this = {'blockRoot': tlog.root_of(leaves).hex(), 'sha256': digest, 'size': len(data)}
        good = any(a == this for _, _, a in artifacts)
        checked.append(this if good else _nearest(artifacts, this, leaves))
        name = 'bytes-match' if good else 'bytes-mismatch'
        out.append({'name': name, 'severity': spec.SEVERITY[name], 'dossier': 0, 'subject': digest})
    for x, i, a in artifacts:
        if a not in checked:
            out.append({'name': 'bytes-not-checked', 'severity': 'note', 'dossier': x.position, 'subject': i})
    return out


def _nearest(artifacts, this, leaves):
    """The artifact that a file was given for though it is none: of its size, with a block tree
    at hand, the fewest blocks differing and not all, unless it is of one block."""
    best, fewest = None, None
    for x, _, a in artifacts:
        tree = x.dossier.blocks.get(a['sha256'], b'')
        want = [tree[i:i + 32] for i in range(0, len(tree), 32)]
        if a['size'] != this['size'] or len(want) != len(leaves) or tlog.root_of(want).hex() != a['blockRoot']:
            continue
        bad = sum(p != q for p, q in zip(want, leaves))
        if fewest is None or bad < fewest:
            best, fewest = a, bad
    return best if best and 0 < fewest and (fewest < len(leaves) or len(leaves) == 1) else None
