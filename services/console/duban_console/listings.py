"""Who stands on which list, and since when: entries of the ledger as of an instant. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta

from duban.messages.commands import Cause
from duban.messages.records import Listing
from duban.messages.struct import AwareDatetime, Frozen
from duban.moves import Status

#: The events by which an entry is off its list.
_ENDS: Final = ("appeal_upheld", "exited", "expired")


class Passed(Frozen):
    """That an entry, or its end, went on to a ``platform``: when, with which answer, and the id that it gave."""

    platform: str
    at: AwareDatetime
    status: int | None = None
    receipt: str = ""


class Entry(Frozen):
    """An entry as it stood at an instant. ``since``: when this status began; ``until``: when it ends, or ended.

    ``provisional``: a notice of holidays that is not out yet may move ``until``. ``passed_on``: the latest receipt of
    each platform that it went on to.
    """

    list: str
    title: str
    number: str
    id: str
    jurisdiction: str
    keeper: str
    of: str
    ground: str
    status: Annotated[
        Status, Meta(description="`listed` counts; `noticed` and `contested` do not yet, `delisted` no more")
    ]
    since: AwareDatetime
    until: AwareDatetime | None = None
    provisional: bool = False
    bars: tuple[str, ...]
    public: bool
    cause: Cause | None = None
    passed_on: tuple[Passed, ...] = ()


class NameCheck(Frozen):
    """Whether ``of`` stood on a list at an instant, and its entries: those in force, or all if all were wanted."""

    of: str
    at: AwareDatetime
    listed: bool
    entries: tuple[Entry, ...]


def listed(of: str, listings: Iterable[Listing], at: datetime, *, everything: bool = False) -> NameCheck:
    """What ``listings``, all of them of ``of``, say as of ``at``."""
    entries = entries_at(listings, at, everything=True)
    counting = [entry for entry in entries if entry.status is Status.LISTED]
    return NameCheck(of=of, at=at, listed=bool(counting), entries=tuple(entries if everything else counting))


def entries_at(listings: Iterable[Listing], at: datetime, *, everything: bool = False) -> list[Entry]:
    """Those of ``listings`` that counted at ``at``; or ``everything`` that had been made by then."""
    made = (entry for listing in listings if (entry := entry_of(listing, at)) is not None)
    return [entry for entry in made if everything or entry.status is Status.LISTED]


class SameName(Frozen):
    """An entry that stands, or is to stand, on the list under the same name written otherwise."""

    of: str
    number: str
    id: str
    status: Status


def written_otherwise(of: str, listings: Iterable[Listing], new: str, at: datetime) -> tuple[SameName, ...]:
    """Those of ``listings``, all of them of ``of``, whose name is not written as ``of``; the entry ``new`` is none."""
    return tuple(
        SameName(of=entry.of, number=entry.number, id=entry.id, status=entry.status)
        for listing in listings
        if (entry := entry_of(listing, at)) is not None
        and entry.status is not Status.DELISTED
        and entry.of != of
        and entry.id != new
    )


def entry_of(listing: Listing, at: datetime) -> Entry | None:
    """``listing`` as it stood at ``at``; None before it was made.

    One whose term is over does not count, even where nobody has entered its end yet. For an instant to come, the entry
    goes on as it stands, up to the end of its term.
    """
    made_at, marks = listing.begun_at, listing.marks
    if made_at > at:
        return None
    listed_at = marks["listed"].at if "listed" in marks else None
    ended_at = next((marks[kind].at for kind in _ENDS if kind in marks), None)
    ends_at = ended_at or _limit(listing, "term")
    status, since, until = Status.NOTICED, made_at, listed_at or ended_at or _limit(listing, "notice")
    if ends_at is not None and ends_at <= at:
        status, since, until = Status.DELISTED, ends_at, None
    elif listed_at is not None and listed_at <= at:
        status, since, until = Status.LISTED, listed_at, ends_at
    elif "appealed" in marks and marks["appealed"].at <= at:
        status, since, until = Status.CONTESTED, marks["appealed"].at, None
        until = listed_at or ended_at or _limit(listing, "appeal")
    return Entry(
        list=listing.list,
        title=listing.title,
        number=listing.number,
        id=str(listing.id),
        jurisdiction=listing.jurisdiction,
        keeper=listing.keeper,
        of=listing.of,
        ground=listing.ground,
        status=status,
        since=since,
        until=until,
        provisional=any(limit.provisional and limit.lapse_at == until for limit in listing.deadlines),
        bars=listing.bars,
        public=listing.public,
        cause=listing.cause,
        passed_on=tuple(
            Passed(platform=platform, at=handover.at, status=handover.status, receipt=handover.receipt)
            for platform, handover in listing.passed_on.items()
            if handover.at <= at
        ),
    )


def _limit(listing: Listing, name: str) -> datetime | None:
    """When its notice, its term or its appeal ends; None while that does not run."""
    deadline = listing.deadline(name)
    return deadline.lapse_at if deadline else None
