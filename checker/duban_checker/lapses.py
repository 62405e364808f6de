"""I4 to I7: each deadline lapses once, never early, never after it was met in time, and always."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

import orjson

from duban_checker.traces import Case, Row, Violation, instant

#: What a deadline may take to fire once everything is healed.
GRACE = timedelta(seconds=30)


class RunningClock(NamedTuple):
    """An obligation since its clock was last set going: ``generation`` is the version of the event that did."""

    name: str
    part: str | None
    generation: int


class LapsedLevel(NamedTuple):
    """A step of a ladder: what the ledger says of it."""

    of: RunningClock
    level: int
    due_at: datetime
    at: datetime
    version: int
    command: str


def lapses(case: Case) -> Iterator[LapsedLevel]:
    """Every lapse in the ledger, in order."""
    for event, body in zip(case.events, case.bodies, strict=True):
        change = body["change"]
        if change["kind"] == "escalated":
            of = RunningClock(change["obligation"], change.get("part"), change["generation"])
            due_at, at = instant(change["due_at"]), instant(body["at"])
            yield LapsedLevel(of, change["level"], due_at, at, event["version"], body["command"])


def repeated(case: Case, run: Row) -> Iterator[Violation]:
    """I4: one lapse per obligation, generation and level; none is left out, and none that was sent passed over."""
    counts = Counter((lapse.of, lapse.level) for lapse in lapses(case))
    for (of, level), count in counts.items():
        if count > 1:
            yield Violation("I4", f"a deadline lapsed {count} times", case.problem, _words(of, level))
    levels = defaultdict(list)
    for body in case.bodies:
        change = body["change"]
        if change["kind"] in ("escalated", "reminded"):
            levels[RunningClock(change["obligation"], change.get("part"), change["generation"])].append(change["level"])
    for of, climbed in levels.items():
        if sorted(set(climbed)) != list(range(1, len(set(climbed)) + 1)):
            yield Violation("I4", "a level was left out", case.problem, f"{_words(of)}: {climbed}")
    yield from _passed_over(case, set(counts))


def _passed_over(case: Case, lapsed: set[tuple[RunningClock, int]]) -> Iterator[Violation]:
    """Deadlines that were sent when due, while they stood, and did not lapse: the log settles races."""
    states = standing(case)
    appended = case.appended()
    offsets = [appended[body["command"]]["offset"] if body["command"] in appended else None for body in case.bodies]
    sent = [row for row in case.commands if row.get("due")]
    for row in sent:
        of, level, due_at = RunningClock(*row["due"][:3]), row["due"][3], instant(row["due"][4])
        if (of, level) in lapsed or moment(row) < due_at:
            continue
        before = [number for number, offset in enumerate(offsets) if offset is not None and offset < row["offset"]]
        if not before:
            continue
        held = states.get(case.events[before[-1]]["version"], {})
        if held.get(of) == (level, due_at):
            yield Violation(
                "I4", "a lapse that was sent while it stood was passed over", case.problem, _words(of, level)
            )


def early(case: Case, run: Row) -> Iterator[Violation]:
    """I5: no lapse before it is due, by the broker's clock and by the limits of the pack where they are given."""
    appended = case.appended()
    limits = run.get("limits", {})
    at_version = {event["version"]: instant(body["at"]) for event, body in zip(case.events, case.bodies, strict=True)}
    for lapse in lapses(case):
        where = _words(lapse.of, lapse.level)
        if lapse.at < lapse.due_at:
            yield Violation("I5", f"a deadline lapsed {lapse.due_at - lapse.at} early", case.problem, where)
        row = appended.get(lapse.command)
        if row is not None and moment(row) != lapse.at:
            yield Violation("I5", "a lapse counts at another instant than the broker's", case.problem, where)
        limit = limits.get(lapse.of.name)
        since = at_version.get(lapse.of.generation)
        if limit is not None and since is not None:
            expected = since + timedelta(seconds=limit["within_s"] + limit["levels_s"][lapse.level - 1])
            if lapse.due_at != expected:
                yield Violation("I5", f"it was due at {expected}, not at {lapse.due_at}", case.problem, where)


def after_action(case: Case, run: Row) -> Iterator[Violation]:
    """I6: nothing lapses that an action met which the broker appended at or before the due time."""
    by_obligation = defaultdict(list)
    for lapse in lapses(case):
        by_obligation[lapse.of].append(lapse)
    if not by_obligation:
        return
    states = standing(case)
    for event, body in zip(case.events, case.bodies, strict=True):
        version, at = event["version"], instant(body["at"])
        if body["change"]["kind"] in ("escalated", "reminded"):
            continue
        for of in states.get(version - 1, {}).keys() - states.get(version, {}).keys():
            for lapse in by_obligation.get(of, ()):
                if at < lapse.due_at or (at == lapse.due_at and version < lapse.version):
                    what = f"{_words(of, lapse.level)}: met as version {version}, lapsed as version {lapse.version}"
                    yield Violation("I6", "a deadline lapsed that had been met in time", case.problem, what)


def overdue(case: Case, run: Row) -> Iterator[Violation]:
    """I7: nothing is due and unanswered half a minute later, by the stored state, and by the limits of the pack."""
    read_at = instant(run["read_at"])
    for record in case.records:
        for deadline in orjson.loads(record["state"]).get("deadlines", ()):
            due_at = instant(deadline["due_at"])
            if due_at < read_at - GRACE:
                what = f"{deadline['obligation']} level {deadline['level']}, due at {due_at}"
                yield Violation("I7", "a deadline that is due has not lapsed", case.problem, what)
    yield from _forgotten(case, run)


def _forgotten(case: Case, run: Row) -> Iterator[Violation]:
    """Levels that the pack's limits make due while the obligation runs, whatever the engine believes to be due."""
    read_at = instant(run["read_at"])
    lapsed = {(lapse.of, lapse.level) for lapse in lapses(case)}
    status = orjson.loads(case.records[0]["state"]).get("status") if case.records else None
    for name, limit in run.get("limits", {}).items():
        begun = [body for body in case.bodies if body["change"]["kind"] in limit["since"]]
        if not begun or status not in limit["running"]:
            continue
        of = RunningClock(name, None, begun[-1]["version"])
        for level, seconds in enumerate(limit["levels_s"], start=1):
            due_at = instant(begun[-1]["at"]) + timedelta(seconds=limit["within_s"] + seconds)
            if due_at < read_at - GRACE and (of, level) not in lapsed:
                what = f"{_words(of, level)}, due at {due_at}"
                yield Violation("I7", "a deadline of the pack has not lapsed", case.problem, what)


def overtaken(case: Case) -> Iterator[timedelta]:
    """How late each action came that met a deadline after it was due, before its lapse was in the log."""
    states = standing(case)
    for event, body in zip(case.events, case.bodies, strict=True):
        version, at = event["version"], instant(body["at"])
        if body["change"]["kind"] not in ("escalated", "reminded"):
            before, after = states.get(version - 1, {}), states.get(version, {})
            for of in before.keys() - after.keys():
                if before[of][1] < at:
                    yield at - before[of][1]


def standing(case: Case) -> dict[int, dict[RunningClock, tuple[int, datetime]]]:
    """By version, what ran after it: the level and the instant that were due next for each obligation."""
    states: dict[int, dict[RunningClock, tuple[int, datetime]]] = {}
    for row in case.told:
        if row["version"] not in states:
            states[row["version"]] = {
                RunningClock(*due[:3]): (due[3], instant(due[4])) for due in row.get("deadlines", ())
            }
    return states


def moment(row: Row) -> datetime:
    """When the broker appended a record."""
    return instant(row["at"])


def _words(of: RunningClock, level: int | None = None) -> str:
    part = f"/{of.part}" if of.part else ""
    return f"{of.name}{part} of version {of.generation}" + ("" if level is None else f", level {level}")
