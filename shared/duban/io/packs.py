"""The packs that are published, kept up to date in a process."""

from __future__ import annotations

import asyncio
from typing import Any

from duban.clock import Clock, DrivenClock, SystemClock
from duban.io.delivering import Delivery
from duban.io.service import Shell
from duban.io.settings import Settings
from duban.io.tailing import Tail
from duban.policy import PACKS, PolicyPack, PublishedCalendar
from duban.policy.library import Library


async def follow_packs(shell: Shell[Any]) -> Library:
    """The library of all packs published so far; it goes on taking in what is published while the service runs."""
    library = Library()
    tail: Tail[PolicyPack | PublishedCalendar] = Tail(shell.settings, [PolicyPack.TOPIC], PACKS)

    async def take(delivered: Delivery[PolicyPack | PublishedCalendar]) -> None:
        library.add(delivered.message.data)

    following = asyncio.create_task(tail.run(take))

    async def follow() -> None:
        await following

    caught_up = asyncio.create_task(tail.caught_up())
    await asyncio.wait({following, caught_up}, return_when=asyncio.FIRST_COMPLETED)
    if following.done():
        caught_up.cancel()
        following.result()
    shell.follow(follow)
    shell.health.check("packs", lambda: bool(library.refs))
    return library


def clock_of(settings: Settings) -> Clock:
    """The clock that the settings name; a driven one stands at its beginning until ticks move it."""
    return DrivenClock() if settings.clock == "driven" else SystemClock()
