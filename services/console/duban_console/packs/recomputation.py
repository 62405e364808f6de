"""After a new holiday notice: every open record that counts by it has its deadlines evaluated again."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from duban.calendar import CalendarNotice
from duban.messages.commands import ENGINE, Actor, Recompute
from duban.messages.envelope import Message, Record, derived_id, encode
from duban.messages.records import LedgerRecord
from duban.moves import OPEN, Kind
from duban.policy import PolicyPack
from duban_console.ledger import Filters, LedgerReader
from duban_console.packs.publication import SOURCE, Published

if TYPE_CHECKING:
    from duban.io.publisher import Publisher

_PAGE = 500


async def recompute(
    ledger: LedgerReader, publisher: Publisher, notice: CalendarNotice, standing: dict[str, Published], at: datetime
) -> int:
    """Send ``Recompute`` for each open record under a pack of ``standing`` that counts by ``notice``; how many."""
    packs = {
        document.ref
        for document in standing.values()
        if isinstance(document, PolicyPack) and document.time.calendar == notice.id
    }
    sent = 0
    for kind in Kind:
        cursor: str | None = None
        while True:
            page = await ledger.page(Filters(kind), _PAGE, cursor)
            counting = [record for record in page.records if record.pack in packs and record.status in OPEN]
            await publisher.publish([_wanted(record, notice, at) for record in counting])
            sent += len(counting)
            cursor = page.cursor
            if cursor is None:
                break
    return sent


def _wanted(record: LedgerRecord, notice: CalendarNotice, at: datetime) -> Record:
    id_, subject = str(derived_id("recompute", record.id, notice.id, notice.version)), str(record.id)
    command = Recompute(
        actor=Actor(unit=ENGINE, person="calendar"),
        reason=f"the calendar {notice.id} was published as version {notice.version}",
        calendar=notice.id,
        version=notice.version,
    )
    return encode(Message(id_, SOURCE, subject, at, record.jurisdiction, subject, command))
