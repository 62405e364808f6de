"""The figures at the end, counted in the ledger, and whether they add up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from duban.messages.events import GENESIS, chained
from duban.moves import Kind
from duban_cli.demo.boston import JURISDICTION as BOSTON
from duban_cli.demo.boston import UNTIL, Boston
from duban_cli.demo.cities import City
from duban_cli.demo.differences import differences, otherwise
from duban_cli.demo.feed import Feed
from duban_cli.demo.rehearsal import Rehearsal


@dataclass(frozen=True, slots=True)
class Summary:
    """What the demo prints as its last line; ``escalated`` counts problems with a lapsed deadline, not measures.

    ``duties`` are those that the calendar opened; how many lapse is compared with what the core gives on virtual time.
    """

    cities: tuple[str, ...]
    reports: int
    refused: int
    attached: int
    registered: int
    escalated: int
    expected_escalated: int
    struck_off: int
    duties: int
    duties_lapsed: int
    expected_duties_lapsed: int
    lost: int
    elapsed_s: float

    def json(self) -> dict[str, object]:
        """The figures by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Programme:
    """What is played on one system: the Boston requests, a city's story, or first the one and then the other."""

    boston: Boston | None = None
    city: City | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The cities, in the order in which they are played."""
        return (*([BOSTON] if self.boston else []), *([self.city.name] if self.city else []))

    @property
    def reports(self) -> int:
        """How many reports are sent, refused ones included."""
        return (self.boston.reports if self.boston else 0) + (len(self.city.story.reports) if self.city else 0)

    @property
    def untils(self) -> Mapping[str, datetime]:
        """When each city's story ends."""
        return {BOSTON: UNTIL, **({self.city.name: self.city.until} if self.city else {})}

    def expected_late(self) -> int:
        """How many problems must miss a deadline: by the city's own data, and by what the story tells."""
        late = [report for report in self.city.story.reports if report.expect.lapsed] if self.city else []
        return (len(self.boston.overdue) if self.boston else 0) + len(late)

    def rehearsed(self) -> Rehearsal | None:
        """The city's story as the pure core plays it; its calendar was last looked at when Boston's ended."""
        return self.city.rehearsed(UNTIL if self.boston else None) if self.city else None


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What stands in the ledger, read through its published views; ``lapsed`` says when a problem or duty first did.

    ``registered`` are the problems and ``duties`` what units owe besides, both with their city.
    """

    registered: dict[UUID, str]
    duties: dict[UUID, str]
    lapsed: dict[UUID, datetime]
    attached: int
    struck_off: int
    events: int
    broken: list[UUID]


async def read_ledger(database: str) -> LedgerState:
    """Count the ledger anew, and recompute the hash chain of every problem."""
    connection = await asyncpg.connect(database)
    try:
        problems = await connection.fetch("select id, jurisdiction, status from router.published_records")
        events = await connection.fetch(
            "select problem_id, at, kind, body, hash from router.published_events order by problem_id, version"
        )
    finally:
        await connection.close()
    heads: dict[UUID, str] = {}
    lapsed: dict[UUID, datetime] = {}
    begun: dict[UUID, str] = {}
    broken = []
    for row in events:
        head = heads.get(row["problem_id"], GENESIS)
        if row["hash"] != chained(head, row["body"].encode()):
            broken.append(row["problem_id"])
        heads[row["problem_id"]] = row["hash"]
        begun.setdefault(row["problem_id"], row["kind"])
        if row["kind"] == "escalated":
            lapsed.setdefault(row["problem_id"], row["at"])
    registered, duties = (
        {row["id"]: row["jurisdiction"] for row in problems if begun.get(row["id"]) == kind}
        for kind in ("registered", "opened")
    )
    return LedgerState(
        registered=registered,
        duties=duties,
        lapsed=lapsed,
        attached=sum(row["kind"] == "attached" for row in events),
        struck_off=sum(row["status"] == "struck_off" and row["id"] in registered for row in problems),
        events=len(events),
        broken=broken,
    )


def summarise(
    programme: Programme, rehearsed: Rehearsal | None, feed: Feed, ledger: LedgerState, elapsed_s: float
) -> Summary:
    """The figures of what was played."""
    refused = len(feed.refused_reports)
    duties = [record for record in rehearsed.records.values() if record.kind is Kind.DUTY] if rehearsed else []
    return Summary(
        cities=programme.names,
        reports=programme.reports,
        refused=refused,
        attached=ledger.attached,
        registered=len(ledger.registered),
        escalated=sum(len(late_in(ledger, city, until)) for city, until in programme.untils.items()),
        expected_escalated=programme.expected_late(),
        struck_off=ledger.struck_off,
        duties=len(ledger.duties),
        duties_lapsed=len(ledger.lapsed.keys() & ledger.duties.keys()),
        expected_duties_lapsed=sum(bool(duty.lapses) for duty in duties),
        lost=programme.reports - refused - ledger.attached - len(ledger.registered),
        elapsed_s=round(elapsed_s, 1),
    )


def late_in(ledger: LedgerState, city: str, until: datetime) -> set[UUID]:
    """The problems of ``city`` that lapsed before its story ended; the clock of the other story runs on."""
    return {id_ for id_, at in ledger.lapsed.items() if ledger.registered.get(id_) == city and at <= until}


def faults(
    summary: Summary, programme: Programme, rehearsed: Rehearsal | None, feed: Feed, ledger: LedgerState
) -> Iterator[str]:
    """Everything that does not add up, in words."""
    if summary.lost:
        yield f"{summary.lost} accepted reports are not in the ledger"
    if programme.boston:
        yield from _of_boston(programme.boston, ledger)
    foreseen: set[str] = set()
    if programme.city and rehearsed:
        yield from otherwise(programme.city, feed)
        yield from differences(feed, rehearsed, programme.city.name)
        foreseen = {entry.message.id for entry in programme.city.entries}
    if summary.duties_lapsed != summary.expected_duties_lapsed:
        yield f"{summary.duties_lapsed} duties lapsed, {summary.expected_duties_lapsed} on virtual time"
    unexpected = [code for command, code in feed.refusals.items() if command not in foreseen]
    if unexpected:
        yield f"{len(unexpected)} commands were refused, first: {unexpected[0]}"
    if ledger.broken:
        yield f"the hash chain of {len(ledger.broken)} problems is broken, first: {ledger.broken[0]}"


def _of_boston(boston: Boston, ledger: LedgerState) -> Iterator[str]:
    late = late_in(ledger, BOSTON, UNTIL)
    for what, problems in (("lapsed, but not in the city's data", late - boston.overdue),
                           ("late in the city's data, but did not lapse", boston.overdue - late)):  # fmt: skip
        if problems:
            yield f"{len(problems)} Boston problems {what}: {', '.join(sorted(map(str, problems))[:5])}"
