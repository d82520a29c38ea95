"""The scope, and what events commit to: details, documents, block trees, attachments (SPEC: Verification, step 6)."""
import documents
import tlog
from canon import Refused

PERSONS = {'key.requested': ['person'], 'item.registered': ['seizedBy.person', 'witnesses']}
DOCUMENTS = {'case.opened': [('case', 'case')], 'item.registered': [('item', 'item')], 'artifact.deposited': [('item', 'item')],
             'access.granted': [('grant', 'grant')]}


def _at(body, path):
    for step in path.split('.'):
        body = body[step]
    return body if isinstance(body, list) else [body]


def founding_documents(kind, body):
    """(type, id) of the documents that an event introduces."""
    out = [(t, body[m]) for t, m in DOCUMENTS.get(kind, [])]
    if 'segments' in body:
        out.append(('manifest', body['artifact']['sha256']))
    return out + [('person', i) for path in PERSONS.get(kind, []) for i in _at(body, path)]


def _founding(data):
    try:
        return documents.founding(data)
    except Refused:
        return None


def _is(kind, data, body):
    if kind == 'manifest':
        lines = documents.manifest(data)
        return lines is not None and len(lines) == len(body['segments'])
    return (_founding(data) or {}).get('document') == kind


def check(x):
    _scope(x)
    _details(x)
    _documents(x)
    _blocks(x)
    _attachments(x)


def _scope(x):
    s, d, x.items = x.standing, x.dossier, {}
    x.find('complete-to' if d.case in s.cases else 'scope-missing', subject=d.case)
    for i in d.items:
        item = s.items.get(i)
        if item is None:
            x.find('scope-missing', subject=i)
            continue
        if item.case != d.case:
            x.find('scope-foreign', subject=i)
            continue
        x.items[i] = item
        x.find('complete-to', subject=i)
        if item.artifact and not item.received:
            x.find('reception-missing', subject=i)
        if item.confirmed:
            x.find('confirmed-to', item.confirmed.index, subject=i)


def _details(x):
    given, used = x.dossier.details, set()
    for e in x.said:
        used |= set(e.predicate['details'].values())
    for e in x.admitted:
        for field, digest in e.event.predicate['details'].items():
            if digest not in given:
                x.find('withheld', e.index)
                continue
            try:
                if documents.detail(given[digest])['field'] != field:
                    raise Refused('detail.mismatch')
            except Refused:
                x.find('detail-mismatch', e.index)
    for digest in given:
        if digest not in used:
            x.find('content-unreferenced', subject=digest)


def _documents(x):
    given, done = x.dossier.documents, set()
    used = {s['digest']['sha256'] for e in x.said for s in e.statement['subject']}
    todo = sorted(used)
    while todo:
        for owner in x.orgs.get(todo.pop(), {}).get('controlledBy', []):
            if owner not in used:
                used.add(owner)
                todo.append(owner)
    for i in given:
        if i not in x.orgs and not _founding(given[i]) and not documents.manifest(given[i]):
            x.find('document-mismatch', subject=i)
    for e in x.admitted:
        for kind, i in founding_documents(e.kind, e.body):
            if i not in given:
                if i not in done:
                    x.find('withheld', e.index, subject=i)
                done.add(i)
            elif not _is(kind, given[i], e.body):
                x.find('document-mismatch', e.index)
    for i in given:
        if i not in used:
            x.find('content-unreferenced', subject=i)


def _blocks(x):
    said = {}
    for e in x.said:
        if e.kind == 'artifact.deposited':
            a = e.body['artifact']
            said.setdefault(a['sha256'], []).append(a)
    for digest, content in x.dossier.blocks.items():
        if digest not in said:
            x.find('content-unreferenced', subject=digest)
            continue
        leaves = [content[i:i + 32] for i in range(0, len(content), 32)]
        for a in said[digest]:
            if len(leaves) != -(-a['size'] // tlog.BLOCK) or tlog.root_of(leaves).hex() != a['blockRoot']:
                x.find('block-tree-mismatch', subject=digest)
                break


def _attachments(x):
    import canon
    said = {'report-%012d.%s' % (e.index, form): i for e in x.said if e.kind == 'report.issued' for form, i in e.body['files'].items()}
    for name, data in x.dossier.attachments.items():
        if said.get(name) != canon.hexid(data):
            x.find('attachment-unrecorded')
