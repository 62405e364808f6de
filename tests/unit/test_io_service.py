"""A service ends when it is told to, whatever its parts wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from duban.io.consumer import Delivery, Runner, Source
from duban.io.health import Health
from duban.io.publisher import Publisher
from duban.io.service import Shell
from duban.io.settings import Settings
from duban.messages.envelope import Record

#: Nobody listens there.
SETTINGS = Settings(kafka="127.0.0.1:1", drain_timeout=0.05)


class Deaf:
    """A part that waits for a dependency and hears no stop."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def run(self) -> None:
        self.begun.set()
        await asyncio.Event().wait()

    def stop(self) -> None: ...


class Broken(Deaf):
    """A part that fails."""

    async def run(self) -> None:
        raise RuntimeError("the sweep fell over")


async def nothing(batch: Sequence[Delivery[Any]]) -> list[Record]:
    return []


def shell() -> Shell[Settings]:
    return Shell("notes", SETTINGS, Publisher(SETTINGS), Health("notes"), None)


async def test_a_part_that_hears_no_stop_is_broken_off_after_the_drain_time_out() -> None:
    notes, part = shell(), Deaf()
    notes.run(part)
    living = asyncio.create_task(notes.live())
    await part.begun.wait()
    notes.stop()
    async with asyncio.timeout(30):
        await living


async def test_the_failure_of_a_part_is_raised_though_another_hears_no_stop() -> None:
    notes = shell()
    notes.run(Deaf())
    notes.run(Broken())
    async with asyncio.timeout(30):
        with pytest.raises(RuntimeError, match="fell over"):
            await notes.live()


async def test_a_runner_that_waits_for_its_broker_ends_when_it_is_stopped() -> None:
    runner = Runner(SETTINGS, "notes", [Source(("test.notes",), {}, nothing)], Publisher(SETTINGS))
    running = asyncio.create_task(runner.run())
    await asyncio.sleep(0)
    runner.stop()
    async with asyncio.timeout(30):
        await running
