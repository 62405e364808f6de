"""Named service processes: started, waited for, restarted when they die, stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from duban_local.children import Child, Say, StackError, spawn, until

#: Seconds before the first restart and at most between two; who lived longer than the latter begins at the first again.
_FIRST, _LONGEST = 1.0, 10.0


@dataclass(frozen=True, slots=True)
class Service:
    """How one process is run: ``ready`` is a URL that answers 200 when it can work (``None``: as soon as it runs).

    ``withheld``: how the variables of our environment begin that are not for it.
    """

    name: str
    argv: Sequence[str | Path]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: str | None = None
    withheld: tuple[str, ...] = ()


class Supervisor:
    """Keeps ``services`` running until ``stop``; ``async with`` starts them and returns when all are ready.

    Started in the order given, all at once; stopped in reverse, each with SIGTERM and ``grace`` seconds, then killed.
    The output of each is appended to ``logs/<name>.log``.
    """

    def __init__(self, services: Iterable[Service], logs: Path, *, say: Say, grace: float = 20.0) -> None:
        self._services = tuple(services)
        self._logs = logs
        self._say = say
        self._grace = grace
        self._children: dict[str, Child] = {}
        self._watches: list[asyncio.Task[None]] = []
        self._restarts = {service.name: 0 for service in self._services}

    @property
    def pids(self) -> dict[str, int]:
        """The process id of every service that runs now."""
        return {name: child.pid for name, child in self._children.items() if child.exit_code is None}

    @property
    def restarts(self) -> dict[str, int]:
        """How often each service has been started again after it died."""
        return dict(self._restarts)

    def start(self) -> None:
        """Start all and watch over them; does not wait."""
        for service in self._services:
            self._spawn(service)
        self._watches = [
            asyncio.create_task(self._watch(service), name=f"watch {service.name}") for service in self._services
        ]

    async def wait_ready(self, within: float = 120.0) -> None:
        """Return when every service answers ready.

        Raises:
            StackError: naming the first that does not in time, with the last line of its log.
        """
        await asyncio.gather(*(self._ready(service, within) for service in self._services))

    async def stop(self) -> None:
        """Stop all in reverse order; harmless when nothing runs."""
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        self._watches = []
        for service in reversed(self._services):
            child = self._children.pop(service.name, None)
            if child is not None:
                await child.end(self._grace)
                self._say(service.name, "stopped")

    async def kill(self, name: str) -> int:
        """Kill a service as a crash would, without a word; it is started again. Returns the pid that died."""
        child = self._children[name]
        await child.kill()
        return child.pid

    async def __aenter__(self) -> Self:
        self.start()
        try:
            await self.wait_ready()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _spawn(self, service: Service) -> Child:
        def withheld(variable: str) -> bool:
            return variable.startswith(service.withheld)

        log = self._logs / f"{service.name}.log"
        child = spawn(service.name, service.argv, log, env=service.env, withheld=withheld)
        self._children[service.name] = child
        return child

    async def _watch(self, service: Service) -> None:
        pause = _FIRST
        while True:
            began = time.monotonic()
            child = self._children[service.name]
            code = await child.ended()
            pause = _FIRST if time.monotonic() - began > _LONGEST else pause
            self._say(service.name, f"ended with {code} ({child.last_line()}); starts again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST)
            self._restarts[service.name] += 1
            self._spawn(service)

    async def _ready(self, service: Service, within: float) -> None:
        async def ready() -> bool:
            child = self._children[service.name]
            if child.exit_code is not None:
                return False
            return service.ready is None or await answers(service.ready)

        try:
            await until(ready, f"{service.name} was not ready", within)
        except StackError as error:
            child = self._children[service.name]
            raise StackError(f"{error}; last it wrote: {child.last_line() or 'nothing'}. More in {child.log}") from None
        self._say(service.name, f"ready, process {self._children[service.name].pid}")


async def answers(url: str, within: float = 5.0) -> bool:
    """Whether a plain HTTP GET of ``url`` answers 200."""
    parts = urlsplit(url)
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
            try:
                writer.write(f"GET {parts.path or '/'} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n".encode())
                status = await reader.readline()
            finally:
                writer.close()
            return status.split()[1:2] == [b"200"]
    return False
