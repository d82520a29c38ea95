"""Keys, signatures and envelopes (SPEC: Envelope)."""
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import mldsa
from canon import Refused, b64, encode, parse, plain, sha256, unbase64
from spec import LIMITS

PAYLOAD_TYPE = 'application/vnd.in-toto+json'
P256_HEAD = bytes.fromhex('3059301306072a8648ce3d020106082a8648ce3d030107034200')
MLDSA44_HEAD = bytes.fromhex('30820532300b06096086480165030403110382052100')
ED25519_HEAD = bytes.fromhex('302a300506032b6570032100')
P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffff
N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b

_keys = {}


def p256(spki):
    """The key of an SPKI that re-encodes to itself; key-form otherwise."""
    if spki in _keys:
        return _keys[spki]
    if len(spki) != 91 or not spki.startswith(P256_HEAD) or spki[26] != 4:
        raise Refused('key-form')
    x, y = int.from_bytes(spki[27:59], 'big'), int.from_bytes(spki[59:], 'big')
    if x >= P or y >= P or (y * y - (x * x * x - 3 * x + B)) % P:
        raise Refused('key-form')
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    if len(_keys) < 4096:
        _keys[spki] = key
    return key


def ed25519(spki):
    if len(spki) != 44 or not spki.startswith(ED25519_HEAD):
        raise Refused('key-form')
    return spki[12:]


def mldsa44(spki):
    if len(spki) != len(MLDSA44_HEAD) + mldsa.KEY_BYTES or not spki.startswith(MLDSA44_HEAD):
        raise Refused('key-form')
    return spki[len(MLDSA44_HEAD):]


def ed25519_holds(key, signature, message):
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


def _integer(der, at):
    if at + 2 > len(der) or der[at] != 2 or not 1 <= der[at + 1] <= 33:
        raise Refused('signature-form')
    body = der[at + 2:at + 2 + der[at + 1]]
    if len(body) != der[at + 1] or body[0] & 0x80 or (len(body) > 1 and body[0] == 0 and not body[1] & 0x80):
        raise Refused('signature-form')
    return int.from_bytes(body, 'big'), at + 2 + len(body)


def check_form(sig):
    """Minimal DER of r and s in range, s low."""
    if len(sig) < 8 or sig[0] != 0x30 or sig[1] != len(sig) - 2:
        raise Refused('signature-form')
    r, at = _integer(sig, 2)
    s, at = _integer(sig, at)
    if at != len(sig) or not 1 <= r < N or not 1 <= s < N:
        raise Refused('signature-form')
    if s > N // 2:
        raise Refused('signature-high-s')


def pae(payload):
    return b'DSSEv1 28 application/vnd.in-toto+json %d ' % len(payload) + payload


def event_id(payload):
    return sha256(pae(payload))


def check_signature(spki, sig, payload):
    key = p256(spki)
    check_form(sig)
    try:
        key.verify(sig, pae(payload), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Refused('signature-invalid')


def envelope_of(payload, sig):
    return {'payload': b64(payload), 'payloadType': PAYLOAD_TYPE, 'signatures': [{'keyid': '', 'sig': b64(sig)}]}


def open_envelope(data):
    """(payload, signature) of bytes that are the one encoding of an envelope."""
    try:
        value = plain(parse(data))
        payload, sig = unbase64(value['payload']), unbase64(value['signatures'][0]['sig'])
    except (ValueError, KeyError, IndexError, TypeError):
        raise Refused('envelope-form')
    if not payload or not 1 <= len(sig) <= 72 or encode(envelope_of(payload, sig)) != data:
        raise Refused('envelope-form')
    if len(payload) > LIMITS['payload, bytes']:
        raise Refused('envelope-size')
    return payload, sig
