"""The ledger (台账) as a page and as a file: what was asked for, and each problem in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final
from urllib.parse import urlencode

from duban.moves import STAGE, Status
from duban_console.assessment.diagrams import Lamp
from duban_console.desk.reader import LedgerEntry, LedgerFilters, Order
from duban_console.pages.desk_labels import COLUMNS
from duban_console.pages.labels import LAMPS
from duban_console.pages.record_words import RecordWords

#: So many days before its limit a problem may be yellow.
_DAYS: Final = re.compile("[1-9][0-9]{0,2}")
_DAY: Final = timedelta(days=1)
#: The statuses by which problems are chosen, in the order of their life.
STATUSES: Final = tuple(STAGE)
#: What of an address chooses problems.
CHOOSING: Final = (
    "city", "text", "status", "lamp", "closed", "category", "unit", "channel", "sponsor", "from", "to", "near", "order",
)  # fmt: skip
_CLOSED: Final = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class LedgerChoice:
    """What the address of a page of the ledger asks for; what makes no sense in it is left out.

    ``near`` is for how long before its limit a problem is yellow here, where that is asked for.
    """

    filters: LedgerFilters
    order: Order
    near: timedelta | None
    sent: dict[str, str]


def choice_in(query: Mapping[str, str], city: str, zone: tzinfo) -> LedgerChoice:
    """What ``query`` asks for in ``city``; its days are those of ``zone``."""
    sent = {name: query[name].strip() for name in CHOOSING if query.get(name, "").strip() and "\0" not in query[name]}
    statuses = tuple(status for status in Status if status.value == sent.get("status"))
    filters = LedgerFilters(
        jurisdiction=city, statuses=statuses, category=sent.get("category"), unit=sent.get("unit"),
        channel=sent.get("channel"), sponsor=sent.get("sponsor"),
        lamp=next((lamp for lamp in Lamp if lamp.value == sent.get("lamp")), None),
        closed=_CLOSED.get(sent.get("closed", "")), begun_from=_midnight(sent.get("from"), zone),
        begun_before=_midnight(sent.get("to"), zone, _DAY), text=sent.get("text"),
    )  # fmt: skip
    order = Order.NUMBER if sent.get("order") == Order.NUMBER.value else Order.DUE
    return LedgerChoice(filters, order, _days(sent.get("near", "")), sent)


def view_of(choice: LedgerChoice) -> str:
    """What a saved view asks for: all that is chosen, but for the city."""
    return urlencode({name: value for name, value in choice.sent.items() if name != "city"})


def _days(number: str) -> timedelta | None:
    return timedelta(days=int(number)) if _DAYS.fullmatch(number) else None


def _midnight(day: str | None, zone: tzinfo, after: timedelta = timedelta(0)) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(day or "") + after, time(), zone)
    except (ValueError, OverflowError):
        return None


def cells(entry: LedgerEntry, words: RecordWords) -> dict[str, str | int]:
    """What stands of ``entry`` in the columns of a file."""
    return {
        "number": entry.number,
        "title": entry.title,
        "category": words.named("categories", entry.category),
        "area": words.named("areas", entry.area or ""),
        "channel": words.named("channels", entry.channel),
        "enterprise": entry.enterprise or "",
        "unit": words.unit(entry.unit),
        "co_units": "；".join(words.unit(unit) for unit in entry.co_units),
        "sponsor": words.unit(entry.sponsor),
        "status": words.status(entry.status.value),
        "lamp": words.say(LAMPS[entry.lamp.value]) if entry.lamp is not None else "",
        "obligation": words.owed("problem", "", entry.obligation or ""),
        "owner": words.unit(entry.owner),
        "due_at": words.instant(entry.due_at) if entry.due_at else "",
        "lapses": entry.lapses,
        "reports": entry.reports,
        "begun_at": words.instant(entry.begun_at),
        "closed_at": words.instant(entry.closed_at) if entry.closed_at else "",
    }


def columns(words: RecordWords) -> list[tuple[str, str]]:
    """The keys and headings of such a file."""
    return [(key, words.say(heading)) for key, heading in COLUMNS]


def rows(entries: Iterable[LedgerEntry], words: Mapping[str, RecordWords]) -> list[dict[str, str | int]]:
    """The problems as the rows of a file; ``words`` are those of each pack."""
    return [cells(entry, words[entry.pack]) for entry in entries]
