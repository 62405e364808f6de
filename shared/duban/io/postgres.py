"""PostgreSQL: one pool per process, every connection looking at the schema of its service first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from duban.errors import SettingsError

if TYPE_CHECKING:
    import asyncpg

    from duban.io.settings import Settings

_NAME = re.compile(r"[a-z][a-z0-9_]*")


async def connect_pool(settings: Settings, schema: str, setting: str = "database") -> asyncpg.Pool[asyncpg.Record]:
    """A pool of connections whose ``search_path`` is ``schema``, named after it in ``pg_stat_activity``.

    ``setting`` has the URL, which is read anew for each connection where it stands in a file.
    """
    import asyncpg

    checked(schema)
    url = settings.renewed(setting)

    async def connect(*_: Any, **options: Any) -> Any:
        return await asyncpg.connect(url(), **options)

    pool = await asyncpg.create_pool(
        url(),
        connect=connect,
        min_size=1,
        max_size=settings.pool_size,
        timeout=10.0,
        reset=_as_it_was,
        server_settings={
            "application_name": f"duban-{schema}",
            "search_path": schema,
            "timezone": "UTC",
            # A process that froze in a transaction must not hold its rows for ever.
            "idle_in_transaction_session_timeout": "60s",
        },
    )
    assert pool is not None
    return pool


async def _as_it_was(_: object) -> None:
    """No session here holds a setting, a lock or a cursor beyond its transaction: asking for their end is idle."""


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
    except asyncpg.InvalidAuthorizationSpecificationError:
        raise
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        return False


def checked(schema: str) -> str:
    """``schema``, if it can stand in SQL unquoted."""
    if not _NAME.fullmatch(schema):
        raise SettingsError(f"schema {schema!r}: use small letters, digits and underscores, beginning with a letter")
    return schema
