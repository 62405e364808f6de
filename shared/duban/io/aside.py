"""How dead letters are laid aside, also of records that turn out to be nobody's after their offsets were committed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from duban.errors import RecordTooLarge
from duban.io.dead_letters import DeadLetter, dead_letter, tell, without_value
from duban.io.publisher import Publisher

_log = structlog.get_logger(__name__)


async def lay_aside(letters: Sequence[DeadLetter], publish: Callable[[Sequence[DeadLetter]], Awaitable[None]]) -> None:
    """Publish ``letters``; what its topic will not take at all goes without its bytes, which lie where it came.

    Raises:
        RecordTooLarge: one cannot be laid aside, though all but its reason was left out.
    """
    try:
        await publish(letters)
    except RecordTooLarge as error:
        _log.error("dead letters too large for their topic go without their bytes", error=str(error))
        for letter in letters:
            try:
                await publish([letter])
            except RecordTooLarge:
                await publish([without_value(letter)])


@dataclass(frozen=True, slots=True)
class Committed:
    """A record with where it lies, and why nobody will have it; ``code`` is a short stable word."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    error: Exception
    code: str


class Aside:
    """Lays records aside for ``group``, as its runner does with what it could not handle."""

    def __init__(self, publisher: Publisher, group: str, most_bytes: int) -> None:
        self._publisher = publisher
        self._group = group
        self._most_bytes = most_bytes

    async def __call__(self, records: Sequence[Committed]) -> None:
        """Publish the dead letters of ``records``; what their topic will not take goes without its bytes.

        Raises:
            Unavailable: the broker is away; laying the same records aside again is right.
        """
        letters = [
            dead_letter(
                record, self._group, record.error, code=record.code, attempts=1, retryable=True,
                most_bytes=self._most_bytes,
            )
            for record in records
        ]  # fmt: skip
        await lay_aside(letters, self._publisher.publish)
        for record in records:
            tell(record, self._group, record.error, record.code)
