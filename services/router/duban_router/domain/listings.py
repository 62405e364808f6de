"""Entries on lists: what is asked of each command on them, and which changes it makes. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never
from uuid import UUID

from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.records import Listing
from duban.moves import Status
from duban.policy.model.listing import ListRule
from duban.policy.rules import Rules
from duban.refusal import Refusal
from duban.texts import is_blank
from duban_router.domain.kinds import OfListings
from duban_router.domain.permission import named
from duban_router.domain.refusal import Changes, missing_reason, not_permitted


def put_on_list(command: do.PutOnList, id_: UUID, rules: Rules, now: datetime) -> Changes:
    """An entry on a list; where its subject may answer first, it is only told of it."""
    list_rule = rules.lists.get(command.list)
    if list_rule is None:
        return Refusal("unknown_list", f"{rules.pack.ref} has no list {command.list}")
    if (refusal := _not_entered(command, list_rule, rules)) is not None:
        return refusal
    day = now.astimezone(rules.zone).date().isoformat()
    noticed: list[c.Change] = [
        c.Noticed(
            jurisdiction=rules.pack.jurisdiction,
            number=f"{list_rule.id}/{command.cause.ref if command.cause else f'{day}/{str(id_)[:8]}'}",
            pack=rules.pack.ref,
            list=list_rule.id,
            title=list_rule.title.native,
            keeper=list_rule.keeper,
            of=command.of,
            ground=command.ground,
            bars=tuple(bar.native for bar in list_rule.bars),
            public=list_rule.public,
            cause=command.cause,
            evidence=command.evidence,
        )
    ]
    return noticed if list_rule.notice is not None else [*noticed, c.Listed()]


def _not_entered(command: do.PutOnList, list_rule: ListRule, rules: Rules) -> Refusal | None:
    """Why nobody is put on the list by ``command``, if so."""
    by_hand = command.actor.unit != do.ENGINE
    if by_hand and command.actor.unit != list_rule.keeper:
        return not_permitted(command.actor.unit, named("the keeper of the list", list_rule.keeper))
    if by_hand and not command.evidence:
        return Refusal("missing_evidence", "an entry that no measure makes goes with its evidence")
    if command.ground not in {ground.id for ground in list_rule.grounds}:
        return Refusal("unknown_ground", f"{command.ground} is no ground of {list_rule.id}")
    if is_blank(command.of):
        return Refusal("blank_name", "the name shows nothing: it is blank, or made of characters that nobody sees")
    if list_rule.of == "unit" and command.of not in rules.units:
        return Refusal("unknown_unit", f"{command.of} is not among the units of {rules.pack.ref}")
    return None


def answer(listing: Listing, command: OfListings, rules: Rules) -> Changes:
    """The changes that ``command`` makes to an entry."""
    match command:
        case do.Appeal():
            return _appeal(listing, command, rules)
        case do.DecideAppeal():
            return _decide_appeal(listing, command, rules)
        case do.TakeOffList():
            return _take_off(command)
        case _:
            assert_never(command)


def _appeal(listing: Listing, command: do.Appeal, rules: Rules) -> Changes:
    """An answer of whoever stands on the list, entered by the keeper or by the unit that decides."""
    rule = rules.lists[listing.list].appeal
    if rule is None:
        return Refusal("no_appeal", f"{rules.pack.ref} hears no appeal against {listing.list}")
    if command.actor.unit not in (listing.keeper, rule.to):
        keeper = named("the keeper of the list", listing.keeper)
        return not_permitted(command.actor.unit, keeper, named("the unit that hears appeals", rule.to))
    if "appealed" in listing.marks:
        return Refusal("appealed", "it has been appealed against once already")
    return [c.Appealed(text=command.text, evidence=command.evidence)]


def _decide_appeal(listing: Listing, command: do.DecideAppeal, rules: Rules) -> Changes:
    """The decision on an appeal; dismissed before the entry counted, it counts from now on."""
    rule = rules.lists[listing.list].appeal
    if rule is None or command.actor.unit != rule.to:
        hears = named("the unit that hears appeals", rule.to) if rule else "nobody, where no appeal is heard"
        return not_permitted(command.actor.unit, hears)
    if "appealed" not in listing.marks or "appeal_dismissed" in listing.marks:
        return Refusal("nothing_asked", "no appeal waits for a decision")
    if not command.reason:
        return missing_reason("the decision on an appeal")
    if command.upheld:
        return [c.AppealUpheld()]
    dismissed: list[c.Change] = [c.AppealDismissed()]
    return [*dismissed, c.Listed()] if listing.status is Status.CONTESTED else dismissed


def _take_off(command: do.TakeOffList) -> Changes:
    """The end of an entry before its term, on proof."""
    if not command.evidence:
        return Refusal("missing_evidence", "whoever comes off a list early has proved that all is made good")
    return [c.Exited(evidence=command.evidence)] if command.reason else missing_reason("an early end")
