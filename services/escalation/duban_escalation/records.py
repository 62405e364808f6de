"""What a measure opens beside its problem, and what is told of entries on lists and of rewards. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from duban.duties import called_id
from duban.masks import published
from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.envelope import Message, derived_id
from duban.messages.events import event_id
from duban.messages.notices import Notice
from duban.messages.records import AnyRecord, Deadline, Duty, Event, Listing, Problem, Reward
from duban.messages.struct import replace
from duban.policy.model.ladder import Measure
from duban.policy.model.listing import ListRule
from duban.policy.rules import Rules
from duban_escalation.measures import ENGINE, PUBLIC, SOURCE, shown_at, takes, to_platform, waits, warrant_of

#: What is told of entries on lists and of rewards.
TOLD: Final = (
    c.Noticed, c.Listed, c.Appealed, c.AppealUpheld, c.Exited, c.Expired, c.RewardOwed, c.Awarded,
)  # fmt: skip


def opened_because(event: Event, record: AnyRecord, rules: Rules) -> Iterator[Message[do.Command]]:
    """The commands that open what the measure in ``event`` opens; their ids follow from the event, so each once.

    Nothing is opened while the measure waits for approval, nor where nobody is there to stand on the list, or to be
    rewarded.
    """
    change = event.change
    if not takes(change) or waits(change):
        return
    measure = rules.measures[change.measure]
    if measure.opens is None:
        return
    cause = do.Cause(problem_id=record.id, number=record.number, version=event.version, pack=record.pack)
    if measure.opens in rules.duties:
        for unit in measure.owed_by or change.to:
            yield _opens(measure.opens, unit, cause, event.at, record)
    elif measure.opens in rules.lists:
        yield from _lists(measure, rules.lists[measure.opens], cause, event, record, rules)
    elif isinstance(record, Problem):
        yield from _rewards(measure.opens, cause, event.at, record, rules)


def _opens(duty: str, unit: str, cause: do.Cause, at: datetime, record: AnyRecord) -> Message[do.Command]:
    data = do.Open(actor=ENGINE, duty=duty, unit=unit, opens_at=at, cause=cause)
    return _command(called_id(cause, duty, unit), data, at, record)


def _lists(
    measure: Measure, list_rule: ListRule, cause: do.Cause, event: Event, record: AnyRecord, rules: Rules
) -> Iterator[Message[do.Command]]:
    of = record.enterprise if isinstance(record, Problem) else _pledging(record)
    if list_rule.of == "unit":
        of = warrant_of(event, record, rules).owner
    if of is not None:
        assert measure.ground is not None
        data = do.PutOnList(actor=ENGINE, list=list_rule.id, of=of, ground=measure.ground, cause=cause)
        yield _command(derived_id("listing", record.id, cause.version), data, event.at, record)


def _pledging(record: AnyRecord) -> str | None:
    """The enterprise whose pledge ``record`` is; None of any other record: what is silent is no enterprise."""
    return record.of if isinstance(record, Duty) and record.is_pledge else None


def _rewards(
    reward: str, cause: do.Cause, at: datetime, problem: Problem, rules: Rules
) -> Iterator[Message[do.Command]]:
    """One reward of a class for each problem."""
    handle, worker = rules.rewarded(problem, reward)
    if handle or worker:
        data = do.Reward(actor=ENGINE, reward=reward, cause=cause, handle=handle, worker=worker)
        yield _command(derived_id("reward", problem.id, reward), data, at, problem)


def _command(id_: UUID, data: do.Command, at: datetime, record: AnyRecord) -> Message[do.Command]:
    subject = str(id_)
    return Message(str(derived_id("open", subject)), SOURCE, subject, at, record.jurisdiction, subject, data)


def told(event: Event, record: AnyRecord, rules: Rules) -> list[Message[Notice]]:
    """What is told because something happened to an entry on a list, or to a reward."""
    match record:
        case Listing():
            return _of_listing(event, record, rules)
        case Reward():
            return _of_reward(event, record, rules)
        case _:
            return []


def _of_listing(event: Event, listing: Listing, rules: Rules) -> list[Message[Notice]]:
    list_rule = rules.lists[listing.list]
    public = (PUBLIC,) if list_rule.public else ()
    platform = list_rule.passed_on.to if list_rule.passed_on else None
    match event.change:
        case c.Noticed() if list_rule.notice is not None:
            return [_notice(event, listing, listing.of, _filled(list_rule.texts.noticed, listing, rules))]
        case c.Listed():
            text = list_rule.texts.listed
        case c.AppealUpheld() | c.Exited() | c.Expired():
            text = list_rule.texts.delisted
            public = public if "listed" in listing.marks else ()
            platform = platform if "listed" in listing.marks else None
        case c.Appealed(text=answer) if list_rule.appeal is not None:
            return [_notice(event, listing, list_rule.appeal.to, f"{listing.number} {listing.of}: {answer}")]
        case _:
            return []
    notices = [_notice(event, listing, listing.of, _filled(text, listing, rules))]
    if platform is not None:
        notices.append(to_platform(_notice(event, listing, platform, _filled(text, listing, rules))))
    masked = replace(listing, of=published(listing.of))
    return notices + [_notice(event, masked, recipient, _filled(text, masked, rules)) for recipient in public]


def _filled(text: str, listing: Listing, rules: Rules) -> str:
    """The ``text`` of a list, filled in; instants in the local time of the pack."""

    def until(pattern: str) -> str:
        limit = _limit(listing)
        return shown_at(limit.lapse_at, pattern, rules, provisional=limit.provisional) if limit else "–"

    ground = next(ground.title for ground in rules.lists[listing.list].grounds if ground.id == listing.ground)
    return text.format(
        number=listing.number,
        list=listing.title,
        of=rules.title_of(listing.of),
        ground=ground.native,
        bars="、".join(listing.bars) or "–",
        until=until("%Y-%m-%d %H:%M"),
        until_date=until("%Y-%m-%d"),
    )


def _limit(record: Listing | Reward) -> Deadline | None:
    """What of a record ends next for whom it concerns; a receipt that is due of a platform is its keeper's matter."""
    return next((deadline for deadline in record.deadlines if deadline.obligation != "pass_on"), None)


def _of_reward(event: Event, reward: Reward, rules: Rules) -> list[Message[Notice]]:
    rule, name = rules.rewards[reward.reward], f"{reward.title} {reward.number}"
    match event.change:
        case c.RewardOwed():
            return [_notice(event, reward, rule.by, f"{name}: {rule.at_least}–{rule.at_most} {rule.currency}")]
        case c.Awarded(amount=amount):
            return [_notice(event, reward, rule.pays, f"{name}: {amount} {rule.currency}")]
        case _:
            return []


def _notice(event: Event, record: Listing | Reward, recipient: str, text: str) -> Message[Notice]:
    limit = _limit(record)
    return Message(
        id=str(derived_id("notice", record.id, event.version, recipient)),
        source=SOURCE,
        subject=str(record.id),
        time=event.at,
        jurisdiction=record.jurisdiction,
        key=recipient,
        cause=event_id(record.id, event.version),
        data=Notice(
            recipient=recipient,
            kind=record.kind,
            event=event.change.kind,
            problem_id=record.id,
            number=record.number,
            title=record.title,
            of=record.of if isinstance(record, Listing) else None,
            ground=record.ground if isinstance(record, Listing) else None,
            owner=record.holder,
            lapse_at=limit.lapse_at if limit else event.at,
            provisional=limit is not None and limit.provisional,
            public=recipient == PUBLIC,
            text=text,
            issued_at=event.at,
        ),
    )
