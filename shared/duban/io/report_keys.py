"""The keys under which parts of reports are sealed: one for each report, wrapped by a master key from a file.

A key seals one text alone, so the same report that comes again gives the same bytes. What is wrapped and what is sealed
is bound to its report; padding hides how long a text is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self
from uuid import UUID

from pydantic import Field

from duban.io.key_file import make_sealing_key, read_sealing_keys
from duban.io.settings import Settings
from duban.messages.sealed import WrappedKey
from duban.seal import HeldKeys, SealingKey, decrypted, encrypted_once, new_key, secrets_in

_ROOM: Final = "reports"
_WRAP: Final = "wrap"
_WRAP_FILE: Final = "wrap file"
_SETTING: Final = "DUBAN_REPORT_KEY"
_BLOCK: Final = 256


class ReportKeys:
    """The master keys of one file: the first wraps, all unwrap."""

    def __init__(self, secrets: list[bytes]) -> None:
        self._held: Final = HeldKeys([SealingKey(secret, _ROOM) for secret in secrets], _SETTING)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The keys in ``text``, base64, parted by commas.

        Raises:
            ValueError: naming the place of the key that is none; never the key.
        """
        return cls(secrets_in(text.strip()))

    @classmethod
    def load(cls, file: Path) -> Self:
        """The keys in ``file``.

        Raises:
            SettingsError: it cannot be read, others may read it, or it holds none; says what to do.
        """
        return cls(read_sealing_keys(file, "the reports"))

    @classmethod
    def made(cls, file: Path) -> Self:
        """The keys in ``file``, one drawn now if there is none."""
        make_sealing_key(file)
        return cls.load(file)

    def fresh(self, about: UUID) -> WrappedKey:
        """A new key for the report ``about``."""
        return WrappedKey(self._held.first.id, self._held.first.seal(_WRAP, new_key(), about.bytes))

    def seal(self, key: WrappedKey, about: UUID, part: bytes) -> bytes:
        """``part`` of the report ``about`` under its key: the same for the same.

        Raises:
            Unsealable: the master key of ``key`` is not here.
        """
        padded = part.ljust(-(-len(part) // _BLOCK) * _BLOCK)
        return encrypted_once(self.unwrapped(key, about), padded, about.bytes)

    def open(self, key: WrappedKey, about: UUID, sealed: bytes) -> bytes:
        """What :meth:`seal` sealed, with its padding of blanks.

        Raises:
            Unsealable: with what may be the matter.
        """
        return decrypted(self.unwrapped(key, about), sealed, about.bytes)

    def unwrapped(self, key: WrappedKey, about: UUID) -> bytes:
        """The key itself.

        Raises:
            Unsealable: with what may be the matter.
        """
        return self._held.named(key.key_id).unseal(_WRAP, key.wrapped, about.bytes)

    def fresh_of_file(self, sha256: str) -> WrappedKey:
        """A new key for the file ``sha256``."""
        return WrappedKey(self._held.first.id, self._held.first.seal(_WRAP_FILE, new_key(), sha256.encode()))

    def key_of_file(self, key: WrappedKey, sha256: str) -> bytes:
        """The key of a file itself.

        Raises:
            Unsealable: with what may be the matter.
        """
        return self._held.named(key.key_id).unseal(_WRAP_FILE, key.wrapped, sha256.encode())


class ReportKeySettings(Settings):
    """What a process is told that seals reports or shows them."""

    report_key: Path | None = Field(
        None,
        description="File with the master keys under which reports are sealed, 32 bytes in base64, parted by lines or "
        "commas: the first seals, all open; empty: reports that a pack has sealed wait, and nobody is shown what is "
        "sealed",
    )

    def report_keys(self) -> ReportKeys | None:
        """The keys; None where no file is named.

        Raises:
            SettingsError: as with :meth:`ReportKeys.load`.
        """
        return ReportKeys.load(self.report_key) if self.report_key else None
