"""What the page of one record shows: what it is, how it stands, and what is due in it, as bars. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from duban.messages.records import BEGINNINGS, AnyRecord, Deadline, Duty, Listing, Problem, Reading, Reward
from duban.moves import OPEN
from duban_console.pages.record_words import RecordWords

#: How wide a bar is drawn.
BAR_WIDTH: Final = 600


@dataclass(frozen=True, slots=True)
class LimitBar:
    """One limit from registration to its end, or to now if that is later: where on the bar they lie, and in words."""

    title: str
    owner: str
    clause: str
    lamp: str
    due: str
    left: str
    now_x: int
    lapse_x: int
    is_over: bool
    measure: str
    provisional: bool


@dataclass(frozen=True, slots=True)
class RecordView:
    """A record as its page shows it."""

    id: str
    number: str
    title: str
    kind: str
    status: str
    lamp: str
    facts: tuple[tuple[str, str], ...]
    bars: tuple[LimitBar, ...]
    place: tuple[float, float] | None


def record_view(record: AnyRecord, now: datetime, words: RecordWords, near: timedelta) -> RecordView:
    """``record`` as it stands at ``now``; a limit is ``near`` when no more than that is left of it."""
    bars = tuple(_bars(record, now, words, near))
    location = record.location if isinstance(record, Problem) else None
    return RecordView(
        id=str(record.id), number=record.number, title=record.title, kind=words.kind(record.kind.value),
        status=words.status(record.status.value), lamp=worst(record, now, near),
        facts=tuple((label, value) for label, value in _facts(record, now, words) if value), bars=bars,
        place=(location.latitude, location.longitude) if location is not None else None,
    )  # fmt: skip


def limit_lamp(deadline: Deadline, now: datetime, near: timedelta) -> str:
    """How a limit stands."""
    if deadline.lapse_at <= now:
        return "red"
    return "yellow" if deadline.lapse_at - now <= near else "green"


def worst(record: AnyRecord, now: datetime, near: timedelta) -> str:
    """How ``record`` stands to whatever is due in it."""
    if record.status not in OPEN and not record.deadlines:
        return "none"
    lamps = {limit_lamp(deadline, now, near) for deadline in record.deadlines if deadline.owner is not None}
    return next((lamp for lamp in ("red", "yellow", "green") if lamp in lamps), "none")


def _bars(record: AnyRecord, now: datetime, words: RecordWords, near: timedelta) -> Iterator[LimitBar]:
    for deadline in sorted(record.deadlines, key=lambda each: each.lapse_at):
        begun, end = _begun(record, now), max(now, deadline.lapse_at)
        whole = max((end - begun).total_seconds(), 1.0)
        is_over = deadline.lapse_at <= now
        length = words.length(now - deadline.lapse_at)
        left = words.say("late by {length}") if is_over else words.say("{length} left")
        yield LimitBar(
            title=words.obligation(record, deadline.obligation), owner=words.unit(deadline.part or deadline.owner),
            clause=words.clause_of(record, deadline.obligation), lamp=limit_lamp(deadline, now, near),
            due=words.instant(deadline.lapse_at), left=left.format(length=length),
            now_x=_x(begun, now, whole), lapse_x=_x(begun, deadline.lapse_at, whole), is_over=is_over,
            measure=words.named("measures", deadline.measure) if deadline.measure else "",
            provisional=deadline.provisional,
        )  # fmt: skip


def _begun(record: AnyRecord, now: datetime) -> datetime:
    """When it began; now, where its marks are not there."""
    return record.begun_at if any(kind in record.marks for kind in BEGINNINGS) else now


def _x(begun: datetime, at: datetime, whole: float) -> int:
    return round(min(max((at - begun).total_seconds() / whole, 0.0), 1.0) * BAR_WIDTH)


def _facts(record: AnyRecord, now: datetime, words: RecordWords) -> Iterator[tuple[str, str]]:
    if isinstance(record, Problem):
        yield from _of_problem(record, words)
    elif isinstance(record, Duty):
        yield words.field("duty"), words.named("duties", record.duty)
        yield words.field("owner"), words.unit(record.unit)
        yield words.field("of"), record.of or ""
        yield words.field("due_on"), record.due_on.isoformat() if record.due_on else ""
        yield words.field("outcome"), record.outcome or ""
    elif isinstance(record, Listing):
        yield words.field("list"), words.named("lists", record.list)
        yield words.field("of"), record.of
        yield words.field("ground"), words.ground(record.ground, record)
        yield words.field("keeper"), words.unit(record.keeper)
        yield words.field("bars"), words.value("", record.bars, record)
    elif isinstance(record, Reward):
        yield words.field("reward"), words.named("rewards", record.reward)
        yield words.field("fixed_by"), words.unit(record.fixed_by)
        yield words.field("amount"), "" if record.amount is None else str(record.amount)
    elif isinstance(record, Reading):
        yield words.field("unit"), words.unit(record.unit)
        yield words.field("value"), f"{record.value:g} {record.measured_in}"
        yield words.field("read_on"), record.read_on.isoformat()
        yield words.field("source"), record.source
    cause = getattr(record, "cause", None)
    yield words.say("Because of"), cause.number if cause is not None else ""
    yield words.say("Begun"), words.instant(_begun(record, now))
    yield words.say("Pack"), record.pack


def _of_problem(problem: Problem, words: RecordWords) -> Iterator[tuple[str, str]]:
    yield words.field("category"), words.named("categories", problem.category)
    yield words.field("matter"), words.named("matters", problem.matter) if problem.matter else ""
    yield words.field("channel"), words.named("channels", problem.channel)
    yield words.say("Area"), words.named("areas", problem.area) if problem.area else ""
    yield words.say("Enterprise"), problem.enterprise or ""
    yield words.field("lead_unit"), words.unit(problem.lead_unit)
    yield words.field("co_units"), words.value("co_units", problem.co_units, problem)
    yield words.field("clause"), words.clause(problem.clause)
    yield words.field("sponsor"), words.unit(problem.sponsor)
    yield words.say("Marks"), words.value("flag", problem.flags, problem)
    answered = words.say("answered")
    yield words.say("Reports"), f"{problem.reports} ({answered}: {problem.answered})"
    if problem.plan is not None:
        plan = problem.plan
        until = words.say("until")
        yield words.field("plan"), f"{plan.target} ({until} {words.instant(plan.due_at)}, {plan.person})"
    yield words.field("outcome"), problem.outcome or ""
