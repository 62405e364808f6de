"""Sealing: each contact under a data key of its own, each data key under a master key, both bound to the report.

AES-256-GCM throughout. What else a master key is for (claim codes, fingerprints) goes by keys derived from it, so that
no use says anything about another. Nothing here reads a clock or a store; only random bytes are drawn.
"""

from __future__ import annotations

import hmac
import os
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from duban.errors import DubanError
from duban.messages.handle import written
from duban_intake.vault.contact import Bound, Contact

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
#: A sealed contact is padded to a multiple of this, or its length would say how long a name is.
_BLOCK: Final = 256
#: How a sealed letter begins.
_LETTER: Final = b"duban-sealed-letter-1"
_HOW: Final = "give 32 random bytes in base64, as `openssl rand -base64 32` writes them; several are parted by commas"


class Unsealable(DubanError):
    """A sealed contact that does not open: another key, another report's, or changed since it was sealed."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A contact that only the holder of the master key ``key_id`` opens; ``fingerprint`` tells a repeated one."""

    key_id: str
    fingerprint: bytes
    wrapped: bytes
    body: bytes


class MasterKey:
    """Thirty-two bytes from which the keys for each use are derived; ``id`` names it and gives nothing away."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.id: Final = self._derived("key id").hex()[:16]

    def _derived(self, use: str) -> bytes:
        return _hmac(self._secret, f"duban vault 1: {use}".encode())

    def wrap(self, data_key: bytes, bound: Bound) -> bytes:
        """``data_key``, for the report ``bound`` alone."""
        return _encrypted(self._derived("wrap"), data_key, self._about(bound))

    def unwrap(self, wrapped: bytes, bound: Bound) -> bytes:
        """The data key; raises Unsealable."""
        return _decrypted(self._derived("wrap"), wrapped, self._about(bound))

    def fingerprint(self, contact: Contact, bound: Bound) -> bytes:
        """The same for the same contact of the same report; to anyone without the key it says nothing."""
        return _hmac(self._derived("fingerprint"), bound.canonical() + contact.canonical())

    def seal_letter(self, letter: bytes) -> bytes:
        """``letter`` for whoever has this key."""
        return _encrypted(self._derived("letter"), letter, self.id.encode())

    def alias(self, source: str, report_id: str) -> str:
        """The same for the same id of the same source; without the key nobody tries out which id it is."""
        return _hmac(self._derived("alias"), f"{source}\x1f{report_id}".encode()).hex()[:32]

    def open_letter(self, sealed: bytes) -> bytes:
        """The letter; raises Unsealable."""
        return _decrypted(self._derived("letter"), sealed, self.id.encode())

    def code(self, source: str, report_id: str, digest: bytes) -> str:
        """The claim code of the report whose whole body, contact and secret included, has the SHA-256 ``told``."""
        return written(_hmac(self._derived("claim code"), f"{source}\x1f{report_id}\x1f{digest.hex()}".encode()))

    def _about(self, bound: Bound) -> bytes:
        return self.id.encode() + bound.canonical()


class Keyring:
    """The master keys that are held: the first seals, all open, the last makes the claim codes.

    Codes come from the last, the oldest, so that a report sent again after a new key was put in front is the same.
    """

    def __init__(self, keys: Sequence[MasterKey]) -> None:
        self._keys: Final = {key.id: key for key in keys}
        self._first, self._last = keys[0], keys[-1]

    @classmethod
    def parse(cls, text: str) -> Keyring:
        """The keys in ``text``, base64, parted by commas.

        Raises:
            ValueError: naming the place of the key that is none; never the key.
        """
        secrets = [_secret(key.strip(), place) for place, key in enumerate(text.split(","), start=1)]
        if len(set(secrets)) < len(secrets):
            raise ValueError("the same key stands there twice; keep one")
        return cls([MasterKey(secret) for secret in secrets])

    def seal(self, contact: Contact, bound: Bound) -> Sealed:
        """``contact`` under a fresh data key, which exists only wrapped by the first master key."""
        data_key = os.urandom(_KEY_BYTES)
        text = contact.canonical()
        padded = text.ljust(-(-len(text) // _BLOCK) * _BLOCK)
        return Sealed(
            self._first.id,
            self._first.fingerprint(contact, bound),
            self._first.wrap(data_key, bound),
            _encrypted(data_key, padded, bound.canonical()),
        )

    def unseal(self, sealed: Sealed, bound: Bound) -> Contact:
        """The contact.

        Raises:
            Unsealable: with what may be the matter.
        """
        data_key = self._key(sealed.key_id).unwrap(sealed.wrapped, bound)
        return Contact.model_validate_json(_decrypted(data_key, sealed.body, bound.canonical()))

    def alias(self, source: str, report_id: str) -> str:
        """An id in place of ``report_id``; see :meth:`MasterKey.alias`."""
        return self._last.alias(source, report_id)

    def seal_letter(self, letter: bytes) -> bytes:
        """``letter``, which may show who wrote it, as it may lie anywhere: after a line that names the key."""
        return b"%s %s\n%s" % (_LETTER, self._first.id.encode(), self._first.seal_letter(letter))

    def open_letter(self, sealed: bytes) -> bytes:
        """The letter in what :meth:`seal_letter` gave.

        Raises:
            Unsealable: with what may be the matter.
        """
        line, _, body = sealed.partition(b"\n")
        kind, _, key_id = line.partition(b" ")
        if kind != _LETTER:
            raise Unsealable("is no sealed letter: it does not begin with its mark")
        return self._key(key_id.decode("ascii", "replace")).open_letter(body)

    def same(self, contact: Contact, sealed: Sealed, bound: Bound) -> bool:
        """Whether ``contact`` is the one in ``sealed``, which stays closed; raises Unsealable without its key."""
        return hmac.compare_digest(self._key(sealed.key_id).fingerprint(contact, bound), sealed.fingerprint)

    def code(self, source: str, report_id: str, digest: bytes) -> str:
        """The claim code of a report; see :meth:`MasterKey.code`."""
        return self._last.code(source, report_id, digest)

    def _key(self, key_id: str) -> MasterKey:
        key = self._keys.get(key_id)
        if key is None:
            held = ", ".join(self._keys)
            raise Unsealable(
                f"sealed by the key {key_id}, and DUBAN_VAULT_KEY holds {held}; add the key that sealed it"
            )
        return key


def _secret(text: str, place: int) -> bytes:
    try:
        secret = b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        raise ValueError(f"key {place} is no base64; {_HOW}") from None
    if len(secret) != _KEY_BYTES:
        raise ValueError(f"key {place} has {len(secret)} bytes; {_HOW}")
    return secret


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, sha256)


def _encrypted(key: bytes, text: bytes, about: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, text, about)


def _decrypted(key: bytes, sealed: bytes, about: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
    except (InvalidTag, ValueError):
        say = "does not open: it was sealed for another report, or it has changed since; look into the table's history"
        raise Unsealable(say) from None
