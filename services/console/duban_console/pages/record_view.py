"""What the page of one record shows: what it is, how it stands, and what is due in it, as bars. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from duban.messages.records import BEGINNINGS, AnyRecord, Duty, Listing, Problem, Reading, Reward
from duban.moves import OPEN
from duban_console.desk.lamp_days import lamp_of_limit
from duban_console.desk.limits import OwedLimit, limits
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
    measure_at: str
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
    running = _limits(record, words)
    bars = tuple(_bars(record, running, now, words, near))
    location = record.location if isinstance(record, Problem) else None
    return RecordView(
        id=str(record.id), number=record.number, title=record.title, kind=words.kind(record.kind.value),
        status=words.status(record.status.value), lamp=_worst(record, running, now, near),
        facts=tuple((label, value) for label, value in _facts(record, now, words) if value), bars=bars,
        place=(location.latitude, location.longitude) if location is not None else None,
    )  # fmt: skip


def _limits(record: AnyRecord, words: RecordWords) -> list[OwedLimit]:
    """Every limit that runs, or has passed while what it was of is owed; none where the pack is not here."""
    return limits(record, words.rules) if words.rules is not None else []


def _worst(record: AnyRecord, running: Iterable[OwedLimit], now: datetime, near: timedelta) -> str:
    if record.status not in OPEN:
        return "none"
    lamps = {lamp_of_limit(limit.at, now, near) for limit in running if limit.owner is not None}
    return next((lamp for lamp in ("red", "yellow", "green") if lamp in lamps), "none")


def _bars(
    record: AnyRecord, running: Iterable[OwedLimit], now: datetime, words: RecordWords, near: timedelta
) -> Iterator[LimitBar]:
    begun = _begun(record, now)
    for limit in running:
        whole = max((max(now, limit.at) - begun).total_seconds(), 1.0)
        is_over = limit.at <= now
        left = words.say("late by {length}") if is_over else words.say("{length} left")
        following = limit.following
        yield LimitBar(
            title=words.text(limit.obligation.title), owner=words.unit(limit.owner),
            clause=limit.obligation.clause or "", lamp=lamp_of_limit(limit.at, now, near), due=words.instant(limit.at),
            left=left.format(length=words.length(now - limit.at)), now_x=_x(begun, now, whole),
            lapse_x=_x(begun, limit.at, whole), is_over=is_over,
            measure=words.named("measures", following.measure) if following is not None and following.measure else "",
            measure_at=words.instant(following.due_at) if following is not None and following.measure else "",
            provisional=following is not None and following.provisional,
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
