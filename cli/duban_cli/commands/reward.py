"""``duban reward``: what is owed to whoever reported."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape
from rich.table import Table

from duban.messages.handle import handle_of
from duban.messages.records import Reward
from duban.moves import Kind, Status
from duban.policy import PolicyPack
from duban_cli.files import read_code
from duban_cli.identity import api_client
from duban_cli.ledger_views import ApiLedger, ledger_in, read_from
from duban_cli.output import AsJson, ExitCode, InUtc, command, fail, out, shown_until, write_json
from duban_cli.pages import page_of, say_more
from duban_cli.zones import Zones, zones_of
from duban_console.api.responses import as_json as jsonable
from duban_console.ledger import Filters
from duban_console.packs import publication as packs
from duban_console.rewards import Desk, RewardTold, reward_told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duban.io.settings import Settings

reward_app = typer.Typer(no_args_is_help=True, help="Rewards (举报奖励) for reports that proved true.")


@reward_app.command("status")
@command
async def status(
    code_file: Annotated[str, typer.Option(help="The file with the code; - asks, or reads stdin.")] = "-",
    utc: InUtc = False,
    as_json: AsJson = False,
) -> None:
    """What became of the reward for a report, by the code of the report alone; 3 when none is known.

    The code is asked for, or read from stdin; as an argument it would stand in the history of the shell.

    Example: duban reward status < code.txt
    """
    code = read_code(code_file)
    known = read_from()
    async with ledger_in(known) as ledger:
        if isinstance(ledger, ApiLedger):
            rewards: list[tuple[RewardTold, ZoneInfo | None]] = [
                (reward, None) for reward in await ledger.looked_up(code)
            ]
        else:
            of_report = await ledger.rewards(handle_of(code))
            standing, shown_in = await _packs(known, of_report, utc=utc)
            rewards = [
                (
                    reward_told(reward, standing.get(reward.pack), await ledger.why_declined(reward)),
                    shown_in.get(reward.jurisdiction),
                )
                for reward in of_report
            ]
    if not rewards:
        fail(ExitCode.NOT_FOUND, "no reward is known under this code")
    for reward, zone in rewards:
        if as_json:
            write_json(jsonable(reward))
        else:
            out().print(escape(_sentence(reward, zone)))


@reward_app.command("ls")
@command
async def ls(
    jurisdiction: Annotated[str | None, typer.Option(help="Only of this jurisdiction.")] = None,
    class_: Annotated[str | None, typer.Option("--class", help="Only of this class, by its id in the pack.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are settled.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 500,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier page ended.")] = None,
    utc: InUtc = False,
    as_json: AsJson = False,
) -> None:
    """The rewards that wait for an amount or to be collected, in the order in which they became due; nobody is named.

    Example: duban reward ls --jurisdiction golmud
    """
    known = read_from()
    statuses = () if everything else (Status.OWED, Status.AWARDED)
    filters = Filters(Kind.REWARD, jurisdiction, statuses, class_)
    page = await page_of(known, filters, limit, cursor)
    in_page = [reward for reward in page.records if isinstance(reward, Reward)]
    standing, shown_in = await _packs(known, in_page, utc=utc)
    rewards = [
        (reward_told(reward, standing.get(reward.pack)), shown_in.get(reward.jurisdiction)) for reward in in_page
    ]
    if as_json:
        for reward, _ in rewards:
            write_json(jsonable(reward))
    elif rewards:
        out().print(_table(rewards))
    say_more(page)


async def _packs(
    known: Settings | None, rewards: Sequence[Reward], *, utc: bool
) -> tuple[dict[str, PolicyPack], Zones]:
    """The packs of ``rewards`` at least, and the zones in which to show instants, none where no broker is known."""
    if known is None:
        async with api_client() as api:
            return await ApiLedger(api).packs({reward.pack for reward in rewards}), {}
    standing = await packs.published(known)
    published = {ref: document for ref, document in standing.items() if isinstance(document, PolicyPack)}
    return published, {} if utc else zones_of(standing)


def _sentence(reward: RewardTold, zone: tzinfo | None) -> str:
    what = f"{reward.title} {reward.number}"
    until = shown_until(reward.until, zone, provisional=reward.provisional)
    match reward.status, reward.ended:
        case Status.OWED, _:
            return f"{what}: owed, {_amount(reward)}; {_named(reward.fixes)} fixes the amount until {until}"
        case Status.AWARDED, _:
            return (
                f"{what}: {_amount(reward)}, paid out by {_named(reward.pays)} until {until} to whoever shows the code"
            )
        case _, "collected":
            return f"{what}: {_amount(reward)}, paid out by {_named(reward.pays)}"
        case _, "declined":
            return f"{what}: declined by {_named(reward.fixes)}: {reward.reason or 'no reason is given'}"
        case _:
            return f"{what}: {_amount(reward)}, forfeited, because nobody collected it in time"


def _amount(reward: RewardTold) -> str:
    if reward.amount is not None:
        return f"{reward.amount:,} {reward.currency or ''}".rstrip()
    return f"{reward.at_least:,} to {reward.at_most:,} {reward.currency}" if reward.at_least and reward.at_most else "–"


def _named(desk: Desk | None) -> str:
    if desk is None:
        return "–"
    return desk.title.native if desk.title else desk.unit


def _table(rewards: list[tuple[RewardTold, ZoneInfo | None]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("number", "class", "status", "amount", "until", "fixed by", "paid by"):
        table.add_column(title, overflow="fold")
    for reward, zone in rewards:
        until = shown_until(reward.until, zone, provisional=reward.provisional)
        how = f"{reward.status} ({reward.ended})" if reward.ended else reward.status
        desks = (reward.fixes.unit, reward.pays.unit if reward.pays else "–")
        table.add_row(*map(escape, (reward.number, reward.title, how, _amount(reward), until, *desks)))
    return table
