"""Reports and acts, played in the order of time. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from duban.messages import struct
from duban.messages.commands import Actor, Command, Open
from duban.messages.envelope import Message
from duban.messages.report import Report
from duban_cli.simulation.sources import LEAD, OFFICE, Act
from duban_escalation.domain import opened_by
from duban_simulation.engine import Engine

SOURCE: Final = "duban/simulation"
#: How long time runs on after the last report and act, where nobody says until when.
AT_MOST: Final = timedelta(days=2 * 365)


def play(
    engine: Engine,
    reports: Sequence[Message[Report]],
    acts: Sequence[Act],
    until: datetime | None = None,
    *,
    duties: bool = False,
) -> Iterator[datetime]:
    """Play everything up to ``until``, and yield the instant after each report and act.

    At one instant reports come before acts, and either in the order given. With ``duties``, those that the calendar
    opens from the first report on are opened. Without ``until``, time runs on until nothing is awaited any more, for
    two years at most.
    """
    entries: list[tuple[datetime, int, int]] = [(report.time.astimezone(UTC), 0, n) for n, report in enumerate(reports)]
    entries += [(act.at.astimezone(UTC), 1, n) for n, act in enumerate(acts)]
    entries.sort()
    opened: Sequence[Message[Open]] = ()
    if duties and entries:
        opened = list(opened_by(engine.rules, entries[0][0], until or entries[-1][0]))
        entries += [(opening.data.opens_at, -1, n) for n, opening in enumerate(opened)]
        entries.sort()
    last = entries[-1][0] if entries else datetime.fromtimestamp(0, UTC)
    for at, kind, n in entries:
        if until is not None and at > until:
            break
        if kind == 0:
            engine.submit(reports[n])
        elif kind < 0:
            engine.send(struct.replace(opened[n], time=at))
        else:
            _act(engine, acts[n], at)
        yield at
    engine.finish(last + AT_MOST if until is None else until)


def _act(engine: Engine, act: Act, at: datetime) -> None:
    engine.run(at)  # whoever leads the problem then is asked for then
    receipt = engine.receipts.get(act.key)
    problem_id = receipt.problem_id if receipt and receipt.problem_id else act.key
    record, office = engine.records.get(problem_id), engine.rules.pack.office
    units = {LEAD: record.holder if record else None, OFFICE: office}
    unit = units.get(act.unit, act.unit) or office
    command = struct.replace(act.command, actor=Actor(unit=unit))
    subject = str(problem_id)
    message: Message[Command] = Message(
        f"{act.command.TYPE} {subject} {at.isoformat()}", SOURCE, subject, at, engine.rules.pack.jurisdiction, subject,
        command,
    )  # fmt: skip
    engine.send(message)
