"""The process in which a past is played under another policy: it gets all that it needs, and says how far it is."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from importlib.util import find_spec
from typing import Any, Final

import orjson

from duban.policy import PolicyPack, PublishedCalendar
from duban.policy.library import Library

#: What is started: a program of its own, of which this one imports nothing.
_MODULE: Final = "duban_simulation"
#: What it may take, in bytes.
MEMORY: Final = 700 << 20
#: A line that it says is no longer than this, in bytes.
_LONGEST_LINE: Final = 1 << 24


def is_installed() -> bool:
    """Whether there is anything to start."""
    return find_spec(_MODULE) is not None


def order(pack: PolicyPack, library: Library, until: datetime) -> bytes:
    """The line that says what is played: ``pack`` up to ``until``, and what ``library`` holds of its city.

    Its calendar is there.
    """
    calendar = library.calendar(pack.time.calendar)
    assert calendar is not None
    return orjson.dumps(
        {
            "pack": _plain(pack),
            "calendar": _plain(PublishedCalendar(notice=calendar)),
            "published": [_plain(document) for document in _of_city(library, pack.jurisdiction)],
            "jurisdiction": pack.jurisdiction,
            "until": until.isoformat(),
            "memory": MEMORY,
        }
    )


async def played(order: bytes, events: AsyncIterator[bytes], say: Callable[[dict[str, Any]], None]) -> None:
    """Have it played; ``say`` is given each line that the process says. Whoever cancels this ends the process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-m", _MODULE, stdin=PIPE, stdout=PIPE, limit=_LONGEST_LINE,
        env={"LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_fed(process, order, events))
            both.create_task(_heard(process, say))
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _fed(process: Process, order: bytes, events: AsyncIterator[bytes]) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(order + b"\n")
        async for lines in events:
            process.stdin.write(lines)
            await process.stdin.drain()
        process.stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        return  # it has ended, and has said why, or will not


async def _heard(process: Process, say: Callable[[dict[str, Any]], None]) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        say(orjson.loads(line))


def _of_city(library: Library, jurisdiction: str) -> Iterator[PolicyPack | PublishedCalendar]:
    packs = [pack for pack in library.packs if pack.jurisdiction == jurisdiction]
    for name in sorted({pack.time.calendar for pack in packs}):
        notice = library.calendar(name)
        if notice is not None:
            yield PublishedCalendar(notice=notice)
    yield from packs


def _plain(document: PolicyPack | PublishedCalendar) -> dict[str, Any]:
    return document.model_dump(mode="json", exclude_none=True, exclude_unset=True)
