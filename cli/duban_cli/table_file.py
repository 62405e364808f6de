"""Files with a table in them: CSV or a workbook, opened as a mapping says, and the CSV files of this command itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import IO, Final
from zipfile import BadZipFile

from duban_intake.channels.columns import Mapping
from duban_intake.channels.table import BadRow, Cell, Line, Table, TableError, csv_table

_LONGEST_LINE: Final = 1_000_000
_ZIP: Final = b"PK\x03\x04"
_MARKS: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class TableFile:
    """An open file: its table, and how far it has been read."""

    def __init__(self, file: Path, raw: IO[bytes]) -> None:
        self._file, self._raw = file, raw
        self.size = file.stat().st_size

    @property
    def done(self) -> int:
        """How many of its bytes have been read."""
        return self._raw.tell()

    def table(self, mapping: Mapping) -> Table:
        """Its table, read as ``mapping`` says.

        Raises:
            TableError: it is no such table.
        """
        begins = self._raw.read(4)
        self._raw.seek(0)
        if begins == _ZIP:
            return Table(_workbook(self._raw, mapping.sheet), mapping.header, ragged=True)
        marked = _MARKS.get(begins[:2], mapping.encoding)
        if marked != mapping.encoding:
            raise TableError(f"the file is {marked.upper()}; say `encoding: {marked}` in the mapping")
        return csv_table(self._lines(mapping.encoding), mapping.delimiter, mapping.header)

    def plain_table(self) -> Table:
        """Its table, read as CSV in UTF-8 with the header on its first line.

        Raises:
            TableError: it is no such table.
        """
        return csv_table(self._lines("utf-8"))

    def _lines(self, encoding: str) -> Iterator[str]:
        """The lines, none read further than it may be long; bytes that are no text stand as surrogates."""
        if encoding == "utf-16":  # a byte of a letter may be that of a newline
            yield from self._raw.read().decode(encoding, errors="replace").splitlines(keepends=True)
            return
        number = 0
        while line := self._raw.readline(_LONGEST_LINE + 1):
            number += 1
            if len(line) > _LONGEST_LINE:
                raise TableError(f"line {number} has more than {_LONGEST_LINE} bytes; is it a CSV file?")
            yield line.decode(encoding, errors="surrogateescape")


@contextmanager
def opened(file: Path) -> Iterator[TableFile]:
    """``file``, open; what is wrong with the table in it is told with its name."""
    with file.open("rb") as raw:
        try:
            yield TableFile(file, raw)
        except TableError as error:
            raise TableError(f"{file}: {error}") from None


def _workbook(raw: IO[bytes], sheet: str | None) -> Iterator[Line | BadRow]:
    """The rows of a sheet, the first if none is named, that are not empty, without the empty cells at their ends."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(raw, read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        raise TableError(f"is no workbook that can be read: {error}; save it as .xlsx or as CSV") from None
    if sheet is not None and sheet not in book.sheetnames:
        raise TableError(f"has no sheet {sheet}; it has: {', '.join(book.sheetnames)}")
    for number, values in enumerate((book[sheet] if sheet else book.worksheets[0]).iter_rows(values_only=True), 1):
        cells = [_cell(value) for value in values]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield number, cells


def _cell(value: object) -> Cell:
    match value:
        case None:
            return ""
        case datetime():
            return value
        case date():
            return datetime.combine(value, time())
        case bool():
            return str(value).lower()
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value).strip()
