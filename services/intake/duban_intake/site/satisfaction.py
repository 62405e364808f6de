"""What a reporter says of what became of their report: from a form to a message, or to what is wrong. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from duban.errors import Fault
from duban.masks import masked
from duban.messages.envelope import Message
from duban.messages.ratings import RatedReport
from duban.pages.words import msgid
from duban.policy.rules import Rules
from duban_intake.domain import Receipt
from duban_intake.site.city import CitySite

#: What is said once, however often it is sent: as the page gave it out.
_VOTE: Final = re.compile(r"[A-Za-z0-9_-]{22}")
_LONGEST: Final = 2000


@dataclass(frozen=True, slots=True)
class RatingForm:
    """A form as it was sent."""

    vote: str
    satisfied: bool | None
    ground: str | None
    reason: str


def rating_in(sent: Mapping[str, str]) -> RatingForm:
    """The form in ``sent``.

    Raises:
        Fault: 400, it is none of our pages'.
    """
    if _VOTE.fullmatch(vote := sent.get("vote", "")) is None:
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
    id_, key = f"{receipt.id}/{form.vote}", f"{receipt.source}/{receipt.id}"
    return Message(id_, receipt.source, str(receipt.problem_id), now, site.id, key, word)
