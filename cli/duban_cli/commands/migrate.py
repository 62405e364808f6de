"""``duban migrate``: the database as this release needs it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from duban_cli.connection import owner_of_database
from duban_cli.output import AsJson, ExitCode, command, err, fail, out, write_json
from duban_cli.patience import waited_for


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
        applied, ungranted = await waited_for("database", wait, lambda: pending_in_all(owner)), {}
    else:
        done = await waited_for("database", wait, lambda: migrate_all(owner))
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
