"""The rows of a table with a header, as people export it: CSV here, whatever else gives the same rows. Pure."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Final, TypeAlias

from duban.errors import DubanError
from duban.policy.plain_data import one_line

#: Bytes that are no text come as surrogates.
_BYTE: Final = re.compile("[\udc80-\udcff]")
#: What a cell holds: text without blanks around it, or an instant by the wall clock where the file has such.
Cell: TypeAlias = str | datetime


class TableError(DubanError):
    """A file that cannot be read as a table, or lacks what is asked of it; says which, and what to do."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that gives nothing: the line of the file it stands on, the column or field, and why."""

    line: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row by the names of its columns, and the line of the file that it stands on."""

    line: int
    cells: dict[str, Cell]


#: The cells of a row and the line that it stands on.
Line: TypeAlias = tuple[int, Sequence[Cell]]


class Table:
    """The rows below the line ``header``, by the names of the columns that stand there; read once, in order.

    ``ragged``: what a row is shorter than the header are empty cells.

    Raises:
        TableError: there is no header, or it names a column twice.
    """

    def __init__(self, lines: Iterator[Line | BadRow], header: int = 1, *, ragged: bool = False) -> None:
        self._lines = lines
        self._ragged = ragged
        self.columns = _header(lines, header)

    def need(self, columns: Iterable[str]) -> None:
        """Raise TableError if one of ``columns`` is not there."""
        for column in columns:
            if column not in self.columns:
                there = ", ".join(filter(None, self.columns)) or "none"
                raise TableError(one_line(f"the file has no column {column}; it has: {there}"))

    def __iter__(self) -> Iterator[Row | BadRow]:
        for line in self._lines:
            if isinstance(line, BadRow):
                yield line
            elif len(line[1]) > len(self.columns) or (len(line[1]) < len(self.columns) and not self._ragged):
                why = f"has {len(line[1])} cells, the header {len(self.columns)}; look for a stray separator or"
                yield BadRow(line[0], "(row)", f"{why} quotation mark")
            else:
                cells = zip_longest(self.columns, line[1], fillvalue="")
                yield _row(line[0], {column: cell for column, cell in cells if column})


def csv_table(lines: Iterable[str], delimiter: str = ",", header: int = 1) -> Table:
    """The table in the CSV file ``lines``."""
    return Table(_csv(lines, delimiter), header)


def _csv(lines: Iterable[str], delimiter: str) -> Iterator[Line | BadRow]:
    reader = csv.reader(_without_mark(lines), delimiter=delimiter, strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if _never_closed(error, reader.line_num - begins):
                why = "a quotation mark in this row is never closed; correct it and import the rest:"
                yield BadRow(begins, "(row)", f"{why} nothing behind it was read")
                return
            why = f"is no CSV: {error}; correct it (a quotation mark inside a cell is written twice)"
            yield BadRow(reader.line_num, "(row)", why)
        else:
            if cells:
                yield begins, [cell.strip() for cell in cells]


def _never_closed(error: csv.Error, more_lines: int) -> bool:
    """Whether a cell went on to the end of the file, or over ``more_lines`` and beyond what a cell may hold."""
    return "unexpected end of data" in str(error) or ("field limit" in str(error) and more_lines > 0)


def _without_mark(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield line.removeprefix("\ufeff") if number == 0 else line


def _row(line: int, cells: dict[str, Cell]) -> Row | BadRow:
    """The row, unless it holds bytes that are no text in the file's encoding."""
    for column, cell in cells.items():
        if (why := _no_text(cell)) is not None:
            return BadRow(line, column, why)
    return Row(line, cells)


def _no_text(cell: Cell) -> str | None:
    """Which byte of ``cell`` is no text, if one is."""
    if isinstance(cell, str) and not cell.isascii() and (byte := _BYTE.search(cell)):
        why = f"the byte 0x{ord(byte[0]) & 0xFF:02X} is no text in the encoding that the file is read in"
        return f"{why}; the mapping says of another which, such as `encoding: gb18030`"
    return None


def _header(lines: Iterator[Line | BadRow], header: int) -> tuple[str, ...]:
    """The names on the line ``header``, which is taken off ``lines`` with what stands before it."""
    for line in lines:
        if isinstance(line, BadRow):
            if line.line >= header:
                raise TableError(f"line {line.line}, which names the columns, {line.reason}")
        elif line[0] >= header:
            for cell in line[1]:
                if (why := _no_text(cell)) is not None:
                    raise TableError(f"line {line[0]}, which names the columns: {why}")
            columns = tuple(one_line(str(cell)) for cell in line[1])
            twice = [column for column, times in Counter(columns).items() if column and times > 1]
            if twice:
                raise TableError(f"the file has the column {twice[0]} twice; rename one of them")
            return columns
    raise TableError(f"the file has no line {header} that names its columns")
