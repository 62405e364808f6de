"""Packs that are being drafted, as texts, and played."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import orjson

from duban.messages.envelope import Message
from duban.messages.report import Report
from duban.messages.struct import flaw_of, from_data
from duban.policy import Rules
from duban_cli.simulation.play import SOURCE, play
from duban_cli.simulation.sources import Act, identities, read_acts
from duban_intake.channels.table import BadRow, Line, Table, TableError
from duban_intake.domain import own_problem, submitted
from duban_simulation.engine import Engine
from duban_simulation.figures import Figures

#: What a draft is called in what is said of it.
DRAFT: Final = "draft"


def is_text(pack: str) -> bool:
    """Whether ``pack`` is the text of a draft, and not the name of what is published."""
    return "\n" in pack or ":" in pack


def played(
    rules: Rules,
    reports: Sequence[dict[str, Any]],
    acts: Sequence[dict[str, Any]],
    until: datetime | None,
    duties: bool,
) -> tuple[dict[str, Any], list[str]]:
    """What comes of the ``reports`` and the ``acts`` of units under ``rules``, and which were left out and why."""
    left_out: list[str] = []
    messages = list(_good(_reports(reports), "report", left_out))
    done = list(_good(_acts(acts, messages, rules), "act", left_out))
    figures = Figures(rules)
    for _ in play(Engine(rules, [figures]), messages, done, until, duties=duties):
        pass
    names = {own_problem(message.source, message.id): message.id for message in messages}
    plainly: dict[str, Any] = orjson.loads(orjson.dumps(figures.json(names), default=str))
    return plainly, left_out


def _good(rows: Iterable[Any], what: str, left_out: list[str]) -> Iterator[Any]:
    for row in rows:
        if isinstance(row, BadRow):
            left_out.append(f"{what} {row.line}: {row.field}: {row.reason}")
        else:
            yield row


def _reports(reports: Sequence[dict[str, Any]]) -> Iterator[Message[Report] | BadRow]:
    for number, document in enumerate(reports, start=1):
        name = str(document.get("id", number))
        fields = {field: value for field, value in document.items() if field != "id"}
        try:
            report = from_data(fields, Report)
        except (msgspec.ValidationError, RecursionError) as error:
            yield BadRow(number, "(report)", str(flaw_of(error, Report)))
            continue
        if report.observed_at is None:
            yield BadRow(number, "observed_at", "is missing: say when it was seen")
            continue
        yield submitted(SOURCE, name, report, report.observed_at)


def _acts(acts: Sequence[dict[str, Any]], messages: Sequence[Message[Report]], rules: Rules) -> Iterator[Act | BadRow]:
    if not acts:
        return
    columns = list(dict.fromkeys(column for act in acts for column in act))
    lines: list[Line] = [(0, columns)]
    lines += [(number, [_cell(act.get(column)) for column in columns]) for number, act in enumerate(acts, start=1)]
    try:
        yield from read_acts(Table(iter(lines), header=0), identities(messages), rules.zone)
    except TableError as error:
        yield BadRow(0, "(acts)", str(error))


def _cell(value: Any) -> str:
    """A value as a cell of a table holds it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
