"""The messages that a benchmark sends, derived from a number: the same number gives the same problem in every run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from duban.messages import commands as do
from duban.messages.envelope import Message, Record, derived_text, encode, record
from duban.messages.report import Filed, Report
from duban.messages.struct import to_json
from duban_intake.domain import own_problem

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


def report(number: int, jurisdiction: str = JURISDICTION) -> Report:
    """A report of some 600 bytes."""
    return Report(
        jurisdiction=jurisdiction, channel="hotline", title=f"foul water {number}", text=_TEXT, category="river",
        area="north", attributes={"number": str(number)},
    )  # fmt: skip


#: The body of a report is written once, with this number in it, which is then replaced.
_MARK = 87_654_321
_BODY = to_json(report(_MARK))


def submission(number: int) -> Record:
    """Report ``number`` as a record."""
    text = str(number)
    return record(
        Report.TOPIC, Report.TYPE, _BODY.replace(str(_MARK).encode(), text.encode()), id_=text, source=SOURCE,
        subject=text, time=BEGINS_AT, jurisdiction=JURISDICTION, key=f"{SOURCE}/{text}", cause=None,
    )  # fmt: skip


def submissions(problems: int) -> Iterator[tuple[int, Record]]:
    """The reports of so many problems, each with its number; every tenth comes again, twenty submissions later."""
    again: deque[tuple[int, Record]] = deque()
    for number in range(problems):
        submitted = submission(number)
        yield number, submitted
        if number % 10 == 0:
            again.append((number, submitted))
        if again and again[0][0] + _AGAIN_AFTER <= number:
            yield again.popleft()
    yield from again


def submitted_in_all(problems: int) -> int:
    """How many submissions that makes."""
    return problems + (problems + 9) // 10


def registration(number: int, jurisdiction: str = JURISDICTION, at: datetime = BEGINS_AT) -> Record:
    """The command that registers report ``number``, without intake."""
    filed = Filed(source=SOURCE, id=str(number), received_at=at, report=report(number, jurisdiction))
    command = do.Register(actor=do.Actor(unit=do.ENGINE), filed=filed)
    subject = str(problem_id(number))
    id_ = derived_text("bench", number, do.Register.TYPE)
    return encode(Message(id_, SOURCE, subject, at, jurisdiction, subject, command))


_UNIT, _OFFICE = do.Actor(unit="water"), do.Actor(unit="office")
#: Everything that people do about a problem, in order; a client that says the same a thousand times writes it once.
_WAY = [
    (command.TYPE, to_json(command))
    for command in (
        do.Acknowledge(actor=_UNIT),
        do.Complete(actor=_UNIT, outcome="rectified"),
        do.Verify(actor=_OFFICE, passed=True),
        do.StrikeOff(actor=_OFFICE),
    )
]


def way_to_strike_off(number: int, at: datetime) -> Iterator[Record]:
    """Everything that people do about a problem, in order."""
    subject = str(problem_id(number))
    for ce_type, body in _WAY:
        yield _command(number, subject, ce_type, body, at, JURISDICTION)


def acknowledgement(number: int, at: datetime, jurisdiction: str = JURISDICTION) -> Record:
    """The command by which the unit takes problem ``number`` on."""
    return _command(number, str(problem_id(number)), *_WAY[0], at, jurisdiction)


def progress(number: int, step: int, at: datetime) -> Record:
    """The command by which the unit says for the ``step``-th time how far it is."""
    subject, data = str(problem_id(number)), do.Progress(actor=_UNIT, note=f"step {step}")
    id_ = derived_text("bench", number, do.Progress.TYPE, step)
    return encode(Message(id_, SOURCE, subject, at, JURISDICTION, subject, data))


def _command(number: int, subject: str, ce_type: str, body: bytes, at: datetime, jurisdiction: str) -> Record:
    return record(
        do.Command.TOPIC, ce_type, body, id_=derived_text("bench", number, ce_type), source=SOURCE, subject=subject,
        time=at, jurisdiction=jurisdiction, key=subject, cause=None,
    )  # fmt: skip
