"""What a reporter says of what became of their report: from a form to a message, or to what is wrong. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from duban.errors import Fault
from duban.masks import masked
from duban.messages.envelope import Message
from duban.messages.ratings import RatedReport
from duban.pages.words import msgid
from duban.policy.rules import Rules
from duban_intake.domain import Receipt
from duban_intake.ratings import outcome_key
from duban_intake.site.city import CitySite

#: So often a report is rated. Each vote has its number: what is sent twice under one is said once.
MOST_VOTES: Final = 9
_VOTES: Final = {str(number): number for number in range(1, MOST_VOTES + 1)}
_LONGEST: Final = 2000


@dataclass(frozen=True, slots=True)
class RatingForm:
    """A form as it was sent."""

    vote: int
    satisfied: bool | None
    ground: str | None
    reason: str


def rating_in(sent: Mapping[str, str]) -> RatingForm:
    """The form in ``sent``.

    Raises:
        Fault: 400, it is none of our pages'.
    """
    if (vote := _VOTES.get(sent.get("vote", ""))) is None:
        raise Fault(400, "invalid", "the form is none of this page; follow the report anew", "vote")
    satisfied = {"true": True, "false": False}.get(sent.get("satisfied", ""))
    return RatingForm(vote, satisfied, sent.get("ground") or None, sent.get("reason", "").strip()[:_LONGEST])


def flaw_in(form: RatingForm, rules: Rules) -> str | None:
    """What is wrong in ``form`` by the rules of the pack; None where nothing is."""
    if form.satisfied is None:
        return msgid("Say whether you are satisfied.")
    if not form.satisfied and rules.ratings and form.ground not in rules.ratings:
        return msgid("Choose what you are not satisfied with.")
    if not form.satisfied and not form.reason:
        return msgid("Say in a few words why you are not satisfied.")
    return None


def rated(form: RatingForm, receipt: Receipt, site: CitySite, now: datetime) -> Message[RatedReport]:
    """The message that says it to intake; the same form is the same message.

    A reason stands in the ledger for ever, as no report does: numbers and names by which somebody is found are masked.
    """
    word = RatedReport(
        source=receipt.source,
        id=receipt.id,
        handle=receipt.handle or "",
        satisfied=bool(form.satisfied),
        ground=None if form.satisfied or not site.rules.ratings else form.ground,
        reason="" if form.satisfied else masked(form.reason),
    )
    key = f"{receipt.source}/{receipt.id}"
    return Message(_name_of(receipt, form.vote), receipt.source, str(receipt.problem_id), now, site.id, key, word)


def outcome_keys(receipt: Receipt) -> dict[UUID, int]:
    """Under which keys the ledger has what came of the votes on a report, each with its number."""
    names = {number: _name_of(receipt, number) for number in _VOTES.values()}
    return {outcome_key(receipt.source, receipt.id, name): number for number, name in names.items()}


def _name_of(receipt: Receipt, vote: int) -> str:
    """The id of the message that says it."""
    return f"{receipt.id}/{vote}"
