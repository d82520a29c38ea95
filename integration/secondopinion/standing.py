"""What the log holds, replayed in its order (SPEC: Chains, Keys and rights, State machine, Rules)."""
import acts
import spec
import statement
from canon import Refused

NOBODY = (None, None)


class Key:
    def __init__(self, person, org):
        self.person, self.org = person, org
        self.certificate, self.rights = None, set()
        self.revoked, self.contested = None, None


class Item:
    def __init__(self, case, holder, event, body):
        self.case, self.holder, self.custody = case, holder, event
        self.release = None  # the open custody.released
        self.disposed = None  # the item.disposed: nothing follows
        self.artifact, self.declared = body.get('artifact'), body.get('declared')
        self.deposit = event if self.artifact else None
        self.received, self.confirmed = None, None
        self.seals = body.get('seals', [])
        self.last_act, self.seq = None, 0


class Entry:
    """An admitted event: with its signer's person, organisation and certificate."""
    __slots__ = ('event', 'index', 'leaf', 'kind', 'body', 'person', 'org', 'certified', 'key')


class Standing:
    """The state of one log as far as a dossier shows it."""

    def __init__(self, log_id, log_doc, organisations, case, items):
        self.log_id, self.log_doc, self.organisations = log_id, log_doc, organisations
        self.scope_case, self.scope_items = case, set(items)
        self.scope_chains = {case} | set(items) | {statement.derived('observations', i) for i in [case] + list(items)}
        self.genesis = False
        self.whole_ids = set(self.scope_chains)
        self.shown_keys = set()  # keys of whose own chains something is shown
        self.entries, self.chains = {}, {}
        self.keys, self.founded, self.cases, self.items, self.grants = {}, {}, {}, {}, {}

    # Scope.

    def inside_item(self, item):
        """Whether the state of this item is known."""
        return item in self.whole_ids

    def inside_case(self, case):
        return case in self.whole_ids or case in self.cases

    def whole(self, chain, kind, p):
        if kind in ('log', 'key', 'grant'):
            return True
        if kind == 'access':
            return p['body']['item'] in self.scope_items
        return kind != 'organisation' and chain in self.scope_chains

    def promise(self, events):
        """Chains of the log, of keys and of grants are whole as far as they are shown."""
        for e in events:
            for chain, kind, _ in statement.chains_of(e.predicate):
                if kind in ('log', 'key', 'grant'):
                    self.whole_ids.add(chain)
                if kind == 'key':
                    self.shown_keys.add(chain)

    # One event.

    def judge(self, e, genesis_missing=False):
        """Admits the event or raises Refused with the first broken rule. Returns (entry, what is outside)."""
        p, kind = e.predicate, e.kind
        entry = Entry()
        entry.event, entry.index, entry.leaf, entry.kind, entry.body = e, e.index, e.leaf_hash.hex(), kind, p['body']
        entry.key, entry.person, entry.org, entry.certified = p['signer']['key'], None, None, False
        self._log(e, p)
        self._signer(entry, p)
        basis = [self.entries.get(b) for b in p['basis']]
        if any(b is None for b in basis):
            raise Refused('basis.unknown')
        links = self._links(p)
        self._seen(entry, p, basis)
        acts.JUDGES[kind](self, entry, p, basis)
        for chain, seq, kind_of in links:
            self.chains[chain] = (kind_of, seq, entry.leaf)
        self.entries[entry.leaf] = entry
        return entry, self._outside(p)

    def _outside(self, p):
        """The first item outside the scope that the event advances, else that its rules look at."""
        b = p['body']
        items = sorted(c for c, kind, _ in statement.chains_of(p) if kind == 'item')
        items += [b['parent']] if 'parent' in b else []
        if p['kind'] in RELATED:
            items += [b['item']] if 'item' in b else b['items']
        return next((i for i in items if i not in self.whole_ids), None)

    def _log(self, e, p):
        if e.kind == 'log.genesis':
            if e.index != 0:
                raise Refused('log.genesis-place')
            if p['body']['document'] != self.log_id:
                raise Refused('log.document-missing')
        elif not self.genesis:
            raise Refused('log.genesis-missing')
        elif p['log'] != self.log_id:
            raise Refused('log.other')

    def _signer(self, entry, p):
        kind, key, body = entry.kind, entry.key, entry.body
        if p['signer']['class'] == 'service':
            if key not in self.log_doc['services']:
                raise Refused('signer.not-service')
            return
        if kind == 'org.founded':
            if body['org'] not in self.organisations:
                raise Refused('org.document-missing')
            if key not in self.organisations[body['org']]['roots']:
                raise Refused('signer.not-root')
            entry.org = body['org']
            return
        if kind == 'key.requested':
            return
        cert = self.entries.get(p['signer']['cert'])
        if cert is None:
            raise Refused('signer.cert-unknown')
        if cert.kind == 'org.founded':
            if key not in self.organisations[cert.body['org']]['roots']:
                raise Refused('signer.not-root')
            entry.org = cert.body['org']
            if kind not in ('key.certified', 'key.revoked', 'org.status'):
                raise Refused('signer.root-only-certifies')
        elif cert.kind == 'key.certified':
            if cert.body['key'] != key:
                raise Refused('signer.cert-other-key')
            entry.org, entry.person, entry.certified = cert.body['org'], cert.body['person'], True
            if self.keys[key].revoked is not None:
                raise Refused('signer.revoked')
            right = spec.KINDS[kind].right
            if right and right not in self.keys[key].rights:
                raise Refused('signer.right')
        else:
            raise Refused('signer.cert-kind')

    def _links(self, p):
        kinds = {c: (k, founds) for c, k, founds in statement.chains_of(p)}
        out = []
        for link in p['chains']:
            chain, seq = link['id'], link['seq']
            kind, founds = kinds[chain]
            have = self.chains.get(chain)
            whole = self.whole(chain, kind, p)
            if have is None:
                if seq > 0 and whole:
                    raise Refused('chain.unknown')
            else:
                if have[0] != kind:
                    raise Refused('chain.type')
                if seq <= have[1]:
                    raise Refused('chain.stale')
                if seq > have[1] + 1 and whole:
                    raise Refused('chain.ahead')
                if seq == have[1] + 1 and link['prev'] != have[2]:
                    raise Refused('chain.fork')
            out.append((chain, seq, kind))
        return out

    def _seen(self, entry, p, basis):
        size = p['seen']['size']
        if entry.kind == 'log.genesis' and (size != 0 or p['seen']['root'] != EMPTY):
            raise Refused('seen.genesis')
        if size > entry.index:
            raise Refused('seen.future')
        if p['signer']['class'] != 'person':
            return
        for link in p['chains']:
            have = self.chains.get(link['id'])
            if have and link['seq'] == have[1] + 1 and self.entries[have[2]].index >= size:
                raise Refused('seen.before-prev')
        if any(b.index >= size for b in basis):
            raise Refused('seen.before-basis')
        if 'cert' in p['signer'] and self.entries[p['signer']['cert']].index >= size:
            raise Refused('seen.before-cert')

    # Questions.

    def controlled(self, org, agency):
        """Whether org is the agency, or any owner at any depth is, or is not at hand."""
        seen, todo = set(), [org]
        while todo:
            at = todo.pop()
            if at == agency:
                return True
            if at in seen:
                continue
            seen.add(at)
            if len(seen) > 64 or at not in self.organisations:
                return True
            todo += self.organisations[at]['controlledBy']
        return False


# Kinds whose rules look at items that they do not advance.
RELATED = ('access.granted', 'access.requested', 'verification.recorded', 'opinion.filed', 'report.issued')
EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
