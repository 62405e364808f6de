"""The secrets of second factors are sealed where they lie, under a key that the database does not have.

The key is a file: 32 bytes in base64, or several in its lines while keys change, of which the first seals and all open.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from duban.io.key_file import make_sealing_key, read_sealing_keys
from duban.seal import HeldKeys, SealingKey, Unsealable

_ROOM: Final = "accounts"
_USE: Final = "second factor"
#: How the text of a sealed secret begins; the secret itself is base32, which has no colon.
_SEALED: Final = "sealed:"


class FactorSeal:
    """Seals and opens, bound to the account; whoever copies a secret into another row has nothing."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._held: Final = HeldKeys([SealingKey(secret, _ROOM) for secret in secrets], "DUBAN_ACCOUNTS_KEY")

    @classmethod
    def load(cls, file: Path) -> Self:
        """By the keys in ``file``.

        Raises:
            SettingsError: it cannot be read, others may read it, or it holds no key; says what to do.
        """
        return cls(read_sealing_keys(file, "the accounts"))

    @classmethod
    def made(cls, file: Path) -> Self:
        """By the key in ``file``, drawn now if there is none."""
        make_sealing_key(file)
        return cls.load(file)

    def sealed(self, account: str, secret: str) -> str:
        """``secret`` as it may lie in the row of ``account``; one that could not be opened stays as it is."""
        if is_sealed(secret):
            return secret
        body = self._held.first.seal(_USE, secret.encode(), account.encode())
        return f"{_SEALED}{self._held.first.id}:{b64encode(body).decode()}"

    def opened(self, account: str, text: str) -> str:
        """The secret in ``text``, or ``text`` where that is the secret, as earlier releases wrote it.

        Raises:
            Unsealable: with what may be the matter.
        """
        if not is_sealed(text):
            return text
        key_id, _, body = text.removeprefix(_SEALED).partition(":")
        try:
            sealed = b64decode(body, validate=True)
        except ValueError:
            raise Unsealable("is no sealed secret: somebody has changed it") from None
        return self._held.named(key_id).unseal(_USE, sealed, account.encode()).decode()

    def is_current(self, text: str) -> bool:
        """Whether the first key has sealed ``text``."""
        return text.startswith(f"{_SEALED}{self._held.first.id}:")


def is_sealed(text: str) -> bool:
    """Whether ``text`` is a sealed secret, and not the secret itself."""
    return text.startswith(_SEALED)


def opened_if_held(seal: FactorSeal | None, account: str, text: str) -> str:
    """The secret in ``text``; ``text`` as it is where its key is not here, as with who only lists accounts."""
    try:
        return text if seal is None else seal.opened(account, text)
    except Unsealable:
        return text
