"""The live table: problems by stage, what lapsed, what was told to whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from duban.messages.records import Problem
from duban.moves import Kind, Stage
from duban.texts import printable
from duban_cli.demo.feed import Feed
from duban_cli.output import shown_at


def board(feed: Feed, at: datetime | None, done: float, zone: tzinfo | None, zones: Mapping[str, ZoneInfo]) -> Group:
    """The state of ``feed`` at the story's instant ``at``; ``done`` is the share played, 0 to 1.

    The clock shows the time of ``zone``, that of the city that is played; what was told is shown in that of its own
    city, by ``zones``. None, and a city that is not there, mean UTC.
    """
    return Group(_head(at, done, zone), _stages(feed), _told(feed, zones))


def _head(at: datetime | None, done: float, zone: tzinfo | None) -> Text:
    filled = round(30 * done)
    clock = shown_at(at, zone) if at else "starting"
    return Text.assemble(
        (" clock ", "reverse"), f" {clock}   ", ("█" * filled, "green"), "░" * (30 - filled), f" {done:.0%}"
    )


def _stages(feed: Feed) -> Table:
    table = Table("city", *[stage.value for stage in Stage], "lapsed", expand=True, title="problems by stage")
    stages: dict[str, Counter[Stage]] = {}
    lapsed: Counter[str] = Counter()
    kinds = Counter(record.kind for record in feed.records.values())
    for problem in feed.records.values():
        if not isinstance(problem, Problem):
            continue
        stages.setdefault(problem.jurisdiction, Counter())[problem.stage] += 1
        lapsed[problem.jurisdiction] += problem.id in feed.lapsed
    for city, counted in sorted(stages.items()):
        table.add_row(city, *[str(counted[stage] or "·") for stage in Stage], str(lapsed[city] or "·"))
    lapsed_duties = sum(feed.records[id_].kind is Kind.DUTY for id_ in feed.lapsed)
    table.caption = (
        f"{len(feed.attached)} reports attached, {len(feed.refused_reports)} refused; "
        f"{kinds[Kind.DUTY]} duties, {lapsed_duties} lapsed; "
        f"{kinds[Kind.LISTING]} entries on lists, {kinds[Kind.REWARD]} rewards"
    )
    return table


def _told(feed: Feed, zones: Mapping[str, ZoneInfo]) -> Panel:
    lines = Text(no_wrap=True, overflow="ellipsis")
    for notice in feed.notices:
        problem = feed.records.get(notice.problem_id)
        zone = zones.get(problem.jurisdiction if problem else "", UTC)
        lines.append(f"{notice.issued_at.astimezone(zone):%m-%d %H:%M} ", style="dim")
        lines.append(f"{notice.measure or notice.event:<20} ", style="bold")
        lines.append(f"→ {notice.recipient}: {printable(' '.join(notice.text.split()))}\n")
    counted = "  ".join(f"{kind} {number}" for kind, number in feed.told.most_common())
    return Panel(lines, title="told", subtitle=counted or None, height=len(feed.notices) + 2 if feed.notices else 3)
