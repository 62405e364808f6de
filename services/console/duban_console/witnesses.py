"""The witnesses of an auditor, which ledger and log are compared with: topics, and a file that was kept elsewhere."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from duban.errors import DubanError, Undecodable
from duban.io.anchor_key import is_signed_with
from duban.io.decode import delivery
from duban.io.tail import present_records
from duban.messages.anchors import ANCHORS, Anchor, Head
from duban.messages.events import TOLD, LedgerEvent, Told
from duban.messages.struct import flaw_of, from_json
from duban_console.kafka.topic_reader import away, looking, topics_of

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

    from duban.io.settings import Settings


class UnusableFile(DubanError):
    """A file that holds no anchors and no heads, with the line that is wrong and what to do."""


def signed_with(keys: Sequence[str]) -> Callable[[Anchor], bool]:
    """Whether an anchor bears a good signature of one of ``keys``; without any, of the key that it names itself."""
    return lambda anchor: any(is_signed_with(anchor, key) for key in keys or [anchor.key or ""])


def kept(file: Path) -> Iterator[tuple[int, Anchor | Head]]:
    """What stands in ``file``, with the number of its line: anchors, or heads.

    Raises:
        UnusableFile: it cannot be read, or a line is neither.
    """
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                yield number, _of_line(file, number, line)
    except OSError as error:
        raise UnusableFile(f"{file} cannot be read: {error.strerror}") from None


def _of_line(file: Path, number: int, line: bytes) -> Anchor | Head:
    try:
        return from_json(line, Anchor) if b'"chain"' in line else from_json(line, Head)
    except (msgspec.DecodeError, RecursionError) as error:
        why = f"{file}, line {number}: {flaw_of(error)}"
        raise UnusableFile(f"{why}; write the file with `duban ledger anchors` or `duban ledger heads`") from None


async def anchors_on_topic(settings: Settings) -> AsyncGenerator[tuple[str, Anchor], None]:
    """Every anchor that the topic has now, with where it lies, in order."""
    async with aclosing(_present(settings, Anchor.TOPIC, {})) as records:
        async for record in records:
            try:
                anchor = delivery(record, ANCHORS).message.data
            except Undecodable:
                continue
            yield f"{record.topic} {record.partition}:{record.offset}", anchor


async def told(settings: Settings, since: dict[int, int]) -> AsyncGenerator[Head, None]:
    """Every event that the topic tells now, from the offsets ``since`` on, which are moved on to what was read."""
    async with aclosing(_present(settings, LedgerEvent.TOPIC, dict(since))) as records:
        async for record in records:
            since[record.partition] = record.offset + 1
            try:
                data = delivery(record, TOLD).message.data
                if isinstance(data, Told):
                    yield Head(record=data.event.problem_id, version=data.event.version, hash=data.hash)
            except Undecodable:
                continue


async def tells_all(settings: Settings) -> bool:
    """Whether the topic of events still has its first record: nothing that it told has been removed."""
    if LedgerEvent.TOPIC not in await topics_of(settings):
        return False
    async with looking(settings, [LedgerEvent.TOPIC]) as consumer:
        return not any((await consumer.beginning_offsets(sorted(consumer.assignment()))).values())


async def _present(
    settings: Settings, topic: str, since: Mapping[int, int]
) -> AsyncGenerator[ConsumerRecord[bytes, bytes], None]:
    """What ``topic`` has now; nothing where there is no such topic, and words for people where no broker answers."""
    if topic not in await topics_of(settings):
        return
    try:
        async with aclosing(present_records(settings, topic, since)) as records:
            async for record in records:
                yield record
    except Exception as error:
        raise away(error, settings) from error
