"""The messages that a benchmark sends, derived from a number: the same number gives the same problem in every run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from duban.messages import commands as do
from duban.messages.envelope import Message, Record, derived_id, encode
from duban.messages.report import Filed, Report
from duban_intake.domain import own_problem, submitted

PACK = Path(__file__).with_name("pack.yaml")
BEGINS_AT = datetime(2022, 4, 6, 2, tzinfo=UTC)
JURISDICTION = "bench"
SOURCE = "bench"
#: A duplicate comes so many submissions after its original: somebody clicked twice, or a hotline sent its page again.
_AGAIN_AFTER = 20
_TEXT = "Foul water runs into the river below the bridge, every evening. " * 6


def problem_id(number: int) -> UUID:
    """The problem that report ``number`` opens."""
    return own_problem(SOURCE, str(number))


def report(number: int) -> Report:
    """A report of some 600 bytes."""
    return Report(
        jurisdiction=JURISDICTION, channel="hotline", title=f"foul water {number}", text=_TEXT, category="river",
        area="north", attributes={"number": str(number)},
    )  # fmt: skip


def submission(number: int) -> Record:
    """Report ``number`` as a record."""
    return encode(submitted(SOURCE, str(number), report(number), BEGINS_AT))


def submissions(problems: int) -> Iterator[tuple[int, Record]]:
    """The reports of so many problems, each with its number; every tenth comes again, twenty submissions later."""
    again: deque[tuple[int, Record]] = deque()
    for number in range(problems):
        record = submission(number)
        yield number, record
        if number % 10 == 0:
            again.append((number, record))
        if again and again[0][0] + _AGAIN_AFTER <= number:
            yield again.popleft()
    yield from again


def registration(number: int) -> Record:
    """The command that registers report ``number``, without intake."""
    filed = Filed(source=SOURCE, id=str(number), received_at=BEGINS_AT, report=report(number))
    return _command(number, do.Register(actor=do.Actor(unit=do.ENGINE), filed=filed), BEGINS_AT)


def way_to_strike_off(number: int, at: datetime) -> Iterator[Record]:
    """Everything that people do about a problem, in order."""
    unit, office = do.Actor(unit="water"), do.Actor(unit="office")
    yield _command(number, do.Acknowledge(actor=unit), at)
    yield _command(number, do.Complete(actor=unit, outcome="rectified"), at)
    yield _command(number, do.Verify(actor=office, passed=True), at)
    yield _command(number, do.StrikeOff(actor=office), at)


def _command(number: int, data: do.Command, at: datetime) -> Record:
    subject = str(problem_id(number))
    id_ = str(derived_id("bench", number, data.TYPE))
    return encode(Message(id_, SOURCE, subject, at, JURISDICTION, subject, data))
