"""The composition that every service's ``__main__`` calls: connect, wire, run until told to stop, end in order.

class RouterSettings(Settings): ...

async def compose(shell: Shell[RouterSettings]) -> None:
    shell.run(shell.runner("duban-router", [Source(...)]))

if __name__ == "__main__":
    run_service("router", RouterSettings, compose, schema="router", migrations="duban_router.migrations")
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from importlib.metadata import version
from typing import Final, Generic, NoReturn, Protocol, TypeVar

import asyncpg
import structlog
import uvloop

from duban.errors import DubanError
from duban.io import broker, logs, mishaps, postgres
from duban.io.availability import is_unavailable
from duban.io.backoff import cancelled, until_available
from duban.io.consumer import OnPartitions, Runner, Source
from duban.io.health import Health
from duban.io.hosts import cannot_listen
from duban.io.metrics import SERVICE
from duban.io.migrations import require
from duban.io.publisher import Publisher
from duban.io.settings import Settings, open_to_everybody
from duban.io.tls import server_tls
from duban.io.tracer import tracer_of

S = TypeVar("S", bound=Settings)
_log = structlog.get_logger(__name__)
#: Seconds to leave the groups in, where the database is another one and nothing more can be written.
_LEAVING: Final = 3.0


class Component(Protocol):
    """Something that runs until it is stopped: a runner, a sweep, a deliverer, an HTTP server."""

    async def run(self) -> None: ...
    def stop(self) -> None: ...


class Shell(Generic[S]):
    """What a service is wired from; ``pool`` is there only if the service named its schema."""

    def __init__(
        self, service: str, settings: S, publisher: Publisher, health: Health, pool: asyncpg.Pool[asyncpg.Record] | None
    ) -> None:
        self.service = service
        self.settings = settings
        self.publisher = publisher
        self.health = health
        self._pool = pool
        self._parts: list[Component] = []
        self._background: list[Callable[[], Awaitable[None]]] = []
        self._stopping = asyncio.Event()

    @property
    def pool(self) -> asyncpg.Pool[asyncpg.Record]:
        """The database of the service."""
        if self._pool is None:
            raise DubanError(f"{self.service} has no database: give run_service its schema and migrations")
        return self._pool

    def runner(
        self,
        group: str,
        sources: Sequence[Source],
        on_assigned: OnPartitions | None = None,
        on_revoked: OnPartitions | None = None,
    ) -> Runner:
        """A runner over ``sources`` that is run with the service and that ``/readyz`` watches."""
        runner = Runner(self.settings, group, sources, self.publisher, on_assigned, on_revoked)
        self.health.check(f"assigned {runner.group}", lambda: runner.ready)
        self.run(runner)
        return runner

    def run(self, part: Component) -> None:
        """Run ``part`` with the service, and stop it with the service."""
        self._parts.append(part)

    def follow(self, follow: Callable[[], Awaitable[None]]) -> None:
        """Await ``follow`` beside the parts, as for a Tail; it is cancelled at the end, after they have finished."""
        self._background.append(follow)

    def stop(self) -> None:
        """Begin an orderly end."""
        self._stopping.set()

    @property
    def draining(self) -> bool:
        """Whether the end has begun."""
        return self._stopping.is_set()

    async def live(self) -> None:
        """Run everything until ``stop`` or the first failure, which is raised after the other parts have finished.

        A part that has not finished after the drain time-out is cancelled, and one that outlasts that is left behind:
        what it had in hand comes again.
        """
        parts = [asyncio.create_task(_awaited(part.run)) for part in self._parts]
        background = [asyncio.create_task(_awaited(follow)) for follow in self._background]
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({*parts, *background, stopping}, return_when=asyncio.FIRST_COMPLETED)
            self._stopping.set()
            for part in self._parts:
                part.stop()
            seconds = self.settings.drain_timeout
            if any(_has_left(task) for task in background):
                seconds = min(seconds, _LEAVING)
            if parts:
                _, late = await asyncio.wait(parts, timeout=seconds)
                if late:
                    _log.warning("not finished in time", parts=len(late), seconds=seconds)
            ended = [task for task in (*parts, *background) if task.done() and not task.cancelled()]
            for failure in [task.exception() for task in ended]:
                if failure is not None:
                    raise failure
        finally:
            await cancelled((*parts, *background, stopping))


def _has_left(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and isinstance(task.exception(), postgres.AnotherHistory)


async def _awaited(action: Callable[[], Awaitable[None]]) -> None:
    await action()


async def serve(
    service: str,
    settings: S,
    compose: Callable[[Shell[S]], Awaitable[None]],
    *,
    schema: str | None = None,
    migrations: str | None = None,
    health_port: int = 0,
    topics: Sequence[str] = (),
) -> None:
    """Run a service in the current loop until SIGTERM, SIGINT or ``Shell.stop``; see ``run_service``.

    The health port opens first, so that a service which waits for its database says so.
    """
    health = Health(service)
    SERVICE.labels(service, version("duban")).set(1)
    port = settings.health_port if settings.health_port is not None else health_port
    async with AsyncExitStack() as stack:
        try:
            tls = server_tls(settings.health_tls_certificate, settings.health_tls_key, settings="DUBAN_HEALTH_TLS")
            bound = await health.start(settings.health_host, port, settings.allowed_hosts, tls)
        except OSError as error:
            raise cannot_listen(settings.health_host, port, "DUBAN_HEALTH_PORT", error, "DUBAN_HEALTH_HOST") from None
        stack.push_async_callback(health.stop)
        _log.info("starting", health=f"{'http' if tls is None else 'https'}://{settings.health_host}:{bound}")
        composed = asyncio.Event()
        health.check("started", composed.is_set)

        async def begin() -> Shell[S]:
            shell = await _begin(stack, service, settings, health, schema, migrations, topics)
            await compose(shell)
            return shell

        begun = asyncio.create_task(begin())

        def end() -> None:
            if not begun.cancel() and not begun.cancelled() and begun.exception() is None:
                begun.result().stop()  # it has begun, perhaps in this very moment

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end)
            stack.callback(loop.remove_signal_handler, number)
        try:
            shell: Shell[S] = await begun
        except asyncio.CancelledError:
            _log.info("stopped before it began")
            return
        if begun.cancelling():  # something that was waited for has swallowed it
            shell.stop()
        health.check("not draining", lambda: not shell.draining)
        composed.set()
        _log.info("running")
        await shell.live()
        _log.info("stopped")


async def _begin(
    stack: AsyncExitStack, service: str, settings: S, health: Health, schema: str | None, migrations: str | None,
    topics: Sequence[str],
) -> Shell[S]:  # fmt: skip
    pool, lineage = None, postgres.Lineage()
    if schema is not None:
        if migrations is not None:
            url = settings.renewed("database")
            await until_available("database", lambda: require(url(), schema, migrations))
        pool = await until_available("database", partial(postgres.connect_pool, settings, schema, lineage=lineage))
        stack.push_async_callback(_closed, pool)
        health.check("database", partial(postgres.answers, pool))
    tracer = tracer_of(settings, service)
    if tracer is not None:
        stack.push_async_callback(asyncio.to_thread, tracer.stop)
    publisher = Publisher(settings, f"duban-{service}", tracer)
    await publisher.start()
    stack.push_async_callback(publisher.stop)
    health.check("broker", publisher.reachable)
    if topics:
        words = await until_available("broker", partial(broker.durability, settings, topics))
        health.fact("durability", lambda: words)
    shell = Shell(service, settings, publisher, health, pool)
    if pool is not None:
        shell.follow(lineage.watch)
    return shell


async def _closed(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    try:
        await asyncio.wait_for(pool.close(), 2.0)
    except TimeoutError:
        pool.terminate()


def run_service(
    service: str,
    settings_type: type[S],
    compose: Callable[[Shell[S]], Awaitable[None]],
    *,
    schema: str | None = None,
    migrations: str | None = None,
    health_port: int = 0,
    topics: Sequence[str] = (),
) -> NoReturn:
    """Run ``service`` as this process, and end the process: 0 after an orderly stop, 1 after a failure that it logs.

    ``compose`` wires handlers to the shell it is given. ``schema`` brings a database, which must hold ``migrations`` (a
    package of SQL files) if they are named; ``topics`` are those whose durability ``/readyz`` states.
    """
    # States and rows live long and hold no cycles: the default thresholds made the router 25 % slower for nothing.
    gc.set_threshold(100_000, 20, 100)
    try:
        settings = settings_type.load()
        mishaps.refuse_elsewhere(settings.kafka)
        logs.configure(service, settings.log_level, settings.log_format)
        for variable, file in open_to_everybody(settings_type):
            _log.warning("a secret may be read by every account of this machine", variable=variable, file=file)
        uvloop.run(
            serve(
                service, settings, compose, schema=schema, migrations=migrations, health_port=health_port, topics=topics
            )
        )
    except DubanError as error:
        _log.critical("ended", error=f"{type(error).__name__}: {error}", passing=is_unavailable(error))
        sys.exit(1)
    except Exception:
        _log.critical("ended", exc_info=True)
        sys.exit(1)
    sys.exit(0)
