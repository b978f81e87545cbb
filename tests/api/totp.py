"""Codes of a second factor, as RFC 6238 has them. A hub takes each once, so none is given twice."""

import base64
import hashlib
import hmac
import struct
import time

STEP_S = 30


def code(secret, step):
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
    at = digest[19] & 15
    word = struct.unpack(">I", digest[at : at + 4])[0] & 0x7FFFFFFF
    return f"{word % 1_000_000:06d}"


class Codes:
    """Those of a secret, from behind a step that was used."""

    def __init__(self, secret, used=0):
        self.secret = secret
        self.used = used

    def next(self, now=time.time, sleep=time.sleep):
        """The code of the first step that was not used; the one that begins next is taken early."""
        while True:
            here = int(now()) // STEP_S
            step = max(self.used + 1, here)
            if step <= here + 1:
                self.used = step
                return code(self.secret, step)
            sleep(1)
