"""What a measure opens beside its problem, and what is told of entries on lists and of rewards. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from duban.duties import called_id
from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.envelope import Message, derived_id
from duban.messages.notices import Notice
from duban.messages.problem import Event, Problem
from duban.policy.model.ladder import Measure
from duban.policy.model.listing import ListRule
from duban.policy.rules import Rules
from duban_escalation.measures import ENGINE, PUBLIC, SOURCE, TAKING, ground_of, waits

#: What is told of entries on lists and of rewards.
TOLD: Final = (
    c.Noticed, c.Listed, c.Appealed, c.AppealUpheld, c.Exited, c.Expired, c.RewardOwed, c.Awarded,
)  # fmt: skip


def opened_because(event: Event, problem: Problem, rules: Rules) -> Iterator[Message[do.Command]]:
    """The commands that open what the measure in ``event`` opens; their ids follow from the event, so each once.

    Nothing is opened while the measure waits for approval, nor where nobody is there to stand on the list, or to be
    rewarded.
    """
    change = event.change
    if not isinstance(change, TAKING) or waits(change):
        return
    measure = rules.measures[change.measure]
    if measure.opens is None:
        return
    cause = do.Cause(problem_id=problem.id, number=problem.number, version=event.version, pack=problem.pack)
    if measure.opens in rules.duties:
        for unit in measure.owed_by or change.to:
            yield _opens(measure.opens, unit, cause, event.at, problem)
    elif measure.opens in rules.lists:
        yield from _lists(measure, rules.lists[measure.opens], cause, event, problem, rules)
    else:
        yield from _rewards(measure.opens, cause, event.at, problem, rules)


def _opens(duty: str, unit: str, cause: do.Cause, at: datetime, problem: Problem) -> Message[do.Command]:
    data = do.Open(actor=ENGINE, duty=duty, unit=unit, opens_at=at, cause=cause)
    return _command(called_id(cause, duty, unit), data, at, problem)


def _lists(
    measure: Measure, kept: ListRule, cause: do.Cause, event: Event, problem: Problem, rules: Rules
) -> Iterator[Message[do.Command]]:
    of = problem.enterprise
    if kept.of == "unit":
        of = ground_of(event, problem, rules).owner
    if of is not None:
        assert measure.ground is not None
        data = do.PutOnList(actor=ENGINE, list=kept.id, of=of, ground=measure.ground, cause=cause)
        yield _command(derived_id("listing", problem.id, cause.version), data, event.at, problem)


def _rewards(
    reward: str, cause: do.Cause, at: datetime, problem: Problem, rules: Rules
) -> Iterator[Message[do.Command]]:
    """One reward of a class for each problem."""
    handle, worker = rules.rewarded(problem, reward)
    if handle or worker:
        data = do.Reward(actor=ENGINE, reward=reward, cause=cause, handle=handle, worker=worker)
        yield _command(derived_id("reward", problem.id, reward), data, at, problem)


def _command(id_: UUID, data: do.Command, at: datetime, problem: Problem) -> Message[do.Command]:
    subject = str(id_)
    return Message(str(derived_id("open", subject)), SOURCE, subject, at, problem.jurisdiction, subject, data)


def told(event: Event, problem: Problem, rules: Rules) -> list[Message[Notice]]:
    """What is told because something happened to an entry on a list, or to a reward."""
    if problem.listing is not None:
        return _of_listing(event, problem, rules)
    if problem.reward is not None:
        return _of_reward(event, problem, rules)
    return []


def _of_listing(event: Event, problem: Problem, rules: Rules) -> list[Message[Notice]]:
    kept, listing = rules.lists[problem.category], problem.listing
    assert listing is not None
    public = (PUBLIC,) if kept.public else ()
    match event.change:
        case c.Noticed() if kept.notice is not None:
            return [_notice(event, problem, listing.of, _filled(kept.texts.noticed, problem, rules))]
        case c.Listed():
            text = _filled(kept.texts.listed, problem, rules)
        case c.AppealUpheld() | c.Exited() | c.Expired():
            text = _filled(kept.texts.delisted, problem, rules)
            public = public if "listed" in problem.marks else ()
        case c.Appealed(text=said) if kept.appeal is not None:
            return [_notice(event, problem, kept.appeal.to, f"{problem.number} {listing.of}: {said}")]
        case _:
            return []
    return [_notice(event, problem, one, text) for one in (listing.of, *public)]


def _filled(text: str, problem: Problem, rules: Rules) -> str:
    """The text of a list, filled in; instants in the local time of the pack."""
    kept, listing = rules.lists[problem.category], problem.listing
    assert listing is not None
    until = next((deadline.lapse_at.astimezone(rules.zone) for deadline in problem.deadlines), None)
    ground = next(one.title for one in kept.grounds if one.id == listing.ground)
    return text.format(
        number=problem.number,
        list=problem.title,
        of=rules.units[listing.of].title.native if listing.of in rules.units else listing.of,
        ground=ground.native,
        bars="、".join(listing.bars) or "–",
        until=f"{until:%Y-%m-%d %H:%M}" if until else "–",
        until_date=f"{until:%Y-%m-%d}" if until else "–",
    )


def _of_reward(event: Event, problem: Problem, rules: Rules) -> list[Message[Notice]]:
    paid, reward = rules.rewards[problem.category], problem.reward
    assert reward is not None
    match event.change:
        case c.RewardOwed():
            range_ = f"{paid.at_least}–{paid.at_most} {paid.currency}"
            return [_notice(event, problem, paid.by, f"{problem.title} {problem.number}: {range_}")]
        case c.Awarded(amount=amount):
            return [_notice(event, problem, paid.pays, f"{problem.title} {problem.number}: {amount} {paid.currency}")]
        case _:
            return []


def _notice(event: Event, problem: Problem, recipient: str, text: str) -> Message[Notice]:
    until = next((deadline.lapse_at for deadline in problem.deadlines), event.at)
    return Message(
        id=str(derived_id("notice", problem.id, event.version, recipient)),
        source=SOURCE,
        subject=str(problem.id),
        time=event.at,
        jurisdiction=problem.jurisdiction,
        key=recipient,
        cause=str(derived_id(problem.id, event.version)),
        data=Notice(
            recipient=recipient,
            measure=problem.category,
            measure_kind=problem.kind,
            level=0,
            obligation=event.change.kind,
            problem_id=problem.id,
            number=problem.number,
            problem_title=problem.title,
            owner=problem.lead_unit or "",
            lapse_at=until,
            public=recipient == PUBLIC,
            text=text,
            issued_at=event.at,
        ),
    )
