"""The state that a history leads to, as far as every record has one, and as far as the handling of problems goes.

Written for itself from the tables in docs/messages.md: it uses nothing of the engine, so a fault in the engine's own
fold does not hide itself. It leaves out plans, referrals, ratings and what is due; those last are judged by I4 to I7.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from duban_checker.traces import Row, instant

_LADDER: Final = (
    "reminded escalated measured approved withheld justification_filed justification_accepted justification_refused "
    "recomputed passed_on"
)
_STEPS: Final = "step_taken step_waived sign_seen"
_OPEN: Final = (
    f"{_LADDER} {_STEPS} attached classified deferred flagged unflagged sponsored referred received replied rated"
)
_WORK: Final = (
    "planned plan_proposed plan_refused milestone_reached reviewed progressed part_finished extension_asked extended "
    "extension_denied"
)

#: Each line: kind, status before, status after, what happened.
_TABLE: Final = f"""
    problem - registered: registered
    problem registered registered: {_OPEN}
    problem registered dispatched: dispatched
    problem registered rejected: rejected
    problem dispatched dispatched: {_OPEN} dispatched part_finished
    problem dispatched underway: acknowledged
    problem dispatched registered: handed_back withdrawn
    problem dispatched verifying: completed
    problem underway underway: {_OPEN} {_WORK}
    problem underway registered: handed_back withdrawn
    problem underway paused: paused
    problem underway rejected: rejected
    problem underway verifying: completed
    problem paused paused: {_OPEN}
    problem paused underway: resumed
    problem verifying verifying: {_OPEN} checked
    problem verifying verified: verified
    problem verifying registered: withdrawn
    problem verifying underway: sent_back
    problem verifying struck_off: struck_off
    problem verified verified: {_OPEN} checked
    problem verified underway: sent_back
    problem verified registered: withdrawn
    problem verified struck_off: struck_off
    problem struck_off struck_off: {_LADDER} {_STEPS} received replied rated looked_back
    problem struck_off underway: rebounded reopened
    problem rejected rejected: {_LADDER} {_STEPS} replied rated
    problem rejected registered: reopened
    duty - underway: opened
    duty underway underway: {_LADDER} progressed
    duty underway rejected: rejected
    duty underway verifying: completed
    duty verifying verifying: {_LADDER}
    duty verifying struck_off: struck_off
    duty struck_off struck_off: {_LADDER}
    duty struck_off underway: reopened
    duty rejected rejected: {_LADDER}
    duty rejected underway: reopened
    listing - noticed: noticed
    listing noticed noticed: {_LADDER}
    listing noticed listed: listed
    listing noticed contested: appealed
    listing contested contested: {_LADDER}
    listing contested noticed: appeal_dismissed
    listing contested delisted: appeal_upheld
    listing listed listed: {_LADDER} appealed appeal_dismissed
    listing listed delisted: appeal_upheld exited expired
    listing delisted delisted: passed_on
    reward - owed: reward_owed
    reward owed owed: {_LADDER}
    reward owed awarded: awarded
    reward owed settled: declined
    reward awarded awarded: {_LADDER}
    reward awarded settled: collected expired
    reward settled settled: passed_on
    reading - taken: reading_taken
"""


def _moves() -> Iterator[tuple[tuple[str, str | None, str], str]]:
    for line in _TABLE.strip().splitlines():
        head, _, changes = line.partition(":")
        kind, before, after = head.split()
        for change in changes.split():
            yield (kind, None if before == "-" else before, change), after


#: (kind, status, what happened) → the status after it.
MOVES: Final[dict[tuple[str, str | None, str], str]] = dict(_moves())
_BEGINS: Final = {change: kind for kind, before, change in MOVES if before is None}


#: What a field is that a record leaves out, where that is not nothing.
_UNSAID: Final = {"reports": 1, "answered": 0, "handbacks": 0}


class Illegal(Exception):
    """An event that cannot happen in this state."""


def folded(bodies: Sequence[Row]) -> Row:
    """What the record must say after ``bodies``, in order.

    Raises:
        Illegal: naming the event.
    """
    state: dict[str, Any] = {}
    for number, body in enumerate(bodies):
        kind = body["change"]["kind"]
        record = state.get("kind") or _BEGINS.get(kind)
        before = state.get("status")
        after = MOVES.get((str(record), before, kind))
        if after is None or (number and kind in _BEGINS):
            raise Illegal(f"version {body['version']}: {kind} of a {record or 'nothing'} that is {before}")
        state |= {"kind": record, "status": after, "version": body["version"]}
        _mark(state, body)
        _climb(state, body["change"])
        if record == "problem":
            _handle(state, body["change"])
    return state


def statuses(bodies: Sequence[Row]) -> list[str | None]:
    """The status after each of ``bodies``, in order; from an event on that is no legal move it stays."""
    kind = status = None
    after = []
    for body in bodies:
        change = body["change"]["kind"]
        kind = kind or _BEGINS.get(change)
        status = MOVES.get((str(kind), status, change), status)
        after.append(status)
    return after


def differences(held: Row, right: Row) -> Iterator[tuple[str, object, object]]:
    """Each field in which the stored state differs from what its history leads to: name, as stored, as it must be."""
    for name in right.keys() - {"marks", "climbs"}:
        stored = held.get(name, _UNSAID.get(name))
        if stored != right[name]:
            yield name, stored, right[name]
    marks = {name: _times(mark) for name, mark in held.get("marks", {}).items() if name in right["marks"]}
    if marks != right["marks"]:
        yield "marks", marks, right["marks"]
    climbs = {_ladder(climb): _climbed(climb) for climb in held.get("climbs", ())}
    if climbs != right.get("climbs", {}):
        yield "climbs", climbs, right.get("climbs", {})


def _mark(state: Row, body: Row) -> None:
    if _continues(body["change"]):
        return
    kind = body["change"]["kind"]
    at = body["change"]["opens_at"] if kind == "opened" else body["at"]
    marks = state.setdefault("marks", {})
    marks[kind] = (instant(at), body["version"], marks[kind][2] + 1 if kind in marks else 1)


def _times(mark: Row) -> tuple[object, int, int]:
    return instant(mark["at"]), mark["version"], mark.get("times", 1)


def _continues(change: Row) -> bool:
    """Whether a report goes on with one that is there, and is no further one."""
    return change["kind"] == "attached" and change["filed"]["report"].get("continues") is not None


def _climb(state: Row, change: Row) -> None:
    if change["kind"] in ("reminded", "escalated"):
        climbs = state.setdefault("climbs", {})
        lapses = climbs.get(_ladder(change), (0, 0, 0))[2] + (change["kind"] == "escalated")
        climbs[_ladder(change)] = (change["generation"], change["level"], lapses)


def _ladder(step: Row) -> tuple[str, str | None]:
    return step["obligation"], step.get("part")


def _climbed(climb: Row) -> tuple[int, int, int]:
    return climb["generation"], climb["level"], climb.get("lapses", 0)


def _handle(state: Row, change: Row) -> None:
    """What the handling of a problem sets."""
    match change["kind"]:
        case "registered":
            state |= {"number": change["number"], "lead_unit": None, "outcome": None}
            state |= {"category": change["category"], "matter": change.get("matter")}
            state |= {"reports": 1, "answered": 0, "handbacks": 0}
        case "classified":
            state |= {name: change[name] for name in ("category", "matter") if name in change}
        case "attached" if not _continues(change):
            state["reports"] += 1
        case "replied":
            state["answered"] += change.get("answers", True)
        case "dispatched":
            state["lead_unit"] = change["lead_unit"]
        case "handed_back":
            state |= {"lead_unit": None, "handbacks": state["handbacks"] + 1}
        case "withdrawn":
            state |= {"lead_unit": None, "outcome": None}
        case "completed":
            state["outcome"] = change["outcome"]
        case "sent_back" | "reopened" | "rebounded":
            state["outcome"] = None
