"""Canonical JSON (SPEC: Canonical JSON), ids, base64 and times."""
import base64
import binascii
import calendar
import hashlib
import json
import re

MAX_INTEGER = 9007199254740991
HEX64 = re.compile(r'[0-9a-f]{64}\Z')
ZERO = '0' * 64


class Refused(Exception):
    """A refusal, which names its rule."""

    def __init__(self, rule, why=''):
        super().__init__(rule, why)
        self.rule = rule


class Number:
    """A number as it is written: integers are told from all else by their spelling."""
    __slots__ = ('text',)

    def __init__(self, text):
        self.text = text


class Members(list):
    """An object as it is written: its members in order, duplicates kept."""


def sha256(data):
    return hashlib.sha256(data).digest()


def hexid(data):
    return hashlib.sha256(data).hexdigest()


def parse(data):
    """Reads one JSON value, white space around it allowed; objects become Members, numbers Number. ValueError otherwise."""
    text = data.decode('utf-8') if isinstance(data, bytes) else data
    try:
        value = json.loads(text, object_pairs_hook=Members, parse_int=Number, parse_float=Number, parse_constant=_constant)
    except RecursionError:
        raise ValueError('nested too deep')
    return value


def _constant(name):
    raise ValueError(name)


def plain(value):
    """Members to dicts and Numbers to ints; of duplicates the last. ValueError for a number that is not an integer 0 to 2^53-1."""
    if isinstance(value, Members):
        return {k: plain(v) for k, v in value}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, Number):
        if not re.fullmatch(r'0|[1-9][0-9]*', value.text) or int(value.text) > MAX_INTEGER:
            raise ValueError('not an integer of this format')
        return int(value.text)
    return value


def encode(value):
    """RFC 8785 of a plain value without floats."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(',', ':')).encode('utf-8')


def read(data):
    """The plain value of bytes that are its one encoding; ValueError otherwise."""
    value = plain(parse(data))
    if encode(value) != data:
        raise ValueError('not canonical')
    return value


def depth(value):
    if isinstance(value, Members):
        return 1 + max((depth(v) for _, v in value), default=0)
    if isinstance(value, list):
        return 1 + max((depth(v) for v in value), default=0)
    return 0


def unbase64(text):
    """Standard base64, padded and strict; ValueError otherwise."""
    if not isinstance(text, str):
        raise ValueError('not base64 text')
    try:
        data = base64.b64decode(text.encode('ascii'), validate=True)
    except (binascii.Error, UnicodeEncodeError) as e:
        raise ValueError(str(e))
    if base64.b64encode(data).decode() != text:
        raise ValueError('not the one encoding')
    return data


def b64(data):
    return base64.b64encode(data).decode()


def is_id(text):
    return isinstance(text, str) and HEX64.match(text) is not None


def is_salt(text):
    if not isinstance(text, str) or len(text) != 43:
        return False
    try:
        data = base64.urlsafe_b64decode(text + '=')
    except (binascii.Error, ValueError):
        return False
    return len(data) == 32 and base64.urlsafe_b64encode(data).decode().rstrip('=') == text


TIME = re.compile(r'(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(Z|([+-])(\d\d):(\d\d))\Z', re.ASCII)


def instant(text):
    """Seconds since 1970 of a time in its one spelling (SPEC: Times); ValueError otherwise."""
    m = TIME.match(text) if isinstance(text, str) else None
    if not m:
        raise ValueError('not a time')
    year, month, day, hour, minute, second = (int(m.group(i)) for i in range(1, 7))
    if year < 1970 or not 1 <= month <= 12 or hour > 23 or minute > 59 or second > 59:
        raise ValueError('not a time')
    if not 1 <= day <= calendar.monthrange(year, month)[1]:
        raise ValueError('not a day')
    offset = 0
    if m.group(7) != 'Z':
        oh, om = int(m.group(9)), int(m.group(10))
        if oh > 23 or om > 59 or oh + om == 0:
            raise ValueError('not an offset')
        offset = (oh * 60 + om) * 60 * (1 if m.group(8) == '+' else -1)
    return calendar.timegm((year, month, day, hour, minute, second)) - offset
