"""The examination of one dossier (SPEC: Verification, steps 1 to 9)."""
import bag
import canon
import clock
import content
import documents
import seal
import spec
import statement
import tlog
from canon import Refused, hexid
from standing import EMPTY, Standing

FORKS, GAPS = ('chain.stale', 'chain.fork', 'chain.type'), ('chain.ahead', 'chain.unknown')


class Examination:
    """findings, and where it came that far: dossier, log_id, log (document), standing, admitted, proven {size: root}."""

    def __init__(self, position, data, policy):
        self.position, self.policy, self.findings = position, policy, []
        self.standing, self.admitted, self.proven = None, [], {}
        try:
            self.dossier = bag.Dossier(data)
        except Refused as e:
            self.find('dossier-malformed', rule=e.rule)
            return
        if not self._log():
            return
        self._events()
        self._heads()
        self._replay()
        content.check(self)
        self._organisations()
        clock.check(self)

    def find(self, name, event=None, rule=None, subject=None):
        f = {'name': name, 'severity': spec.SEVERITY[name], 'dossier': self.position}
        for key, value in (('rule', rule), ('event', event), ('subject', subject)):
            if value is not None:
                f[key] = value
        self.findings.append(f)

    # Step 2.

    def _log(self):
        d = self.dossier
        self.log_id = hexid(d.log_bytes)
        if self.policy is None:
            self.find('no-policy')
        try:
            self.log = documents.log(d.log_bytes)
        except Refused:
            self.find('log-document')
            return False
        if self.policy and self.log_id not in self.policy.logs:
            self.find('log-not-in-policy', subject=self.log_id)
        try:
            self.log['ed25519'] = [seal.ed25519(k) for k in self.log['ed25519']]
            self.log['mldsa'] = [seal.mldsa44(k) for k in self.log['mldsa']]
        except Refused:
            self.find('log-document')
            return False
        if not tlog.opened_by_log(d.checkpoint, self.log['origin'], self.log['ed25519'], self.log['mldsa']):
            self.find('checkpoint-invalid')
            return False
        if self.log['mode'] == 'test':
            self.find('test-log')
        if self.policy is None:
            return True
        if self.policy.quorum == 0:
            self.find('unwitnessed')
        elif tlog.count_witnesses(d.checkpoint, self.policy.witnesses) < self.policy.quorum:
            self.find('quorum-unmet')
        return True

    # Step 3.

    def _events(self):
        self.holding, ids, self.said, self.signed = [], set(), [], []
        for e in self.dossier.events:
            if self._holds(e):
                self.signed.append(e)
                if e.id in ids:
                    self.find('event-twice', e.index)
                    continue
                ids.add(e.id)
                self.holding.append(e)
        first = self.holding[0] if self.holding else None
        self.genesis = bool(first and first.index == 0 and first.kind == 'log.genesis' and first.body['document'] == self.log_id)
        if not self.genesis:
            self.find('genesis-missing')

    def _holds(self, e):
        cp = self.dossier.checkpoint
        e.statement, refused = None, None
        try:
            e.statement = statement.read(e.payload)
            self.said.append(e)
        except Refused as r:
            refused = r.rule
        try:
            seal.check_signature(e.spki, e.sig, e.payload)
        except Refused:
            self.find('signature-invalid', e.index)
            return False
        if refused:
            self.find('statement-invalid', e.index, refused)
            return False
        if e.predicate['signer']['key'] != e.key:
            self.find('signer-key-mismatch', e.index)
            return False
        if not tlog.included(e.index, cp.size, e.leaf_hash, e.hashes, cp.root):
            self.find('inclusion-invalid', e.index)
            return False
        return True

    # Step 4.

    def _heads(self):
        d, cp = self.dossier, self.dossier.checkpoint
        unproven = {}
        for e in self.holding:
            heads = [e.predicate['seen']] + ([e.body] if e.kind == 'log.time' else [])
            for h in heads:
                size, root = h['size'], bytes.fromhex(h['root'])
                if size > cp.size:
                    self.find('seen-inconsistent', e.index)
                elif size in self.proven or size in unproven:
                    if self.proven.get(size, unproven.get(size)) != root:
                        self.find('seen-inconsistent', e.index)
                elif size not in d.consistency and size not in (0, cp.size):
                    unproven[size] = root
                    self.find('seen-unproven', e.index)
                elif tlog.consistent(size, root, cp.size, cp.root, d.consistency.get(size, [])):
                    self.proven[size] = root
                else:
                    self.find('seen-inconsistent', e.index)
        self.proven[cp.size] = cp.root
        needed = {e.predicate['seen']['size'] for e in self.said} | {e.body['size'] for e in self.said if e.kind == 'log.time'}
        for size in d.consistency:
            if size not in needed and size not in d.older:
                self.find('content-unreferenced')

    # Step 5.

    def _replay(self):
        d = self.dossier
        self.orgs, self.images = {}, {}
        for name, data in d.documents.items():
            try:
                self.orgs[name] = documents.organisation(data)
            except Refused:
                pass
        self.standing = s = Standing(self.log_id, self.log, self.orgs, d.case, d.items)
        s.genesis = not self.genesis
        s.promise(self.holding)
        for e in self.holding:
            try:
                entry, outside = s.judge(e)
            except Refused as r:
                name = 'chain-fork' if r.rule in FORKS else 'chain-gap' if r.rule in GAPS else 'rule-broken'
                self.find(name, e.index, r.rule)
                continue
            self.admitted.append(entry)
            if outside:
                self.find('outside-scope', e.index, subject=outside)
            self._say(entry)

    def _say(self, entry):
        """What an admitted event says that is always shown."""
        b, i, kind = entry.body, entry.index, entry.kind
        if kind == 'log.recovered':
            known = self.policy and self.log_id in self.policy.logs and entry.event.id.hex() in self.policy.logs[self.log_id]
            self.find('recovery-accepted' if known else 'log-recovered', i)
        elif kind == 'custody.assumed':
            self.find('custody-gap', i)
        elif kind == 'deposit.refused':
            self.find('deposit-refused', i)
        elif kind == 'fixity.failed':
            self.find('fixity-failed', i)
        elif kind == 'artifact.deposited':
            self.images[b['item']] = (b, None)
        elif kind == 'image.read':
            self._image(b, i)
        elif kind == 'access.served' and b['outcome'] == 'failed':
            self.find('access-failed', i)
        elif kind == 'verification.recorded' and b['result'] == 'mismatch':
            self.find('verification-mismatch', i)
        start = canon.instant(entry.event.predicate['times']['act']['from'])
        for c in entry.event.predicate['chains']:
            item = self.standing.items.get(c['id'])
            if not item or c['id'] not in self.standing.scope_items:
                continue
            item.seq = c['seq']
            if item.last_act is not None and start < item.last_act:
                self.find('times-contradict', i, subject=c['id'])
            item.last_act = start
        for x in b.get('items', []):
            item = self.standing.items.get(x['item']) if isinstance(x, dict) else None
            if item and x['item'] in self.standing.scope_items:
                if x['state'] == 'broken' or item.seals != x['seals']:
                    self.find('seal-differs', i, subject=x['item'])
                item.seals = x['seals']
        if kind == 'custody.declined' and b['reason'] == 'seal':
            for i in b['items']:
                self.find('seal-differs', entry.index, subject=i)

    def _image(self, b, i):
        found = b.get('found')
        if not found:
            self.find('image-unreadable', i)
        elif found['damaged']['count']:
            self.find('image-damaged', i)
        elif statement.hash_differs(found):
            self.find('image-hash-differs', i)
        deposit, before = self.images.get(b['item'], (None, None))
        files = deposit and len(deposit.get('segments', [0]))
        if before and before != b or found and deposit and (deposit['format'] != 'ewf-e01' or found['segments'] != files):
            self.find('image-contradicted', i)
        self.images[b['item']] = (deposit, b)

    # Steps 7 and 8.

    def _organisations(self):
        s = self.standing
        signed, inside, status, latest = set(), set(), {}, {}
        for e in self.admitted:
            org = e.body['org'] if e.kind == 'key.requested' else e.org
            key = s.keys.get(e.key)
            if key and key.certificate:
                latest[key.org] = e.index
            if org is None:
                continue
            signed.add(org)
            if any(self._in_scope(c['id'], e) for c in e.event.predicate['chains']):
                inside.add(org)
            if e.kind == 'org.status':
                status[e.org] = e
            if e.certified:
                if key.revoked is not None and key.contested <= e.index < key.revoked:
                    self.find('key-contested', e.index, subject=e.key)
        for org in sorted(signed | set(latest)):
            known = self.policy and org in self.policy.organisations
            if self.policy and not known and org in signed:
                self.find('organisation-unidentified' if org in inside else 'outside-scope', subject=org)
            e = status.get(org)
            oldest = self.policy.organisations[org] if known else None
            if oldest is not None and (e is None or canon.instant(e.event.predicate['times']['signed']) < oldest):
                self.find('status-too-old', subject=org)
            elif org in latest and (e is None or latest[org] >= e.event.predicate['seen']['size']):
                self.find('status-not-checked', subject=org)

    def _in_scope(self, chain, e):
        s = self.standing
        return chain in s.scope_chains or s.chains[chain][0] == 'access' and e.body.get('item') in s.scope_items
