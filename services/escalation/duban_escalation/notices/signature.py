"""Standard Webhooks signatures, version 1: HMAC-SHA256 over id, time stamp and body.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

_PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs with every secret it holds, so that a receiver accepts with the old or the new one while they change."""

    keys: Sequence[bytes] = field(repr=False)

    @classmethod
    def of(cls, secrets: str) -> Signer:
        """The signer with ``secrets``: one or several ``whsec_<base64>``, separated by spaces.

        Raises:
            ValueError: there is none, or one of them is no such secret; it is not repeated in the message.
        """
        keys = [_key(secret, number) for number, secret in enumerate(secrets.split(), start=1)]
        if not keys:
            raise ValueError("names no secret; give `whsec_` and 24 to 64 random bytes in base64")
        return cls(tuple(keys))

    def headers(self, id_: str, at: datetime, body: bytes) -> dict[str, str]:
        """The three headers that go with ``body``."""
        stamp = str(int(at.timestamp()))
        content = b".".join((id_.encode(), stamp.encode(), body))
        signatures = [f"v1,{b64encode(hmac.digest(key, content, sha256)).decode()}" for key in self.keys]
        return {"webhook-id": id_, "webhook-timestamp": stamp, "webhook-signature": " ".join(signatures)}


def _key(secret: str, number: int) -> bytes:
    try:
        key = b64decode(secret.removeprefix(_PREFIX), validate=True) if secret.startswith(_PREFIX) else b""
    except Error:
        key = b""
    if not 24 <= len(key) <= 64:
        raise ValueError(f"secret {number} is not `whsec_` and 24 to 64 bytes in base64")
    return key
