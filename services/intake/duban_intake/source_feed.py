"""The sources as a process of intake follows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from duban.io import feeds
from duban.io.service import Shell
from duban.messages.sources import RegisteredSource
from duban_intake.sources.registry import SourceRegistry


async def follow_sources(shell: Shell[Any], changed: Callable[[], None] = lambda: None) -> SourceRegistry:
    """The sources registered so far; it takes in what ``duban source`` changes, and calls ``changed`` then."""
    registry = SourceRegistry()

    def put(source: RegisteredSource) -> None:
        registry.put(source)
        changed()

    await feeds.follow_sources(shell, put)
    return registry
