"""Timestamps and what they show of times (SPEC: Verification, Time)."""
import canon
import tlog
import tsp
from canon import Refused, b64

SECOND, SLACK = 10 ** 9, 300 * 10 ** 9


def check(x):
    Clock(x)


class Clock:
    def __init__(self, x):
        self.x, self.policy = x, x.policy
        self.accepted = x.policy.authorities if x.policy else []
        self.held = False
        self.not_after, self.not_before = {}, {}
        self.heads, self.recorded = [], []  # (size, not after), (index, not before)
        self._older()
        self._heads()
        self._log_times()
        self._signatures()
        if self.policy:
            self._windows()

    def _try(self, data, message):
        """ok with its time and accuracy in nanoseconds, authority or timestamp."""
        try:
            when, accuracy = tsp.check(data, message, self.accepted)
            self.held = True
            return 'ok', when, accuracy * 1000
        except Refused as e:
            return e.rule, None, None

    def _fault(self, rule, event, subject):
        if rule == 'timestamp':
            self.x.find('timestamp-invalid', event, subject=subject)
        elif rule == 'authority' and self.accepted:
            self.x.find('timestamp-unidentified', event, subject=subject)

    def _older(self):
        x, cp, self.opened = self.x, self.x.dossier.checkpoint, []
        for size, note in sorted(x.dossier.older.items()):
            if not tlog.opened_by_log(note, x.log['origin'], x.log['ed25519'], x.log['mldsa']):
                x.find('checkpoint-invalid')
                continue
            self.opened.append(note)
            if size in x.proven:
                if x.proven[size] != note.root:
                    x.find('log-fork')
            elif size > cp.size:
                x.find('log-fork')
            elif size not in x.dossier.consistency:
                x.find('seen-unproven')
            elif tlog.consistent(size, note.root, cp.size, cp.root, x.dossier.consistency[size]):
                x.proven[size] = note.root
            else:
                x.find('log-fork')

    def _heads(self):
        x = self.x
        cp = x.dossier.checkpoint
        notes = {cp.message(): (cp.size, cp.root)}
        for n in self.opened:
            notes.setdefault(n.message(), (n.size, n.root))
        self.log_times = [e for e in x.admitted if e.kind == 'log.time']
        for e in self.log_times:
            notes.setdefault(self._message(e.body), (e.body['size'], bytes.fromhex(e.body['root'])))
        self.results = {}
        for digest, data in sorted(x.dossier.times.items()):
            worst = 'timestamp'
            for message, (size, root) in notes.items():
                rule, when, accuracy = self._try(data, message)
                if rule == 'ok':
                    worst = 'ok'
                    self.results[digest, message] = when, accuracy
                    if x.proven.get(size) == root:
                        self.heads.append((size, when + accuracy))
                    break
                if rule == 'authority':
                    worst = rule
            self._fault(worst, None, digest)

    def _message(self, b):
        return ('%s\n%d\n%s\n' % (self.x.log['origin'], b['size'], b64(bytes.fromhex(b['root'])))).encode()

    def _log_times(self):
        for e in self.log_times:
            got = self.results.get((e.body['digest'], self._message(e.body)))
            if got:
                when, accuracy = got
                if canon.instant(e.body['time']) != when // SECOND:
                    self.x.find('timestamp-invalid', e.index)
                    continue
                self.recorded.append((e.index, when - accuracy))

    def _signatures(self):
        admitted = {e.index: e for e in self.x.admitted}
        for e in self.x.signed:
            for data in e.timestamps:
                rule, when, accuracy = self._try(data, e.sig)
                if rule == 'ok' and e.index in admitted:
                    self.not_after[e.index] = min(self.not_after.get(e.index, when + accuracy), when + accuracy)
                self._fault(rule, e.index, None)

    def _windows(self):
        x = self.x
        if not self.held:
            x.find('untimed')
        gap, outdated = None, None
        until = self.policy.algorithms.get('ecdsa-p256-sha256')
        for e in x.admitted:
            afters = [t for size, t in self.heads if e.index < size] + [t for i, t in self.not_after.items() if i == e.index]
            after = min(afters, default=None)
            seen = e.event.predicate['seen']['size']
            before = max([t for i, t in self.recorded if i < seen], default=None)
            if after is None and gap is None:
                gap = e.index
            if until is not None and outdated is None and (after is None or after > until * SECOND):
                outdated = e.index
            times = e.event.predicate['times']
            signed = canon.instant(times['signed']) * SECOND
            end = canon.instant(times['act'].get('to', times['act']['from'])) * SECOND
            if after is not None and max(signed, end) > after + SLACK or before is not None and signed < before - SLACK:
                x.find('time-outside-window', e.index)
        if self.held and gap is not None:
            x.find('time-gap', gap)
        if outdated is not None:
            x.find('algorithm-outdated', outdated)
        until = self.policy.algorithms.get('ed25519')
        if until is not None and not any(size == x.dossier.checkpoint.size and t <= until * SECOND for size, t in self.heads):
            x.find('algorithm-outdated')
