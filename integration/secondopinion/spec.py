"""The tables of SPEC.md, read from it: what is written there is what is checked."""
import os
import re

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'custody', 'SPEC.md')


def _rows(lines):
    rows = []
    for line in lines:
        if line.startswith('| '):
            rows.append([c.strip() for c in line.strip().strip('|').split('|')])
        elif rows:
            break
    return rows[2:]


def _sections():
    out, title = {}, ''
    with open(PATH, encoding='utf-8') as f:
        for line in f:
            m = re.match(r'#{2,4} (.*)', line)
            if m:
                title = m.group(1).strip()
                out.setdefault(title, [])
            else:
                out.setdefault(title, []).append(line)
    return out


SECTIONS = _sections()


def table(title):
    rows = _rows(SECTIONS[title])
    if not rows:
        raise SystemExit('SPEC.md has no table under ' + title)
    return rows


def _words(text):
    return [] if text in ('–', '') else [w.strip() for w in text.split(',')]


class Kind:
    def __init__(self, row):
        self.name = row[0].strip('`')
        self.signer, self.cert, self.chains = row[1], row[2] == 'yes', row[5]
        self.right = None if row[3] == '–' else row[3]
        self.details = FIELDS if row[7] == 'every field' else set(_words(row[7]))
        self.body = _body(self.name)
        self.subjects = SUBJECTS[self.name]
        # The chains advanced: member of the body, and whether it founds them.
        self.founds = {w[:-len(' (founds)')] for w in _words_of_chains(self.chains) if w.endswith(' (founds)')}
        self.advances = [w.replace(' (founds)', '') for w in _words_of_chains(self.chains)]


def _words_of_chains(text):
    parts, depth, word = [], 0, ''
    for c in text:
        depth += (c == '(') - (c == ')')
        if c == ',' and depth == 0:
            parts.append(word.strip())
            word = ''
        else:
            word += c
    return parts + [word.strip()]


class Member:
    """One row of Bodies: path below body, type, presence, and the counts its meaning gives."""

    def __init__(self, row):
        self.path = row[0].strip('`').replace('[]', '.[]').split('.')
        self.type, self.optional, self.meaning = row[1], row[2] == 'optional', row[3]
        self.children = {}
        m = re.search(r'\b(\d+) to (\d+)\b', self.meaning)
        self.least, self.most = (int(m.group(1)), int(m.group(2))) if m else (0, None)
        if 'at least one' in self.meaning:
            self.least = 1
        self.digits = int(re.match(r'(\d+) hex digits', self.meaning).group(1)) if self.type == 'hex' else 0
        self.positive = 'at least 1' in self.meaning


def _body(kind):
    root = {}
    for row in table(kind):
        member = Member(row)
        at = root
        for step in member.path[:-1]:
            if step != '[]':
                at = at[step].children
        at[member.path[-1]] = member
    return root


WORDS = {r[0]: set(_words(r[1])) for r in table('Words')}
FIELDS = WORDS['Field']
SUBJECTS = {r[0].strip('`'): _words(r[1]) for r in table('Subjects')}
KINDS = {k.name: k for k in (Kind(r) for r in table('Kinds'))}
DOCUMENT_FIELDS = {r[0]: set(_words(r[1])) for r in table('Fields of case, item, person and grant documents')}
SEVERITY = {r[0].strip('`'): r[1] for r in table('Findings')}
RULES = {r[0].strip('`') for r in table('Rules')}
LIMITS = {r[0]: int(r[1]) for r in table('Limits')}
SEGMENTS, MANIFEST = map(int, re.search(r'A manifest has 2 to (\d+) lines and at most (\d+) bytes', ''.join(SECTIONS['Artifacts'])).groups())
README_SHA256 = re.search(r'`data/README.txt`.*SHA-256 `([0-9a-f]{64})`', ''.join(SECTIONS['Dossier'])).group(1)
