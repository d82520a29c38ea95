"""Several dossiers, files given, and the verdict (SPEC: Verification, Several dossiers, Result as JSON, Verdict)."""
from collections import Counter

import canon
import documents
import spec
import tlog
from examine import Examination

ORDER = {'bad': 0, 'unchecked': 1, 'note': 2}
VERDICTS = {'bad': ('bad', 3), 'unchecked': ('unchecked', 1), 'note': ('whole', 0)}


def verify(dossiers, policy, files, sets=()):
    """(verdict, exit, findings) of the bytes of dossiers, of files, and of segmented images, each a
    list of (name, bytes), under a policy or None."""
    exams = [Examination(i, data, policy) for i, data in enumerate(dossiers)]
    _places(exams)
    for later, x in enumerate(exams):
        for y in exams[:later]:
            if x.standing and y.standing and x.log_id == y.log_id:
                _compare(x, y)
    findings = [f for x in exams for f in x.findings]
    if any(x.standing for x in exams):
        findings += _files(exams, files, sets)
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


def _files(exams, files, sets):
    out, artifacts = [], []
    for x in exams:
        if x.standing:
            artifacts += [(x, i, item.artifact) for i, item in sorted(x.items.items()) if item.artifact]
    images, checked = _images(exams), []

    def found(name, digest, rule):
        out.append({'name': name, 'severity': spec.SEVERITY[name], 'dossier': 0, 'subject': digest} | ({'rule': rule} if rule else {}))
    for data in files:
        this, leaves = _measured(data, canon.hexid(data))
        if any(a == this for _, _, a in artifacts):
            found('bytes-match', this['sha256'], None)
            checked.append(this)
        else:
            rule, meant = _fault(images, [this['sha256']])
            found('bytes-mismatch', this['sha256'], rule)
            checked.append(meant or _nearest(artifacts, this, leaves))
    for given in sets:
        sums = [canon.hexid(data) for _, data in given]
        manifest = ''.join('%s  %s\n' % (s, name) for s, (name, _) in zip(sums, given))
        this, leaves = _measured(b''.join(data for _, data in given), canon.hexid(manifest.encode()))
        sizes = [len(data) for _, data in given]
        same = [i for i in images if i.artifact == this]
        alike = [i for i in images if i.sums == sums and i.artifact | {'sha256': ''} == this | {'sha256': ''}]
        if same or alike:
            image = (same or alike)[0]
            rule = 'segments.sizes' if image.sizes != sizes else None if same else 'segments.names'
            found('bytes-match', image.artifact['sha256'], rule)
            checked.append(image.artifact)
        else:
            rule, meant = _fault(images, sums)
            found('bytes-mismatch', this['sha256'], rule)
            checked.append(meant or _nearest(artifacts, this, leaves))
    for x, i, a in artifacts:
        if a not in checked:
            out.append({'name': 'bytes-not-checked', 'severity': 'note', 'dossier': x.position, 'subject': i})
    return out


def _measured(data, digest):
    leaves = [tlog.leaf_hash(data[i:i + tlog.BLOCK]) for i in range(0, len(data), tlog.BLOCK)]
    return {'blockRoot': tlog.root_of(leaves).hex(), 'sha256': digest, 'size': len(data)}, leaves


class Image:
    """A segmented image on record, with the SHA-256 of its segments where its manifest is shown."""

    def __init__(self, body, manifest):
        self.artifact, self.sizes = body['artifact'], body['segments']
        lines = documents.manifest(manifest) or []
        self.sums = [digest for digest, _ in lines] if len(lines) == len(self.sizes) else []


def _images(exams):
    """Those of items in scope, in order of their ids, those whose manifest is shown first."""
    out = []
    for x in exams:
        for e in x.admitted if x.standing else []:
            if e.kind == 'artifact.deposited' and 'segments' in e.body and e.body['item'] in x.items:
                out.append(Image(e.body, x.dossier.documents.get(e.body['artifact']['sha256'], b'')))
    return sorted(out, key=lambda i: (i.artifact['sha256'], not i.sums))


def _fault(images, sums):
    """(rule, artifact) of the image that most of the files are segments of, if any are."""
    best, most = None, 0
    for i in images:
        common = sum((Counter(i.sums) & Counter(sums)).values())
        if common > most:
            best, most = i, common
    if best is None or best.sums == sums:
        return None, None
    lacking, foreign = most < len(best.sums), most < len(sums)
    rule = {(True, True): 'differ', (True, False): 'missing', (False, True): 'foreign', (False, False): 'order'}[lacking, foreign]
    return 'segments.' + rule, best.artifact


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
