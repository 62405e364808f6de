"""Publications: bulletins that were signed and sent, and that the pack lets everybody read, as the console has them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from io import StringIO
from typing import Final, Protocol
from uuid import UUID

import asyncpg
import orjson

from duban.masks import published
from duban.texts import as_cell
from duban_intake.gateway.published_views import rows

#: As many as a list has at most.
MOST: Final = 200
_COLUMNS: Final = "id, title, number, pack, first_day, last_day, language, sha256, signed_for, signed_at, sent_at"
_LIST: Final = f"""
    select {_COLUMNS} from console.published_issues where jurisdiction = $1 order by last_day desc, signed_at desc, id
    limit {MOST}
"""  # noqa: S608 - constant
_ONE: Final = f"""
    select {_COLUMNS}, document from console.published_issues where jurisdiction = $1 and id = $2
"""  # noqa: S608 - constant

#: What stands in a table: text, a number, or nothing.
Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class PublishedIssue:
    """A bulletin as it was signed; ``sha256`` is that of its figures, as ``duban bulletin`` writes them."""

    id: UUID
    title: str
    number: str
    pack: str
    first_day: date
    last_day: date
    language: str
    sha256: str
    signed_for: str
    signed_at: datetime
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class PublicTable:
    """The figures of a publication: headings, and lines of cells. Texts are without numbers and names of persons."""

    headings: tuple[str, ...]
    lines: tuple[tuple[Cell, ...], ...]


class PublicationShelf(Protocol):
    """Where they are read. Raises :class:`duban.errors.Unavailable` while they cannot be."""

    async def publications(self, city: str) -> Sequence[PublishedIssue]:
        """Those of ``city``, the latest period first."""

    async def publication(self, city: str, id_: UUID) -> tuple[PublishedIssue, PublicTable] | None:
        """One of them with its figures; None where there is no such."""


class PostgresPublications:
    """The console's view."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def publications(self, city: str) -> Sequence[PublishedIssue]:
        """Those of ``city``, the latest period first."""
        return [_publication(dict(row)) for row in await rows(self._pool, _LIST, city, of="shelf of publications")]

    async def publication(self, city: str, id_: UUID) -> tuple[PublishedIssue, PublicTable] | None:
        """One of them with its figures; None where there is no such."""
        for row in await rows(self._pool, _ONE, city, id_, of="shelf of publications"):
            fields = dict(row)
            return _publication(fields), public_table(fields["document"])
        return None


def _publication(fields: dict[str, object]) -> PublishedIssue:
    publication = PublishedIssue(**{name: value for name, value in fields.items() if name != "document"})  # type: ignore[arg-type]
    return replace(publication, title=published(publication.title))


def public_table(document: str) -> PublicTable:
    """The figures in the JSON that was signed; every number stays as it is."""
    whole = orjson.loads(document)
    keys = [column["key"] for column in whole["columns"]]
    return PublicTable(
        headings=tuple(published(column["title"]) for column in whole["columns"]),
        lines=tuple(tuple(_cell(row[key]) for key in keys) for row in whole["rows"]),
    )


def _cell(value: Cell) -> Cell:
    return published(value) if isinstance(value, str) else value


def csv_of(table: PublicTable) -> str:
    """``table`` with its headings, in UTF-8 with its mark, as spreadsheets open it; no cell is a formula."""
    file = StringIO()
    file.write("\ufeff")
    writer = csv.writer(file)
    for line in (table.headings, *table.lines):
        writer.writerow(as_cell(cell) if isinstance(cell, str) else "" if cell is None else str(cell) for cell in line)
    return file.getvalue()
