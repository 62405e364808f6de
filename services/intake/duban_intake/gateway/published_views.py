"""Views that other services publish for what the gateway shows everybody."""

from __future__ import annotations

from typing import Final

import asyncpg

from duban.errors import Unavailable
from duban_intake.vault.answers import reached

#: A schema that nobody has migrated to today's release yet, or opened to the gateway: not there, but coming.
_NOT_YET: Final = (
    asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError, asyncpg.InsufficientPrivilegeError,
)  # fmt: skip


async def rows(pool: asyncpg.Pool[asyncpg.Record], query: str, *parameters: object, of: str) -> list[asyncpg.Record]:
    """What ``query`` finds in a view; ``of``: what people call it.

    Raises:
        Unavailable: it cannot be asked now, or not yet.
    """
    try:
        records: list[asyncpg.Record] = await reached(pool.fetch(query, *parameters), f"the {of} cannot be asked now")
    except _NOT_YET as error:
        raise Unavailable(f"the {of} is not open to the gateway yet: run `duban migrate`") from error
    return records
