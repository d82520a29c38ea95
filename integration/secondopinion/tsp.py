"""RFC 3161 timestamps, read strictly, and the authorities that are believed (SPEC: Timestamps)."""
import calendar
import hashlib
import re
import warnings

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from canon import Refused

warnings.simplefilter('ignore')
SEQ, SET, INT, OCTETS, OID, NULL, BOOL, GTIME = 0x30, 0x31, 2, 4, 6, 5, 1, 0x18
MAX = 16384
# What a certificate that nobody should have made brings about.
UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


def _oid(text):
    parts = [int(x) for x in text.split('.')]
    out = bytearray([parts[0] * 40 + parts[1]])
    for n in parts[2:]:
        chunk = [n & 127]
        while n > 127:
            n >>= 7
            chunk.append(n & 127 | 128)
        out += bytes(reversed(chunk))
    return bytes(out)


SIGNED_DATA, TST_INFO = _oid('1.2.840.113549.1.7.2'), _oid('1.2.840.113549.1.9.16.1.4')
CONTENT_TYPE, MESSAGE_DIGEST = _oid('1.2.840.113549.1.9.3'), _oid('1.2.840.113549.1.9.4')
SIGNING_CERTIFICATE = _oid('1.2.840.113549.1.9.16.2.47')
DIGESTS = {_oid('2.16.840.1.101.3.4.2.1'): 'sha256', _oid('2.16.840.1.101.3.4.2.2'): 'sha384', _oid('2.16.840.1.101.3.4.2.3'): 'sha512'}
SIGNATURES = {
    _oid('1.2.840.113549.1.1.1'): ('rsa', None), _oid('1.2.840.113549.1.1.11'): ('rsa', 'sha256'),
    _oid('1.2.840.113549.1.1.12'): ('rsa', 'sha384'), _oid('1.2.840.113549.1.1.13'): ('rsa', 'sha512'),
    _oid('1.2.840.10045.4.3.2'): ('ecdsa', 'sha256'), _oid('1.2.840.10045.4.3.3'): ('ecdsa', 'sha384'),
    _oid('1.2.840.10045.4.3.4'): ('ecdsa', 'sha512'), _oid('1.3.101.112'): ('ed25519', None),
}
HASH = {'sha256': hashes.SHA256, 'sha384': hashes.SHA384, 'sha512': hashes.SHA512}


class Der:
    """One DER element: tag, content, and the bytes of all of it."""
    __slots__ = ('tag', 'body', 'raw')

    def __init__(self, tag, body, raw):
        self.tag, self.body, self.raw = tag, body, raw

    def want(self, tag):
        if self.tag != tag:
            raise ValueError('tag %02x, not %02x' % (self.tag, tag))
        return self

    def all(self):
        out, at = [], 0
        while at < len(self.body):
            e, at = _element(self.body, at)
            out.append(e)
        return out

    def one(self):
        got = self.all()
        if len(got) != 1:
            raise ValueError('not one element')
        return got[0]

    def integer(self, tag=INT):
        b = self.want(tag).body
        if not b or len(b) > 1 and (b[0] == 0 and b[1] < 128 or b[0] == 255 and b[1] > 127):
            raise ValueError('not a DER integer')
        return int.from_bytes(b, 'big', signed=True)


def _element(data, at):
    if at + 2 > len(data) or data[at] & 31 == 31:
        raise ValueError('not DER')
    tag, n, start = data[at], data[at + 1], at + 2
    if n & 128:
        count = n & 127
        n = int.from_bytes(data[start:start + count], 'big')
        if not 1 <= count <= 4 or n < 128 or data[start:start + 1] == b'\0':
            raise ValueError('not a DER length')
        start += count
    if start + n > len(data):
        raise ValueError('too short')
    return Der(tag, data[start:start + n], data[at:start + n]), start + n


def _der(data):
    e, end = _element(data, 0)
    if end != len(data):
        raise ValueError('bytes behind')
    return e


def _algorithm(e):
    """The OID of an AlgorithmIdentifier without parameters or with NULL."""
    parts = e.want(SEQ).all()
    if not 1 <= len(parts) <= 2 or len(parts) == 2 and parts[1].raw != b'\5\0':
        raise ValueError('algorithm with parameters')
    return parts[0].want(OID).body


def _digest(e):
    return DIGESTS[_algorithm(e)]


class Token:
    """A TimeStampResp taken apart; ValueError, KeyError or IndexError where it is not of the form."""

    def __init__(self, data):
        if len(data) > MAX:
            raise ValueError('too long')
        status, token = _der(data).want(SEQ).all()
        if status.raw != b'\x30\x03\x02\x01\x00':
            raise ValueError('status')
        kind, content = token.want(SEQ).all()
        if kind.want(OID).body != SIGNED_DATA:
            raise ValueError('not signed data')
        parts = content.want(0xa0).one().want(SEQ).all()
        if parts[0].integer() != 3:
            raise ValueError('version')
        listed = _digest(parts[1].want(SET).one())
        what, inner = parts[2].want(SEQ).all()
        if what.want(OID).body != TST_INFO:
            raise ValueError('not of time')
        self.info = inner.want(0xa0).one().want(OCTETS).body
        rest = parts[3:]
        self.certificates = []
        if rest[0].tag == 0xa0:
            self.certificates = [c.want(SEQ).raw for c in rest[0].all()]
            rest = rest[1:]
        if len(self.certificates) > 8 or len(rest) != 1:
            raise ValueError('certificates or CRLs')
        self._signer(rest[0].want(SET).one().want(SEQ).all())
        if listed != self.digest:
            raise ValueError('another digest listed')
        self._info(_der(self.info).want(SEQ).all())

    def _signer(self, parts):
        if len(parts) != 6:
            raise ValueError('signer with unsigned attributes')
        version, self.sid, digest, attributes, algorithm, signature = parts
        if (version.integer(), self.sid.tag) not in ((1, SEQ), (3, 0x80)):
            raise ValueError('signer version')
        self.digest = _digest(digest)
        self.scheme = SIGNATURES[_algorithm(algorithm)]
        self.signature = signature.want(OCTETS).body
        raws = [a.raw for a in attributes.want(0xa0).all()]
        if raws != sorted(raws):
            raise ValueError('attributes out of order')
        self.signed = b'\x31' + attributes.raw[1:]
        got = {}
        for a in attributes.all():
            kind, values = a.want(SEQ).all()
            if kind.want(OID).body in got:
                raise ValueError('attribute twice')
            got[kind.body] = values.want(SET).one()
        if got[CONTENT_TYPE].want(OID).body != TST_INFO:
            raise ValueError('content type')
        if got[MESSAGE_DIGEST].want(OCTETS).body != hashlib.new(self.digest, self.info).digest():
            raise ValueError('message digest')
        first = got[SIGNING_CERTIFICATE].want(SEQ).all()[0].want(SEQ).all()[0].want(SEQ).all()
        self.ess_digest = 'sha256'
        if first[0].tag == SEQ:
            self.ess_digest = _digest(first[0])
            first = first[1:]
        self.ess = first[0].want(OCTETS).body

    def _info(self, parts):
        if parts[0].integer() != 1:
            raise ValueError('TSTInfo version')
        parts[1].want(OID)
        algorithm, imprint = parts[2].want(SEQ).all()
        self.imprint = _digest(algorithm), imprint.want(OCTETS).body
        parts[3].integer()
        self.time = _time(parts[4].want(GTIME).body)
        self.accuracy = 0
        order = [SEQ, BOOL, INT, 0xa0, 0xa1]
        for e in parts[5:]:
            order = order[order.index(e.tag) + 1:]
            if e.tag == SEQ:
                self.accuracy = _accuracy(e)
            elif e.tag == BOOL and e.body != b'\xff':
                raise ValueError('a default written out')
            elif e.tag == INT:
                e.integer()
            elif e.tag == 0xa1:
                for x in e.all():
                    x = x.want(SEQ).all()
                    if len(x) == 3 and x[1].want(BOOL):
                        raise ValueError('critical extension')


def _time(body):
    m = re.fullmatch(rb'(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{0,8}[1-9]))?Z', body)
    if not m:
        raise ValueError('genTime')
    y, mo, d, h, mi, s = (int(m.group(i)) for i in range(1, 7))
    if y < 1970 or not 1 <= mo <= 12 or not 1 <= d <= calendar.monthrange(y, mo)[1] or h > 23 or mi > 59 or s > 59:
        raise ValueError('genTime')
    return calendar.timegm((y, mo, d, h, mi, s)) * 10 ** 9 + int((m.group(7) or b'0').ljust(9, b'0'))


def _accuracy(e):
    """Microseconds."""
    total, order = 0, [INT, 0x80, 0x81]
    for x in e.all():
        order = order[order.index(x.tag) + 1:]
        n = x.integer(x.tag)
        if n < 0 or x.tag != INT and not 1 <= n <= 999:
            raise ValueError('accuracy')
        total += n * {INT: 10 ** 6, 0x80: 1000, 0x81: 1}[x.tag]
    if total > 366 * 86400 * 10 ** 6:
        raise ValueError('accuracy')
    return total


# Certificates.

def _load(raw):
    try:
        return x509.load_der_x509_certificate(raw)
    except UNREADABLE:
        return None


def readable(raw):
    """The bytes, if they are a certificate with a key; ValueError otherwise."""
    try:
        x509.load_der_x509_certificate(_der(raw).raw).public_key()
    except UNREADABLE as e:
        raise ValueError(str(e))
    return raw


def _names(cert, sid):
    if sid.tag == 0x80:
        ext = _extension(cert, ExtensionOID.SUBJECT_KEY_IDENTIFIER)
        return ext is not None and ext.value.digest == sid.body
    issuer, serial = sid.all()
    return issuer.raw == cert.issuer.public_bytes() and serial.integer() == cert.serial_number


def _extension(cert, oid):
    try:
        return cert.extensions.get_extension_for_oid(oid)
    except x509.ExtensionNotFound:
        return None


def _verify(key, scheme, digest, signature, message):
    name, fixed = scheme
    digest = fixed or digest
    if name == 'rsa' and isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, message, padding.PKCS1v15(), HASH[digest]())
    elif name == 'ecdsa' and isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, message, ec.ECDSA(HASH[digest]()))
    elif name == 'ed25519' and isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, message)
    else:
        raise InvalidSignature()


def _good_key(cert):
    key = cert.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return 2048 <= key.key_size <= 8192
    return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size >= 256 or isinstance(key, ed25519.Ed25519PublicKey)


HANDLED = {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE}


def _sound(cert, when):
    """Valid at when (nanoseconds), a key that is good enough, no critical extension unknown here."""
    start = calendar.timegm(cert.not_valid_before.timetuple())
    end = calendar.timegm(cert.not_valid_after.timetuple())
    if not start * 10 ** 9 <= when <= end * 10 ** 9 or not _good_key(cert):
        return False
    return all(not e.critical or e.oid in HANDLED for e in cert.extensions)


def _for_signing(cert):
    eku = _extension(cert, ExtensionOID.EXTENDED_KEY_USAGE)
    if eku is None or not eku.critical or list(eku.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        return False
    ku = _extension(cert, ExtensionOID.KEY_USAGE)
    return ku is None or ku.value.digital_signature or ku.value.content_commitment


def _may_issue(cert, below):
    """A CA; below is the number of CAs between it and the end."""
    bc, ku = _extension(cert, ExtensionOID.BASIC_CONSTRAINTS), _extension(cert, ExtensionOID.KEY_USAGE)
    if bc is None or not bc.value.ca or bc.value.path_length is not None and below > bc.value.path_length:
        return False
    return ku is None or ku.value.key_cert_sign


def _issued(cert, issuer):
    if cert.issuer != issuer.subject:
        return False
    try:
        _verify(issuer.public_key(), SIGNATURES[_oid(cert.signature_algorithm_oid.dotted_string)], None, cert.signature, cert.tbs_certificate_bytes)
        return True
    except (InvalidSignature, KeyError, *UNREADABLE):
        return False


def _path(cert, between, anchors, when, depth=0):
    if not _sound(cert, when):
        return False
    if any(cert == a for a in anchors):
        return True
    for a in anchors:
        if _sound(a, when) and _may_issue(a, depth) and _issued(cert, a):
            return True
    for c in between:
        eku = _extension(c, ExtensionOID.EXTENDED_KEY_USAGE)
        fit = eku is None or ExtendedKeyUsageOID.TIME_STAMPING in eku.value or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in eku.value
        if fit and _may_issue(c, depth) and _issued(cert, c):
            if _path(c, [b for b in between if b is not c], anchors, when, depth + 1):
                return True
    return False


def check(data, message, accepted):
    """(genTime in nanoseconds, accuracy in microseconds) of a timestamp of message by an
    authority with these certificates (DER). Refused('timestamp') or Refused('authority')."""
    try:
        token = Token(data)
        name, digest = token.imprint
        if hashlib.new(name, message).digest() != digest:
            raise ValueError('of another message')
    except (ValueError, KeyError, IndexError) as e:
        raise Refused('timestamp', str(e))
    anchors = [c for c in map(_load, accepted) if c]
    inside = [c for c in map(_load, token.certificates) if c]
    if len(inside) != len(token.certificates):
        raise Refused('timestamp', 'not a certificate')
    try:
        named = [c for c in inside + anchors if _names(c, token.sid)]
    except UNREADABLE:
        raise Refused('timestamp', 'not a certificate')
    if not named:
        raise Refused('authority', 'no certificate')
    from cryptography.hazmat.primitives.serialization import Encoding
    signer = next((c for c in named if hashlib.new(token.ess_digest, c.public_bytes(Encoding.DER)).digest() == token.ess), None)
    if signer is None:
        raise Refused('timestamp', 'signing certificate')
    try:
        _verify(signer.public_key(), token.scheme, token.digest, token.signature, token.signed)
    except (InvalidSignature, *UNREADABLE):
        raise Refused('timestamp', 'signature')
    try:
        if _for_signing(signer) and _path(signer, [c for c in inside if c != signer], anchors, token.time):
            return token.time, token.accuracy
    except UNREADABLE:
        pass
    raise Refused('authority')
