"""The rules about what each kind of event says (SPEC: Kinds, State machine, Access, Independence, Corrections)."""
import canon
import standing
import statement
import tlog
from canon import Refused


def need(condition, rule):
    if not condition:
        raise Refused(rule)


def genesis(s, e, p, basis):
    s.genesis = True


def log_time(s, e, p, basis):
    b, seen = e.body, p['seen']
    need(b['size'] < seen['size'] or b['size'] == seen['size'] and b['root'] == seen['root'], 'time.future')


def log_recovered(s, e, p, basis):
    need(p['seen']['size'] == e.index, 'recovery.seen')
    need(e.body['signed']['size'] >= e.index, 'recovery.signed')


def org_founded(s, e, p, basis):
    s.founded[e.body['org']] = e.leaf


def key_requested(s, e, p, basis):
    need(e.body['key'] == e.key, 'key.not-possessed')
    s.keys[e.key] = standing.Key(e.body['person'], e.body['org'])


def certifier(s, e):
    need(e.body['org'] == e.org, 'key.other-org')
    need(not e.certified or 'certify' in s.keys[e.key].rights, 'signer.right')


def key_certified(s, e, p, basis):
    b = e.body
    certifier(s, e)
    key = s.keys.get(b['key'])
    need(key, 'key.unknown')
    need(any(x.kind == 'key.requested' and x.body['key'] == b['key'] for x in basis), 'basis.required')
    need(key.certificate is None, 'key.certified-already')
    need((key.person, key.org) == (b['person'], b['org']), 'key.not-as-requested')
    key.certificate, key.rights = e, set(b['rights'])


def key_revoked(s, e, p, basis):
    b = e.body
    certifier(s, e)
    key = s.keys.get(b['key'])
    need(key, 'key.unknown')
    need(key.certificate and key.revoked is None, 'key.not-certified')
    need(key.org == b['org'], 'key.other-org')
    need(key.certificate in basis, 'basis.required')
    key.revoked = e.index
    key.contested = min(p['seen']['size'], b.get('compromisedSince', p['seen']['size']))


def org_status(s, e, p, basis):
    b = e.body
    certifier(s, e)
    listed = set(b['revoked'])
    for name, key in s.keys.items():
        if key.org == e.org and key.revoked is not None:
            need(name in listed, 'status.list')
    for name in listed & s.shown_keys:
        key = s.keys.get(name)
        need(key and key.org == e.org and key.revoked is not None, 'status.list')


def case_opened(s, e, p, basis):
    need(s.organisations[e.org]['class'] == 'agency', 'case.not-agency')
    s.cases[e.body['case']] = e.org


def agency_of(s, case):
    """The case's agency, or None where the case is outside the scope."""
    if not s.inside_case(case):
        return None
    need(case in s.cases, 'case.unknown')
    return s.cases[case]


def item_of(s, item, case=None, rule='item.other-case'):
    """The item, or None where it is outside the scope."""
    if not s.inside_item(item):
        return None
    need(item in s.items, 'item.unknown')
    need(case is None or s.items[item].case == case, rule)
    return s.items[item]


def granted(s, e, item, basis, signed):
    """The grants in the basis that open the item to the signer."""
    return [x for x in basis if x.kind == 'access.granted' and x.body['scope'] == 'bytes' and item in x.body['items']
            and x.body['to']['org'] == e.org and x.body['to'].get('person', e.person) == e.person
            and ('expires' not in x.body or signed <= canon.instant(x.body['expires']))]


def found_item(s, e):
    b = e.body
    need(b['item'] not in s.items, 'item.exists')
    s.items[b['item']] = standing.Item(b['case'], (e.person, e.org), e, b)


def item_registered(s, e, p, basis):
    b = e.body
    agency = agency_of(s, b['case'])
    need(agency is None or agency == e.org, 'case.other-agency')
    if 'parent' in b:
        item_of(s, b['parent'], b['case'])
    found_item(s, e)


def artifact_deposited(s, e, p, basis):
    b = e.body
    rights = s.keys[e.key].rights
    need(rights & {'investigate', 'examine'}, 'signer.right')
    agency = agency_of(s, b['case'])
    if 'parent' not in b:
        need('investigate' in rights and agency in (None, e.org), 'deposit.no-standing')
    else:
        parent = item_of(s, b['parent'], b['case'])
        mine = parent and parent.holder == (e.person, e.org)
        need(not mine or not parent.disposed, 'item.disposed')
        may = mine and not parent.release and parent.custody in basis
        opened = b['role'] not in ('master', 'acquisition-log') and granted(s, e, b['parent'], basis, canon.instant(p['times']['signed']))
        if parent and not may and not opened:
            need(not mine or not parent.release, 'custody.in-transit')
            raise Refused('basis.required' if mine else 'custody.not-holder')
    found_item(s, e)


def artifact_received(s, e, p, basis):
    b = e.body
    deposit = next((x.body for x in basis if x.kind == 'artifact.deposited' and x.body['item'] == b['item']), None)
    need(deposit, 'basis.required')
    need(b['artifact'] == deposit['artifact'], 'received.mismatch')
    need(all(deposit['declared'].get(n) in (None, b.get(n)) for n in ('md5', 'sha1')), 'received.mismatch')
    if b['item'] in s.items:
        s.items[b['item']].received = e


def deposit_refused(s, e, p, basis):
    b = e.body
    agency_of(s, b['case'])
    if b['about'] != b['case']:
        item_of(s, b['about'], b['case'])


def each(s, e):
    """(id, item, seals) of every item of the body in scope that exists."""
    out = []
    for x in e.body['items']:
        name = x if isinstance(x, str) else x['item']
        item = item_of(s, name)
        if item:
            out.append((name, item))
    return out


def released(s, e, p, basis):
    items = each(s, e)
    for _, item in items:
        need(not item.disposed, 'item.disposed')
        need(not item.release, 'custody.in-transit')
        need(item.holder == (e.person, e.org), 'custody.not-holder')
    for _, item in items:
        item.release = e


def _answered(s, e, basis, rule, may):
    items = each(s, e)
    for _, item in items:
        need(not item.release or item.release in basis, 'basis.required')
    for _, item in items:
        need(not item.disposed, 'item.disposed')
        need(item.release, 'custody.not-released')
        need(may(item), rule)
    return items


def _recipient(e):
    return lambda i: i.release.body['to']['org'] == e.org and i.release.body['to'].get('person', e.person) == e.person


def accepted(s, e, p, basis):
    for _, item in _answered(s, e, basis, 'custody.not-recipient', _recipient(e)):
        item.release, item.holder, item.custody = None, (e.person, e.org), e


def declined(s, e, p, basis):
    for _, item in _answered(s, e, basis, 'custody.not-recipient', _recipient(e)):
        item.release = None


def recalled(s, e, p, basis):
    for _, item in _answered(s, e, basis, 'custody.not-releaser', lambda i: i.holder == (e.person, e.org)):
        item.release = None


def approved(s, e, p, basis):
    b = e.body
    need(b['org'] == e.org, 'approve.other-org')
    need((b['for']['person'], b['for']['org']) != (e.person, e.org), 'approve.self')


def assumed(s, e, p, basis):
    b = e.body
    items = each(s, e)
    _approved(s, e, basis, 'custody.assumed', [x['item'] for x in b['items']], items)
    for _, item in items:
        need(not item.disposed, 'item.disposed')
        need(not item.release, 'custody.in-transit')
        need(item.holder[1] == e.org, 'custody.not-holder-org')
        need(item.holder == (b['from']['person'], b['from']['org']), 'custody.wrong-from')
    for _, item in items:
        item.holder, item.custody = (e.person, e.org), e


def _approved(s, e, basis, action, names, items):
    """Another person's approval of this act on exactly these items holds."""
    fits = [x for x in basis if x.kind == 'act.approved' and x.body['action'] == action and x.org == e.org
            and (x.body['for']['person'], x.body['for']['org']) == (e.person, e.org) and x.body['items'] == names]
    need(fits, 'basis.required')
    broken = None
    for x in fits:
        broken = _approval(s, e, x, items)
        if broken is None:
            break
    need(broken is None, broken)


def _approval(s, e, x, items):
    if (x.person, x.org) == (e.person, e.org):
        return 'approve.self'
    if s.keys[x.key].revoked is not None:
        return 'approve.revoked'
    if any(x.index <= item.custody.index for _, item in items):
        return 'approve.stale'
    return None


def confirmed(s, e, p, basis):
    items = each(s, e)
    for _, item in items:
        need(not item.disposed, 'item.disposed')
        need(not item.release, 'custody.in-transit')
        need(item.holder == (e.person, e.org), 'custody.not-holder')
    for _, item in items:
        item.confirmed = e


def item_disposed(s, e, p, basis):
    b = e.body
    item = item_of(s, b['item'])
    _approved(s, e, basis, 'item.disposed', [b['item']], [(b['item'], item)] if item else [])
    if not item:
        return
    need(item.case == b['case'], 'item.other-case')
    need(bool(item.artifact) == (b['method'] == 'key-destroyed'), 'dispose.method')
    need(not item.disposed, 'item.disposed')
    need(not item.release, 'custody.in-transit')
    need(item.holder == (e.person, e.org), 'custody.not-holder')
    item.disposed = e


def artifact_erased(s, e, p, basis):
    b = e.body
    received = [x for x in basis if x.kind == 'artifact.received' and x.body['item'] == b['item']
                and x.body['artifact']['sha256'] == b['artifact']]
    need(all(x.body['encoding'] != 'plain' for x in received), 'erased.plain')
    ordered = [x for x in basis if x.kind == 'item.disposed' and x.leaf == b['disposal'] and x.body['item'] == b['item']
               and x.body['method'] == 'key-destroyed']
    need(received and ordered, 'basis.required')


def access_granted(s, e, p, basis):
    b = e.body
    agency = agency_of(s, b['case'])
    if b['scope'] == 'record':
        need(agency is None or agency == e.org and 'investigate' in s.keys[e.key].rights, 'grant.no-standing')
    for name in b['items']:
        item = item_of(s, name, b['case'])
        if item:
            need(item.artifact, 'grant.not-digital')
            need(not item.disposed, 'item.disposed')
            need(not item.release, 'custody.in-transit')
            need(item.holder == (e.person, e.org), 'custody.not-holder')
            need(item.custody in basis, 'basis.required')


def access_requested(s, e, p, basis):
    b = e.body
    item = item_of(s, b['item'])
    named = 'grant' not in b or any(x.kind == 'access.granted' and x.body['grant'] == b['grant'] for x in basis)
    if not item:
        need(named, 'basis.required')
        return
    grants = granted(s, e, b['item'], basis, canon.instant(p['times']['signed']))
    need(grants or item.holder[1] == e.org and item.custody in basis, 'access.not-granted')
    need(not item.disposed, 'item.disposed')
    need(item.artifact and item.artifact['sha256'] == b['artifact'], 'access.other-artifact')
    need(named, 'basis.required')
    need('grant' not in b or any(x.body['grant'] == b['grant'] for x in grants), 'access.not-granted')


def _request(e, basis):
    return [x for x in basis if x.kind == 'access.requested' and all(x.body[n] == e.body[n] for n in ('item', 'artifact'))]


def access_served(s, e, p, basis):
    need(any(x.leaf == e.body['request'] for x in _request(e, basis)), 'basis.required')


def verification_recorded(s, e, p, basis):
    b = e.body
    need(any(x.key == e.key for x in _request(e, basis)), 'basis.required')
    item = item_of(s, b['item'])
    if item and item.artifact:
        need((b['computed'] == item.artifact) == (b['result'] == 'match'), 'verification.result')


def opinion_filed(s, e, p, basis):
    b = e.body
    agency = agency_of(s, b['case'])
    for name in b['items']:
        item = item_of(s, name, b['case'])
        if item:
            held = [x for x in basis if x.kind in ('custody.accepted', 'custody.assumed') and x.org == e.org
                    and name in [i['item'] for i in x.body['items']]]
            need(held or granted(s, e, name, basis, canon.instant(p['times']['signed']))
                 or item.holder[1] == e.org and item.custody in basis, 'access.not-granted')
    if agency:
        inside = s.controlled(e.org, agency)
        need(b['capacity'] == 'in-house' or not inside, 'opinion.not-independent')
        need(b['capacity'] == 'in-house' or s.organisations[e.org]['class'] == 'laboratory', 'opinion.not-laboratory')
        need(b['capacity'] == 'section-40' or inside, 'opinion.not-in-house')


def correction_recorded(s, e, p, basis):
    b = e.body
    agency_of(s, b['case'])
    original = next((x for x in basis if x.leaf == b['corrects']), None)
    need(original, 'basis.required')
    need(original.kind != 'correction.recorded', 'correction.of-correction')
    need(set(p['details']) <= set(original.event.predicate['details']), 'correction.field')
    key = s.keys.get(original.key)
    need(key and key.org == e.org, 'correction.other-org')
    need(any(_about(s, original, chain, kind, b['case']) for chain, kind, _ in statement.chains_of(original.event.predicate)), 'correction.other-case')


def _about(s, original, chain, kind, case):
    """Whether a chain that the original advanced is of the case; of an item outside the scope nothing is known."""
    if kind == 'case':
        return chain == case
    item = chain if kind == 'item' else original.body['item'] if kind == 'access' else None
    return item is not None and (not s.inside_item(item) or item in s.items and s.items[item].case == case)


def _copy(s, e, fits):
    """What the service says of its copy of an artifact: of the item's, and of its size."""
    item = item_of(s, e.body['item'])
    if item:
        need(item.artifact and item.artifact['sha256'] == e.body['artifact'], 'fixity.other-artifact')
        need(fits(item.artifact['size']), 'fixity.extent')


def fixity_passed(s, e, p, basis):
    _copy(s, e, lambda size: e.body['bytes'] == size)


def fixity_failed(s, e, p, basis):
    b = e.body

    def fits(size):
        blocks = -(-size // tlog.BLOCK)
        return b['checked'] <= blocks and all(i < blocks for i in b['blocks']) and (b['reason'] != 'missing' or b['count'] == blocks)

    _copy(s, e, fits)


def fixity_unchecked(s, e, p, basis):
    _copy(s, e, lambda size: True)


def image_read(s, e, p, basis):
    b = e.body
    received = next((x.body for x in basis if x.kind == 'artifact.received' and x.body['item'] == b['item']), None)
    need(received, 'basis.required')
    need(received['artifact']['sha256'] == b['artifact'], 'image.other-artifact')


def report_issued(s, e, p, basis):
    b = e.body
    agency_of(s, b['case'])
    for name in b['items']:
        item_of(s, name, b['case'])
    need(b['over']['size'] <= e.index, 'report.future')


JUDGES = {
    'log.genesis': genesis, 'log.time': log_time, 'log.recovered': log_recovered, 'org.founded': org_founded,
    'key.requested': key_requested, 'key.certified': key_certified, 'key.revoked': key_revoked, 'org.status': org_status,
    'case.opened': case_opened, 'item.registered': item_registered, 'artifact.deposited': artifact_deposited,
    'artifact.received': artifact_received, 'deposit.refused': deposit_refused,
    'fixity.passed': fixity_passed, 'fixity.failed': fixity_failed, 'fixity.unchecked': fixity_unchecked, 'image.read': image_read, 'custody.released': released,
    'custody.accepted': accepted, 'custody.declined': declined, 'custody.recalled': recalled, 'act.approved': approved,
    'custody.assumed': assumed, 'custody.confirmed': confirmed,
    'item.disposed': item_disposed, 'artifact.erased': artifact_erased, 'access.granted': access_granted,
    'access.requested': access_requested, 'access.served': access_served, 'verification.recorded': verification_recorded,
    'opinion.filed': opinion_filed, 'correction.recorded': correction_recorded, 'report.issued': report_issued,
}
