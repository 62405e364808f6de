"""Files of evidence as they came: what lies sealed in the store is opened, where its key is there and not destroyed."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from duban.errors import Fault
from duban.io.evidence.sealed_file import is_sealed, opened, peeked, size_of
from duban.messages.sealed import WrappedKey
from duban.seal import Unsealable
from duban_console.ledger import HeldKey


class FileOpener(Protocol):
    """Knows the keys of files by the master key."""

    def key_of_file(self, key: WrappedKey, sha256: str) -> bytes:
        """The key of a file itself; raises Unsealable."""


class HoldsFileKeys(Protocol):
    """Knows what became of the keys of files."""

    async def file_key(self, sha256: str) -> HeldKey | None:
        """The key of a file that a sealed report speaks of; None where it speaks of none such."""


@dataclass(frozen=True, slots=True)
class EvidenceOpener:
    """Opens files by the keys that ``ledger`` knows of, with the master key of ``opener``, if there is one."""

    ledger: HoldsFileKeys
    opener: FileOpener | None

    async def bytes_of(self, sha256: str, pieces: Iterable[bytes]) -> tuple[Iterator[bytes], int | None]:
        """The bytes of the file that lies in the store as ``pieces``, and how many where it lies sealed.

        Raises:
            Fault: 410, its key is destroyed; 403, who shows it has no key.
            Unavailable: the keys cannot be asked for.
        """
        first, whole = await to_thread(peeked, pieces)
        if not is_sealed(first):
            return whole, None
        held = await self._held(sha256)
        if self.opener is None or held is None or held.key is None:
            raise Fault(403, "sealed", "it is sealed, and DUBAN_REPORT_KEY names no file with the key", "sha256")
        try:
            return opened(whole, self.opener.key_of_file(held.key, sha256), sha256), size_of(first)
        except Unsealable as error:
            raise Fault(403, "sealed", f"it is sealed, and no key that is held opens it: {error}", "sha256") from None

    async def check(self, sha256: str) -> None:
        """Refuse a file whose key is destroyed.

        Raises:
            Fault: 410.
            Unavailable: the keys cannot be asked for.
        """
        await self._held(sha256)

    async def _held(self, sha256: str) -> HeldKey | None:
        """What is known of the key of a file; refuses one that is destroyed."""
        held = await self.ledger.file_key(sha256)
        if held is not None and held.erased_at is not None:
            day = held.erased_at.date().isoformat()
            raise Fault(410, "erased", f"it was erased on {day}: its key is destroyed, and nobody reads it again")
        return held
