"""Broker and database together in one folder, for development, the demo and the tests.

    async with Stack(folder) as stack:      # or: with running_stack(folder) as stack
        stack.kafka                         # "127.0.0.1:29092"
        stack.database_of("router")         # "postgresql://…", by the role of the router

``DUBAN_KAFKA`` and ``DUBAN_DATABASE`` in the environment name servers that run elsewhere; then the one so named is used
and none is started in its place.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Self

from duban.io.secret_variables import secret_in_environment
from duban_local import DATABASE_VARIABLE, FOLDER, KAFKA_VARIABLE, children, kafka, postgres, rights
from duban_local.certificates import Authority
from duban_local.children import LOOPBACK, Say, StackError
from duban_local.kafka import Broker
from duban_local.postgres import Database
from duban_local.roles import CONSOLE, READER

#: Where the stack lives unless told otherwise: beside the code, out of version control.


#: Seconds before a part that ended is started again, and at most between two tries.
_FIRST, _LONGEST = 1.0, 30.0


def silent(part: str, line: str) -> None:
    """Say nothing."""


class Stack:
    """The two servers; data stay in ``folder`` from run to run unless ``fresh`` asks for new ones.

    With ``keeps``, a part that ends by itself is started again, for as long as the stack runs. ``guarded``: nobody
    comes to the broker but over TLS, as a principal that may do what ACLs say; the database of the wheel has no TLS.

    A port of ``None`` means the one in ``DUBAN_KAFKA_PORT`` or ``DUBAN_DATABASE_PORT``, else the default; 0 a free one.
    ``brokers`` and ``server`` are the parts themselves (none: one that runs elsewhere), with ``start`` and ``stop``; of
    several ``brokers``, three as a rule, each is a broker and a controller of one cluster.
    """

    def __init__(
        self,
        folder: Path = FOLDER,
        *,
        kafka_port: int | None = None,
        database_port: int | None = None,
        fresh: bool = False,
        keeps: bool = False,
        guarded: bool = False,
        brokers: int = 1,
        say: Say = silent,
    ) -> None:
        self.folder = folder.resolve()
        #: Who vouches for everybody, where the stack is guarded.
        self.authority = Authority(self.folder / "authority") if guarded else None
        self._passwords: dict[str, str] = {}
        self._fresh = fresh
        self._keeps = keeps
        self._watches: list[asyncio.Task[None]] = []
        self._say = say
        self._lock: TextIOWrapper | None = None
        logs = self.folder / "logs"
        self.brokers: list[Broker] = []
        self.server: Database | None = None
        if not os.environ.get(KAFKA_VARIABLE):
            port = _port(kafka_port, kafka.PORT_VARIABLE, kafka.DEFAULT_PORT)
            place = self.folder / "kafka"
            self.brokers = kafka.brokers(place, port, brokers, logs=logs, say=say, authority=self.authority)
        self._elsewhere = secret_in_environment(DATABASE_VARIABLE) or ""
        if not self._elsewhere:
            port = _port(database_port, postgres.PORT_VARIABLE, postgres.DEFAULT_PORT)
            self.server = Database(self.folder / "postgres", port, log=logs / "postgres.log", say=say)

    @property
    def kafka(self) -> str:
        """Bootstrap servers, ``host:port``, those of a cluster parted by commas."""
        return ",".join(broker.address for broker in self.brokers) or os.environ[KAFKA_VARIABLE]

    @property
    def broker(self) -> Broker | None:
        """The one broker, or the first of a cluster; None for one that runs elsewhere."""
        return self.brokers[0] if self.brokers else None

    def kafka_of(self, name: str) -> dict[str, str]:
        """The variables by which the process ``name`` comes to the broker; its password lies in a file."""
        if self.authority is None:
            return {KAFKA_VARIABLE: self.kafka}
        password = self.secret(f"kafka-{name}", self._passwords.setdefault(name, token_urlsafe(32)))
        return {
            KAFKA_VARIABLE: self.kafka, "DUBAN_KAFKA_SECURITY": "SASL_SSL", "DUBAN_KAFKA_CA": str(self.authority.file),
            "DUBAN_KAFKA_USER": f"{rights.PREFIX}{name}", "DUBAN_KAFKA_PASSWORD_FILE": str(password),
        }  # fmt: skip

    @property
    def administration(self) -> dict[str, Any]:
        """The settings of who may do everything at the broker."""
        if self.authority is None or not self.brokers:
            return {"kafka": self.kafka}
        certificate = self.authority.folder / f"{kafka.ADMINISTRATOR}.pem"
        return {
            "kafka": ",".join(broker.certified for broker in self.brokers), "kafka_security": "SSL",
            "kafka_ca": self.authority.file, "kafka_certificate": certificate,
        }  # fmt: skip

    def secret(self, name: str, content: str) -> Path:
        """The file of the secret ``name``, with ``content``, readable by our account alone."""
        file = children.closed(self.folder / "secrets") / name
        file.touch(mode=0o600)
        file.write_text(content)
        return file

    def database_of(self, name: str) -> str:
        """The URL by which the process ``name`` comes into the database; the one in the environment is everybody's."""
        return self.server.url_of(name) if self.server else self._elsewhere

    @property
    def owner(self) -> str:
        """The URL of the owner of every schema, who migrates."""
        return self.server.owner_url() if self.server else self._elsewhere

    @property
    def superuser(self) -> str:
        """The URL of who may do everything, for benchmarks and tests; nothing of the engine uses it."""
        return self.server.superuser_url() if self.server else self._elsewhere

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each part that was started here."""
        return {part.child.name: part.child.pid for part in self._parts if part.child is not None}

    @property
    def _parts(self) -> list[Broker | Database]:
        return [*self.brokers, *([self.server] if self.server else [])]

    async def start(self) -> None:
        """Return when both serve.

        Raises:
            StackError: when a stack runs in the folder already, a port is taken, or a part cannot start.
        """
        self._lock = _claim(self.folder)
        children.closed(self.folder / "logs")
        if not self.brokers:
            self._say("kafka", f"using {self.kafka} ({KAFKA_VARIABLE})")
        try:
            async with asyncio.TaskGroup() as parts:
                for broker in self.brokers:
                    parts.create_task(self._start_broker(broker))
                parts.create_task(self._start_server())
        except BaseExceptionGroup as failures:
            await self.stop()
            raise failures.exceptions[0] from None
        except BaseException:
            await self.stop()
            raise
        databases = {
            "database": self.database_of(READER),
            "console": self.database_of(CONSOLE),
            "owner": self.owner,
        }
        _write(self._lock, {"pid": os.getpid(), "kafka": self.kafka, **databases})
        if self._keeps:
            self._watches = [asyncio.create_task(self._keep(part)) for part in self._parts]

    async def stop(self) -> None:
        """Stop what was started here: the brokers, then the database; harmless when nothing runs."""
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        self._watches = []
        await asyncio.gather(*map(self._stop, self.brokers))
        if self.server is not None:
            await self._stop(self.server)
        if self._lock is not None:
            _write(self._lock, {})
            self._lock.close()
            self._lock = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _keep(self, part: Broker | Database) -> None:
        """Start ``part`` again whenever it has ended, and go on trying: a disk that is full may be freed."""
        pause = _FIRST
        while part.child is not None:
            name, code = part.child.name, await part.child.ended()
            self._say(name, f"ended with {code} ({part.child.last_line()}); starts again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST)
            try:
                await part.start()
            except StackError as error:
                self._say(name, f"did not start: {error}")
            else:
                self._say(name, "serves again")
                pause = _FIRST

    async def _stop(self, part: Broker | Database) -> None:
        if part.child is not None:
            name = part.child.name
            await part.stop()
            self._say(name, "stopped")

    async def _start_broker(self, broker: Broker) -> None:
        broker.clear(fresh=self._fresh)
        await broker.start()
        self._say(broker.name, f"serves at {broker.address}")

    async def _start_server(self) -> None:
        if self.server is None:
            self._say("postgres", f"using the one in {DATABASE_VARIABLE}")
            return
        self.server.clear(fresh=self._fresh)
        await self.server.start()
        self._say("postgres", f"serves at {LOOPBACK}:{self.server.port}")


@contextmanager
def running_stack(
    folder: Path, *, kafka_port: int = 0, database_port: int = 0, fresh: bool = False, say: Say = silent
) -> Iterator[Stack]:
    """A running ``Stack`` for code that is not async, such as a fixture that lasts a whole test run."""
    stack = Stack(folder, kafka_port=kafka_port, database_port=database_port, fresh=fresh, say=say)
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(stack.start())
        try:
            yield stack
        finally:
            runner.run(stack.stop())


@dataclass(frozen=True, slots=True)
class Running:
    """A stack that another process runs: ``database`` is for whoever reads, ``owner`` for who migrates.

    ``console`` is for whoever keeps the accounts; None where the stack is of a release that had none.
    """

    pid: int
    kafka: str
    database: str
    owner: str
    console: str | None = None


def find_running(folder: Path = FOLDER) -> Running | None:
    """The stack that serves in ``folder`` now, or ``None``."""
    place = folder / "stack.json"
    if not place.exists():
        return None
    with place.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            note = json.loads(lock.read() or "{}")
            # A release whose database had one user for all names no owner: that user is it.
            return Running(**{"owner": note["database"], **note}) if "kafka" in note else None
    return None


def _claim(folder: Path) -> TextIOWrapper:
    """The folder's lock, which the kernel drops when we die, whatever we die of."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (folder / "stack.json").open("a+")
    os.fchmod(lock.fileno(), 0o600)  # the reader's password stands in it
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        note = json.loads(lock.read() or "{}")
        lock.close()
        raise StackError(
            f"a stack runs in {folder} already (process {note.get('pid', 'unknown, starting')}), "
            f"with its broker at {note.get('kafka', 'host:port')}: stop it, or use another folder"
        ) from None
    _write(lock, {"pid": os.getpid()})
    return lock


def _write(lock: TextIOWrapper, note: dict[str, object]) -> None:
    lock.seek(0)
    lock.truncate()
    json.dump(note, lock)
    lock.flush()


def _port(given: int | None, variable: str, default: int) -> int:
    if given is not None:
        return given
    port = os.environ.get(variable, str(default))
    if not port.isdigit() or int(port) > 65535:
        raise StackError(f"{variable}={port} is no port: give a number from 0 (a free one) to 65535")
    return int(port)
