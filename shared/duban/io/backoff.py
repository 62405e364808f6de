"""How long to wait for a dependency that is away, and how to stop waiting."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator
from typing import Any, Final, TypeVar

import structlog

from duban.io.availability import is_unavailable, words_of
from duban.io.metrics import RETRIES

T = TypeVar("T")
_log = structlog.get_logger(__name__)

#: What this process waits for now: by dependency, in words.
waits: Final[dict[str, str]] = {}


def backoff(first: float = 0.1, most: float = 5.0) -> Iterator[float]:
    """Seconds to wait: doubling from ``first`` to ``most``, with jitter, so that members do not come back at once."""
    delay = first
    while True:
        yield delay * random.uniform(0.5, 1.0)  # noqa: S311
        delay = min(most, delay * 2)


async def until_available(what: str, action: Callable[[], Awaitable[T]]) -> T:
    """What ``action`` returns, once its dependency is there; every other error passes through."""
    try:
        for delay in backoff():
            try:
                return await action()
            except Exception as error:
                if not is_unavailable(error):
                    raise
                RETRIES.labels(what).inc()
                waits[what] = words_of(error)
                _log.warning("dependency unavailable", dependency=what, error=waits[what])
            await asyncio.sleep(delay)
        raise AssertionError("back-off never ends")
    finally:
        waits.pop(what, None)


async def until_stopped(stopping: asyncio.Event, action: Coroutine[object, object, T]) -> T | None:
    """What ``action`` returns, or None as soon as ``stopping`` is set: then it is cancelled, whatever it waits for."""
    acting = asyncio.create_task(action)
    stopped = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({acting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return acting.result() if acting.done() else None
    finally:
        await cancelled({acting, stopped})


async def rounds(
    stopping: asyncio.Event, what: str, action: Callable[[], Awaitable[object]], seconds_between: float
) -> None:
    """Do ``action`` again and again until ``stopping`` is set; what is away is waited for, as long as that."""
    while not stopping.is_set():
        await until_stopped(stopping, until_available(what, action))
        await until_stopped(stopping, asyncio.sleep(seconds_between))


async def cancelled(tasks: Collection[asyncio.Task[Any]], within: float = 2.0) -> None:
    """Cancel ``tasks`` and wait for them; one that does not end ``within`` so many seconds is left behind."""
    unfinished = {task for task in tasks if not task.done()}
    for _ in range(2):  # a client that gives back what it holds may wait for its dependency once more
        for task in unfinished:
            task.cancel()
        if unfinished:
            _, unfinished = await asyncio.wait(unfinished, timeout=within / 2)
