"""``duban desk``: the read model of the pages."""

from __future__ import annotations

import typer

from duban_cli.connection import console_settings, database, settings
from duban_cli.output import AsJson, command, err, out, write_json

desk_app = typer.Typer(no_args_is_help=True, help="The desk: the read model that the pages of the API ask.")
#: Events between two words about how far it has come.
_SAID_EVERY = 100_000


@desk_app.command("rebuild")
@command
async def rebuild(as_json: AsJson = False) -> None:
    """Make the read model anew from duban.problems.v1, as after a restored database or where a release asks for it.

    The API stays up, and answers with what is there so far. What is killed in the middle is simply begun again.

    Example: duban desk rebuild
    """
    from duban.io.migrations import require
    from duban_console.accounts.store import MIGRATIONS, SCHEMA
    from duban_console.desk.rebuild import rebuild as made_anew

    known = settings().model_copy(update={"database": console_settings().database})
    async with database(known) as pool, pool.acquire() as connection:
        await require(known.database.get_secret_value(), SCHEMA, MIGRATIONS)
        rebuilt = await made_anew(known, connection, _say)
    if as_json:
        write_json({"events": rebuilt.events, "unreadable": rebuilt.unreadable})
    else:
        out().print(f"{rebuilt.events:,} events; {rebuilt.unreadable} records could not be read")


def _say(events: int) -> None:
    if events % _SAID_EVERY == 0:
        err().print(f"{events:,} events")
