"""A streaming standby of an embedded PostgreSQL, which may be promoted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from duban_local.postgres import Database
from tests.base_backup import asked, copied, set_to, takes_writes
from tests.conftest import eventually


@asynccontextmanager
async def standby_of(primary: Database, folder: Path, port: int = 0) -> AsyncIterator[Database]:
    """A server that follows ``primary`` by streaming, named after its ``folder``; stopped at the end."""
    standby = await copied(primary, folder, "--write-recovery-conf", port=port)
    await standby.start()
    try:
        await set_to(standby, synchronous_standby_names="")  # it has nobody behind it
        yield standby
    finally:
        await standby.stop()


async def promoted(standby: Database) -> None:
    """Return when ``standby`` takes writes."""
    await asked(standby, "select pg_promote()")
    await eventually(partial(takes_writes, standby))
