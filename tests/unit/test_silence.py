"""The laws of silence: a source that is silent for too long is an alarm of its keeper's, once for each silence."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from duban.clock import DrivenClock
from duban.messages import commands as do
from duban.messages import struct
from duban.messages.delivery import Delivery
from duban.messages.envelope import Record, decode
from duban.messages.report import Report
from duban.messages.sources import RegisteredSource, SourceKey
from duban.messages.struct import from_data
from duban.policy import PublishedCalendar, load_calendar
from duban.policy.library import Library
from duban.policy.rules import Rules
from duban.refusal import Refusal
from duban_intake.domain import submitted
from duban_intake.source_journal import SourceJournal
from duban_intake.source_watch import HeardReports, SourceWatch
from duban_intake.sources.registry import SourceRegistry
from duban_router.domain.decision import Decided
from tests.given import ROOT, Case, entries, report, rules_with

NOW = datetime(2022, 4, 6, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
CALENDAR = ROOT / "deploy/calendars/cn.yaml"
RULE: dict[str, Any] = {
    "id": "mend", "title": {"en": "See why a source is silent"}, "schedule": {"every": "silence"},
    "within": {"hours": 4}, "ladder": "late-report", "basis": "practice",
}  # fmt: skip
HOTLINE = RegisteredSource(
    name="hotline", jurisdiction="smallville", channel="hotline", names=("热线",), keeper="water", quiet=6 * 3600,
    keys=(SourceKey(sha256="0" * 64, since=NOW - 48 * HOUR), SourceKey(sha256="1" * 64, since=NOW - 24 * HOUR)),
)  # fmt: skip


class Watched:
    """A watch over sources, what they last said, and what it publishes."""

    def __init__(self, *sources: RegisteredSource, duties: Sequence[dict[str, Any]] = (RULE,)) -> None:
        self.spoke: dict[str, datetime] = {}
        self.published: list[Record] = []
        self.clock = DrivenClock(NOW)
        self.registry = SourceRegistry()
        for source in sources:
            self.registry.put(source)
        library = Library()
        library.add(smallville(duties).pack)
        library.add(PublishedCalendar(notice=load_calendar(CALENDAR.read_text("utf-8"), CALENDAR.name)))
        self.watch = SourceWatch(self.spoke_at, self.registry, library, self.publish, self.clock)

    async def spoke_at(self, names: Collection[str]) -> dict[str, datetime]:
        return {name: self.spoke[name] for name in names if name in self.spoke}

    async def publish(self, records: Sequence[Record]) -> None:
        self.published += records

    async def opened(self, at: datetime) -> list[tuple[str, do.Open]]:
        """What a look at ``at`` opens: the ids of the records, and the commands."""
        self.clock.tick(at)
        self.published = []
        await self.watch.look()
        kinds = {do.Open.TYPE: do.Open}
        messages = [decode(one.key, one.value, one.headers, kinds) for one in self.published]
        return [(message.subject, message.data) for message in messages]


def smallville(duties: Sequence[dict[str, Any]]) -> Rules:
    return rules_with(duties=[*entries("duties"), *duties])


async def test_a_source_that_is_silent_for_too_long_opens_a_duty_of_its_keeper_once() -> None:
    watched = Watched(HOTLINE)
    watched.spoke["hotline"] = NOW
    beyond = NOW + 6 * HOUR
    assert await watched.opened(beyond) == []  # a clock may be a minute ahead of the broker's
    [(first, opening)] = await watched.opened(beyond + timedelta(minutes=1))
    assert (opening.duty, opening.unit, opening.opens_at, opening.of) == ("mend", "water", beyond, "hotline")
    assert await watched.opened(beyond + HOUR) == []
    again = Watched(HOTLINE)  # in a later life
    again.spoke["hotline"] = NOW
    assert await again.opened(beyond + HOUR) == [(first, opening)]
    watched.spoke["hotline"] = beyond + 2 * HOUR
    assert await watched.opened(beyond + 3 * HOUR) == []
    [(second, later)] = await watched.opened(beyond + 9 * HOUR)
    assert (second != first, later.opens_at) == (True, beyond + 8 * HOUR)


async def test_a_source_that_never_spoke_is_silent_since_it_got_its_key() -> None:
    [(_, opening)] = await Watched(HOTLINE).opened(NOW)
    assert opening.opens_at == NOW - 18 * HOUR


@pytest.mark.parametrize("changed", [{"keeper": None}, {"quiet": None}, {"is_off": True}, {"keeper": "nobody"},
    {"jurisdiction": "elsewhere"}, {"keys": ()}])  # fmt: skip
async def test_nobody_is_bothered_for_a_source_that_nobody_watches(changed: dict[str, Any]) -> None:
    assert await Watched(struct.replace(HOTLINE, **changed)).opened(NOW) == []


async def test_a_policy_without_such_a_duty_opens_none() -> None:
    assert await Watched(HOTLINE, duties=()).opened(NOW) == []


async def test_producers_on_the_topic_are_heard_and_their_reports_handled() -> None:
    registry, journal = SourceRegistry(), SourceJournal(None, DrivenClock(NOW))
    registry.put(HOTLINE)
    handled: list[object] = []

    async def handle(batch: Sequence[Delivery[Report]]) -> list[Any]:
        handled.extend(batch)
        return []

    batch = [
        Delivery(submitted(source, "1", report(), NOW), "duban.reports.v1", 0, offset, NOW + offset * HOUR)
        for offset, source in enumerate(("hotline", "热线", "stranger"))
    ]
    assert await HeardReports(handle, registry, journal)(batch) == []
    assert handled == batch
    assert {name: page.spoke_at for name, page in journal._pages.items()} == {"hotline": NOW + HOUR}


def opened(**changed: Any) -> tuple[Case, Decided | Refusal]:
    case = Case(NOW, duties=[*entries("duties"), RULE])
    given = {"actor": {"unit": do.ENGINE}, "duty": "mend", "unit": "water", "opens_at": NOW, "of": "hotline"}
    return case, case.apply(from_data({**given, **changed}, do.Open))


def test_the_router_opens_it_under_a_number_that_says_of_what_and_since_when() -> None:
    case, outcome = opened()
    assert isinstance(outcome, Decided), outcome
    assert outcome.record.number == "mend/water/hotline/2022-04-06T10:00:00"
    assert outcome.record.subject == "hotline"
    assert case.deadline("mend").lapse_at == NOW + 4 * HOUR


def test_its_keeper_says_what_it_was_and_that_is_no_pledge() -> None:
    case, _ = opened()
    case.done(do.Complete, "water", outcome="a fuse")
    assert case.record.status == "struck_off"


@pytest.mark.parametrize(
    ("changed", "code"),
    [({"of": None}, "unknown_duty"), ({"unit": "nobody"}, "unknown_unit"), ({"duty": "explanation"}, "unknown_duty")],
)
def test_what_no_silence_opens_is_refused(changed: dict[str, Any], code: str) -> None:
    _, outcome = opened(**changed)
    assert isinstance(outcome, Refusal), outcome
    assert outcome.code == code


@pytest.mark.parametrize("changed", [{"units": ["water"]}, {"due_on": "2022-06-30"}, {"within": None}])
def test_a_duty_of_silence_names_nobody_and_has_a_time(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"every: silence|exactly one of"):
        smallville([{**RULE, **changed}])
