"""How long to wait for a dependency that is away."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import structlog

from duban.io.availability import is_unavailable
from duban.io.metrics import RETRIES

T = TypeVar("T")
_log = structlog.get_logger(__name__)


def backoff(first: float = 0.1, most: float = 5.0) -> Iterator[float]:
    """Seconds to wait: doubling from ``first`` to ``most``, with jitter, so that members do not come back at once."""
    delay = first
    while True:
        yield delay * random.uniform(0.5, 1.0)  # noqa: S311
        delay = min(most, delay * 2)


async def until_available(what: str, action: Callable[[], Awaitable[T]]) -> T:
    """What ``action`` returns, once its dependency is there; every other error passes through."""
    for delay in backoff():
        try:
            return await action()
        except Exception as error:
            if not is_unavailable(error):
                raise
            RETRIES.labels(what).inc()
            _log.warning("dependency unavailable", dependency=what, error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(delay)
    raise AssertionError("back-off never ends")
