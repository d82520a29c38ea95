"""ML-DSA-44 verification (FIPS 204, algorithms 3 and 8), as it stands there and in no hurry."""

import hashlib

Q, D, TAU, GAMMA1, GAMMA2, K, L, OMEGA = 8380417, 13, 39, 1 << 17, 95232, 4, 4, 80
BETA = TAU * 2
KEY_BYTES, SIGNATURE_BYTES = 32 + K * 320, 32 + L * 576 + OMEGA + K


def _zetas():
    out = []
    for m in range(256):
        out.append(pow(1753, int('{:08b}'.format(m)[::-1], 2), Q))
    return out


ZETAS = _zetas()


def _ntt(w):
    w, m, n = list(w), 0, 128
    while n >= 1:
        for start in range(0, 256, 2 * n):
            m += 1
            z = ZETAS[m]
            for j in range(start, start + n):
                t = z * w[j + n] % Q
                w[j + n], w[j] = (w[j] - t) % Q, (w[j] + t) % Q
        n //= 2
    return w


def _inverse(w):
    w, m, n = list(w), 256, 1
    while n < 256:
        for start in range(0, 256, 2 * n):
            m -= 1
            z = Q - ZETAS[m]
            for j in range(start, start + n):
                t = w[j]
                w[j], w[j + n] = (t + w[j + n]) % Q, z * (t - w[j + n]) % Q
        n *= 2
    return [x * 8347681 % Q for x in w]


def _unpack(data, bits):
    number, mask = int.from_bytes(data, 'little'), (1 << bits) - 1
    return [number >> i * bits & mask for i in range(256)]


def _uniform(seed):
    """RejNTTPoly: a polynomial in the NTT domain."""
    size = 840
    while True:
        stream, out = hashlib.shake_128(seed).digest(size), []
        for i in range(0, size - 2, 3):
            x = stream[i] | stream[i + 1] << 8 | (stream[i + 2] & 0x7f) << 16
            if x < Q:
                out.append(x)
                if len(out) == 256:
                    return out
        size *= 2


def _ball(seed):
    """SampleInBall: the challenge, TAU coefficients of which are 1 or -1."""
    size = 272
    while True:
        stream, c, at = hashlib.shake_256(seed).digest(size), [0] * 256, 8
        signs = int.from_bytes(stream[:8], 'little')
        for i in range(256 - TAU, 256):
            while at < size and stream[at] > i:
                at += 1
            if at == size:
                break
            j = stream[at]
            at += 1
            c[i] = c[j]
            c[j] = Q - 1 if signs >> (i + TAU - 256) & 1 else 1
        else:
            return c
        size *= 2


def _hints(data):
    """HintBitUnpack: where the hints are set, or None."""
    out, index = [], 0
    for i in range(K):
        end = data[OMEGA + i]
        if not index <= end <= OMEGA:
            return None
        places = data[index:end]
        if any(a >= b for a, b in zip(places, places[1:])):
            return None
        out.append(set(places))
        index = end
    return None if any(data[index:OMEGA]) else out


def _use_hint(hinted, r):
    r0 = r % (2 * GAMMA2)
    if r0 > GAMMA2:
        r0 -= 2 * GAMMA2
    if r - r0 == Q - 1:
        r1, r0 = 0, r0 - 1
    else:
        r1 = (r - r0) // (2 * GAMMA2)
    if not hinted:
        return r1
    return (r1 + (1 if r0 > 0 else -1)) % ((Q - 1) // (2 * GAMMA2))


def holds(key, signature, message):
    """Whether the signature of the message is of this key, with an empty context."""
    if len(key) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    challenge, hints = signature[:32], _hints(signature[32 + L * 576:])
    z = [[GAMMA1 - x for x in _unpack(signature[32 + i * 576:32 + (i + 1) * 576], 18)] for i in range(L)]
    if hints is None or any(abs(x) >= GAMMA1 - BETA for poly in z for x in poly):
        return False
    rho = key[:32]
    t1 = [_unpack(key[32 + i * 320:32 + (i + 1) * 320], 10) for i in range(K)]
    mu = hashlib.shake_256(hashlib.shake_256(key).digest(64) + b'\0\0' + message).digest(64)
    c, z = _ntt(_ball(challenge)), [_ntt([x % Q for x in poly]) for poly in z]
    packed = b''
    for i in range(K):
        t = _ntt([(x << D) % Q for x in t1[i]])
        total = [-a * b for a, b in zip(c, t)]
        for j in range(L):
            row = _uniform(rho + bytes([j, i]))
            total = [x + a * b for x, a, b in zip(total, row, z[j])]
        w = _inverse([x % Q for x in total])
        high = [_use_hint(n in hints[i], x) for n, x in enumerate(w)]
        packed += sum(x << 6 * n for n, x in enumerate(high)).to_bytes(192, 'little')
    return hashlib.shake_256(mu + packed).digest(32) == challenge
