"""Who may do what after what: one custodian asks, another approves, the first opens, once and in time. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from duban.refusal import Refusal


class ActKind(StrEnum):
    """What a custodian did."""

    ASKED = "asked"  #: wants to know who reported, and says why
    APPROVED = "approved"  #: another custodian agrees
    REFUSED = "refused"  #: any custodian ends the ask, before it is opened
    OPENED = "opened"  #: the one who asked has seen the contact
    FORGOTTEN = "forgotten"  #: the data key of the report is destroyed
    ERASED = "erased"  #: so are all keys of the report: contact, what it says, files


@dataclass(frozen=True, slots=True)
class Act:
    """One line of the log: what ``by`` did about the report (``source``, ``id``), under which ask, and why."""

    kind: ActKind
    at: datetime
    by: str
    source: str
    id: str
    ask: UUID | None = None
    reason: str = ""


def illegal(act: Act, before: Sequence[Act], limit: timedelta | None) -> Refusal | None:
    """Why ``act`` may not follow on ``before``, all that was done under the same ask, if it may not.

    ``limit``: how long an approval holds; None for ever.
    """
    if act.kind in (ActKind.ASKED, ActKind.FORGOTTEN, ActKind.ERASED):
        return None
    done = {earlier.kind: earlier for earlier in before}
    ask, approved = done.get(ActKind.ASKED), done.get(ActKind.APPROVED)
    if ask is None:
        return Refusal("unknown_ask", f"there is no ask {act.ask}; `duban vault log` lists them")
    for kind in (ActKind.REFUSED, ActKind.OPENED):
        if kind in done:
            return Refusal(f"already_{kind}", f"the ask {act.ask} was {kind} by {done[kind].by}; ask anew")
    if act.kind is ActKind.APPROVED:
        return _not_approved(act, ask, approved)
    return _not_opened(act, ask, approved, limit) if act.kind is ActKind.OPENED else None


def _not_approved(act: Act, ask: Act, approved: Act | None) -> Refusal | None:
    if folded(act.by) == folded(ask.by):
        return Refusal("same_person", f"{ask.by} asked and cannot approve it; another custodian must")
    if approved is not None:
        return Refusal("already_approved", f"the ask {act.ask} was approved by {approved.by}; it may be opened")
    return None


def _not_opened(act: Act, ask: Act, approved: Act | None, limit: timedelta | None) -> Refusal | None:
    if approved is None:
        return Refusal("not_approved", f"the ask {act.ask} is not approved; a custodian other than {ask.by} must")
    if folded(act.by) != folded(ask.by):
        return Refusal("other_person", f"{ask.by} asked, and only who asked may open")
    if limit is not None and act.at > approved.at + limit:
        hours = f"{limit.total_seconds() / 3600:g}"
        return Refusal("too_late", f"the approval of {approved.at.isoformat()} held for {hours} hours; ask anew")
    return None


def folded(name: str) -> str:
    """``name`` as one person: capitals, width and outer white space make no difference."""
    return unicodedata.normalize("NFKC", name).strip().casefold()
