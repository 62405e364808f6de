"""``duban duty``: what units owe without a report, because the calendar or a measure says so."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from duban.moves import Kind, Status
from duban_cli.commands.problem import show_page
from duban_cli.connection import present
from duban_cli.files import EvidenceFiles, sealed
from duban_cli.identity import api_client
from duban_cli.ledger_views import read_from
from duban_cli.output import AsJson, InUtc, command
from duban_cli.submission import actor, say_number, submitted, tell
from duban_console.action import new_pledge
from duban_console.ledger import Filters

duty_app = typer.Typer(no_args_is_help=True, help="Duties that the calendar or a measure has opened for units.")


@duty_app.command("ls")
@command
async def ls(
    jurisdiction: Annotated[str | None, typer.Option(help="Only of this jurisdiction.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only in this status.")] = None,
    unit: Annotated[str | None, typer.Option(help="Only what this unit owes.")] = None,
    duty: Annotated[str | None, typer.Option(help="Only this duty, by its id in the pack.")] = None,
    of: Annotated[str | None, typer.Option(help="Only what this enterprise has pledged.")] = None,
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
    known = read_from()
    at = await present(known) if overdue else None
    filters = Filters(Kind.DUTY, jurisdiction, (status,) if status else (), duty, unit, at, of=of)
    await show_page(known, filters, limit, cursor, utc=utc, as_json=as_json)


@duty_app.command("pledge")
@command
async def pledge(
    promise: Annotated[str, typer.Argument(help="What is promised.")],
    of: Annotated[str, typer.Option(help="The enterprise that promises it.")],
    by: Annotated[str, typer.Option(help="The day by which it is to be kept, YYYY-MM-DD.")],
    duty: Annotated[str, typer.Option(help="Which pledge of the pack it is, by its id.")],
    jurisdiction: Annotated[str, typer.Option(help="Where it is pledged.")],
    unit: Annotated[str, typer.Option(help="The unit that takes it, and sees that it is kept.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    evidence: EvidenceFiles = None,
    id_: Annotated[str | None, typer.Option("--id", help="Its id; the same id again is the same pledge.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the outcome.")] = 5.0,
    utc: InUtc = False,
    as_json: AsJson = False,
) -> None:
    """Enter what an enterprise has pledged; ends with 4 when it is refused. It is kept, or broken, by `duban act`.

    Example: duban duty pledge 脱硫改造 --of 某公司 --by 2021-12-31 --duty pledge --jurisdiction linyi --unit ecology
    """
    async with api_client() as api:
        body: dict[str, Any] = {
            "duty": duty, "of": of, "promise": promise, "due_on": by, "jurisdiction": jurisdiction, "reason": reason,
            "id": id_, "actor": actor(api, unit), **({"evidence": sealed(evidence)} if evidence else {}),
        }  # fmt: skip
        new = new_pledge(body)
        done = await submitted(api, "/v1/pledges", body, wait)
    await tell(type(new.command).__name__, done, wait, jurisdiction=jurisdiction, utc=utc, as_json=as_json)
    say_number(done)
