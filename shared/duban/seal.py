"""Sealing: what only the holder of a key opens, bound to what it is about (AES-256-GCM).

A key of a process is thirty-two bytes, from which a key for each use is derived (HMAC-SHA-256), so that no use says
anything about another. Nothing here reads a clock, a file or a store; only random bytes are drawn.
"""

from __future__ import annotations

import hmac
import os
from base64 import b64decode
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, Generic, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from duban.errors import DubanError

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
#: Of a key that is used once.
_ONLY_NONCE: Final = bytes(_NONCE_BYTES)
_HOW: Final = "give 32 random bytes in base64, as `openssl rand -base64 32` writes them; several are parted by commas"


class Unsealable(DubanError):
    """Something sealed that does not open: another key, about something else, or changed since it was sealed."""


def new_key() -> bytes:
    """A key that nobody can guess."""
    return os.urandom(KEY_BYTES)


def encrypted(key: bytes, text: bytes, about: bytes) -> bytes:
    """``text`` under ``key``, readable only together with the same ``about``, which is not in it."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, text, about)


def decrypted(key: bytes, sealed: bytes, about: bytes) -> bytes:
    """The text in what :func:`encrypted` gave.

    Raises:
        Unsealable: with what may be the matter.
    """
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
    except (InvalidTag, ValueError):
        say = "does not open: it was sealed for another one, or it has changed since; look into the table's history"
        raise Unsealable(say) from None


def encrypted_once(key: bytes, text: bytes, about: bytes) -> bytes:
    """``text`` under a ``key`` that seals nothing else, ever: the same text gives the same bytes."""
    return _ONLY_NONCE + AESGCM(key).encrypt(_ONLY_NONCE, text, about)


class SealingKey:
    """Thirty-two bytes from which the keys for each use in one ``room`` are derived; ``id`` gives nothing away."""

    def __init__(self, secret: bytes, room: str) -> None:
        self._secret, self._room = secret, room
        self.id: Final = self.derived("key id").hex()[:16]

    def derived(self, use: str) -> bytes:
        """The key for ``use`` alone."""
        return hmac.digest(self._secret, f"duban {self._room} 1: {use}".encode(), sha256)

    def seal(self, use: str, text: bytes, about: bytes) -> bytes:
        """``text`` for ``use``, bound to this key and to ``about``."""
        return encrypted(self.derived(use), text, self.id.encode() + about)

    def unseal(self, use: str, sealed: bytes, about: bytes) -> bytes:
        """The text in what :meth:`seal` gave; raises Unsealable."""
        return decrypted(self.derived(use), sealed, self.id.encode() + about)


K = TypeVar("K", bound=SealingKey)


class HeldKeys(Generic[K]):
    """The keys that a process holds by ``setting``: the ``first`` seals, all open, the ``last`` is the oldest."""

    def __init__(self, keys: Sequence[K], setting: str) -> None:
        self._keys: Final = {key.id: key for key in keys}
        self._setting = setting
        self.first, self.last = keys[0], keys[-1]

    def named(self, key_id: str) -> K:
        """The key ``key_id``.

        Raises:
            Unsealable: it is not held; says which are.
        """
        key = self._keys.get(key_id)
        if key is None:
            held = f"{self._setting} holds {', '.join(self._keys)}"
            raise Unsealable(f"sealed by the key {key_id}, and {held}; add the key that sealed it")
        return key


def secrets_in(text: str) -> list[bytes]:
    """The keys in ``text``, base64, parted by commas, the one that seals first.

    Raises:
        ValueError: naming the place of the key that is none; never the key.
    """
    secrets = [_secret(key.strip(), place) for place, key in enumerate(text.split(","), start=1)]
    if len(set(secrets)) < len(secrets):
        raise ValueError("the same key stands there twice; keep one")
    return secrets


def _secret(text: str, place: int) -> bytes:
    try:
        secret = b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        raise ValueError(f"key {place} is no base64; {_HOW}") from None
    if len(secret) != KEY_BYTES:
        raise ValueError(f"key {place} has {len(secret)} bytes; {_HOW}")
    return secret
