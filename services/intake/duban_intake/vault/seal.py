"""Sealing in the vault: each contact under a data key of its own, that under a master key, both bound to the report.

What else a master key is for (claim codes, fingerprints) goes by keys derived from it, so that no use says anything
about another. Nothing here reads a clock or a store; only random bytes are drawn.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from duban.messages.handle import written
from duban.seal import HeldKeys, SealingKey, Unsealable, decrypted, encrypted, new_key, secrets_in
from duban_intake.vault.contact import Bound, Contact

_ROOM: Final = "vault"
#: A sealed contact is padded to a multiple of this, or its length would say how long a name is.
_BLOCK: Final = 256
#: How a sealed letter begins.
_LETTER: Final = b"duban-sealed-letter-1"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A contact that only the holder of the master key ``key_id`` opens; ``fingerprint`` tells a repeated one."""

    key_id: str
    fingerprint: bytes
    wrapped: bytes
    body: bytes


class MasterKey(SealingKey):
    """A key of the vault."""

    def __init__(self, secret: bytes) -> None:
        super().__init__(secret, _ROOM)

    def wrap(self, data_key: bytes, bound: Bound) -> bytes:
        """``data_key``, for the report ``bound`` alone."""
        return self.seal("wrap", data_key, bound.canonical())

    def unwrap(self, wrapped: bytes, bound: Bound) -> bytes:
        """The data key; raises Unsealable."""
        return self.unseal("wrap", wrapped, bound.canonical())

    def fingerprint(self, contact: Contact, bound: Bound) -> bytes:
        """The same for the same contact of the same report; to anyone without the key it says nothing."""
        return self._digest("fingerprint", bound.canonical() + contact.canonical())

    def seal_letter(self, letter: bytes) -> bytes:
        """``letter`` for whoever has this key."""
        return self.seal("letter", letter, b"")

    def alias(self, source: str, report_id: str) -> str:
        """The same for the same id of the same source; without the key nobody tries out which id it is."""
        return self._digest("alias", f"{source}\x1f{report_id}".encode()).hex()[:32]

    def open_letter(self, sealed: bytes) -> bytes:
        """The letter; raises Unsealable."""
        return self.unseal("letter", sealed, b"")

    def code(self, source: str, report_id: str, digest: bytes) -> str:
        """The claim code of the report whose whole body, contact and secret included, has the SHA-256 ``told``."""
        return written(self._digest("claim code", f"{source}\x1f{report_id}\x1f{digest.hex()}".encode()))

    def _digest(self, use: str, text: bytes) -> bytes:
        return hmac.digest(self.derived(use), text, sha256)


class Keyring:
    """The master keys that are held: the first seals, all open, the last makes the claim codes.

    Codes come from the last, the oldest, so that a report sent again after a new key was put in front is the same.
    """

    def __init__(self, keys: Sequence[MasterKey]) -> None:
        self._held: Final = HeldKeys(keys, "DUBAN_VAULT_KEY")

    @classmethod
    def parse(cls, text: str) -> Keyring:
        """The keys in ``text``, base64, parted by commas.

        Raises:
            ValueError: naming the place of the key that is none; never the key.
        """
        return cls([MasterKey(secret) for secret in secrets_in(text)])

    def seal(self, contact: Contact, bound: Bound) -> Sealed:
        """``contact`` under a fresh data key, which exists only wrapped by the first master key."""
        data_key, key = new_key(), self._held.first
        text = contact.canonical()
        padded = text.ljust(-(-len(text) // _BLOCK) * _BLOCK)
        return Sealed(
            key.id,
            key.fingerprint(contact, bound),
            key.wrap(data_key, bound),
            encrypted(data_key, padded, bound.canonical()),
        )

    def unseal(self, sealed: Sealed, bound: Bound) -> Contact:
        """The contact.

        Raises:
            Unsealable: with what may be the matter.
        """
        data_key = self._held.named(sealed.key_id).unwrap(sealed.wrapped, bound)
        return Contact.model_validate_json(decrypted(data_key, sealed.body, bound.canonical()))

    def alias(self, source: str, report_id: str) -> str:
        """An id in place of ``report_id``; see :meth:`MasterKey.alias`."""
        return self._held.last.alias(source, report_id)

    def seal_letter(self, letter: bytes) -> bytes:
        """``letter``, which may show who wrote it, as it may lie anywhere: after a line that names the key."""
        key = self._held.first
        return b"%s %s\n%s" % (_LETTER, key.id.encode(), key.seal_letter(letter))

    def open_letter(self, sealed: bytes) -> bytes:
        """The letter in what :meth:`seal_letter` gave.

        Raises:
            Unsealable: with what may be the matter.
        """
        line, _, body = sealed.partition(b"\n")
        kind, _, key_id = line.partition(b" ")
        if kind != _LETTER:
            raise Unsealable("is no sealed letter: it does not begin with its mark")
        return self._held.named(key_id.decode("ascii", "replace")).open_letter(body)

    def same(self, contact: Contact, sealed: Sealed, bound: Bound) -> bool:
        """Whether ``contact`` is the one in ``sealed``, which stays closed; raises Unsealable without its key."""
        return hmac.compare_digest(self._held.named(sealed.key_id).fingerprint(contact, bound), sealed.fingerprint)

    def code(self, source: str, report_id: str, digest: bytes) -> str:
        """The claim code of a report; see :meth:`MasterKey.code`."""
        return self._held.last.code(source, report_id, digest)
