"""The figures at the end, counted in the ledger, and whether they add up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from duban.messages.events import GENESIS, chained
from duban_console.demo.boston import UNTIL, Boston
from duban_console.demo.feed import Feed
from duban_console.demo.mianyang import Mianyang


@dataclass(frozen=True, slots=True)
class Summary:
    """What the demo prints as its last line; ``escalated`` counts problems with a lapsed deadline, not measures."""

    reports: int
    refused: int
    attached: int
    registered: int
    escalated: int
    expected_escalated: int
    struck_off: int
    lost: int
    elapsed_s: float

    def json(self) -> dict[str, object]:
        """The figures by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What stands in the ledger, read through its published views; ``lapsed`` says when a problem first did."""

    registered: dict[UUID, str]
    lapsed: dict[UUID, datetime]
    attached: int
    struck_off: int
    events: int
    broken: list[UUID]


async def read_ledger(database: str) -> Ledger:
    """Count the ledger anew, and recompute the hash chain of every problem."""
    connection = await asyncpg.connect(database)
    try:
        problems = await connection.fetch("select id, jurisdiction, status from router.published_problems")
        events = await connection.fetch(
            "select problem_id, at, kind, body, previous, hash from router.published_events"
            " order by problem_id, version"
        )
    finally:
        await connection.close()
    heads: dict[UUID, str] = {}
    lapsed: dict[UUID, datetime] = {}
    duties = {row["problem_id"] for row in events if row["kind"] == "opened"}
    broken = []
    for row in events:
        head = heads.get(row["problem_id"], GENESIS)
        if row["previous"] != head or row["hash"] != chained(head, row["body"].encode()):
            broken.append(row["problem_id"])
        heads[row["problem_id"]] = row["hash"]
        if row["kind"] == "escalated":
            lapsed.setdefault(row["problem_id"], row["at"])
    return Ledger(
        registered={row["id"]: row["jurisdiction"] for row in problems if row["id"] not in duties},
        lapsed=lapsed,
        attached=sum(row["kind"] == "attached" for row in events),
        struck_off=sum(row["status"] == "struck_off" and row["id"] not in duties for row in problems),
        events=len(events),
        broken=broken,
    )


def summarise(boston: Boston, mianyang: Mianyang, feed: Feed, ledger: Ledger, elapsed_s: float) -> Summary:
    """The figures of both stories together."""
    reports = boston.reports + mianyang.reports
    refused = len(feed.refused_reports)
    return Summary(
        reports=reports,
        refused=refused,
        attached=ledger.attached,
        registered=len(ledger.registered),
        escalated=len(late_in(ledger, "boston", UNTIL)) + len(late_in(ledger, "mianyang", mianyang.until)),
        expected_escalated=len(boston.overdue) + len(mianyang.lapsing),
        struck_off=ledger.struck_off,
        lost=reports - refused - ledger.attached - len(ledger.registered),
        elapsed_s=round(elapsed_s, 1),
    )


def late_in(ledger: Ledger, city: str, until: datetime) -> set[UUID]:
    """The problems of ``city`` that lapsed before its story ended; the clock of the other story runs on."""
    return {one for one, at in ledger.lapsed.items() if ledger.registered.get(one) == city and at <= until}


def faults(summary: Summary, boston: Boston, mianyang: Mianyang, feed: Feed, ledger: Ledger) -> Iterator[str]:
    """Everything that does not add up, in words."""
    if summary.lost:
        yield f"{summary.lost} accepted reports are not in the ledger"
    of_boston = late_in(ledger, "boston", UNTIL)
    for what, problems in (("lapsed, but not in the city's data", of_boston - boston.overdue),
                           ("late in the city's data, but did not lapse", boston.overdue - of_boston)):  # fmt: skip
        if problems:
            yield f"{len(problems)} Boston problems {what}: {', '.join(sorted(map(str, problems))[:5])}"
    yield from mianyang.faults(feed)
    unexpected = [one for one in feed.refused if one.code not in _expected_codes(mianyang)]
    if unexpected:
        yield f"{len(unexpected)} commands were refused, first: {unexpected[0].code}: {unexpected[0].reason}"
    if ledger.broken:
        yield f"the hash chain of {len(ledger.broken)} problems is broken, first: {ledger.broken[0]}"


def _expected_codes(mianyang: Mianyang) -> set[str]:
    return {act.refused for told in mianyang.story.reports for act in told.acts if act.refused}
