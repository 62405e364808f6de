"""A problem as everybody may read it, and which problems are asked for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from duban.clock import within_range
from duban.errors import Fault
from duban.masks import published
from duban.messages.report import Location
from duban.messages.struct import AwareDatetime, Frozen
from duban.moves import CLOSED, STAGE, Status
from duban.policy.model.entry import Text
from duban.policy.rules import Rules

#: So long a stretch is asked for at once, as the protocol has it.
MOST_DAYS: Final = 90
_MOST_IDS: Final = 1000

#: What everybody asks for by one word.
STATES: Final = {
    "open": tuple(status for status in STAGE if status not in CLOSED),
    "closed": tuple(status for status in STAGE if status in CLOSED),
}
#: What each status means to the public.
NOTES: Final = {
    Status.REGISTERED: Text(en="Registered; no unit has it yet", zh="已登记，待交办"),
    Status.DISPATCHED: Text(en="Given to the unit responsible, which has not acknowledged it yet", zh="已交办，待签收"),
    Status.UNDERWAY: Text(en="The unit responsible is at work", zh="办理中"),
    Status.PAUSED: Text(en="Put off; the time limit stands still", zh="已中止计时"),
    Status.VERIFYING: Text(en="Done as the unit says; it is being verified", zh="已办结，待验收"),
    Status.VERIFIED: Text(en="Verified; it is about to be struck off", zh="已验收，待销号"),
    Status.STRUCK_OFF: Text(en="Done and struck off", zh="已销号"),
    Status.REJECTED: Text(en="Not taken up", zh="不予受理"),
}


class PublicLimit(Frozen, forbid_unknown_fields=False):
    """When something is due of whom."""

    lapse_at: AwareDatetime
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class PublicProblem:
    """What the ledger shows everybody of a problem; ``ground``: on which it was rejected.

    Without a ``title`` it was first reported by another way.
    """

    id: UUID
    number: str
    begun_at: datetime
    updated_at: datetime
    status: Status
    category: str
    lead_unit: str | None
    title: str | None
    pack: str
    location: Location | None
    limits: tuple[PublicLimit, ...]
    ground: str | None

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done about it."""
        return self.status not in CLOSED

    @property
    def expected_at(self) -> datetime | None:
        """The latest of the limits that run; None where it is closed, or nobody owes anything."""
        limits = [limit.lapse_at for limit in self.limits if limit.owner] if self.is_open else []
        return max(limits, default=None)


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which problems are asked for: by their ids alone, or those that began ``since`` and ``until``, and what else."""

    ids: tuple[UUID, ...] | None
    since: datetime
    until: datetime
    categories: tuple[str, ...] | None
    statuses: tuple[Status, ...] | None


def request_filter(parameters: Mapping[str, str], now: datetime) -> RequestFilter:
    """What the ``parameters`` ask for; those that say nothing are as if they were not there.

    Raises:
        Fault: 400, one of them is not understood.
    """
    ids = tuple(id_ for text in _some(parameters, "service_request_id") or () if (id_ := request_id(text)))
    if len(ids) > _MOST_IDS:
        raise Fault(400, "invalid", f"names more than {_MOST_IDS}; ask for fewer at a time", "service_request_id")
    since, until = _stretch(_instant(parameters, "start_date"), _instant(parameters, "end_date"), now)
    categories = _some(parameters, "service_code")
    return RequestFilter(
        ids if parameters.get("service_request_id") else None, since, until, categories, _statuses(parameters)
    )


def request_id(text: str) -> UUID | None:
    """The id of a problem that ``text`` is; None where it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _some(parameters: Mapping[str, str], name: str) -> tuple[str, ...] | None:
    named = tuple(text.strip() for text in parameters.get(name, "").replace("\0", "").split(","))
    return named if any(named) else None


def _instant(parameters: Mapping[str, str], name: str) -> datetime | None:
    text = parameters.get(name, "")
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))  # an offset whose plus sign was not escaped
        if at.tzinfo is None:
            raise ValueError("it names no time zone")
        return within_range(at)
    except ValueError as error:
        say = f"is no instant: {error}; write it as 2026-03-01T00:00:00Z"
        raise Fault(400, "invalid", say, name) from None


def _stretch(start: datetime | None, end: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    most = timedelta(days=MOST_DAYS)
    until = end or (start + most if start else now)
    since = start or until - most
    if until - since > most:
        raise Fault(400, "invalid", f"lies more than {MOST_DAYS} days after start_date; ask in parts", "end_date")
    return since, until


def _statuses(parameters: Mapping[str, str]) -> tuple[Status, ...] | None:
    named = _some(parameters, "status")
    if named is None:
        return None
    if unknown := next((name for name in named if name not in STATES), None):
        raise Fault(400, "invalid", f"{unknown} is no status; ask for open, closed, or both: open,closed", "status")
    return tuple(status for name in STATES if name in named for status in STATES[name])


def shown(problem: PublicProblem, rules: Rules) -> dict[str, Any]:
    """``problem`` in the words of the protocol, by the ``rules`` that it lives under. Who reported it is not in it."""

    def at(instant: datetime | None) -> str | None:
        return instant.astimezone(rules.zone).isoformat(timespec="seconds") if instant else None

    category = rules.categories.get(problem.category)
    service = category.title.native if category else problem.category
    place = problem.location
    return {
        "service_request_id": str(problem.id),
        "status": "open" if problem.is_open else "closed",
        "status_notes": _note(problem, rules),
        "service_name": service,
        "service_code": problem.category,
        "description": published(problem.title) if problem.title is not None else service,
        "agency_responsible": rules.title_of(problem.lead_unit or rules.pack.office),
        "service_notice": None,
        "requested_datetime": at(problem.begun_at),
        "updated_datetime": at(problem.updated_at),
        "expected_datetime": at(problem.expected_at),
        "address": None,
        "address_id": None,
        "zipcode": None,
        "lat": place.latitude if place else None,
        "long": place.longitude if place else None,
        "media_url": None,
    }


def _note(problem: PublicProblem, rules: Rules) -> str:
    note = NOTES[problem.status]
    words = note.zh if rules.pack.title.zh and note.zh else note.en
    ground = rules.rejections.get(problem.ground or "")
    return f"{words}: {ground.title.native}" if ground else words
