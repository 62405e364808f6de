"""Files with a table in them, CSV or workbooks, and the channel of what is uploaded. Pure: bytes in, rows out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from io import BytesIO
from typing import IO, Final
from zipfile import BadZipFile, ZipFile

from duban.errors import Fault
from duban_intake.channels import columns
from duban_intake.channels.columns import read_row
from duban_intake.channels.dialect import Dialect
from duban_intake.channels.items import ItemMapping, Parsed, ReportItem, confided
from duban_intake.channels.table import BadRow, Cell, Line, Row, Table, TableError, csv_table

#: Its name among the kinds of sources.
KIND: Final = "table"
#: So many rows of an upload are read, and so many bytes of a workbook unpacked.
MOST_ROWS: Final = 10_000
_MOST_UNPACKED: Final = 64 * 1024 * 1024
_LONGEST_LINE: Final = 1_000_000
_ZIP: Final = b"PK\x03\x04"
_MARKS: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def parse(body: bytes, mapping: ItemMapping, at: datetime) -> Parsed:
    """The reports in the rows of the file ``body``, by the lines that they stand on."""
    try:
        _bounded(body)
        table = table_of(BytesIO(body), mapping)
        table.need((*mapping.needed, *mapping.contact.values()))
        return _read(table, mapping, at)
    except TableError as error:
        raise Fault(400, "not_a_table", str(error)) from None


def _read(table: Table, mapping: ItemMapping, at: datetime) -> Parsed:
    known: dict[str, int] = {}
    entries: list[ReportItem] = []
    bad: list[BadRow] = []
    for number, row in enumerate(table, 1):
        if number > MOST_ROWS:
            raise Fault(413, "too_large", f"the table has more than {MOST_ROWS} rows; send it in parts")
        entry = row if isinstance(row, BadRow) else _entry(row, mapping, at, known)
        if isinstance(entry, BadRow):
            bad.append(entry)
        else:
            entries.append(entry)
    return Parsed(tuple(entries), tuple(bad))


def _entry(row: Row, mapping: ItemMapping, at: datetime, known: dict[str, int]) -> ReportItem | BadRow:
    message = read_row(row, mapping, at, known)
    if isinstance(message, BadRow):
        return message
    cells = {column: str(cell) for column, cell in row.cells.items()}
    return confided(ReportItem(row.line, message), cells, mapping)


def _bounded(body: bytes) -> None:
    """Refuse a workbook that is small and would be huge."""
    if body.startswith(_ZIP):
        try:
            with ZipFile(BytesIO(body)) as archive:
                size = sum(part.file_size for part in archive.infolist())
        except BadZipFile as error:
            raise TableError(f"is no workbook that can be read: {error}; save it as .xlsx or as CSV") from None
        if size > _MOST_UNPACKED:
            raise Fault(413, "too_large", f"the workbook unpacks to {size} bytes, of {_MOST_UNPACKED} at most")


def table_of(raw: IO[bytes], mapping: columns.Mapping) -> Table:
    """The table in the file ``raw``, read as ``mapping`` says.

    Raises:
        TableError: it is no such table.
    """
    begins = raw.read(4)
    raw.seek(0)
    if begins == _ZIP:
        return Table(_workbook(raw, mapping.sheet), mapping.header, ragged=True)
    marked = _MARKS.get(begins[:2], mapping.encoding)
    if marked != mapping.encoding:
        raise TableError(f"the file is {marked.upper()}; say `encoding: {marked}` in the mapping")
    return csv_table(lines_of(raw, mapping.encoding), mapping.delimiter, mapping.header)


def lines_of(raw: IO[bytes], encoding: str) -> Iterator[str]:
    """The lines of ``raw``, none read further than it may be long; bytes that are no text stand as surrogates."""
    if encoding == "utf-16":  # a byte of a letter may be that of a newline
        yield from raw.read().decode(encoding, errors="replace").splitlines(keepends=True)
        return
    number = 0
    while line := raw.readline(_LONGEST_LINE + 1):
        number += 1
        if len(line) > _LONGEST_LINE:
            raise TableError(f"line {number} has more than {_LONGEST_LINE} bytes; is it a CSV file?")
        yield line.decode(encoding, errors="surrogateescape")


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
    page = book[sheet] if sheet else book.worksheets[0]
    page.reset_dimensions()  # what the file says of its size need not be true, and would be filled up
    for number, values in enumerate(page.iter_rows(values_only=True), 1):
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


TABLE: Final = Dialect(parse, is_long=True)
