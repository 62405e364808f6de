"""PostgreSQL: one pool per process, every connection looking at the schema of its service first.

A URL may name a primary with its standbys, ``postgresql://router@one:5432,two:5432/duban?target_session_attrs=read-write``:
each new connection then goes to the first of them that may be written to, and one whose server may not be any more is
given up.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from duban.errors import DubanError, SettingsError, Unavailable
from duban.io.availability import is_unavailable

if TYPE_CHECKING:
    import asyncpg

    from duban.io.settings import Settings

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
#: Seconds in which a connection must stand, with all servers that are tried for it.
_PATIENCE: Final = 10.0
#: What a URL may want of a server (``target_session_attrs``), by what the server says of itself when it is so no more.
_OTHERWISE: Final[Mapping[str, tuple[str, ...]]] = {
    "read-write": ("in_hot_standby", "default_transaction_read_only"),
    "primary": ("in_hot_standby",),
}
#: Seconds after which a machine that has fallen silent is given up: what it was sent has not arrived, or it is asked in
#: vain, from the fifth silent second on. Without these the kernel waits for a quarter of an hour, or for ever.
_SILENCE: Final = 15
_SILENT: Final = (
    ("TCP_USER_TIMEOUT", _SILENCE * 1000),
    ("TCP_KEEPIDLE", 5),
    ("TCP_KEEPINTVL", 5),
    ("TCP_KEEPCNT", 2),
)
#: The number of its timeline as it begins the names of the log's files; a standby that only reads is asked for none.
_TIMELINE: Final = """
    select case when not pg_is_in_recovery() then left(pg_walfile_name(pg_current_wal_lsn()), 8) end
"""


class Lineage:
    """The history of the database that a process has come to know: a promotion begins another, and so does a restore.

    What the process remembers may be of the first alone: a standby that lagged behind lacks its last events, and a
    history that went on from memory would have a gap. So whoever is connected to another one ends, and begins anew.
    """

    def __init__(self) -> None:
        self._known: str | None = None
        self._left = asyncio.Event()

    async def admit(self, connection: Connection) -> None:
        """Return if ``connection`` leads to the history that is known.

        Raises:
            Unavailable: it leads to another one; :meth:`watch` ends then.
        """
        timeline = await connection.fetchval(_TIMELINE)
        self._known = self._known or timeline
        if timeline is not None and timeline != self._known:
            self._left.set()
            raise Unavailable(f"the database is on timeline {timeline}, and was on {self._known}")

    async def watch(self) -> None:
        """Wait for another history.

        Raises:
            AnotherHistory: there is one.
        """
        await self._left.wait()
        raise AnotherHistory(
            "the database was promoted or restored: what was remembered may not stand there; this process ends, so "
            "that it is started again without it"
        )


class AnotherHistory(DubanError):
    """The database goes on from a moment that may lie before what this process has seen of it."""


async def connect_pool(
    settings: Settings,
    schema: str,
    setting: str = "database",
    lineage: Lineage | None = None,
    planner: Mapping[str, str] | None = None,
) -> asyncpg.Pool[asyncpg.Record]:
    """A pool of connections whose ``search_path`` is ``schema``, named after it in ``pg_stat_activity``.

    ``setting`` has the URL, which is read anew for each connection where it stands in a file. With ``lineage`` each
    connection leads to the history that is known, or is not made. ``planner``: how the database plans for them.
    """
    import asyncpg

    checked(schema)
    url = settings.renewed(setting)

    async def dial(*_: Any, **options: Any) -> Any:
        return await connect(url(), **options)

    pool: asyncpg.Pool[asyncpg.Record] | None = await asyncpg.create_pool(
        url(),
        connect=dial,
        init=None if lineage is None else lineage.admit,
        min_size=1,
        max_size=settings.pool_size,
        timeout=_PATIENCE,
        reset=_given_back(url()),
        server_settings={
            "application_name": f"duban-{schema}",
            "search_path": schema,
            "timezone": "UTC",
            # A process that froze in a transaction must not hold its rows for ever.
            "idle_in_transaction_session_timeout": "60s",
            **(planner or {}),
        },
    )
    assert pool is not None
    return pool


async def connect(url: str, *, timeout: float = _PATIENCE, **options: Any) -> Connection:  # noqa: ASYNC109 - asyncpg's own
    """A connection to the first server in ``url`` that is there and is what the URL wants; ``options`` are asyncpg's.

    Each server has its share of ``timeout``, so that one which is silent keeps nobody from the next.
    """
    import asyncpg

    # Another server may do where one is away, starts, ends, or is none that the URL wants.
    passing = (
        OSError,
        asyncpg.CannotConnectNowError,
        asyncpg.PostgresConnectionError,
        asyncpg.TargetServerAttributeNotMatched,
    )
    *others, last = servers(url)
    share = timeout / (len(others) + 1)
    for server in others:
        try:
            return _minded(await asyncpg.connect(server, timeout=share, **options))
        except passing:
            continue
    return _minded(await asyncpg.connect(last, timeout=share, **options))


def servers(url: str) -> list[str]:
    """``url`` for each server that it names, in order."""
    parts = urlsplit(url)
    who, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return [url]
    return [urlunsplit(parts._replace(netloc=f"{who}{at}{host}")) for host in hosts.split(",")]


def _minded(connection: Connection) -> Connection:
    """``connection``, given up by the kernel when the machine at its other end has vanished without a word."""
    line = connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]  # noqa: SLF001 - no other way
    if line is not None and line.family != socket.AF_UNIX:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _SILENT:
            if hasattr(socket, name):
                line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return connection


def _given_back(url: str) -> Callable[[Connection], Awaitable[None]]:
    """What is done to a connection that comes back to its pool: it stays as it was, or goes with what its server was.

    No session here holds a setting, a lock or a cursor beyond its transaction: asking for their end would be idle.
    """
    signs = _OTHERWISE.get(dict(parse_qsl(urlsplit(url).query)).get("target_session_attrs", ""), ())

    async def look(connection: Connection) -> None:
        standing = connection.get_settings()
        if any(getattr(standing, sign, "off") == "on" for sign in signs):
            connection.terminate()

    return look


def role_in(url: str) -> str | None:
    """As whom ``url`` comes into the database, if it says so: the role that it takes on, or the user."""
    parts = urlsplit(url)
    return dict(parse_qsl(parts.query)).get("role") or parts.username


async def answers(pool: asyncpg.Pool[asyncpg.Record]) -> bool:
    """Whether the database answers now.

    Raises:
        InvalidAuthorizationSpecificationError: it does, and refuses our role or its password.
    """
    import asyncpg

    try:
        return bool(await pool.fetchval("select true", timeout=2.0))
    except Exception as error:
        if not is_unavailable(error) or isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
            raise
        return False


def checked(schema: str) -> str:
    """``schema``, if it can stand in SQL unquoted."""
    if not _NAME.fullmatch(schema):
        raise SettingsError(f"schema {schema!r}: use small letters, digits and underscores, beginning with a letter")
    return schema
