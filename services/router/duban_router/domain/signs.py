"""Which signs of the pack an event bears: what looks as if work were done for the figures. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from duban.messages import changes as c
from duban.messages.records import AnyRecord, Duty, Event, Mark, Problem
from duban.policy.model.sign import SignKind, SignRule
from duban.policy.rules import Rules
from duban.turns import at_the_last_moment, follow
from duban_router.domain.precedents import Precedent, Precedents, of_note


def seen(
    before: AnyRecord | None, event: Event, record: AnyRecord, rules: Rules, precedents: Precedents
) -> Iterator[c.SignSeen]:
    """The signs that ``event`` bears, which has led to ``record``; of a duty's note none, but it may be copied.

    What is noted of a pledge is no account of work, for an enterprise owes that.
    """
    signs = rules.signs
    if (
        isinstance(event.change, c.Progressed)
        and SignKind.COPIED_NOTE in signs
        and not (isinstance(record, Duty) and record.is_pledge)
    ):
        beside = _beside(event, event.change.note, record, precedents)
        if beside is not None and isinstance(record, Problem):
            for sign in signs[SignKind.COPIED_NOTE]:
                yield c.SignSeen(sign=sign.id, unit=event.actor.unit, beside=beside.problem_id)
    if not isinstance(record, Problem):
        return
    if SignKind.LAST_MOMENT in signs:
        yield from _at_the_last_moment(before, event, record, rules)
    if isinstance(event.change, c.Reopened | c.Rebounded):
        for sign in signs.get(SignKind.TAKEN_UP_AGAIN, ()):
            if _so_soon(sign, event, record, rules):
                yield c.SignSeen(sign=sign.id, unit=record.lead_unit or rules.pack.office)


def _beside(event: Event, note: str, record: AnyRecord, precedents: Precedents) -> Precedent | None:
    """The latest of the other records in which the unit has said the same."""
    count = of_note(record.jurisdiction, event.actor.unit, note)
    before = precedents.take(Precedent(count, record.id, event.version, event.at))
    others = (other for other in before if other.problem_id != record.id)
    return max(others, key=lambda other: (other.at, other.problem_id, other.version), default=None)


def _at_the_last_moment(before: AnyRecord | None, event: Event, problem: Problem, rules: Rules) -> Iterator[c.SignSeen]:
    turns = {(turn.obligation, turn.unit): turn for turn in before.turns} if isinstance(before, Problem) else {}
    for turn in follow(turns, before, event, problem, rules, rules.watched).left:
        if at_the_last_moment(turn):
            for sign in rules.signs[SignKind.LAST_MOMENT]:
                if turn.obligation in sign.obligations:
                    yield c.SignSeen(sign=sign.id, unit=turn.unit, obligation=turn.obligation)


def _so_soon(sign: SignRule, event: Event, problem: Problem, rules: Rules) -> bool:
    """Whether the problem was closed so short a time before."""
    closings = (problem.marks.get(closing) for closing in ("struck_off", "rejected"))
    closed: Mark | None = max(filter(None, closings), key=lambda mark: mark.version, default=None)
    assert sign.within is not None  # it goes with this kind
    return closed is not None and event.at <= rules.calendar.add(closed.at, sign.within)
