"""After a new holiday notice: every open problem that counts by it has its deadlines evaluated again."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from duban.calendar import CalendarNotice
from duban.messages.commands import ENGINE, Actor, Recompute
from duban.messages.envelope import Message, Record, derived_id, encode
from duban.messages.problem import Problem
from duban.moves import OPEN
from duban.policy import PolicyPack
from duban_console.ledger import Filters, Reading
from duban_console.packs.publication import SOURCE, Published

if TYPE_CHECKING:
    from duban.io.publisher import Publisher

_PAGE = 500


async def recompute(
    reading: Reading, publisher: Publisher, notice: CalendarNotice, standing: dict[str, Published], at: datetime
) -> int:
    """Send ``Recompute`` for each open problem under a pack of ``standing`` that counts by ``notice``; how many."""
    packs = {one.ref for one in standing.values() if isinstance(one, PolicyPack) and one.time.calendar == notice.id}
    sent, cursor = 0, None
    while True:
        page = await reading.page(Filters(), _PAGE, cursor)
        records = [
            _record(problem, notice, at)
            for problem in page.problems
            if problem.pack in packs and problem.status in OPEN
        ]
        await publisher.publish(records)
        sent += len(records)
        cursor = page.cursor
        if cursor is None:
            return sent


def _record(problem: Problem, notice: CalendarNotice, at: datetime) -> Record:
    id_, subject = str(derived_id("recompute", problem.id, notice.id, notice.version)), str(problem.id)
    wanted = Recompute(
        actor=Actor(unit=ENGINE, person="calendar"),
        reason=f"the calendar {notice.id} was published as version {notice.version}",
        calendar=notice.id,
        version=notice.version,
    )
    return encode(Message(id_, SOURCE, subject, at, problem.jurisdiction, subject, wanted))
