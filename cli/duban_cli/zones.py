"""In which zone people are shown instants: that of the calendar by which a city's pack counts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias
from zoneinfo import ZoneInfo

from rich.markup import escape

from duban.errors import DubanError
from duban_cli.output import err

if TYPE_CHECKING:
    from duban.io.settings import Settings
    from duban_console.packs.publication import Published

#: The zone of each jurisdiction; what is not in it is shown in UTC.
Zones: TypeAlias = Mapping[str, ZoneInfo]

#: Seconds that the way in which instants are shown is worth.
_WITHIN: Final = 3.0


async def zones(known: Settings | None, *, utc: bool, within: float = _WITHIN) -> Zones:
    """The zones of the packs that are published; none where ``utc`` is wanted, or they cannot be read ``within`` s.

    Without a broker that is ``known`` none are read.
    """
    if utc or known is None:
        return {}
    from duban_console.packs.publication import published

    try:
        async with asyncio.timeout(within):
            return zones_of(await published(known))
    except TimeoutError:
        why = f"the broker at {known.kafka} has not answered within {within:g} s"
        err().print(f"[yellow]![/] instants are in UTC, because no pack can be read: {escape(why)}")
        return {}
    except DubanError as error:
        err().print(f"[yellow]![/] instants are in UTC, because no pack can be read: {escape(str(error))}")
        return {}


def zones_of(standing: Mapping[str, Published]) -> Zones:
    """The zones of the packs in ``standing`` whose calendar stands there too."""
    from duban.policy import PolicyPack, PublishedCalendar

    notices = [document.notice for document in standing.values() if isinstance(document, PublishedCalendar)]
    of_calendar = {notice.id: ZoneInfo(notice.timezone) for notice in notices}
    packs = [document for document in standing.values() if isinstance(document, PolicyPack)]
    return {pack.jurisdiction: of_calendar[pack.time.calendar] for pack in packs if pack.time.calendar in of_calendar}


def common_zone(shown_in: Zones) -> ZoneInfo | None:
    """The zone of every city, where all keep the same; for what belongs to no city in particular."""
    distinct = set(shown_in.values())
    return distinct.pop() if len(distinct) == 1 else None
