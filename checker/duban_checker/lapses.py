"""I4 to I7: each deadline lapses once, never early, never after it was met in time, and always."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import orjson

from duban_checker.fold import statuses
from duban_checker.traces import Case, Row, Violation, instant

#: Seconds that a deadline may take to fire once everything is healed, unless the run says otherwise.
GRACE_S = 30.0


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


class PackDeadline(NamedTuple):
    """A step of a ladder that the pack's limits made due; its obligation ran ``until`` then, None: it runs still."""

    of: RunningClock
    level: int
    due_at: datetime
    until: datetime | None


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
    """Deadlines that were sent when due, while they stood, and did not lapse: the log settles races.

    A command that comes again under its id is none: one that was refused as not due yet stays refused.
    """
    states = standing(case)
    appended = case.appended()
    offsets = [appended[body["command"]]["offset"] if body["command"] in appended else None for body in case.bodies]
    for row in appended.values():
        if not row.get("due"):
            continue
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
    for lapse in lapses(case):
        where = _words(lapse.of, lapse.level)
        if lapse.at < lapse.due_at:
            yield Violation("I5", f"a deadline lapsed {lapse.due_at - lapse.at} early", case.problem, where)
        row = appended.get(lapse.command)
        if row is not None and moment(row) != lapse.at:
            yield Violation("I5", "a lapse counts at another instant than the broker's", case.problem, where)
        expected = _due_by_pack(case, lapse, limits)
        if expected is None:
            yield Violation("I5", "a deadline lapsed that the pack does not know", case.problem, where)
        elif lapse.due_at != expected:
            yield Violation("I5", f"it was due at {expected}, not at {lapse.due_at}", case.problem, where)


def _due_by_pack(case: Case, lapse: LapsedLevel, limits: Row) -> datetime | None:
    """When the pack makes a level due, None if never; without limits of its obligation what the ledger says holds."""
    limit = limits.get(lapse.of.name)
    if limit is None:
        return lapse.due_at
    begun = next((body for body in case.bodies if body["version"] == lapse.of.generation), None)
    if begun is None or begun["change"]["kind"] not in limit["since"] or lapse.level > len(limit["levels_s"]):
        return None
    return instant(begun["at"]) + timedelta(seconds=limit["within_s"] + limit["levels_s"][lapse.level - 1])


def after_action(case: Case, run: Row) -> Iterator[Violation]:
    """I6: nothing lapses that an action met which the broker appended at or before the due time."""
    by_obligation = defaultdict(list)
    for lapse in lapses(case):
        by_obligation[lapse.of].append(lapse)
    if not by_obligation:
        return
    yield from _no_longer_running(case, run)
    for of, _, at, version in _met(case):
        for lapse in by_obligation.get(of, ()):
            if at < lapse.due_at or (at == lapse.due_at and version < lapse.version):
                what = f"{_words(of, lapse.level)}: met as version {version}, lapsed as version {lapse.version}"
                yield Violation("I6", "a deadline lapsed that had been met in time", case.problem, what)


def _no_longer_running(case: Case, run: Row) -> Iterator[Violation]:
    """The same by the limits of the pack, whatever the engine believed to be due."""
    limits = run.get("limits", {})
    due = {(deadline.of, deadline.level) for deadline in made_due(case, run)}
    for lapse in lapses(case):
        known = lapse.of.name in limits and _due_by_pack(case, lapse, limits) is not None
        if known and (lapse.of, lapse.level) not in due:
            where = _words(lapse.of, lapse.level)
            yield Violation(
                "I6", "a deadline lapsed whose obligation ran no longer when it was due", case.problem, where
            )


def overdue(case: Case, run: Row) -> Iterator[Violation]:
    """I7: half a minute after everything is healed nothing is due, by the stored state or by the limits of the pack."""
    read_at, grace = instant(run["read_at"]), timedelta(seconds=run.get("grace_s", GRACE_S))
    for record in case.records:
        for deadline in orjson.loads(record["state"]).get("deadlines", ()):
            due_at = instant(deadline["due_at"])
            if due_at < read_at - grace:
                what = f"{deadline['obligation']} level {deadline['level']}, due at {due_at}"
                yield Violation("I7", "a deadline that is due has not lapsed", case.problem, what)
    healed_at = instant(run["healed_at"]) if "healed_at" in run else datetime.min.replace(tzinfo=UTC)
    lapsed = {(lapse.of, lapse.level): lapse.at for lapse in lapses(case)}
    for deadline in made_due(case, run):
        must_by = max(deadline.due_at, healed_at) + grace
        at = lapsed.get(deadline[:2])
        what = f"{_words(*deadline[:2])}, due at {deadline.due_at}"
        if at is None and must_by < (deadline.until or read_at):
            yield Violation("I7", "a deadline of the pack has not lapsed", case.problem, what)
        elif at is not None and at > must_by:
            yield Violation("I7", f"a deadline lapsed {at - must_by} after it had to", case.problem, what)


def made_due(case: Case, run: Row) -> Iterator[PackDeadline]:
    """Every level that the pack's limits made due while its obligation ran, whatever the engine believes to be due."""
    read_at = instant(run["read_at"])
    for name, limit in run.get("limits", {}).items():
        known = set()
        for generation, since, begun_at, until in _periods(case, limit):
            for level, seconds in enumerate(limit["levels_s"], start=1):
                due_at = max(begun_at, since + timedelta(seconds=limit["within_s"] + seconds))
                if (generation, level) not in known and due_at <= (until or read_at):
                    known.add((generation, level))
                    yield PackDeadline(RunningClock(name, None, generation), level, due_at, until)


def _periods(case: Case, limit: Row) -> Iterator[tuple[int, datetime, datetime, datetime | None]]:
    """When an obligation ran: the version and instant that set its clock going, from when, and until when."""
    clock: tuple[int, datetime] | None = None
    begun_at: datetime | None = None
    for body, status in zip(case.bodies, statuses(case.bodies), strict=True):
        at, begins = instant(body["at"]), body["change"]["kind"] in limit["since"]
        runs = status in limit["running"]
        if clock is not None and begun_at is not None and (begins or not runs):
            yield *clock, begun_at, at
            begun_at = None
        if begins:
            clock = body["version"], at
        if runs and begun_at is None and clock is not None:
            begun_at = at
    if clock is not None and begun_at is not None:
        yield *clock, begun_at, None


def overtaken(case: Case) -> Iterator[timedelta]:
    """How late each action came that met a deadline after it was due, before its lapse was in the log."""
    return (at - due_at for _, due_at, at, _ in _met(case) if due_at < at)


def _met(case: Case) -> Iterator[tuple[RunningClock, datetime, datetime, int]]:
    """Each obligation that an action ended: which, what was due next, when the action came, and as which version."""
    states = standing(case)
    for event, body in zip(case.events, case.bodies, strict=True):
        if body["change"]["kind"] not in ("escalated", "reminded"):
            version = event["version"]
            before, after = states.get(version - 1, {}), states.get(version, {})
            for of in before.keys() - after.keys():
                yield of, before[of][1], instant(body["at"]), version


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
