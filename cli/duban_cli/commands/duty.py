"""``duban duty``: what units owe without a report, because the calendar or a measure says so."""

from __future__ import annotations

from typing import Annotated

import typer

from duban.moves import Kind, Status
from duban_cli.commands.problem import show_page
from duban_cli.connection import present, settings
from duban_cli.output import AsJson, InUtc, command
from duban_console.ledger import Filters

duty_app = typer.Typer(no_args_is_help=True, help="Duties that the calendar or a measure has opened for units.")


@duty_app.command("ls")
@command
async def ls(
    jurisdiction: Annotated[str | None, typer.Option(help="Only of this jurisdiction.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only in this status.")] = None,
    unit: Annotated[str | None, typer.Option(help="Only what this unit owes.")] = None,
    duty: Annotated[str | None, typer.Option(help="Only this duty, by its id in the pack.")] = None,
    overdue: Annotated[
        bool, typer.Option("--overdue", help="Only open ones with a time limit that has passed.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier page ended.")] = None,
    utc: InUtc = False,
    as_json: AsJson = False,
) -> None:
    """Duties, in the order of their opening; `duban problem show NUMBER` has the history of one.

    Example: duban duty ls --jurisdiction mianyang --unit ecology --overdue
    """
    known = settings()
    at = await present(known) if overdue else None
    filters = Filters(Kind.DUTY, jurisdiction, (status,) if status else (), duty, unit, at)
    await show_page(known, filters, limit, cursor, utc=utc, as_json=as_json)
