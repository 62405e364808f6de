"""How long a command waits for a server that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from rich.markup import escape

from duban_cli.output import err, words_of

T = TypeVar("T")


async def waited_for(server: str, seconds: float, action: Callable[[], Awaitable[T]]) -> T:
    """What ``action`` returns, which may be done again; a ``server`` that is away is waited for, so long at most."""
    from duban.io.availability import is_unavailable
    from duban.io.backoff import backoff

    now = asyncio.get_running_loop().time
    until = now() + seconds
    for delay in backoff():
        try:
            return await action()
        except Exception as error:
            if not is_unavailable(error) or now() + delay > until:
                raise
            err().print(escape(f"the {server} is away: {words_of(error)}"))
        await asyncio.sleep(delay)
    raise AssertionError("back-off never ends")
