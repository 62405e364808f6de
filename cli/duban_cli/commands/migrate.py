"""``duban migrate``: the database as this release needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.markup import escape

from duban_cli.connection import owner_of_database
from duban_cli.output import AsJson, ExitCode, command, err, fail, out, words_of, write_json

T = TypeVar("T")


@command
async def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be applied.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only compare; ends with 1 if anything is missing.")] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for a database that is away.")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Bring the database to what this release needs: migrations, and what each role may do. Run it before the services.

    As the owner of the schemas, whom DUBAN_DATABASE names; else in the database that `duban up` runs here. Where the
    roles are not there, nothing is granted, and the services run as the owner. Whoever migrates at the same time waits
    for the other, and what stands is left as it is.

    Example: duban migrate --dry-run
    """
    from duban_cli.schemas import migrate_all, pending_in_all

    owner = owner_of_database()
    if dry_run or check:
        applied, ungranted = await _waiting(wait, lambda: pending_in_all(owner)), {}
    else:
        done = await _waiting(wait, lambda: migrate_all(owner))
        applied = {schema: list(migrated.applied) for schema, migrated in done.items()}
        ungranted = {schema: migrated.ungranted for schema, migrated in done.items() if migrated.ungranted}
    for schema, migrations in applied.items():
        if as_json:
            write_json(
                {"schema": schema, "applied": [str(migration) for migration in migrations],
                 "ungranted": ungranted.get(schema), "dry_run": dry_run or check}
            )  # fmt: skip
        else:
            for migration in migrations:
                out().print(escape(f"{schema} {migration}"))
    for schema, reason in ungranted.items():
        err().print(escape(f"{schema}: nothing was granted: {reason}"))
    count = sum(map(len, applied.values()))
    err().print(f"{count} {'would be' if dry_run or check else 'were'} applied")
    if check and count:
        fail(ExitCode.FAILURE, "the database lacks what this release needs: run `duban migrate` as its owner")


async def _waiting(seconds: float, action: Callable[[], Awaitable[T]]) -> T:
    """What ``action`` returns, which may be done again; a database that is away is waited for, so long at most."""
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
            err().print(escape(f"the database is away: {words_of(error)}"))
        await asyncio.sleep(delay)
    raise AssertionError("back-off never ends")
