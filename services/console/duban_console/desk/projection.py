"""From events, in their order, to what is written of them: the rows of the read model. Pure.

An event counts once: one whose version is known is passed over, so that repetitions and replays change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from duban.messages import changes as c
from duban.messages.events import LedgerEvent
from duban.messages.records import AnyRecord, Duty, Event, Problem
from duban.moves import OPEN, Kind
from duban.policy.rules import Rules
from duban_console.accounts.access import parties
from duban_console.desk import lamp_days, unit_turns
from duban_console.desk.grams import gram_text, grams
from duban_console.desk.limits import OwedLimit, limits
from duban_console.desk.reader import Stake
from duban_console.desk.rows import (
    ENDED,
    NO_LIMIT,
    CallRow,
    DeskWriting,
    Dossier,
    RecordRow,
    StakeRow,
    UnitTurn,
)
from duban_console.desk.waits import waits


class Projection:
    """What a batch of events makes of what is kept of their records."""

    def __init__(self, dossiers: Mapping[UUID, Dossier], near: timedelta) -> None:
        """``near`` is how long before its limit a problem counts as yellow."""
        self._near = near
        self._dossiers = dict(dossiers)
        self._newest: dict[UUID, tuple[LedgerEvent, Rules, list[OwedLimit]]] = {}
        self._happened: dict[UUID, dict[int, datetime]] = {}
        self._writing = DeskWriting()

    def take(self, event: LedgerEvent, rules: Rules, partition: int) -> None:
        """Take in ``event``, which came from ``partition``; ``rules`` are those of its record's pack."""
        record, what = event.record, event.event
        held = self._dossiers.get(record.id)
        known = 0 if held is None else held.version
        if what.version <= known or record.kind is Kind.READING:
            return
        if what.version > known + 1:
            self._writing.gaps += 1
        running = limits(record, rules)
        self._newest[record.id] = (event, rules, running)
        newest = self._writing.newest
        newest[partition] = max(newest.get(partition, what.at), what.at)
        self._happened.setdefault(record.id, {})[what.version] = what.at
        self._writing.calls += _calls(what, record)
        due_key, turns = _due_key(record, running), () if held is None else held.turns
        if isinstance(record, Problem):
            self._count(held, record, due_key, what.at, rules)
            turns = self._turned(turns, what, record, rules)
        self._dossiers[record.id] = Dossier(what.version, record.holder, due_key, turns)

    def writing(self) -> DeskWriting:
        """What there is to write."""
        writing = self._writing
        for id_, (event, rules, running) in self._newest.items():
            record, at = event.record, event.event.at
            writing.rows[id_] = _row(record, at, running, _closed_at(record, at))
            writing.stakes[id_] = tuple(_stakes(record, running))
            writing.waits[id_] = waits(record, running, rules, self._happened[id_], at)
        writing.days = type(writing.days)({key: by for key, by in writing.days.items() if by})
        return writing

    def _count(self, held: Dossier | None, problem: Problem, due_key: datetime, at: datetime, rules: Rules) -> None:
        """Count the problem under its lamp from now on, where its unit or its limit has changed."""
        before = (None, ENDED) if held is None else (held.unit, held.due_key)
        if before == (problem.lead_unit, due_key):
            return
        days, city = self._writing.days, problem.jurisdiction
        for unit, key, changes in ((*before, lamp_days.ends), (problem.lead_unit, due_key, lamp_days.begins)):
            for lamp, midnight, by in changes(key, at, rules.zone, self._near):
                for name in ("",) if unit is None else ("", unit):
                    days[city, name, lamp, midnight] += by

    def _turned(
        self, turns: tuple[UnitTurn, ...], event: Event, problem: Problem, rules: Rules
    ) -> tuple[UnitTurn, ...]:
        after = unit_turns.followed(turns, event, problem, rules)
        for turn in after:
            if turn not in turns:
                self._writing.turns[turn.record_id, turn.version] = turn
        return after


def _due_key(record: AnyRecord, running: list[OwedLimit]) -> datetime:
    if record.status not in OPEN:
        return ENDED
    return running[0].at if running else NO_LIMIT


def _closed_at(record: AnyRecord, at: datetime) -> datetime | None:
    """When a record that is closed came to its end; where none of its events says so, it has by ``at``."""
    if record.status in OPEN:
        return None
    marks = [mark for kind, mark in record.marks.items() if kind in _CLOSING]
    return max(marks, key=lambda mark: mark.version).at if marks else at


_CLOSING = frozenset(
    {"struck_off", "rejected", "appeal_upheld", "exited", "expired", "declined", "collected", "reading_taken"}
)


def _row(record: AnyRecord, at: datetime, running: list[OwedLimit], closed_at: datetime | None) -> RecordRow:
    soonest = running[0] if running and record.status in OPEN else None
    row = RecordRow(
        id=record.id,
        kind=record.kind,
        jurisdiction=record.jurisdiction,
        pack=record.pack,
        number=record.number,
        title=record.title,
        rule=record.rule,
        status=record.status,
        version=record.version,
        begun_at=record.begun_at,
        changed_at=at,
        due_key=_due_key(record, running),
        unit=record.holder,
        obligation=None if soonest is None else soonest.obligation.id,
        due_of=None if soonest is None else soonest.owner,
        closed_at=closed_at,
        parties=tuple(sorted(parties(record))),
        lapses=record.lapses,
    )
    return _of_problem(row, record) if isinstance(record, Problem) else row


def _of_problem(row: RecordRow, problem: Problem) -> RecordRow:
    plan, location = problem.plan, problem.location
    return replace(
        row,
        grams=grams(gram_text(problem.number, problem.title)),
        channel=problem.channel,
        area=problem.area,
        enterprise=problem.enterprise,
        sponsor=problem.sponsor,
        pair=problem.pair,
        co_units=problem.co_units,
        flags=problem.flags,
        reports=problem.reports,
        latitude=None if location is None else location.latitude,
        longitude=None if location is None else location.longitude,
        plan_due_at=None if plan is None else plan.due_at,
        milestones=() if plan is None else tuple((stage.title, stage.due_at) for stage in plan.milestones),
        reached=problem.milestones_reached,
    )


def _stakes(record: AnyRecord, running: list[OwedLimit]) -> Iterable[StakeRow]:
    """Of each unit the first stake that it has, with what it owes soonest."""
    owing: dict[str, OwedLimit] = {}
    for limit in running:
        if limit.owner is not None:
            owing.setdefault(limit.owner, limit)
    stakes: dict[str, Stake] = {}
    for unit, stake in _in_it(record, owing):
        stakes.setdefault(unit, stake)
    for unit, stake in stakes.items():
        finished = isinstance(record, Problem) and stake is Stake.CO and unit in record.parts_finished
        soonest = owing.get(unit)
        if soonest is None:
            yield StakeRow(unit, stake, finished=finished)
            continue
        following = soonest.following
        measure, next_at = ("", None) if following is None else (following.measure, following.due_at)
        yield StakeRow(unit, stake, soonest.at, soonest.obligation.id, measure, next_at, finished)


def _in_it(record: AnyRecord, owing: Iterable[str]) -> Iterable[tuple[str, Stake]]:
    if record.status in OPEN:
        if isinstance(record, Problem):
            if record.lead_unit is not None:
                yield record.lead_unit, Stake.LEAD
            yield from ((unit, Stake.CO) for unit in record.co_units)
        elif isinstance(record, Duty):
            yield record.unit, Stake.DUTY
    yield from ((unit, Stake.OWED) for unit in owing)
    if record.status in OPEN and isinstance(record, Problem):
        if record.sponsor is not None:
            yield record.sponsor, Stake.SPONSOR
        if record.pair is not None:
            yield record.pair, Stake.PAIR


def _calls(event: Event, record: AnyRecord) -> list[CallRow]:
    """The measures that the event tells units: taken without asking, or released now."""
    match event.change:
        case c.Reminded() as change:
            ground, owner = change.obligation, change.owner or None
        case c.Escalated(approval=None) as change if change.measure:
            ground, owner = change.obligation, change.owner or None
        case c.Measured(approval=None) as change:
            ground, owner = change.ground, change.owner or None
        case c.Approved() as change:
            ground, owner = change.ground, change.owner or None
        case _:
            return []
    return [
        CallRow(record.id, event.version, unit, record.jurisdiction, change.measure, ground, owner, event.at)
        for unit in dict.fromkeys(change.to)
    ]
