"""Who stands on which list, and since when: entries of the ledger as of an instant. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from pydantic import AwareDatetime, BaseModel, Field

from duban.messages.commands import Cause
from duban.messages.problem import Problem
from duban.moves import Status

#: The events by which an entry is off its list.
_ENDS: Final = ("appeal_upheld", "exited", "expired")


class Entry(BaseModel):
    """An entry as it stood at an instant. ``since``: when this status began; ``until``: when it ends, or ended."""

    list: str
    title: str
    number: str
    id: str
    jurisdiction: str
    keeper: str
    of: str
    ground: str
    status: Status = Field(description="`listed` counts; `noticed` and `contested` do not yet, `delisted` no more")
    since: AwareDatetime
    until: AwareDatetime | None = None
    bars: tuple[str, ...] = ()
    public: bool = False
    cause: Cause | None = None


class Listed(BaseModel):
    """Whether ``of`` stood on a list at an instant, and its entries: those in force, or all if all were wanted."""

    of: str
    at: AwareDatetime
    listed: bool
    entries: tuple[Entry, ...] = ()


def listed(of: str, records: Iterable[Problem], at: datetime, *, everything: bool = False) -> Listed:
    """What ``records``, which are the entries of ``of``, say as of ``at``."""
    found = [entry for record in records if (entry := entry_of(record, at)) is not None]
    counting = [one for one in found if one.status is Status.LISTED]
    return Listed(of=of, at=at, listed=bool(counting), entries=tuple(found if everything else counting))


def entry_of(record: Problem, at: datetime) -> Entry | None:
    """The entry ``record`` as it stood at ``at``; None before it was made.

    One whose term is over does not count, even where nobody has entered its end yet. For an instant to come, the entry
    goes on as it stands, up to the end of its term.
    """
    listing, made_at = record.listing, record.begun_at
    if listing is None or made_at > at:
        return None
    listed_at = record.marks["listed"].at if "listed" in record.marks else None
    ended_at = next((record.marks[kind].at for kind in _ENDS if kind in record.marks), None)
    ends_at = ended_at or record.ends_at("term")
    status, since, until = Status.NOTICED, made_at, listed_at or ended_at or record.ends_at("notice")
    if ends_at is not None and ends_at <= at:
        status, since, until = Status.DELISTED, ends_at, None
    elif listed_at is not None and listed_at <= at:
        status, since, until = Status.LISTED, listed_at, ends_at
    elif "appealed" in record.marks and record.marks["appealed"].at <= at:
        status, since, until = Status.CONTESTED, record.marks["appealed"].at, None
        until = listed_at or ended_at or record.ends_at("appeal")
    return Entry(
        list=record.category,
        title=record.title,
        number=record.number,
        id=str(record.id),
        jurisdiction=record.jurisdiction,
        keeper=record.lead_unit or "",
        of=listing.of,
        ground=listing.ground,
        status=status,
        since=since,
        until=until,
        bars=listing.bars,
        public=listing.public,
        cause=listing.cause,
    )
