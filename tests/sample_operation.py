"""What operators look at in the sample city, in memory: services in every state, groups, letters, sources, anchors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import httpx2
from aiokafka import ConsumerRecord

from duban.clock import Clock
from duban.io.settings import Settings
from duban.messages.anchors import Anchored
from duban.messages.audit import AUDIT, LetterReplayed
from duban.messages.envelope import Publishable, Record, decode
from duban.messages.sources import RegisteredSource
from duban_console.kafka.audit import AuditTrail
from duban_console.kafka.dead_letters import LetterCounts, Which, reason_of
from duban_console.kafka.letter_replay import Errand, Letter, LetterReplay, Passage
from duban_console.kafka.record_format import written_out
from duban_console.ledger_audit import Finding
from duban_console.operation.anchor_watch import ChainState
from duban_console.operation.broker_watch import SAMPLES, GroupLag, LagSample, TopicState
from duban_console.operation.desk import OperationDesk
from duban_console.operation.letter_desk import LetterCensus, LetterShown
from duban_console.operation.overdue_deadlines import OverdueCensus, OverdueDeadline
from duban_console.operation.service_watch import ServiceWatch
from duban_console.source_journal import SourceActivity

#: Where the letters of the sample lie, and where they came from.
DLQ: Final = "duban.commands.v1.duban-router.dlq"
_HOME: Final = "duban.commands.v1"
_METRICS: Final = """\
duban_service_info{{service="{name}",version="0.1.0"}} 1.0
duban_ready{{check="kafka"}} 1.0
duban_ready{{check="database"}} {ready}
duban_lag_records{{group="duban-{name}",topic="duban.commands.v1"}} 1234.0
duban_oldest_overdue_seconds 61.5
duban_dead_letters_total{{code="undecodable"}} 3.0
duban_silent_sources 1.0
"""
_REASONS: Final = (
    ("undecodable", "the value is no JSON: unexpected character at 1", b"<p>\xe4\xb8\x8d\xe6\x98\xaf</p>"),
    ("undecodable", "the value is no JSON: unexpected character at 7", b'{"title": no'),
    ("unknown_jurisdiction", "no pack is published for sichuan", '{"title": "工地扬尘"}'.encode()),
)


def operation_of(clock: Clock) -> OperationDesk:
    """What the pages of an operator ask, at this hour."""

    async def sources() -> list[RegisteredSource]:
        return [
            RegisteredSource(name="hotline", keeper="ecology", quiet=3600, jurisdiction="mianyang"),
            RegisteredSource(name="grid", keeper="ecology", quiet=3600, jurisdiction="mianyang"),
            RegisteredSource(name="old-drone", is_off=True, jurisdiction="mianyang"),
        ]

    services = ServiceWatch(
        httpx2.AsyncClient(transport=httpx2.MockTransport(_said)),
        ["http://router:8302", "http://intake:8301", "http://gone:8303"],
    )
    brokers, anchors = SampleBrokers(clock.now()), SampleAnchors(clock.now())
    return OperationDesk(services, brokers, SampleLetters(clock), anchors, SampleDeadlines(), sources)


def heard(now: datetime) -> dict[str, SourceActivity]:
    """What was heard of the sources: of one lately, of another too long ago."""
    ages = {"hotline": timedelta(minutes=4), "grid": timedelta(hours=9)}
    refusals = [{"code": "invalid", "field": "title"}]
    return {name: SourceActivity(name, now - age, 1200, 3, refusals, None, None) for name, age in ages.items()}


def _said(request: httpx2.Request) -> httpx2.Response:
    name = request.url.host
    if name == "gone":
        raise httpx2.ConnectError("nobody", request=request)
    return httpx2.Response(200, text=_METRICS.format(name=name, ready=float(name == "router")))


class SampleBrokers:
    """Topics, and groups of which one was far behind an hour ago."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    async def topics(self) -> list[TopicState]:
        """Every topic."""
        return [TopicState(_HOME, 6, 1_234_567), TopicState("duban.problems.v1", 6, 0), TopicState(DLQ, 1, 3)]

    async def groups(self) -> list[GroupLag]:
        """How far each group is behind."""
        return [GroupLag("duban-router", _HOME, 6, 12), GroupLag("duban-escalation", "duban.problems.v1", 6, 0)]

    def past(self, group: GroupLag) -> list[LagSample]:
        """The last hour, of the first group alone."""
        if group.lag == 0:
            return []
        return [LagSample(self._now - timedelta(seconds=30 * age), 12 + 40 * age) for age in reversed(range(SAMPLES))]


class SampleLetters:
    """Dead letters in memory, which the engine's own replay considers and sends."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._letters = [_letter(offset, *reason, clock.now()) for offset, reason in enumerate(_REASONS)]
        self._audit = AuditTrail(None)
        self.went: list[Publishable] = []

    @property
    def sends(self) -> bool:
        """They can be sent back."""
        return True

    async def census(self, which: Which) -> LetterCensus:
        """How many lie there and why."""
        counts = LetterCounts()
        for letter in self._meant(which):
            sent_back = self._audit.replays.sent_back(letter.place)
            counts.add(letter.place.topic, letter.reason, letter.laid_at, sent_back=sent_back)
        return LetterCensus(counts.in_order(), 1, complete=False)

    async def shown(self, topic: str, which: Which, at: tuple[int, int] | None = None) -> list[LetterShown]:
        """The letters of ``topic``."""
        return [
            LetterShown(letter, written_out(letter.raw, 20_000), self._audit.replays.latest(letter.place))
            for letter in self._meant(which)
            if topic == DLQ and at in (None, (letter.place.partition, letter.place.offset))
        ]

    async def considered(self, topic: str, at: tuple[int, int], by: str, why: str, *, again: bool) -> list[Passage]:
        """What would become of one."""
        return [passage async for passage in self._replay(by, why, again).considered(self._at(at))]

    async def sent(self, topic: str, at: tuple[int, int], by: str, why: str, *, again: bool) -> list[Passage]:
        """Send one back."""
        return [passage async for passage in self._replay(by, why, again).sent(self._at(at), self)]

    async def publish(self, records: Sequence[Publishable]) -> None:
        """Take what a replay sends, its lines into the audit."""
        for record in records:
            if isinstance(record, Record) and record.topic == LetterReplayed.TOPIC:
                self._audit.replays.add(decode(record.key, record.value, record.headers, AUDIT).data)
            else:
                self.went.append(record)

    def _replay(self, by: str, why: str, again: bool) -> LetterReplay:
        return LetterReplay(Settings(), self._audit, Errand(uuid4(), by, why, again), {_HOME: 6}, self._clock)

    def _meant(self, which: Which) -> Iterable[Letter]:
        return (letter for letter in self._letters if which.takes(letter.reason, letter.laid_at))

    async def _at(self, at: tuple[int, int]) -> AsyncIterator[Letter]:
        for letter in self._letters:
            if at == (letter.place.partition, letter.place.offset):
                yield letter


class SampleAnchors:
    """Three chains: one as it was written, one of which a head has changed, one that is not anchored."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    async def states(self) -> list[ChainState]:
        """How each chain is."""
        changed = Finding(
            record=UUID(int=7), version=3, evidence="the anchors",
            what="has another hash in the ledger than was anchored, or is not there",
        )  # fmt: skip
        key = "MCowBQYDK2VwAyEAexample"
        return [
            ChainState(Anchored.LEDGER, 412, self._now, (key,), 52_311, 1000, [changed]),
            ChainState(Anchored.VAULT, 12, self._now, (), 12, 0, []),
            ChainState(Anchored.ACCOUNTS, 0, None, (), 0, 0, []),
        ]


class SampleDeadlines:
    """Two deadlines that escalation waits for, one of them since two hours."""

    async def census(self, now: datetime) -> OverdueCensus:
        """What is overdue."""
        ages = (("acknowledge", "", 7200.25), ("receipt", "police", 61.5))
        listed = [
            OverdueDeadline(UUID(int=at), "mianyang", obligation, part, 1, now - timedelta(seconds=age), at)
            for at, (obligation, part, age) in enumerate(ages)
        ]
        return OverdueCensus(listed, len(listed))


def _letter(offset: int, code: str, why: str, value: bytes, at: datetime) -> Letter:
    said = {
        "__streams.errors.exception": f"duban.errors.{code}", "__streams.errors.message": why,
        "__streams.errors.topic": _HOME, "__streams.errors.partition": "2", "__streams.errors.offset": str(40 + offset),
        "duban.dlq.code": code, "duban.dlq.group": "duban-router",
    }  # fmt: skip
    headers = [(name, text.encode()) for name, text in said.items()]
    laid_at = int((at - timedelta(hours=offset)).timestamp() * 1000)
    raw = ConsumerRecord(DLQ, 0, offset, laid_at, 0, b"key", value, None, 3, len(value), headers)
    return Letter(raw, reason_of(headers))
