"""The registered sources as a process follows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from duban.io.feeds import follow
from duban.io.service import Shell
from duban.io.tail import Tail
from duban.messages.delivery import Delivery
from duban.messages.sources import SOURCES, RegisteredSource
from duban_intake.sources.registry import SourceRegistry


async def follow_sources(shell: Shell[Any], changed: Callable[[], None] = lambda: None) -> SourceRegistry:
    """The sources registered so far; it goes on taking in what ``duban source`` changes, and calls ``changed`` then."""
    registry = SourceRegistry()
    tail = Tail(shell.settings, [RegisteredSource.TOPIC], SOURCES)

    async def take(delivered: Delivery[RegisteredSource]) -> None:
        registry.put(delivered.message.data)
        changed()

    await follow(shell, tail, take)
    return registry
