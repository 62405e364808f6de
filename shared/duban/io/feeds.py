"""What a process follows while it runs: the packs that are published, the sources, and the clock where it is driven."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from duban.clock import Clock, DrivenClock
from duban.errors import PackError
from duban.io import mishaps
from duban.io.service import Shell
from duban.io.settings import Settings
from duban.io.tail import Tail
from duban.messages.contacts import CONTACTS, RegisteredContact, RegisteredRota
from duban.messages.delivery import Delivery
from duban.messages.envelope import AnyPayload
from duban.messages.notices import TICKS, Tick
from duban.messages.sources import SOURCES, RegisteredSource
from duban.policy import PACKS, PolicyPack, PublishedCalendar
from duban.policy.laws import unusable
from duban.policy.library import Library

D = TypeVar("D", bound=AnyPayload)


async def follow(shell: Shell[Any], tail: Tail[D], take: Callable[[Delivery[D]], Awaitable[None]]) -> None:
    """Have ``take`` hear everything on ``tail``; returns when it has heard what was there already."""
    following = asyncio.create_task(tail.run(take))
    caught_up = asyncio.create_task(tail.caught_up())
    await asyncio.wait({following, caught_up}, return_when=asyncio.FIRST_COMPLETED)
    if following.done():
        caught_up.cancel()
        following.result()

    async def go_on() -> None:
        await following

    shell.follow(go_on)


async def follow_packs(shell: Shell[Any], *, needed: bool = True) -> Library:
    """The library of all packs published so far; it goes on taking in what is published while the service runs.

    Where one is ``needed``, the service is not ready before there is any.
    """
    library = Library()
    tail: Tail[PolicyPack | PublishedCalendar] = Tail(shell.settings, [PolicyPack.TOPIC], PACKS)

    async def take(delivered: Delivery[PolicyPack | PublishedCalendar]) -> None:
        published = delivered.message.data
        if isinstance(published, PolicyPack) and (breach := unusable(published)) is not None:
            raise PackError(f"{published.ref} on {delivered.topic}", *breach)
        library.add(published)

    await follow(shell, tail, take)
    if needed:
        shell.health.check("packs", lambda: bool(library.refs))
    return library


async def follow_sources(shell: Shell[Any], put: Callable[[RegisteredSource], None]) -> None:
    """Have ``put`` hear of every source registered so far, and go on with what ``duban source`` changes."""
    tail = Tail(shell.settings, [RegisteredSource.TOPIC], SOURCES)

    async def take(delivered: Delivery[RegisteredSource]) -> None:
        put(delivered.message.data)

    await follow(shell, tail, take)


async def follow_contacts(
    shell: Shell[Any], put: Callable[[RegisteredContact | RegisteredRota], Awaitable[None]]
) -> None:
    """Have ``put`` hear of every contact and every rota there is, and go on with what ``duban contact`` changes."""
    tail: Tail[RegisteredContact | RegisteredRota] = Tail(shell.settings, [RegisteredContact.TOPIC], CONTACTS)

    async def take(delivered: Delivery[RegisteredContact | RegisteredRota]) -> None:
        await put(delivered.message.data)

    await follow(shell, tail, take)


def clock_of(settings: Settings) -> Clock:
    """The clock that the settings name; a driven one stands at its beginning until ticks move it."""
    return DrivenClock() if settings.clock == "driven" else mishaps.clock()


async def follow_clock(shell: Shell[Any]) -> Clock:
    """The clock that the settings name; a driven one shows its last tick, and moves with those to come."""
    clock = clock_of(shell.settings)
    if isinstance(clock, DrivenClock):
        driven: DrivenClock = clock
        tail: Tail[Tick] = Tail(shell.settings, [Tick.TOPIC], TICKS)

        async def take(delivered: Delivery[Tick]) -> None:
            driven.tick(delivered.message.data.at)

        await follow(shell, tail, take)
    return clock
