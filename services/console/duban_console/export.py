"""What is kept of a report and of who handed it in, for whoever has the code of its receipt; and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from duban.messages.changes import Replied
from duban.messages.records import Event, Problem
from duban.messages.struct import AwareDatetime, Frozen
from duban.moves import Stage, Status
from duban_console.ledger import HeldReceipt
from duban_console.reports import ShownReport


class ToldReply(Frozen):
    """What the reporter was told, and when."""

    at: AwareDatetime
    text: str
    reply: str | None = None


class BecomeOf(Frozen):
    """What became of the problem that the report is filed under: what happened last when, never who did it or why."""

    number: str
    category: str
    status: Status
    stage: Stage
    happened: dict[str, AwareDatetime]


class KeptClass(Frozen):
    """Until when one class is kept; without an end, until somebody asks. ``erased_at``: since when it is no more."""

    kept_until: AwareDatetime | None = None
    erased_at: AwareDatetime | None = None


class Export(Frozen):
    """All that is kept: the receipt, the report as it came, whether there is a contact, what became of it all.

    ``contact`` is shown by two custodians alone; ``evidence`` by whoever handles the problem. A class of which nothing
    is kept is not there.
    """

    source: str
    id: str
    received_at: AwareDatetime
    outcome: str
    code: str | None = None
    reason: str | None = None
    report: ShownReport | None = None
    contact: KeptClass | None = None
    content: KeptClass | None = None
    evidence: KeptClass | None = None
    problem: BecomeOf | None = None
    replies: tuple[ToldReply, ...] = ()


def exported(
    receipt: HeldReceipt, report: ShownReport | None, problem: Problem | None, events: Sequence[Event]
) -> Export:
    """What is told of the report of ``receipt``, which is filed under ``problem`` with its ``events``."""
    return Export(
        source=receipt.source,
        id=receipt.id,
        received_at=receipt.received_at,
        outcome=receipt.outcome,
        code=receipt.code,
        reason=receipt.reason,
        report=report,
        contact=_kept(receipt.contact_kept_at, receipt.contact_until, receipt.contact_forgotten_at),
        content=_kept(report.received_at if report else None, receipt.content_until, receipt.erased_at),
        evidence=_kept(_with_files(report), receipt.evidence_until, None),
        problem=None if problem is None else _become(problem),
        replies=tuple(_replies(receipt, events)),
    )


def _kept(since: datetime | None, until: datetime | None, erased_at: datetime | None) -> KeptClass | None:
    return None if since is None else KeptClass(kept_until=until, erased_at=erased_at)


def _with_files(report: ShownReport | None) -> datetime | None:
    return report.received_at if report is not None and report.report.evidence else None


def _become(problem: Problem) -> BecomeOf:
    return BecomeOf(
        number=problem.number,
        category=problem.category,
        status=problem.status,
        stage=problem.stage,
        happened={kind: mark.at for kind, mark in problem.marks.items()},
    )


def _replies(receipt: HeldReceipt, events: Sequence[Event]) -> Iterator[ToldReply]:
    for event in events:
        change = event.change
        if isinstance(change, Replied) and (change.source, change.id) == (receipt.source, receipt.id):
            yield ToldReply(at=event.at, text=change.text, reply=change.reply)
